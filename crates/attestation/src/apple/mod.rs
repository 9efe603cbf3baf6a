//! Apple App Attest, after the vendor's "Validating apps that connect to your server".
//!
//! An *attestation* says of a new key that it lives in the Secure Enclave of a genuine device, made by
//! one app. An *assertion* is a later signature by that key. Apple's is the chain, the times come from
//! the caller, and what an app must be is what its developer registered: team, bundle, environment.
//!
//! | step | by the vendor | reasons |
//! |---|---|---|
//! | 0 | the object | `malformed_object`, `unknown_format`, `malformed_statement`, `malformed_authenticator_data` |
//! | 1 | certificates lead to the root | `malformed_certificate`, `unknown_root`, `bad_signature`, `certificate_expired`, `certificate_not_yet_valid`, `issuer_not_ca`, `issuer_key_usage`, `leaf_is_ca`, `path_too_long`, `unsupported_algorithm`, `unknown_critical_extension`, `wrong_key_usage`, `untrusted_chain` |
//! | 2-4 | nonce | `nonce_missing`, `nonce_mismatch` |
//! | 5 | key ID | `key_not_p256`, `key_id_mismatch` |
//! | 6 | RP ID | `app_id_mismatch` |
//! | 7 | counter | `counter_not_zero` |
//! | 8 | `aaguid` | `unknown_aaguid`, `environment_not_allowed` |
//! | 9 | credential ID | `credential_id_mismatch`, `credential_key_mismatch` |
//!
//! Of an assertion: `malformed_assertion`, `malformed_authenticator_data`, `bad_signature`,
//! `app_id_mismatch`, `counter_not_greater`.

use serde::Serialize;

mod assertion;
mod attestation;
mod authenticator_data;
mod inspect;
mod leaf;
mod object;
mod roots;
#[cfg(test)]
mod tests;

pub use assertion::verify_assertion;
pub use attestation::verify_attestation;
pub use inspect::inspect;
pub use roots::{Roots, RootsError};

/// Which of the vendor's services attested the key (the authenticator data's `aaguid`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// `appattestdevelop`: a build of the developer's own, not from the store.
    Development,
    /// `appattest` and seven zero bytes: the App Store, `TestFlight`, enterprise distribution.
    Production,
}

/// What an attestation is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What the app gave to `attestKey` as `clientDataHash`.
    pub client_data_hash: &'a [u8; 32],
    /// What `generateKey` gave to the app, base64 undone: 32 bytes.
    pub key_id: &'a [u8],
    /// App IDs, `<team id>.<bundle id>`; one must fit.
    pub app_ids: &'a [&'a str],
    /// The environments allowed.
    pub environments: &'a [Environment],
}

/// A key attested: P-256, in the Secure Enclave, used by no other app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppAttested {
    /// Which of the expected app IDs it is.
    pub app_id: String,
    /// Which service attested it.
    pub environment: Environment,
    /// SHA-256 of the public key's point; also the credential ID.
    pub key_id: [u8; 32],
    /// The key that later assertions are verified by.
    pub public_key: AppKey,
    /// Where assertions count from.
    pub counter: u32,
    /// How the app came to the device, as the device says from iOS 27 on: 2 `TestFlight`, 3 by a
    /// development certificate, 4 App Store, 5 enterprise or ad hoc (`apple_validation_category_01`).
    pub validation_category: Option<u32>,
    /// The app's build number (`apple_bundle_version_01`, from iOS 27 on).
    pub bundle_version: Option<String>,
    /// The platform the leaf certificate names, such as `iphoneos`; older ones name none. A key in a Mac
    /// is worth less unless its access control, which is not read here, says that the system is intact.
    pub platform: Option<String>,
    /// The vendor's receipt, opaque here, for its service that assesses the risk of fraud.
    pub receipt: Vec<u8>,
    /// Until when the leaf certificate is valid, in Unix seconds. The key outlives it.
    pub certificate_expires_at: i64,
}

/// A public key on P-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppKey {
    /// The x coordinate, big endian.
    pub x: [u8; 32],
    /// The y coordinate, big endian.
    pub y: [u8; 32],
}

impl AppKey {
    /// From an uncompressed point of X9.62: `04`, x, y. Whether it is on the curve shows when a
    /// signature is verified by it.
    pub fn from_point(point: &[u8]) -> Option<Self> {
        let (mark, coordinates) = point.split_first()?;
        let (x, rest) = coordinates.split_first_chunk()?;
        (*mark == 4).then_some(Self { x: *x, y: rest.try_into().ok()? })
    }

    /// The uncompressed point of X9.62: `04`, x, y.
    pub fn point(&self) -> Vec<u8> {
        [&[4], self.x.as_slice(), self.y.as_slice()].concat()
    }

    /// The DER `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> Vec<u8> {
        crate::p256::spki_of(&self.point())
    }
}

/// SHA-256 over the parts in turn.
fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use aws_lc_rs::digest::{Context, SHA256};
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
