//! What is registered of an app's attestation.

use twinpath_attestation::play_integrity::Keys;

use crate::app::{ClientMetadata, RegistrationError};
use crate::ids::ClientId;
use crate::records::{App, AttestationPolicy, AuthMethod, Evidence, PlayIntegrityKeys};
use crate::transaction::Random;
use crate::vault::{Purpose, Vault};

/// The earliest patch level that can be asked for.
const FIRST_PATCH_LEVEL: u32 = 201_501;

fn refuse<T>(why: &str) -> Result<T, RegistrationError> {
    Err(RegistrationError(why.to_owned()))
}

impl ClientMetadata {
    /// The policy, but for the keys of Play Integrity.
    pub(super) fn attestation_policy(
        &self,
        method: AuthMethod,
    ) -> Result<AttestationPolicy, RegistrationError> {
        let policy = AttestationPolicy::default();
        let said = self.app_attestation_evidence.clone();
        let mut evidence = match said {
            Some(said) if !said.is_empty() => said,
            // What nobody vouches for would be no authentication, unless `none` is said.
            _ if method.is_attested() => vec![Evidence::Software],
            _ => Vec::new(),
        };
        let asks = evidence.iter().any(|wanted| *wanted != Evidence::None);
        if asks && !method.is_attested() {
            return refuse(
                "app_attestation_evidence goes with attest_jwt_client_auth and \
                 attest_jwt_client_auth_dpop: other apps show none",
            );
        }
        evidence.sort_unstable();
        evidence.dedup();
        Ok(AttestationPolicy {
            evidence,
            android_verified_boot: self
                .android_verified_boot
                .unwrap_or(policy.android_verified_boot),
            android_min_os_patch_level: patch_level(self.android_min_os_patch_level)?,
            apple_environment: self.apple_environment.unwrap_or_default(),
            play_integrity: None,
        })
    }

    /// The keys said, or those of before; an empty text takes them away.
    pub(super) fn play_integrity(
        &self,
        client_id: &ClientId,
        old: Option<&App>,
        vault: &Vault,
        random: &mut dyn Random,
    ) -> Result<Option<PlayIntegrityKeys>, RegistrationError> {
        let known = old.and_then(|old| old.attestation.play_integrity.as_ref());
        let said = |key: &Option<String>| key.clone().filter(|key| !key.is_empty());
        let verification = said(&self.play_integrity_verification_key);
        let decryption = match self.play_integrity_decryption_key.as_deref() {
            Some("") => return Ok(None),
            Some(said) => said,
            None => {
                return match (known, verification) {
                    (_, None) => Ok(None),
                    (Some(known), Some(said)) if known.verification == said => {
                        Ok(Some(known.clone()))
                    }
                    (_, Some(_)) => refuse("the two keys of Play Integrity come together"),
                };
            }
        };
        let Some(verification) = verification else {
            return refuse("the two keys of Play Integrity come together");
        };
        Keys::new(decryption, &verification)
            .map_err(|error| RegistrationError(error.to_string()))?;
        let owner = client_id.as_str().as_bytes();
        let sealed = vault.seal(Purpose::PlayIntegrityKey, owner, decryption.as_bytes(), random);
        let decryption = sealed.map_err(|error| RegistrationError(error.to_string()))?;
        Ok(Some(PlayIntegrityKeys { decryption, verification }))
    }
}

fn patch_level(said: Option<u32>) -> Result<Option<u32>, RegistrationError> {
    match said {
        None | Some(0) => Ok(None),
        Some(level @ FIRST_PATCH_LEVEL..=999_912) if (1..=12).contains(&(level % 100)) => {
            Ok(Some(level))
        }
        Some(_) => refuse("android_min_os_patch_level is a year and a month: 202506"),
    }
}
