//! Attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth-10): headers,
//! JWT types and claims that both sides say.

use serde::{Deserialize, Serialize};

use crate::assertion::Audience;
use crate::jwk::Jwk;

/// The header with the client attestation.
pub const HEADER: &str = "oauth-client-attestation";
/// The header with the proof of possession, where that is not the `DPoP` proof.
pub const POP_HEADER: &str = "oauth-client-attestation-pop";
/// The answer's header with a challenge for the next proof of possession.
pub const CHALLENGE_HEADER: &str = "oauth-client-attestation-challenge";

/// A client attestation's `typ`.
pub const TYP: &str = "oauth-client-attestation+jwt";
/// Its proof of possession's `typ`.
pub const POP_TYP: &str = "oauth-client-attestation-pop+jwt";

/// The claims of a client attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAttestation {
    /// The `client_id`.
    pub sub: String,
    /// When it ends, seconds since 1970.
    pub exp: i64,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Before when it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The instance key.
    pub cnf: KeyConfirmation,
}

/// RFC 7800 3.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyConfirmation {
    /// The key.
    pub jwk: Jwk,
}

/// The claims of a proof of possession.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofOfPossession {
    /// The server's issuer.
    pub aud: Audience,
    /// Unique for each proof.
    pub jti: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// The server's challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}
