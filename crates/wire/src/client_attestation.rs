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
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Before when it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the draft's sections 4 and 5.1, decoded.
    #[test]
    fn the_drafts_examples_are_read() {
        let attestation = r#"{"sub":"https://client.example.com","iat":1772487595,"exp":2529866394,
            "cnf":{"jwk":{"kty":"EC","use":"sig","crv":"P-256",
            "x":"VcKVNBZ4IaBAYW3jxM4w3TJFVA7myeUGQyGt-g_yvpQ",
            "y":"f-E-hYE3TAWKwhVv9pej9NABs9SX9XsNO80x57jFTyU"}}}"#;
        let claims: ClientAttestation = serde_json::from_str(attestation).expect("reads");
        assert_eq!((claims.iat, claims.nbf), (Some(1_772_487_595), None));
        let pop = r#"{"aud":"https://as.example.com","jti":"d25d00ab-552b-46fc-ae19-98f440f25064",
            "iat":1772487595,"challenge":"5c1a9e10-29ff-4c2b-ae73-57c0957c09c4"}"#;
        let claims: ProofOfPossession = serde_json::from_str(pop).expect("reads");
        assert!(claims.aud.is_only("https://as.example.com") && claims.challenge.is_some());
    }

    #[test]
    fn only_a_public_key_is_confirmed() {
        let point = "VcKVNBZ4IaBAYW3jxM4w3TJFVA7myeUGQyGt-g_yvpQ";
        let read = |cnf: &str| {
            let json = format!(r#"{{"sub":"a","exp":1,"cnf":{cnf}}}"#);
            serde_json::from_str::<ClientAttestation>(&json)
        };
        let ec = |more: &str| {
            let members = format!(r#""kty":"EC","crv":"P-256","x":"{point}","y":"{point}"{more}"#);
            read(&format!(r#"{{"jwk":{{{members}}}}}"#))
        };
        assert!(ec("").is_ok());
        assert!(ec(&format!(r#","d":"{point}""#)).is_err());
        for other in ["null", "{}", r#"{"jkt":"x"}"#, r#"{"jwk":{"kty":"oct","k":"AA"}}"#] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
