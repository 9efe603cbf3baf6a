//! The token maker: signing keys, access tokens (RFC 9068), ID tokens (OIDC Core 2).

mod claims;
mod held;
mod keys;
mod opaque;

pub use claims::{AccessClaims, IdClaims, IdTokenRequest, Subject, acr_of, amr_of};
pub use keys::{KeyRing, RotateKey, Rotated, Signer, new_signing_key};
