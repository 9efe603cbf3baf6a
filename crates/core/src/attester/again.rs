//! Stored evidence, judged again: neither platform attests a key twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinpath_attestation::apple::{AppKey, verify_assertion};

use super::judge::key;
use super::{Refusal, Trust, enough};
use crate::ids::Timestamp;
use crate::records::{App, AppAttest, Attestation, BUILT_IN, Evidence, Statement};

/// Seconds for which a Play Integrity verdict is renewed. Unlike a key, a device can be judged anew.
const VERDICT_LASTS_S: i64 = 30 * 86_400;

fn refuse<T>(reason: &'static str, detail: &str) -> Result<T, Vec<Refusal>> {
    Err(vec![Refusal::new(reason, detail)])
}

/// What stored evidence is worth by the roots, revocations and policy of `now`.
pub fn again(
    app: &App,
    stored: &Attestation,
    trust: &Trust,
    now: Timestamp,
) -> Result<Attestation, Vec<Refusal>> {
    if stored.attester != BUILT_IN {
        return refuse("other_attester", "another attester vouched for this key: ask that one");
    }
    let evidence = match &stored.statement {
        Statement::AndroidKey(said) => {
            let chain: Result<Vec<_>, _> =
                said.certificate_chain.iter().map(|der| STANDARD.decode(der)).collect();
            let Ok(chain) = chain else {
                return refuse("malformed_certificate", "the stored chain cannot be read");
            };
            key(app, &chain, None, trust, (said.shown_at, now))?.evidence
        }
        Statement::AppAttest(said) => {
            if app.apple_app_id.as_ref() != Some(&said.app_id) {
                return refuse("app_id_mismatch", "the app is registered with another App ID now");
            }
            if app.attestation.apple_environment != said.environment {
                let why = "the app is registered for the other environment now";
                return refuse("environment_not_allowed", why);
            }
            Evidence::AppAttest
        }
        Statement::PlayIntegrity(said) => {
            if app.android_package.as_ref() != Some(&said.package) {
                return refuse(
                    "package_mismatch",
                    "the app is registered with another package now",
                );
            }
            if now >= said.shown_at.plus_seconds(VERDICT_LASTS_S) {
                return refuse(
                    "verdict_too_old",
                    "the verdict is over 30 days old: ask for another",
                );
            }
            // The verdict named one of those of then; which, only the verdict knew.
            if said.cert_sha256.iter().any(|known| !app.android_cert_sha256.contains(known)) {
                return refuse("signer_mismatch", "the app is registered with other signers now");
            }
            stored.evidence
        }
        Statement::External => {
            return refuse("other_attester", "another attester vouched for this key: ask that one");
        }
    };
    enough(app, evidence).map_err(|refusal| vec![refusal])?;
    Ok(Attestation { evidence, attested_at: now, ..stored.clone() })
}

/// With the counter of an App Attest assertion, which shows that the attested key is still on its device.
pub fn asserted(
    attestation: Attestation,
    assertion: &[u8],
    digest: &[u8; 32],
) -> Result<Attestation, Vec<Refusal>> {
    let Statement::AppAttest(said) = &attestation.statement else {
        return refuse("malformed_assertion", "only a key of App Attest makes assertions");
    };
    let point = STANDARD.decode(&said.public_key).ok().and_then(|point| AppKey::from_point(&point));
    let Some(key) = point else {
        return refuse("key_not_p256", "the stored key cannot be read");
    };
    let counter = verify_assertion(assertion, digest, &key, &said.app_id, said.counter)?;
    let said = AppAttest { counter, ..(**said).clone() };
    Ok(Attestation { statement: Statement::AppAttest(Box::new(said)), ..attestation })
}
