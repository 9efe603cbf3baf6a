//! Attestations and proofs of possession: each claim and header wrong once.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use twinpath_wire::jws::compose;

use super::*;
use crate::fixtures::{ISSUER, START as NOW, Seeded, client, vault};
use crate::proof::issue_challenge;
use crate::token::{KeyPolicy, KeyRing, SigningAlgorithm, new_signing_key};

struct Key {
    pair: EcdsaKeyPair,
    jwk: Jwk,
}

impl Key {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let jwk = Jwk::from_uncompressed_p256(pair.public_key().as_ref()).unwrap();
        Self { pair, jwk }
    }

    fn sign(&self, typ: &str, alg: &str, claims: &Value) -> String {
        compose(&json!({"alg": alg, "typ": typ}), claims, |input| {
            let signature = self.pair.sign(&SystemRandom::new(), input).unwrap();
            Ok::<_, serde_json::Error>(signature.as_ref().to_vec())
        })
        .unwrap()
    }
}

struct Scene {
    attester: Key,
    instance: Key,
    others: Vec<ExternalAttester>,
    ring: KeyRing,
}

fn ring() -> KeyRing {
    let policy = KeyPolicy {
        algorithms: vec![SigningAlgorithm::Es256],
        rotate_s: 0,
        announce_s: 86_400,
        retire_s: 2 * 86_400,
    };
    let key = new_signing_key(SigningAlgorithm::Es256, &vault(), NOW, &mut Seeded(7)).unwrap();
    KeyRing::open(&[key], &vault(), &policy, NOW).unwrap()
}

impl Scene {
    fn new() -> Self {
        let attester = Key::new();
        let set = JwkSet { keys: vec![attester.jwk.clone()] };
        let clients = Some(vec![client("weather")]);
        let others = vec![ExternalAttester::new("mdm", &set, clients, Evidence::Tee).unwrap()];
        Self { attester, instance: Key::new(), others, ring: ring() }
    }

    fn claims(&self) -> Value {
        let now = NOW.seconds();
        json!({"sub": "weather", "iat": now, "exp": now + 600, "cnf": {"jwk": self.instance.jwk}})
    }

    fn vouch(&self, attestation: &str, app: &str) -> Result<Vouched, AttestationError> {
        let trusted = Trusted { ring: &self.ring, others: &self.others, registered: &[] };
        vouch(attestation, &client(app), trusted, (NOW, 86_400))
    }

    fn vouched(&self, claims: &Value) -> Result<Vouched, AttestationError> {
        self.vouch(&self.attester.sign(TYP, "ES256", claims), "weather")
    }

    /// With one member changed; `null` takes it away.
    fn with(&self, name: &str, value: Value) -> Result<Vouched, AttestationError> {
        self.vouched(&changed(self.claims(), name, value))
    }

    fn pop(&self, pop: &str) -> Result<Possession, AttestationError> {
        let vouched = self.vouched(&self.claims()).unwrap();
        vouched.possession(pop, &client("weather"), ISSUER, &vault(), NOW)
    }
}

fn changed(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

fn challenge(app: &str, at: Timestamp) -> String {
    issue_challenge(&vault(), Some(&client(app)), at, &mut Seeded(3))
}

fn pop_claims() -> Value {
    json!({"aud": ISSUER, "jti": "1", "iat": NOW.seconds(), "challenge": challenge("weather", NOW)})
}

fn is_invalid<T: std::fmt::Debug>(result: &Result<T, AttestationError>) -> bool {
    matches!(result, Err(AttestationError::Invalid(_)))
}

fn is_stale<T: std::fmt::Debug>(result: &Result<T, AttestationError>) -> bool {
    matches!(result, Err(AttestationError::UseFresh(_)))
}

#[test]
fn an_attester_of_the_app_vouches_for_a_key() {
    let scene = Scene::new();
    let vouched = scene.vouched(&scene.claims()).unwrap();
    assert_eq!(vouched.jkt, scene.instance.jwk.thumbprint());
    let attested_at = Timestamp(NOW.seconds() * 1000);
    let by = Voucher::External { attester: "mdm".to_owned(), evidence: Evidence::Tee, attested_at };
    assert_eq!(vouched.by, by);
    // The platform's own key speaks for the platform, for any app.
    let signed = scene.ring.default_signer().sign(TYP, &scene.claims()).unwrap();
    assert_eq!(scene.vouch(&signed, "weather").unwrap().by, Voucher::BuiltIn);
    // `iat` may be left out, and another clock may be a little ahead.
    assert!(scene.with("iat", Value::Null).is_ok());
    assert!(scene.with("iat", json!(NOW.seconds() + 20)).is_ok());
}

#[test]
fn keys_that_the_app_is_registered_with_are_its_attesters() {
    let scene = Scene::new();
    let own = Key::new();
    let registered = [VerifyingKey::new(&own.jwk).unwrap()];
    let attestation = own.sign(TYP, "ES256", &scene.claims());
    let trusted = |registered| Trusted { ring: &scene.ring, others: &[], registered };
    let ask = |registered| vouch(&attestation, &client("weather"), trusted(registered), (NOW, 600));
    assert!(is_invalid(&ask(&[])));
    let Voucher::External { attester, evidence, .. } = ask(&registered).unwrap().by else {
        panic!("not the platform's own")
    };
    assert_eq!((attester.as_str(), evidence), (REGISTERED, Evidence::Software));
}

#[test]
fn nobody_else_vouches() {
    let scene = Scene::new();
    let claims = scene.claims();
    assert!(is_invalid(&scene.vouch(&Key::new().sign(TYP, "ES256", &claims), "weather")));
    assert!(is_invalid(&scene.vouch(&scene.instance.sign(TYP, "ES256", &claims), "weather")));
    for alg in ["none", "HS256", "RS256", "ES384", ""] {
        assert!(is_invalid(&scene.vouch(&scene.attester.sign(TYP, alg, &claims), "weather")));
    }
    for typ in ["JWT", "at+jwt", POP_TYP, "dpop+jwt", "", "oauth-client-attestation"] {
        assert!(is_invalid(&scene.vouch(&scene.attester.sign(typ, "ES256", &claims), "weather")));
        // Nor does any other token of the platform's own.
        let signed = scene.ring.default_signer().sign(typ, &claims).unwrap();
        assert!(is_invalid(&scene.vouch(&signed, "weather")), "{typ}");
    }
    // Trusted, but not for this app.
    let maps = changed(claims.clone(), "sub", json!("maps"));
    assert!(is_invalid(&scene.vouch(&scene.attester.sign(TYP, "ES256", &maps), "maps")));
    // For this app, and shown by another.
    let signed = scene.ring.default_signer().sign(TYP, &claims).unwrap();
    assert!(is_invalid(&scene.vouch(&signed, "maps")));
    let mut forged = scene.attester.sign(TYP, "ES256", &claims);
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    assert!(scene.vouch(&forged, "weather").is_err());
    for text in ["", ".", "..", "a.b.c", &"A".repeat(20_000)] {
        assert!(is_invalid(&scene.vouch(text, "weather")), "{text:.20}");
    }
}

#[test]
fn each_claim_of_an_attestation_has_to_be_right() {
    let scene = Scene::new();
    let now = NOW.seconds();
    for sub in [json!("maps"), json!(""), json!(1), Value::Null, json!(["weather"])] {
        assert!(is_invalid(&scene.with("sub", sub)));
    }
    for exp in [now, now - 1, 0, i64::MIN] {
        assert!(is_stale(&scene.with("exp", json!(exp))), "{exp}");
    }
    assert!(is_invalid(&scene.with("exp", Value::Null)));
    for iat in [now - 86_401, 0, i64::MIN] {
        assert!(is_stale(&scene.with("iat", json!(iat))), "{iat}");
    }
    // One that does not say when it was made could be of any age.
    let ageless = |exp: i64| {
        let claims = changed(scene.claims(), "iat", Value::Null);
        scene.vouched(&changed(claims, "exp", json!(exp)))
    };
    assert!(ageless(now + 86_400).is_ok());
    assert!(is_stale(&ageless(now + 86_401)) && is_stale(&ageless(i64::MAX)));
    for ahead in [now + 31, i64::MAX] {
        assert!(is_invalid(&scene.with("iat", json!(ahead))));
        assert!(is_invalid(&scene.with("nbf", json!(ahead))));
    }
    let point = json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)});
    for cnf in
        [Value::Null, json!({}), json!({"jkt": "x"}), json!({"jwk": {}}), json!({"jwk": point})]
    {
        assert!(is_invalid(&scene.with("cnf", cnf)));
    }
}

#[test]
fn a_proof_of_possession_is_the_keys_for_this_server_now() {
    let scene = Scene::new();
    let sign = |claims: &Value| scene.instance.sign(POP_TYP, "ES256", claims);
    let good = scene.pop(&sign(&pop_claims())).unwrap();
    assert_ne!(good.jti.key, good.challenge.key);
    let with = |name: &str, value: Value| scene.pop(&sign(&changed(pop_claims(), name, value)));
    for aud in [json!("https://other.example"), json!([ISSUER]), json!(""), Value::Null] {
        assert!(is_invalid(&with("aud", aud)));
    }
    for jti in [json!(""), json!("a".repeat(257)), json!(1), Value::Null] {
        assert!(is_invalid(&with("jti", jti)));
    }
    for seconds in [-61, -86_400, 31, 86_400] {
        assert!(is_invalid(&with("iat", json!(NOW.seconds() + seconds))), "{seconds}");
    }
    for (name, seconds) in [("exp", 0), ("exp", -1), ("nbf", 31)] {
        assert!(is_invalid(&with(name, json!(NOW.seconds() + seconds))), "{name} {seconds}");
    }
    assert!(with("exp", json!(NOW.seconds() + 1)).is_ok());
    assert!(with("nbf", json!(NOW.seconds())).is_ok());
    let old = challenge("weather", NOW.plus_seconds(-300));
    for wrong in [json!(challenge("maps", NOW)), json!(old), json!("x"), Value::Null] {
        let answer = with("challenge", wrong);
        assert!(matches!(answer, Err(AttestationError::UseChallenge(_))), "{answer:?}");
    }
    // By another key, of another type or algorithm.
    assert!(is_invalid(&scene.pop(&Key::new().sign(POP_TYP, "ES256", &pop_claims()))));
    assert!(is_invalid(&scene.pop(&scene.attester.sign(POP_TYP, "ES256", &pop_claims()))));
    for typ in [TYP, "JWT", "dpop+jwt"] {
        assert!(is_invalid(&scene.pop(&scene.instance.sign(typ, "ES256", &pop_claims()))));
    }
    assert!(is_invalid(&scene.pop(&scene.instance.sign(POP_TYP, "none", &pop_claims()))));
    assert!(is_invalid(&scene.pop("a.b.c")));
}

#[test]
fn an_attester_has_a_name_and_keys() {
    let named = |n: usize| Jwk { kid: Some(n.to_string()), ..Key::new().jwk };
    let set = |n: usize| JwkSet { keys: (0..n).map(named).collect() };
    let new = |name: &str, set: &JwkSet| ExternalAttester::new(name, set, None, Evidence::Software);
    assert!(new("mdm-1", &set(MAX_ATTESTER_KEYS)).is_ok());
    for name in ["", BUILT_IN, REGISTERED, "a b", &"a".repeat(65), "ä"] {
        assert!(new(name, &set(1)).is_err(), "{name}");
    }
    assert!(new("mdm", &set(0)).is_err() && new("mdm", &set(17)).is_err());
    // Only so many are tried on an attestation that names none.
    let nameless = |n: usize| JwkSet { keys: (0..n).map(|_| Key::new().jwk).collect() };
    assert!(new("mdm", &nameless(KEYS_TRIED)).is_ok());
    assert!(new("mdm", &nameless(KEYS_TRIED + 1)).is_err());
    let mut other = set(1);
    other.keys[0].alg = Some("ES384".to_owned());
    assert!(new("mdm", &other).is_err());
}
