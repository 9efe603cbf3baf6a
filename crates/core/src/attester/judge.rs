//! What evidence is worth for an app.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinpath_attestation::android::{self as key_attestation, Reason, Requirements, SecurityLevel};
use twinpath_attestation::apple::{self as app_attest, Environment, Expected};
use twinpath_attestation::play_integrity::{self as integrity, DeviceLevel, Keys};
use twinpath_wire::b64;
use twinpath_wire::jwk::{Jwk, PublicKey};

use super::{Refusal, Trust, enough};
use crate::ids::Timestamp;
use crate::records::{
    AndroidKey, App, AppAttest, AppleEnvironment, Attestation, BUILT_IN, Evidence, PlayIntegrity,
    Statement,
};
use crate::vault::{Purpose, Vault};

/// The oldest Play Integrity verdict, in seconds. Its nonce has a challenge of ours in it, which is young
/// itself.
const VERDICT_S: i64 = 600;

/// Evidence that is the vendor's and enough for the app.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// The instance key that it is for.
    pub jwk: Jwk,
    /// What is remembered of it.
    pub attestation: Attestation,
}

fn refuse<T>(reason: &'static str, detail: &str) -> Result<T, Vec<Refusal>> {
    Err(vec![Refusal::new(reason, detail)])
}

fn of_words(reasons: Vec<Reason>) -> Vec<Refusal> {
    reasons.into_iter().map(|it| Refusal::new(it.word.as_str(), it.detail)).collect()
}

fn built_in(evidence: Evidence, statement: Statement, now: Timestamp) -> Attestation {
    Attestation { evidence, attester: BUILT_IN.to_owned(), attested_at: now, statement }
}

/// Android Key Attestation: the instance key is the leaf's. `digest` is what the challenge must be.
pub fn android(
    app: &App,
    chain: &[Vec<u8>],
    digest: &[u8; 32],
    trust: &Trust,
    now: Timestamp,
) -> Result<Judged, Vec<Refusal>> {
    let found = key(app, chain, Some(digest), trust, (now, now))?;
    let Some(point) = found.verified.key.p256 else {
        return refuse("key_not_p256", "the attested key is none on P-256");
    };
    let jwk = Jwk::new(PublicKey::P256 { x: point.x, y: point.y });
    let hardware = &found.verified.description.hardware;
    let statement = Statement::AndroidKey(Box::new(AndroidKey {
        certificate_chain: chain.iter().map(|der| STANDARD.encode(der)).collect(),
        shown_at: now,
        serials: found.verified.serials.clone(),
        root: found.verified.root.clone(),
        os_patch_level: hardware.os_patch_level.and_then(|level| u32::try_from(level).ok()),
        remotely_provisioned: found.verified.provisioning.is_some(),
    }));
    Ok(Judged { jwk, attestation: built_in(found.evidence, statement, now) })
}

/// A chain that is enough.
pub(super) struct Found {
    verified: key_attestation::Verified,
    pub(super) evidence: Evidence,
}

/// Holds a chain that was shown at a time against today's rules. Certificates are judged for the time
/// they were shown, keys for now.
pub(super) fn key(
    app: &App,
    chain: &[Vec<u8>],
    digest: Option<&[u8; 32]>,
    trust: &Trust,
    (shown_at, now): (Timestamp, Timestamp),
) -> Result<Found, Vec<Refusal>> {
    let signers = digests(&app.android_cert_sha256);
    let (Some(package), false) = (app.android_package.as_deref(), signers.is_empty()) else {
        let why = "the app is registered without android_package or android_cert_sha256";
        return refuse("android_not_registered", why);
    };
    let rules = key_attestation::Trust {
        roots: &trust.android_roots,
        revocations: &trust.android_revocations,
        at: shown_at.seconds(),
        expired_factory: trust.android_expired_factory_keys,
    };
    let mut verified = key_attestation::verify(chain, &rules).map_err(of_words)?;
    verified.at = now.seconds();
    let said = &verified.description;
    let level = said.attestation_level.min(said.keymint_level);
    // What the maker's certificates do not say is the phone's word alone.
    let level = match level {
        SecurityLevel::StrongBox if !verified.strongbox_backed => SecurityLevel::TrustedEnvironment,
        level => level,
    };
    let policy = &app.attestation;
    let requirements = Requirements {
        challenge: digest.map(<[u8; 32]>::as_slice),
        package,
        signers: &signers,
        // What the key claims must hold at the level it claims.
        level: level.max(wanted_level(&policy.evidence)),
        verified_boot: policy.android_verified_boot,
        os_patch: policy.android_min_os_patch_level,
        vendor_patch: None,
        boot_patch: None,
    };
    let mut reasons = of_words(requirements.check(&verified));
    let evidence = match level {
        SecurityLevel::Software => Evidence::Software,
        SecurityLevel::TrustedEnvironment => Evidence::Tee,
        SecurityLevel::StrongBox => Evidence::Strongbox,
    };
    reasons.extend(enough(app, evidence).err());
    if reasons.is_empty() { Ok(Found { verified, evidence }) } else { Err(reasons) }
}

/// The lowest level that can be enough.
fn wanted_level(policy: &[Evidence]) -> SecurityLevel {
    let level = |evidence: &Evidence| match evidence {
        Evidence::None | Evidence::Software => SecurityLevel::Software,
        Evidence::Tee | Evidence::AppAttest => SecurityLevel::TrustedEnvironment,
        Evidence::Strongbox => SecurityLevel::StrongBox,
    };
    policy.iter().map(level).min().unwrap_or(SecurityLevel::Software)
}

/// Registered digests, lower-case hex, as bytes.
pub(super) fn digests(hex: &[String]) -> Vec<[u8; 32]> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    let bytes = |hex: &String| -> Option<[u8; 32]> {
        hex.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
    };
    hex.iter().filter_map(bytes).collect()
}

/// Apple App Attest: the attested key vouches for `jwk`. `digest` is the client data hash.
pub fn apple(
    app: &App,
    (object, key_id): (&[u8], &[u8]),
    jwk: Jwk,
    digest: &[u8; 32],
    trust: &Trust,
    now: Timestamp,
) -> Result<Judged, Vec<Refusal>> {
    let Some(app_id) = app.apple_app_id.as_deref() else {
        return refuse("apple_not_registered", "the app is registered without apple_app_id");
    };
    let environment = app.attestation.apple_environment;
    let expected = Expected {
        client_data_hash: digest,
        key_id,
        app_ids: &[app_id],
        environments: &[match environment {
            AppleEnvironment::Production => Environment::Production,
            AppleEnvironment::Development => Environment::Development,
        }],
    };
    let attested =
        app_attest::verify_attestation(object, &expected, &trust.apple_roots, now.seconds())?;
    if attested.platform.as_deref().is_some_and(|platform| platform != "iphoneos") {
        return refuse("platform_not_allowed", "the key is not in an iPhone or an iPad");
    }
    enough(app, Evidence::AppAttest).map_err(|refusal| vec![refusal])?;
    let statement = Statement::AppAttest(Box::new(AppAttest {
        key_id: STANDARD.encode(attested.key_id),
        app_id: attested.app_id,
        environment,
        public_key: STANDARD.encode(attested.public_key.point()),
        counter: attested.counter,
    }));
    Ok(Judged { jwk, attestation: built_in(Evidence::AppAttest, statement, now) })
}

/// Play Integrity: Google vouches for app and device, and the token's nonce names `jwk`. `digest` is the
/// nonce, its base64url undone.
pub fn play_integrity(
    app: &App,
    token: &str,
    jwk: Jwk,
    digest: &[u8; 32],
    vault: &Vault,
    now: Timestamp,
) -> Result<Judged, Vec<Refusal>> {
    let signers = digests(&app.android_cert_sha256);
    let (Some(package), false, Some(keys)) =
        (&app.android_package, signers.is_empty(), keys(app, vault))
    else {
        let why = "the app is registered without android_package, android_cert_sha256 or the keys of \
                   Play Integrity";
        return refuse("play_integrity_not_registered", why);
    };
    let nonce = b64::encode(digest);
    let expected = integrity::Expected {
        package,
        nonce: &nonce,
        certificates: &signers,
        now: now.seconds(),
        max_age: VERDICT_S,
    };
    let verdict = integrity::verify(token, &keys, &expected)?;
    let evidence = device_evidence(verdict.device);
    enough(app, evidence).map_err(|refusal| vec![refusal])?;
    let statement = Statement::PlayIntegrity(Box::new(PlayIntegrity {
        package: verdict.package,
        cert_sha256: app.android_cert_sha256.clone(),
        version_code: verdict.version_code,
        device_verdicts: verdict.device_labels,
        shown_at: now,
    }));
    Ok(Judged { jwk, attestation: built_in(evidence, statement, now) })
}

/// The verdict is about app and device. The instance key is kept by software for all it says, however
/// strong the device is.
fn device_evidence(level: DeviceLevel) -> Evidence {
    match level {
        DeviceLevel::None | DeviceLevel::Basic => Evidence::None,
        DeviceLevel::Device | DeviceLevel::Strong => Evidence::Software,
    }
}

fn keys(app: &App, vault: &Vault) -> Option<Keys> {
    let keys = app.attestation.play_integrity.as_ref()?;
    let owner = app.client_id.as_str().as_bytes();
    let decryption = vault.open(Purpose::PlayIntegrityKey, owner, &keys.decryption).ok()?;
    Keys::new(std::str::from_utf8(&decryption).ok()?, &keys.verification).ok()
}
