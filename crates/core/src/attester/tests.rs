//! What phones made, held against what apps ask for.

mod again;
mod enrol;
mod judge;

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use twinpath_wire::jwk::Jwk;

use super::*;
use crate::fixtures;
use crate::ids::Timestamp;
use crate::records::{AndroidKey, Attestation, AuthMethod, BUILT_IN, PlayIntegrity, Statement};

/// 2026-02-24, when every certificate of the newest chains was valid.
const SHOWN: Timestamp = Timestamp(1_771_977_600_000);
/// 2024-02-07 22:00 UTC, when the leaf of Apple's sample was valid.
const APPLE_SHOWN: Timestamp = Timestamp(1_707_343_200_000);
const TEE: &str = "tegu/sdk36/TEE_EC_2026_ROOT.pem";
const STRONGBOX: &str = "tegu/sdk36/SB_EC_2026_ROOT.pem";
const APPLE: &str = include_str!("../../../attestation/testdata/apple/production.json");
const ASSERTION: &str = include_str!("../../../attestation/testdata/apple/assertion.json");
const PACKAGE: &str = "com.google.android.attestation";
const APPLE_APP: &str = "V8H6LQ9448.io.uebelacker.AppAttestExample";

fn words<T: std::fmt::Debug>(result: Result<T, Vec<Refusal>>) -> Vec<&'static str> {
    result.unwrap_err().iter().map(|refusal| refusal.reason).collect()
}

/// Asks for this evidence of the app that made the samples.
fn app(evidence: &[Evidence]) -> App {
    let mut app = fixtures::app("weather", AuthMethod::AttestJwtClientAuthDpop);
    app.android_package = Some(PACKAGE.to_owned());
    app.android_cert_sha256 = vec![signer()];
    app.apple_app_id = Some(APPLE_APP.to_owned());
    app.attestation.evidence = evidence.to_vec();
    app
}

/// The digest of the samples' signer, as apps register it.
fn signer() -> String {
    use std::fmt::Write as _;
    let bytes = STANDARD.decode("EDk47kU35Z6O55L2VFBPuDRvxrNG0LvEQV/DOfz8jsE=").unwrap();
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// A chain of a real phone: DER, leaf first.
fn chain(name: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/attestation/android");
    let pem = std::fs::read_to_string(Path::new(folder).join(name)).unwrap();
    pem.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|one| {
            let base64 = one.split("-----END").next().unwrap();
            STANDARD.decode(base64.split_whitespace().collect::<String>()).unwrap()
        })
        .collect()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

/// A member of a sample, its base64 undone.
fn bytes(sample: &Value, name: &str) -> Vec<u8> {
    STANDARD.decode(sample[name].as_str().unwrap()).unwrap()
}

/// The point of a `SubjectPublicKeyInfo` on P-256.
fn point(spki: &[u8]) -> &[u8] {
    &spki[spki.len() - 65..]
}

/// An instance key of somebody.
fn jwk() -> Jwk {
    let sample: Value = serde_json::from_str(ASSERTION).unwrap();
    Jwk::from_uncompressed_p256(point(&bytes(&sample, "public_key"))).unwrap()
}

fn of_android(name: &str, evidence: Evidence) -> Attestation {
    let statement = Statement::AndroidKey(Box::new(AndroidKey {
        certificate_chain: chain(name).iter().map(|der| STANDARD.encode(der)).collect(),
        shown_at: SHOWN,
        serials: Vec::new(),
        root: String::new(),
        os_patch_level: None,
        remotely_provisioned: true,
    }));
    Attestation { evidence, attester: BUILT_IN.to_owned(), attested_at: SHOWN, statement }
}

fn of_play() -> Attestation {
    let statement = Statement::PlayIntegrity(Box::new(PlayIntegrity {
        package: PACKAGE.to_owned(),
        cert_sha256: vec![signer()],
        version_code: Some(1),
        device_verdicts: vec!["MEETS_DEVICE_INTEGRITY".to_owned()],
        shown_at: SHOWN,
    }));
    let evidence = Evidence::Software;
    Attestation { evidence, attester: BUILT_IN.to_owned(), attested_at: SHOWN, statement }
}

/// Apple's sample as the app would show it.
fn show_apple(app: &App, digest: Option<[u8; 32]>) -> Result<Judged, Vec<Refusal>> {
    let sample: Value = serde_json::from_str(APPLE).unwrap();
    let digest = digest.unwrap_or_else(|| sha256(&bytes(&sample, "challenge")));
    let (object, key_id) = (bytes(&sample, "attestation"), bytes(&sample, "key_id"));
    apple(app, (&object, &key_id), jwk(), &digest, &Trust::published(), APPLE_SHOWN)
}
