//! The token maker: signing keys, access tokens (RFC 9068), ID tokens (OIDC Core 2).

mod bound;
mod claims;
mod held;
mod keys;
mod opaque;

pub use bound::Bound;
pub use claims::{AccessClaims, IdClaims, IdTokenRequest, Subject, acr_of, amr_of};
pub use keys::{
    KeepKeys, KeyPolicy, KeyRing, KeyState, Rotation, Sign, SignError, Signer, SigningAlgorithm,
    new_signing_key,
};
