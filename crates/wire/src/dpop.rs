//! `DPoP` proofs (RFC 9449 4.2): their claims and the access token's hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::b64;

/// The proof's `typ` (RFC 9449 4.2).
pub const TYP: &str = "dpop+jwt";

/// The request header that carries a proof (RFC 9449 4.1).
pub const HEADER: &str = "DPoP";

/// The header that carries a server's nonce (RFC 9449 8).
pub const NONCE_HEADER: &str = "DPoP-Nonce";

/// The claims of a proof (RFC 9449 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofClaims {
    /// Unique for each proof.
    pub jti: String,
    /// The request's method.
    pub htm: String,
    /// The request's URI without query and fragment.
    pub htu: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// The hash of the access token that it goes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ath: Option<String>,
    /// The server's nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// The claim `ath` for an access token (RFC 9449 4.2).
pub fn ath(access_token: &str) -> String {
    b64::encode(Sha256::digest(access_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_rfc_9449_section_7() {
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        assert_eq!(ath(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    }

    #[test]
    fn a_claim_twice_is_refused() {
        let twice = r#"{"jti":"a","jti":"b","htm":"POST","htu":"https://a/","iat":1}"#;
        assert!(serde_json::from_str::<ProofClaims>(twice).is_err());
    }
}
