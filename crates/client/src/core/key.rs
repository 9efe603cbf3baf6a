//! Keys that sign: the app instance's, and an app's own for `private_key_jwt`.

use std::{fmt, io, path::Path};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use twinpath_wire::jwk::{Jwk, PublicKey};

/// A key pair that may live in a phone's key store: it signs and never leaves.
pub trait InstanceKey: Send + Sync {
    /// The public half.
    fn public_jwk(&self) -> &Jwk;

    /// Signs as JWS does (RFC 7518 3): for P-256 the 64 bytes `r || s`, not DER.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// A key store refused, or a key is unusable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SigningError(pub String);

/// The algorithm that a key signs with (RFC 7518 3.1, RFC 8037 3.1).
pub(super) fn algorithm(jwk: &Jwk) -> &str {
    match (&jwk.alg, &jwk.key) {
        (Some(alg), _) => alg,
        (None, PublicKey::P256 { .. }) => "ES256",
        (None, PublicKey::Ed25519 { .. }) => "EdDSA",
        (None, PublicKey::Rsa { .. }) => "PS256",
    }
}

/// An `ES256` key in memory, for machines without a key store.
pub struct SoftwareKey {
    pair: EcdsaKeyPair,
    jwk: Jwk,
}

impl SoftwareKey {
    /// A new key.
    pub fn generate() -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self::from_pair(pair.map_err(|_| SigningError("no key could be generated".into()))?)
    }

    /// A key from the document that [`SoftwareKey::to_pkcs8`] made (RFC 5958).
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document);
        Self::from_pair(pair.map_err(|_| SigningError("not a P-256 key in PKCS #8".into()))?)
    }

    /// The key pair as PKCS #8. Whoever has it can be this instance.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, SigningError> {
        let document = self.pair.to_pkcs8v1();
        let document = document.map_err(|_| SigningError("the key cannot be exported".into()))?;
        Ok(document.as_ref().to_vec())
    }

    /// The key kept in a file that only its owner can read; made on first use. Tokens bound to a
    /// key are worthless without it, so it must outlive them.
    pub fn load_or_generate(path: impl AsRef<Path>) -> Result<Self, crate::Error> {
        match std::fs::read(&path) {
            Ok(document) => Ok(Self::from_pkcs8(&document)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                crate::store::write_private(path.as_ref(), &key.to_pkcs8()?)?;
                Ok(key)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn from_pair(pair: EcdsaKeyPair) -> Result<Self, SigningError> {
        let jwk = Jwk::from_uncompressed_p256(pair.public_key().as_ref());
        let jwk = jwk.map_err(|error| SigningError(error.to_string()))?;
        Ok(Self { pair, jwk })
    }
}

impl InstanceKey for SoftwareKey {
    fn public_jwk(&self) -> &Jwk {
        &self.jwk
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| SigningError("the key did not sign".into()))?.as_ref().to_vec())
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey({})", self.jwk.thumbprint())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn keeps_its_identity_through_pkcs8() {
        let key = SoftwareKey::generate().expect("generates");
        let again = SoftwareKey::from_pkcs8(&key.to_pkcs8().expect("exports")).expect("imports");
        assert_eq!(again.public_jwk(), key.public_jwk());
        let signature = again.sign(b"message").expect("signs");
        let point = key.public_jwk().key.uncompressed_p256().expect("P-256");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        assert!(public.verify(b"message", &signature).is_ok());
    }

    #[test]
    fn lives_in_a_private_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        let made = SoftwareKey::load_or_generate(&path).expect("made");
        let loaded = SoftwareKey::load_or_generate(&path).expect("loaded");
        assert_eq!(made.public_jwk(), loaded.public_jwk());
        std::fs::write(&path, "no key").expect("written");
        assert!(SoftwareKey::load_or_generate(&path).is_err());
    }
}
