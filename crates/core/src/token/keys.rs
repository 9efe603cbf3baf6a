//! Signing keys: what signs ([`Sign`]), how long each does ([`KeyPolicy`], [`KeepKeys`]), and all of
//! them as requests see them ([`KeyRing`]).

mod keep;
mod life;
mod ring;
mod signer;
mod software;

pub use keep::{KeepKeys, Rotation};
pub use life::{KeyPolicy, KeyState};
pub use ring::KeyRing;
pub use signer::{Sign, SignError, Signer, SigningAlgorithm};
pub use software::new_signing_key;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
