//! Apple App Attest, after the vendor's "Validating apps that connect to your server".
//!
//! An *attestation* says of a new key that it lives in the Secure Enclave of a genuine device, made by
//! one app. An *assertion* is a later signature by that key. Apple's is the chain, the times come from
//! the caller, and what an app must be is what its developer registered: team, bundle, environment.

use serde::Serialize;

use crate::Refusal;

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
    /// The vendor's receipt, opaque here, for its service that assesses the risk of fraud.
    pub receipt: Vec<u8>,
    /// Until when the leaf certificate is valid, in Unix seconds. The key outlives it.
    pub certificate_expires_at: i64,
}

/// A P-256 public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppKey {
    /// The x coordinate, big endian.
    pub x: [u8; 32],
    /// The y coordinate, big endian.
    pub y: [u8; 32],
}

impl AppKey {
    /// From an uncompressed point of X9.62: `04`, x, y.
    pub fn from_point(point: &[u8]) -> Option<Self> {
        let (mark, coordinates) = point.split_first()?;
        let (x, rest) = coordinates.split_first_chunk()?;
        (*mark == 4).then_some(Self { x: *x, y: rest.try_into().ok()? })
    }

    /// The uncompressed point of X9.62: `04`, x, y.
    pub fn point(&self) -> Vec<u8> {
        [&[4], self.x.as_slice(), self.y.as_slice()].concat()
    }
}

/// The CAs an attestation may lead to. `Default` trusts none.
#[derive(Clone, Default, Debug)]
pub struct Roots(Vec<rustls_pki_types::CertificateDer<'static>>);

/// The list of roots cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RootsError(String);

impl Roots {
    /// Apple's App Attestation Root CA.
    pub fn published() -> Self {
        Self::default()
    }

    /// One or more certificates in PEM, in place of the published one.
    pub fn from_pem(_pem: &str) -> Result<Self, RootsError> {
        Err(RootsError("not built".into()))
    }
}

/// Verifies an attestation object, `at` in Unix seconds: the nine steps, and every reason that could be
/// judged if it fails.
pub fn verify_attestation(
    _object: &[u8],
    _expected: &Expected<'_>,
    _roots: &Roots,
    _at: i64,
) -> Result<AppAttested, Vec<Refusal>> {
    Err(vec![Refusal::new("not_built", "not built")])
}

/// Verifies an assertion by an attested key; the new counter, which the caller keeps, is greater than
/// `last_counter`.
pub fn verify_assertion(
    _assertion: &[u8],
    _client_data_hash: &[u8; 32],
    _key: &AppKey,
    _app_id: &str,
    _last_counter: u32,
) -> Result<u32, Vec<Refusal>> {
    Err(vec![Refusal::new("not_built", "not built")])
}

/// What an attestation object says, by the vendor's names, and whether it leads to a root `at` that
/// time: for people, as nothing is known of client data, key ID or app. Takes CBOR or its base64;
/// `None` if it is neither.
pub fn inspect(_bytes: &[u8], _roots: &Roots, _at: i64) -> Option<serde_json::Value> {
    None
}
