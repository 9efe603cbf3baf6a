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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{START, Seeded, vault};
    use crate::records::AppleEnvironment;

    /// A key as the Play Console shows it: any point on the curve will do.
    const VERIFICATION: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D7gS2XpJFbZiItSs3m9+9Ue6GnvHw/GW2ZZaVtszggXIw==";
    const DECRYPTION: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn said(method: AuthMethod) -> ClientMetadata {
        ClientMetadata {
            client_id: Some("weather".into()),
            client_name: Some("Weather".into()),
            auth_method: Some(method),
            ..ClientMetadata::default()
        }
    }

    fn register(said: ClientMetadata) -> Result<App, RegistrationError> {
        said.register(&vault(), START, &mut Seeded(1)).map(|(app, _)| app)
    }

    fn update(app: &App, said: ClientMetadata) -> Result<App, RegistrationError> {
        said.update(app, &vault(), START, &mut Seeded(2)).map(|(app, _)| app)
    }

    #[test]
    fn an_app_that_comes_to_attestation_asks_for_evidence() {
        let attested = register(said(AuthMethod::AttestJwtClientAuth)).unwrap();
        assert_eq!(attested.attestation.evidence, [Evidence::Software]);
        let secret = register(said(AuthMethod::ClientSecretBasic)).unwrap();
        assert_eq!(secret.attestation.evidence, []);
        let moved = update(&secret, said(AuthMethod::AttestJwtClientAuthDpop)).unwrap();
        assert_eq!(moved.attestation.evidence, [Evidence::Software]);
        // And one that leaves asks for none, without being told to.
        let back = update(&moved, said(AuthMethod::ClientSecretBasic)).unwrap();
        assert_eq!(back.attestation.evidence, []);
        // Nothing at all has to be said.
        let with = |evidence: &[Evidence], method| {
            let app_attestation_evidence = Some(evidence.to_vec());
            register(ClientMetadata { app_attestation_evidence, ..said(method) })
        };
        let empty = with(&[], AuthMethod::AttestJwtClientAuth).unwrap();
        assert_eq!(empty.attestation.evidence, [Evidence::Software]);
        let none = with(&[Evidence::None], AuthMethod::AttestJwtClientAuth).unwrap();
        assert_eq!(none.attestation.evidence, [Evidence::None]);
        assert!(with(&[Evidence::Tee], AuthMethod::ClientSecretBasic).is_err());
        // What was said stays until something else is.
        let tee = with(&[Evidence::Tee, Evidence::Tee], AuthMethod::AttestJwtClientAuth).unwrap();
        let kept = update(&tee, ClientMetadata::default()).unwrap();
        assert_eq!(kept.attestation.evidence, [Evidence::Tee]);
        assert!(kept.attestation.android_verified_boot);
        assert_eq!(kept.attestation.apple_environment, AppleEnvironment::Production);
    }

    #[test]
    fn tokens_of_attested_keys_are_bound_to_them() {
        let bearer = |dpop, certificate_bound| {
            let method = AuthMethod::AttestJwtClientAuthDpop;
            register(ClientMetadata { dpop, certificate_bound, ..said(method) })
        };
        assert!(bearer(None, None).unwrap().dpop);
        assert!(bearer(Some(false), None).is_err() && bearer(None, Some(true)).is_err());
    }

    #[test]
    fn a_patch_level_is_a_month() {
        for (said, kept) in [(None, None), (Some(0), None), (Some(202_506), Some(202_506))] {
            assert_eq!(patch_level(said).unwrap(), kept);
        }
        for wrong in [1, 2025, 202_500, 202_513, 201_412, 20_250_605, u32::MAX] {
            assert!(patch_level(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_keys_of_play_integrity_come_together_and_stay() {
        let keys = |decryption: Option<&str>, verification: Option<&str>| ClientMetadata {
            play_integrity_decryption_key: decryption.map(str::to_owned),
            play_integrity_verification_key: verification.map(str::to_owned),
            ..said(AuthMethod::AttestJwtClientAuth)
        };
        let app = register(keys(Some(DECRYPTION), Some(VERIFICATION))).unwrap();
        let known = app.attestation.play_integrity.clone().unwrap();
        let opened = vault().open(Purpose::PlayIntegrityKey, b"weather", &known.decryption);
        assert_eq!(opened.unwrap().as_slice(), DECRYPTION.as_bytes());
        let shown = serde_json::to_string(&ClientMetadata::of(&app)).unwrap();
        assert!(shown.contains(VERIFICATION) && !shown.contains(DECRYPTION));
        // What is not said stays; an empty text takes both away.
        let kept = update(&app, ClientMetadata::default()).unwrap();
        assert_eq!(kept.attestation.play_integrity, Some(known));
        assert_eq!(update(&app, keys(Some(""), None)).unwrap().attestation.play_integrity, None);
        for (decryption, verification) in [
            (Some(DECRYPTION), None),
            (None, Some(VERIFICATION)),
            (Some("AAEC"), Some(VERIFICATION)),
            (Some(DECRYPTION), Some("AAEC")),
            (Some("-_-"), Some(VERIFICATION)),
        ] {
            assert!(register(keys(decryption, verification)).is_err(), "{decryption:?}");
        }
    }
}
