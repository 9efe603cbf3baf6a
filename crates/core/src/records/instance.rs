//! An installation of an app, known by its key, and what vouches for it.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, InstanceId, Timestamp};

/// An installation of an app whose key was attested, by the platform's own attester or by another
/// that is trusted for the app.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Primary key.
    pub id: InstanceId,
    /// What operators call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether its key may be used.
    pub status: InstanceStatus,
    /// What vouches for it.
    pub attestation: Attestation,
    /// First attested.
    pub created_at: Timestamp,
    /// Last change of `status`.
    pub changed_at: Timestamp,
    /// When the row may be forgotten.
    pub purge_at: Timestamp,
}

/// Whether an instance's key may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceStatus {
    /// In use.
    Active,
    /// By an operator, until unblocked.
    Blocked,
    /// By an operator, for good: the installation has to make another key.
    Revoked,
}

/// How well an instance's key is known to be the app's, unmodified, on a real device (PROTOCOL 11).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing vouches for it.
    #[default]
    None,
    /// The app and the device are vouched for; the key is kept by software.
    Software,
    /// The key was made in the phone's trusted execution environment and stays there.
    Tee,
    /// The key was made in a secure element of its own and stays there.
    Strongbox,
    /// Apple vouches for the app and the device; the instance key itself is kept by software.
    AppAttest,
}

impl Evidence {
    /// Every one there is.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Software, Self::Tee, Self::Strongbox, Self::AppAttest];

    /// Its name in registrations, configuration and tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Software => "software",
            Self::Tee => "tee",
            Self::Strongbox => "strongbox",
            Self::AppAttest => "app_attest",
        }
    }

    /// RFC 8176: whether the instance key itself is known to be kept by hardware (`hwk`). App Attest
    /// vouches by a key of its own.
    pub fn is_hardware_key(self) -> bool {
        matches!(self, Self::Tee | Self::Strongbox)
    }

    /// Whether this is enough where `wanted` is said to be. A secure element is more than a trusted
    /// environment, and both are more than software; App Attest is not comparable with either, so it is
    /// enough where it is named, and where software is.
    pub fn suffices_for(self, wanted: Self) -> bool {
        match wanted {
            Self::None => true,
            Self::Software => self != Self::None,
            Self::Tee => self.is_hardware_key(),
            Self::Strongbox => self == Self::Strongbox,
            Self::AppAttest => self == Self::AppAttest,
        }
    }

    /// Whether this is enough by a policy: by any of what it names. A policy that names nothing asks
    /// for nothing.
    pub fn suffices(self, policy: &[Self]) -> bool {
        policy.is_empty() || policy.iter().any(|wanted| self.suffices_for(*wanted))
    }
}

/// What vouches for an instance's key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attestation {
    /// What it is worth.
    pub evidence: Evidence,
    /// Who says so: [`BUILT_IN`], or the configured name of another attester.
    pub attester: String,
    /// When the evidence was looked at last.
    pub attested_at: Timestamp,
    /// What was said, to be held against revocations and policy again.
    pub statement: Statement,
}

/// The attester that the platform is itself. No other can have this name.
pub const BUILT_IN: &str = "built_in";

/// What a phone's evidence said.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "format")]
pub enum Statement {
    /// Another attester looked at it.
    External,
    /// Android Key Attestation.
    AndroidKey(Box<AndroidKey>),
    /// Apple App Attest.
    AppAttest(Box<AppAttest>),
    /// Play Integrity.
    PlayIntegrity(Box<PlayIntegrity>),
}

/// What an Android Key Attestation said that a later look needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AndroidKey {
    /// The certificates, leaf first, base64 of DER: all is judged again by the roots, revocations and
    /// policy of the day.
    pub certificate_chain: Vec<String>,
    /// For when they are judged: some live for weeks only.
    pub shown_at: Timestamp,
    /// Their serial numbers, lower-case hex: how revocations name them.
    pub serials: Vec<String>,
    /// The root's name.
    pub root: String,
    /// `YYYYMM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_patch_level: Option<u32>,
    /// Whether a certificate authority sent the device its keys, and not the factory.
    pub remotely_provisioned: bool,
}

/// What an App Attest object said that a later look needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppAttest {
    /// Of the attested key, base64.
    pub key_id: String,
    /// Apple `team.bundle`.
    pub app_id: String,
    /// Which of Apple's services attested it.
    pub environment: AppleEnvironment,
    /// The attested key, an uncompressed point, base64.
    pub public_key: String,
    /// Of the last assertion.
    pub counter: u32,
}

/// Which of Apple's services attests an app's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AppleEnvironment {
    /// Apps from the store, `TestFlight` or an enterprise.
    #[default]
    Production,
    /// A developer's own builds.
    Development,
}

/// What a Play Integrity token said that a later look needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlayIntegrity {
    /// The app's package.
    pub package: String,
    /// SHA-256 digests of the signing certificates it was held against, lower-case hex.
    pub cert_sha256: Vec<String>,
    /// The app's `versionCode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_code: Option<u64>,
    /// `deviceRecognitionVerdict`.
    pub device_verdicts: Vec<String>,
    /// When it was shown: a verdict is about a moment.
    pub shown_at: Timestamp,
}

/// What grants remember of it, and the claim `app_attestation` of tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppAttestation {
    /// What it is worth.
    pub evidence: Evidence,
    /// Who says so.
    pub attester: String,
    /// When the evidence was looked at last, in seconds since 1970.
    pub attested_at: i64,
}

impl Attestation {
    /// What a token says of it.
    pub fn claim(&self) -> AppAttestation {
        AppAttestation {
            evidence: self.evidence,
            attester: self.attester.clone(),
            attested_at: self.attested_at.seconds(),
        }
    }
}

impl Instance {
    /// How long a row outlives its attestation, in seconds: what an operator sees of installations that
    /// are gone.
    pub const KEPT_S: i64 = 400 * 24 * 3600;

    /// How long what an operator refused is remembered, in seconds.
    pub const REFUSED_KEPT_S: i64 = 20 * 365 * 24 * 3600;

    /// Its app.
    pub fn client_id(&self) -> &ClientId {
        &self.id.client_id
    }

    /// What a token says of it.
    pub fn claim(&self) -> AppAttestation {
        self.attestation.claim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stronger_evidence_is_enough_for_weaker_and_apples_stands_apart() {
        use Evidence::{AppAttest, None, Software, Strongbox, Tee};
        let enough: [(Evidence, &[Evidence]); 5] = [
            (None, &[None]),
            (Software, &[None, Software]),
            (Tee, &[None, Software, Tee]),
            (Strongbox, &[None, Software, Tee, Strongbox]),
            (AppAttest, &[None, Software, AppAttest]),
        ];
        for (shown, wanted) in enough {
            for policy in Evidence::ALL {
                assert_eq!(
                    shown.suffices(&[policy]),
                    wanted.contains(&policy),
                    "{shown:?} {policy:?}"
                );
            }
            assert!(shown.suffices(&[]));
            assert_eq!(shown.suffices(&[Tee, AppAttest]), shown >= Tee);
            let name = serde_json::to_value(shown).unwrap();
            assert_eq!(name, shown.as_str());
        }
    }
}
