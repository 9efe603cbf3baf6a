//! Real chains, chains made here, and what an attacker would make of them.

mod authority;
mod made;
mod real;
mod refusals;
mod requirements;
mod tampering;

use std::path::PathBuf;

use super::*;

/// 2026-02-24, when every certificate of the newest chains was valid.
pub(super) const FEBRUARY_2026: i64 = 1_771_977_600;
/// 2024-09-20, likewise for the chains of 2024.
pub(super) const SEPTEMBER_2024: i64 = 1_726_790_400;

/// The folder of real chains, beside the project.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/attestation/android"))
}

pub(super) fn read(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn chain(name: &str) -> Vec<Vec<u8>> {
    crate::pem::certificates(&read(name), limits::CERTIFICATES).unwrap()
}

pub(super) fn words(reasons: &[Reason]) -> Vec<&'static str> {
    reasons.iter().map(|reason| reason.word.as_str()).collect()
}

/// Verifies against the published roots and nothing revoked.
pub(super) fn verify_at<C: AsRef<[u8]>>(chain: &[C], at: i64) -> Result<Verified, Vec<Reason>> {
    let (roots, revocations) = (Roots::published(), Revocations::default());
    let trust = Trust { roots: &roots, revocations: &revocations, at, expired_factory: false };
    verify(chain, &trust)
}

#[test]
fn every_reason_is_seen_in_a_test() {
    let tests = [
        include_str!("made.rs"),
        include_str!("real.rs"),
        include_str!("refusals.rs"),
        include_str!("requirements.rs"),
        include_str!("tampering.rs"),
    ];
    for word in Word::ALL {
        let quoted = format!("\"{}\"", word.as_str());
        assert!(tests.iter().any(|test| test.contains(&quoted)), "{quoted} is in no test");
    }
}
