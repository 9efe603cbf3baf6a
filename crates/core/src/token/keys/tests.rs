//! Signing keys: one signs, those of late still verify, those of long ago are gone.

use serde_json::{Value, json};
use twinpath_wire::b64;

use super::*;
use crate::fixtures::{Model, START, Seeded, vault};
use crate::records::Sealed;

fn new_key(now: Timestamp) -> SigningKey {
    new_signing_key(&vault(), now, &mut Seeded(1)).unwrap()
}

fn rotate(model: &mut Model, force: bool) -> (Rotated, String) {
    let new = new_key(model.now);
    let kid = new.kid.clone();
    (model.run(RotateKey { new, force }), kid)
}

fn ring(model: &Model) -> KeyRing {
    let keys: Vec<_> = model.keys.values().cloned().collect();
    KeyRing::open(&keys, &vault(), model.now).unwrap()
}

fn kids(ring: &KeyRing) -> Vec<String> {
    ring.published.keys.iter().filter_map(|key| key.kid.clone()).collect()
}

#[test]
fn only_the_first_key_is_put_without_force() {
    let mut model = Model::new();
    assert!(KeyRing::open(&[], &vault(), START).is_err());
    let (put, first) = rotate(&mut model, false);
    assert_eq!(put, Rotated::Yes);
    assert_eq!(rotate(&mut model, false).0, Rotated::Kept);
    assert_eq!(kids(&ring(&model)), [first]);
}

#[test]
fn a_retired_key_verifies_for_two_weeks() {
    let mut model = Model::new();
    let (_, first) = rotate(&mut model, false);
    let token = ring(&model).signer.sign("at+jwt", &json!({"n": 1})).unwrap();
    model.pass(24 * 3600);
    let (put, second) = rotate(&mut model, true);
    assert_eq!(put, Rotated::Yes);
    let open = ring(&model);
    assert_eq!(kids(&open), [second.clone(), first]);
    assert_eq!(open.verify::<Value>(&token, "at+jwt"), Some(json!({"n": 1})));
    let fresh = open.signer.sign("at+jwt", &json!({"n": 2})).unwrap();
    assert_eq!(Compact::parse(&fresh, MAX_JWT).unwrap().header.kid, Some(second.clone()));
    model.pass(PUBLISHED_AFTER_RETIREMENT_S - 1);
    assert!(ring(&model).verify::<Value>(&token, "at+jwt").is_some());
    model.pass(1);
    let open = ring(&model);
    assert_eq!(kids(&open), [second]);
    assert_eq!(open.verify::<Value>(&token, "at+jwt"), None);
    assert!(open.verify::<Value>(&fresh, "at+jwt").is_some());
}

#[test]
fn a_token_of_another_type_key_or_server_does_not_verify() {
    let mut model = Model::new();
    rotate(&mut model, false);
    let open = ring(&model);
    let sign = |header: Value, ring: &KeyRing| {
        compose(&header, &json!({"n": 1}), |input| {
            let signature = ring.signer.pair.sign(&ring.signer.random, input).unwrap();
            Ok::<_, serde_json::Error>(signature.as_ref().to_vec())
        })
        .unwrap()
    };
    let kid = &kids(&open)[0];
    let right = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid});
    assert!(open.verify::<Value>(&sign(right.clone(), &open), "at+jwt").is_some());
    assert!(open.verify::<Value>(&sign(right.clone(), &open), "JWT").is_none());
    for (name, value) in [
        ("kid", json!("other")),
        ("kid", Value::Null),
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
    ] {
        let mut header = right.clone();
        header[name] = value.clone();
        assert_eq!(open.verify::<Value>(&sign(header, &open), "at+jwt"), None, "{name}={value}");
    }
    // Another server's key under this server's kid.
    let mut other = Model::new();
    rotate(&mut other, false);
    assert_eq!(open.verify::<Value>(&sign(right.clone(), &ring(&other)), "at+jwt"), None);
    let token = sign(right, &open);
    let (input, _) = token.rsplit_once('.').unwrap();
    for junk in [input.to_owned(), format!("{input}."), format!("{input}.{}", b64::encode([0; 64]))]
    {
        assert_eq!(open.verify::<Value>(&junk, "at+jwt"), None);
    }
}

#[test]
fn a_public_key_shows_how_to_use_it_and_nothing_private() {
    let key = new_key(START);
    assert_eq!(key.public.thumbprint(), key.kid);
    let shown = serde_json::to_value(&key.public).unwrap();
    assert_eq!(shown["alg"], "ES256");
    assert_eq!(shown["use"], "sig");
    assert_eq!(shown["kid"], json!(key.kid));
    assert!(shown.get("d").is_none());
}

#[test]
fn a_private_key_opens_under_its_own_kid_and_master_key_only() {
    let (one, two) = (new_key(START), new_key(START));
    let open = |key: &SigningKey, vault: &Vault| {
        KeyRing::open(std::slice::from_ref(key), vault, START).is_ok()
    };
    assert!(open(&one, &vault()));
    assert!(!open(&one, &Vault::new(&[8; 32]).unwrap()));
    let swapped = SigningKey { private: two.private.clone(), ..one.clone() };
    assert!(!open(&swapped, &vault()));
    let damaged = SigningKey { private: Sealed(vec![0; 40]), ..one };
    assert!(!open(&damaged, &vault()));
}
