//! What signs. [`Sign`] is the seam for keys that are not in this process: an HSM behind PKCS#11, or a
//! key management service.

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use twinpath_wire::jwk::{Jwk, PublicKey};
use twinpath_wire::jws::{Header, compose};

/// An algorithm that this server signs with (RFC 7518 3.1, RFC 8037 3.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256: of access tokens (PROTOCOL 9).
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// As in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// From a header's or a registration's name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Es256, Self::EdDsa].into_iter().find(|alg| alg.as_str() == name)
    }

    /// What a key of this kind signs with.
    pub fn of(key: &Jwk) -> Option<Self> {
        match key.key {
            PublicKey::P256 { .. } => Some(Self::Es256),
            PublicKey::Ed25519 { .. } => Some(Self::EdDsa),
            PublicKey::Rsa { .. } => None,
        }
    }
}

/// A private key, wherever it is.
pub trait Sign: Send + Sync + Debug {
    /// The one algorithm it signs with.
    fn alg(&self) -> SigningAlgorithm;

    /// The `kid` under which its public key is published.
    fn kid(&self) -> &str;

    /// The signature of `input` as JWS has it: 64 bytes for both algorithms, of ECDSA `r || s`
    /// (RFC 7518 3.4). It blocks the request it signs for, and the thread.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A key that makes JWTs.
#[derive(Clone, Debug)]
pub struct Signer(Arc<dyn Sign>);

impl Signer {
    /// With this key.
    pub fn new(key: impl Sign + 'static) -> Self {
        Self(Arc::new(key))
    }

    /// Its algorithm.
    pub fn alg(&self) -> SigningAlgorithm {
        self.0.alg()
    }

    /// Its `kid`.
    pub fn kid(&self) -> &str {
        self.0.kid()
    }

    /// Signs claims into a JWT of this `typ`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let mut header = Header::new(self.alg().as_str(), typ);
        header.kid = Some(self.kid().to_owned());
        compose(&header, claims, |input| self.0.sign(input))
    }
}

/// A token could not be signed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SignError;

impl From<serde_json::Error> for SignError {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}
