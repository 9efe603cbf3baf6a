//! Play Integrity tokens of the classic request, decrypted and verified by keys from the Play Console.
//!
//! A token is a compact JWE (A256KW, A256GCM) around a compact JWS (ES256) around the verdict. No other
//! algorithm is known here, so none can be chosen by the one who sends the token.

use serde::Serialize;

use crate::Refusal;

/// The keys of one app, as the Play Console shows them.
#[derive(Clone)]
pub struct Keys {
    /// AES-256.
    decryption: [u8; 32],
    /// A P-256 point.
    verification: Vec<u8>,
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
    /// Reads what the Play Console shows: the decryption key (base64, AES-256) and the verification key
    /// (base64 of a DER `SubjectPublicKeyInfo`, EC P-256).
    pub fn new(_decryption: &str, _verification: &str) -> Result<Self, KeysError> {
        Err(KeysError::Decryption)
    }
}

/// What a token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The package name registered.
    pub package: &'a str,
    /// The nonce the app was to ask with, base64url as PROTOCOL.md section 11 has it, without padding.
    pub nonce: &'a str,
    /// SHA-256 of the signing certificates registered, as bytes; one must fit.
    pub certificates: &'a [[u8; 32]],
    /// Now, in Unix seconds.
    pub now: i64,
    /// The greatest age of a verdict, in seconds.
    pub max_age: i64,
}

/// How much a device was found to be worth; each says all below it too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceLevel {
    /// No label, or `MEETS_VIRTUAL_INTEGRITY` alone: unknown, an emulator, or tampered with.
    None,
    /// `MEETS_BASIC_INTEGRITY`.
    Basic,
    /// `MEETS_DEVICE_INTEGRITY`: a certified device.
    Device,
    /// `MEETS_STRONG_INTEGRITY`: with hardware-backed proof of boot, and updated lately.
    Strong,
}

/// A token's verdict, of an app that the store recognizes and that is the one expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Equal to what was expected.
    pub package: String,
    /// `appIntegrity.versionCode`.
    pub version_code: Option<u64>,
    /// When the verdict was made, in Unix milliseconds.
    pub issued_at_ms: i64,
    /// The highest label in `device_labels`.
    pub device: DeviceLevel,
    /// `deviceIntegrity.deviceRecognitionVerdict` as it came.
    pub device_labels: Vec<String>,
    /// `accountDetails.appLicensingVerdict`: `LICENSED`, `UNLICENSED`, `UNEVALUATED`.
    pub licensing: Option<String>,
    /// The whole payload.
    pub payload: serde_json::Value,
}

/// Decrypts and verifies a token, and holds its verdict against what is expected. Whether the device's
/// level is enough is the caller's to say.
pub fn verify(
    _token: &str,
    _keys: &Keys,
    _expected: &Expected<'_>,
) -> Result<Verdict, Vec<Refusal>> {
    Err(vec![Refusal::new("not_built", "not built")])
}
