//! What real phones made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::x509::Certificate;

/// 2024-02-07 22:00 UTC, when the leaves of both were valid.
const THEN: i64 = 1_707_343_200;
const DEVELOPMENT: &str = include_str!("../../../testdata/apple/development.json");
const PRODUCTION: &str = include_str!("../../../testdata/apple/production.json");
const ASSERTION: &str = include_str!("../../../testdata/apple/assertion.json");
const BOTH: &[Environment] = &[Environment::Development, Environment::Production];

struct Sample(Value);

impl Sample {
    fn new(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap())
    }

    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap()
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        STANDARD.decode(self.text(field)).unwrap()
    }

    fn verify(&self, environments: &[Environment], at: i64) -> Result<AppAttested, Vec<Refusal>> {
        self.verify_as(&self.bytes("attestation"), environments, at)
    }

    /// With another object in place of the attestation.
    fn verify_as(
        &self,
        object: &[u8],
        environments: &[Environment],
        at: i64,
    ) -> Result<AppAttested, Vec<Refusal>> {
        let expected = Expected {
            client_data_hash: &sha256(&[&self.bytes("challenge")]),
            key_id: &self.bytes("key_id"),
            app_ids: &["ABCDE12345.another", self.text("app_id")],
            environments,
        };
        verify_attestation(object, &expected, &Roots::published(), at)
    }
}

#[test]
fn the_published_root_is_the_vendors() {
    let pem = include_str!("../apple_app_attestation_root_ca.pem");
    let base64 = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = STANDARD.decode(base64).unwrap();
    // The start of the fingerprint that the vendor publishes.
    assert_eq!(sha256(&[&der])[..8], [0x1c, 0xb9, 0x82, 0x3b, 0xa2, 0x8b, 0xa6, 0xad]);
    let root = Certificate::parse(&der).unwrap();
    assert_eq!(
        root.subject.display(),
        "CN=Apple App Attestation Root CA, O=Apple Inc., ST=California"
    );
    assert!(root.subject.same(&root.issuer) && root.signed_by(&root.key).is_ok());
}

#[test]
fn attestations_of_phones_verify() {
    for (json, environment) in
        [(DEVELOPMENT, Environment::Development), (PRODUCTION, Environment::Production)]
    {
        let sample = Sample::new(json);
        let attested = sample.verify(BOTH, THEN).unwrap();
        assert_eq!(attested.environment, environment);
        assert_eq!(attested.app_id, sample.text("app_id"));
        assert_eq!(attested.key_id[..], sample.bytes("key_id"));
        assert_eq!(sha256(&[&attested.public_key.point()]), attested.key_id);
        assert_eq!((attested.counter, attested.validation_category), (0, None));
        assert!(attested.receipt.len() > 3000);
        let other = BOTH.iter().copied().filter(|one| *one != environment).collect::<Vec<_>>();
        assert_eq!(words(sample.verify(&other, THEN)), ["environment_not_allowed"]);
    }
}

#[test]
fn the_leaf_is_valid_in_its_time_alone() {
    let sample = Sample::new(PRODUCTION);
    let end = sample.verify(BOTH, THEN).unwrap().certificate_expires_at;
    assert!(sample.verify(BOTH, end).is_ok());
    assert_eq!(words(sample.verify(BOTH, end + 1)), ["certificate_expired"]);
    // 2024-02-06 21:08:56 UTC.
    assert!(sample.verify(BOTH, 1_707_253_736).is_ok());
    for early in [1_707_253_735, 0, -1, i64::MIN] {
        assert_eq!(words(sample.verify(BOTH, early)), ["certificate_not_yet_valid"]);
    }
}

#[test]
fn an_assertion_of_a_phone_verifies() {
    let sample = Sample::new(ASSERTION);
    let hash = sha256(&[sample.text("client_data").as_bytes()]);
    let point = crate::p256::point_of(&sample.bytes("public_key")).unwrap();
    let key = AppKey::from_point(&point).unwrap();
    assert_eq!(key.spki(), sample.bytes("public_key"));
    let verify = |last| {
        verify_assertion(&sample.bytes("assertion"), &hash, &key, sample.text("app_id"), last)
    };
    assert_eq!(verify(0), Ok(1));
    assert_eq!(words(verify(1)), ["counter_not_greater"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn noise_changes_nothing_that_verifies(
        noise in proptest::collection::vec(any::<u8>(), 0..64),
        at in 0..6000_usize,
    ) {
        let sample = Sample::new(PRODUCTION);
        let genuine = sample.verify(BOTH, THEN).unwrap();
        let mut object = sample.bytes("attestation");
        let (start, end) = (at.min(object.len()), (at + noise.len()).min(object.len()));
        object.splice(start..end, noise.iter().copied());
        // The receipt is signed by itself, and for the vendor's own service.
        if let Ok(accepted) = sample.verify_as(&object, BOTH, THEN) {
            prop_assert_eq!(AppAttested { receipt: genuine.receipt.clone(), ..accepted }, genuine);
        }
        prop_assert_eq!(inspect(&noise, &Roots::published(), THEN), None);
    }
}
