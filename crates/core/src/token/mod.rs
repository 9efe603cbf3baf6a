//! The token maker: signing keys, access tokens (RFC 9068), ID tokens (OIDC Core 2).

mod bound;
mod claims;
mod held;
mod keys;
mod logout;
mod opaque;
mod userinfo;

pub use bound::Bound;
pub(crate) use claims::wants_phone;
pub use claims::{
    AccessClaims, IdClaims, IdTokenRequest, PHONE, Subject, acr_of, amr_of, at_hash, pairwise,
};
pub use keys::{
    KeepKeys, KeyPolicy, KeyRing, KeyState, Rotation, Sign, SignError, Signer, SigningAlgorithm,
    new_signing_key,
};
pub use logout::{LOGOUT_TOKEN_TYP, LogoutClaims};
pub use userinfo::userinfo_claims;
