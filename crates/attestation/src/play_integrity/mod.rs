//! Play Integrity tokens of the classic request, decrypted and verified by keys from the Play Console.
//!
//! A token is a compact JWE (RFC 7516; A256KW, A256GCM) around a compact JWS (RFC 7515; ES256) around
//! the verdict. No other algorithm is known here, so the one who sends the token can choose none.
//!
//! | what | reasons |
//! |---|---|
//! | the token | `malformed_token`, `unexpected_algorithm`, `not_decrypted`, `bad_signature`, `malformed_verdict` |
//! | the request | `package_mismatch`, `nonce_missing`, `nonce_mismatch`, `verdict_too_old`, `verdict_from_the_future` |
//! | the app | `app_not_recognized`, `app_package_mismatch`, `signer_mismatch` |

use serde::{Deserialize, Serialize};

use crate::Refusal;

mod keys;
#[cfg(test)]
mod tests;
mod token;
mod verdict;

pub use keys::{Keys, KeysError};

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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
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
    /// When the verdict was asked for, in Unix milliseconds.
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
pub fn verify(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Verdict, Vec<Refusal>> {
    let payload = token::open(token, keys).map_err(|refusal| vec![refusal])?;
    verdict::judge(&payload, expected)
}
