//! What an app shows the built-in attester (PROTOCOL 11): the digest that the phone's evidence is made
//! over, and the bodies of requests and answers.

use serde::{Deserialize, Serialize};

use crate::code::framed_digest;
use crate::jwk::Jwk;

const LABEL: &str = "twinpath-attest-1";

/// What evidence answers: SHA-256 over the framed label, issuer, `client_id` and challenge; with a fourth
/// field, the thumbprint of `jkt`, where the evidence is not about the instance key itself.
pub fn evidence_digest(
    issuer: &str,
    client_id: &str,
    challenge: &str,
    jkt: Option<&str>,
) -> [u8; 32] {
    match jkt {
        None => framed_digest(&[LABEL, issuer, client_id, challenge]),
        Some(jkt) => framed_digest(&[LABEL, issuer, client_id, challenge, jkt]),
    }
}

/// `POST /attestation/android`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AndroidEvidence {
    /// The app.
    pub client_id: String,
    /// From the challenge endpoint.
    pub challenge: String,
    /// Key Attestation: DER in base64 (RFC 4648 4), leaf first.
    pub certificate_chain: Vec<String>,
}

/// `POST /attestation/apple`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppleEvidence {
    /// The app.
    pub client_id: String,
    /// From the challenge endpoint.
    pub challenge: String,
    /// As `generateKey` gave it.
    pub key_id: String,
    /// As `attestKey` gave it, in base64.
    pub attestation_object: String,
    /// The instance key.
    pub jwk: Jwk,
}

/// `POST /attestation/play-integrity`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlayIntegrityEvidence {
    /// The app.
    pub client_id: String,
    /// From the challenge endpoint.
    pub challenge: String,
    /// As Google Play gave it.
    pub integrity_token: String,
    /// The instance key.
    pub jwk: Jwk,
}

/// `POST /attestation/renew`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Renewal {
    /// The app.
    pub client_id: String,
    /// From the challenge endpoint; also the nonce of the request's `DPoP` proof.
    pub challenge: String,
    /// Of an App Attest key, as `generateAssertion` gave it, in base64: shows that the key is still on
    /// its device. Its client data hash is [`evidence_digest`] with the instance key's thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<String>,
}

/// What the attester answers.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attested {
    /// The `OAuth-Client-Attestation` of the instance key's requests.
    pub client_attestation: String,
    /// For so many seconds.
    pub expires_in: u64,
}

impl std::fmt::Debug for Attested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attested").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_over_framed_fields() {
        use sha2::{Digest as _, Sha256};
        let framed = |fields: &[&str]| -> [u8; 32] {
            let mut hash = Sha256::new();
            for field in fields {
                hash.update(u32::try_from(field.len()).unwrap().to_be_bytes());
                hash.update(field);
            }
            hash.finalize().into()
        };
        let (issuer, app, challenge) = ("https://id.example", "weather", "abc");
        let four = framed(&["twinpath-attest-1", issuer, app, challenge]);
        assert_eq!(evidence_digest(issuer, app, challenge, None), four);
        let five = framed(&["twinpath-attest-1", issuer, app, challenge, "jkt"]);
        assert_eq!(evidence_digest(issuer, app, challenge, Some("jkt")), five);
        assert_ne!(evidence_digest(issuer, app, challenge, Some("")), four);
    }
}
