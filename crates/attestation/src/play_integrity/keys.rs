//! The keys of one app, which its developer takes from the Play Console.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::p256;

/// The keys of one app.
#[derive(Clone)]
pub struct Keys {
    /// AES-256, wraps the key of each token.
    pub(super) decryption: Zeroizing<[u8; 32]>,
    /// An uncompressed point on P-256.
    pub(super) verification: [u8; 65],
}

/// A key cannot be read; the key itself is not told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeysError {
    /// Base64 of 32 bytes is wanted.
    #[error("the decryption key is not base64 of an AES-256 key")]
    Decryption,
    /// Base64 of a `SubjectPublicKeyInfo` is wanted.
    #[error("the verification key is not base64 of an EC P-256 public key")]
    Verification,
}

impl Keys {
    /// Reads what the Play Console shows: the decryption key (base64 of AES-256) and the verification
    /// key (base64 of a DER `SubjectPublicKeyInfo`, EC P-256).
    pub fn new(decryption: &str, verification: &str) -> Result<Self, KeysError> {
        let key =
            STANDARD.decode(decryption).map(Zeroizing::new).map_err(|_| KeysError::Decryption)?;
        let spki = STANDARD.decode(verification).map_err(|_| KeysError::Verification)?;
        let mut decryption = Zeroizing::new([0; 32]);
        if key.len() != decryption.len() {
            return Err(KeysError::Decryption);
        }
        decryption.copy_from_slice(&key);
        Ok(Self { decryption, verification: p256::point_of(&spki).ok_or(KeysError::Verification)? })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}
