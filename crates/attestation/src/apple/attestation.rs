//! The nine steps for attestations.

use super::authenticator_data::{AuthenticatorData, Credential};
use super::leaf::Leaf;
use super::object::Object;
use super::{AppAttested, AppKey, Environment, Expected, Roots, sha256};
use crate::Refusal;

/// Verifies an attestation object, `at` in Unix seconds: the nine steps, and every reason that could be
/// judged if it fails.
pub fn verify_attestation(
    object: &[u8],
    expected: &Expected<'_>,
    roots: &Roots,
    at: i64,
) -> Result<AppAttested, Vec<Refusal>> {
    let object = Object::read(object).map_err(|refusal| vec![refusal])?;
    let read = Read::new(&object, roots, at)?;
    let mut reasons = read.reasons.clone();
    reasons.extend(read.unexpected(&object, expected));
    let (Some(key), Some(environment), Some(app_id), true) =
        (read.leaf.key, read.credential.environment(), read.app_id(expected), reasons.is_empty())
    else {
        return Err(reasons);
    };
    Ok(AppAttested {
        app_id: app_id.to_owned(),
        environment,
        key_id: sha256(&[&key.point()]),
        public_key: key,
        counter: read.data.counter,
        validation_category: read.data.validation_category,
        bundle_version: read.data.bundle_version.map(str::to_owned),
        platform: read.leaf.platform.clone(),
        receipt: object.receipt.to_vec(),
        certificate_expires_at: read.leaf.expires_at,
    })
}

/// An object's contents, with what can be said of them without knowing what was expected.
#[derive(Debug)]
pub(super) struct Read<'a> {
    pub(super) leaf: Leaf,
    pub(super) data: AuthenticatorData<'a>,
    pub(super) credential: Credential<'a>,
    /// Steps 1, 7, the first half of 8, and that leaf and authenticator data speak of one key.
    pub(super) reasons: Vec<Refusal>,
}

impl<'a> Read<'a> {
    /// `Err` with all reasons if the parts cannot be read.
    pub(super) fn new(object: &Object<'a>, roots: &Roots, at: i64) -> Result<Self, Vec<Refusal>> {
        let chain = roots.verify(&object.leaf, &object.between, at);
        let leaf = Leaf::read(&object.leaf);
        let data = AuthenticatorData::of_attestation(object.auth_data);
        let (leaf, (data, credential), chain) = match (leaf, data, chain) {
            (Ok(leaf), Ok(data), chain) => (leaf, data, chain),
            (leaf, data, chain) => {
                let mut reasons: Vec<_> =
                    [chain.err(), leaf.err(), data.err()].into_iter().flatten().collect();
                reasons.dedup_by_key(|refusal| refusal.reason);
                return Err(reasons);
            }
        };
        let mut reasons: Vec<_> = chain.err().into_iter().collect();
        reasons.extend(inconsistent(&leaf, &data, &credential));
        Ok(Self { leaf, data, credential, reasons })
    }

    /// Steps 2 to 6, the rest of 8, and 9, against what is expected.
    fn unexpected(&self, object: &Object<'_>, expected: &Expected<'_>) -> Vec<Refusal> {
        let nonce = sha256(&[object.auth_data, expected.client_data_hash]);
        let key_id = self.leaf.key.map(|key| sha256(&[&key.point()]));
        let environment = self.credential.environment();
        [
            (self.leaf.nonce.is_some_and(|said| said != nonce)).then(|| {
                Refusal::new(
                    "nonce_mismatch",
                    "the attestation was made for another challenge, app, client or key",
                )
            }),
            (key_id.is_some_and(|id| id != expected.key_id)).then(|| {
                Refusal::new(
                    "key_id_mismatch",
                    "the key ID is not the SHA-256 of the attested public key",
                )
            }),
            (self.app_id(expected).is_none()).then(|| {
                Refusal::new(
                    "app_id_mismatch",
                    "the attestation is of another team's or another app's key",
                )
            }),
            environment.filter(|found| !expected.environments.contains(found)).map(|found| {
                let name = match found {
                    Environment::Development => "development",
                    Environment::Production => "production",
                };
                Refusal::new(
                    "environment_not_allowed",
                    format!("the key is of the {name} environment"),
                )
            }),
            (self.credential.id != expected.key_id).then(|| {
                Refusal::new("credential_id_mismatch", "the credential ID is not the key ID")
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Step 6: the app ID whose hash is the RP ID.
    fn app_id<'e>(&self, expected: &Expected<'e>) -> Option<&'e str> {
        expected.app_ids.iter().copied().find(|id| sha256(&[id.as_bytes()]) == self.data.rp_id_hash)
    }
}

fn inconsistent(
    leaf: &Leaf,
    data: &AuthenticatorData<'_>,
    credential: &Credential<'_>,
) -> Vec<Refusal> {
    let no_nonce = "the first certificate lacks the nonce (1.2.840.113635.100.8.2)";
    let same = |key: AppKey| credential.key == Some(key);
    [
        leaf.nonce.is_none().then(|| Refusal::new("nonce_missing", no_nonce)),
        leaf.key
            .is_none()
            .then(|| Refusal::new("key_not_p256", "the attested key is none on P-256")),
        leaf.key.is_some_and(|key| !same(key)).then(|| {
            Refusal::new(
                "credential_key_mismatch",
                "certificate and authenticator data hold different keys",
            )
        }),
        (data.counter != 0).then(|| {
            Refusal::new("counter_not_zero", format!("the counter is {}, not 0", data.counter))
        }),
        credential.environment().is_none().then(|| {
            Refusal::new("unknown_aaguid", "the aaguid is of neither environment of App Attest")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
