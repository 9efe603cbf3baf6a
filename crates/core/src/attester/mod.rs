//! The built-in attester (PROTOCOL 11): a phone's evidence for a client attestation of its key.
//!
//! | room | what it decides |
//! |---|---|
//! | `judge` | what evidence is worth for an app, or every reason why it is not enough |
//! | `again` | the same of evidence that was stored, by the roots, revocations and policy of the day |
//! | `enrol` | uses the challenge up and remembers the installation |
//!
//! Whether evidence is the vendor's is `twinpath-attestation`'s to say; here is held against it what the
//! app registered.

mod again;
mod enrol;
mod judge;

pub use again::{again, asserted};
pub use enrol::{Enrol, Enrolled};
pub use judge::{Judged, android, apple, play_integrity};
pub use twinpath_attestation::Refusal;

use twinpath_attestation::{android as key_attestation, apple as app_attest};

use crate::records::{App, Evidence};

/// Seconds for which a client attestation holds.
pub const ATTESTATION_S: i64 = 86_400;

/// The largest piece of evidence, in bytes: of a chain, all certificates together.
pub const MAX_EVIDENCE: usize = 48 * 1024;

/// Whom evidence must come from. Replaced while the server runs.
#[derive(Debug)]
pub struct Trust {
    /// Of Android Key Attestation.
    pub android_roots: key_attestation::Roots,
    /// Whether expired certificates of keys put in at the factory are let pass: such phones can never get
    /// new ones.
    pub android_expired_factory_keys: bool,
    /// Certificates that must not be believed any more.
    pub android_revocations: key_attestation::Revocations,
    /// Of App Attest.
    pub apple_roots: app_attest::Roots,
}

impl Trust {
    /// The vendors' roots as this release knows them; nothing revoked.
    pub fn published() -> Self {
        Self {
            android_roots: key_attestation::Roots::published(),
            android_expired_factory_keys: false,
            android_revocations: key_attestation::Revocations::default(),
            apple_roots: app_attest::Roots::published(),
        }
    }
}

/// Whether `evidence` is enough for the app.
fn enough(app: &App, evidence: Evidence) -> Result<(), Refusal> {
    let policy = &app.attestation.evidence;
    if evidence.suffices(policy) {
        return Ok(());
    }
    let wanted: Vec<_> = policy.iter().map(|wanted| wanted.as_str()).collect();
    let detail =
        format!("the app asks for {}, and this is {}", wanted.join(" or "), evidence.as_str());
    Err(Refusal::new("evidence_not_enough", detail))
}

#[cfg(test)]
mod tests;
