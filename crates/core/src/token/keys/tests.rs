//! Signing keys: announced, active, retired, gone; and what is refused at each.

use serde_json::{Value, json};
use twinpath_wire::b64;
use twinpath_wire::jws::{Compact, compose};

use super::*;
use crate::fixtures::{Model, START, Seeded, vault};
use crate::ids::Timestamp;
use crate::proof::MAX_JWT;
use crate::records::{Sealed, SigningKey};
use crate::vault::{Purpose, Vault};

pub(super) const DAY: i64 = 24 * 3600;
const ES256: SigningAlgorithm = SigningAlgorithm::Es256;
const EDDSA: SigningAlgorithm = SigningAlgorithm::EdDsa;

pub(super) fn policy(algorithms: &[SigningAlgorithm]) -> KeyPolicy {
    KeyPolicy {
        algorithms: algorithms.to_vec(),
        rotate_s: 90 * DAY,
        announce_s: 14 * DAY,
        retire_s: 14 * DAY,
    }
}

pub(super) fn keep(
    model: &mut Model,
    policy: &KeyPolicy,
    rotation: Option<Rotation>,
) -> Vec<String> {
    model.run(KeepKeys::new(policy, rotation, &vault(), &mut Seeded(1)).unwrap())
}

pub(super) fn ring(model: &Model, policy: &KeyPolicy) -> KeyRing {
    let keys: Vec<_> = model.keys.values().cloned().collect();
    KeyRing::open(&keys, &vault(), policy, model.now).unwrap()
}

pub(super) fn kids(ring: &KeyRing) -> Vec<String> {
    ring.published().keys.iter().filter_map(|key| key.kid.clone()).collect()
}

fn signed(ring: &KeyRing) -> String {
    ring.default_signer().sign("at+jwt", &json!({"n": 1})).unwrap()
}

fn verifies(ring: &KeyRing, token: &str) -> bool {
    ring.verify::<Value>(token, "at+jwt").is_some()
}

fn kinds(model: &Model) -> Vec<&'static str> {
    model.audit.iter().map(|event| event.kind).collect()
}

fn new_key(alg: SigningAlgorithm, now: Timestamp) -> SigningKey {
    new_signing_key(alg, &vault(), now, &mut Seeded(1)).unwrap()
}

#[test]
fn the_first_key_signs_at_once_and_is_made_once() {
    let (mut model, policy) = (Model::new(), policy(&[ES256]));
    assert!(KeyRing::open(&[], &vault(), &policy, START).is_err());
    assert!(!KeepKeys::is_idle(&policy, &[], START));
    let made = keep(&mut model, &policy, None);
    assert_eq!(kids(&ring(&model, &policy)), made);
    assert!(keep(&mut model, &policy, None).is_empty());
    let keys: Vec<_> = model.keys.values().cloned().collect();
    assert!(KeepKeys::is_idle(&policy, &keys, START));
    assert_eq!(kinds(&model), ["key.rotated"]);
    assert_eq!(ring(&model, &policy).default_signer().kid(), made[0]);
}

#[test]
fn a_key_is_announced_then_signs_then_is_retired_then_gone() {
    let (mut model, policy) = (Model::new(), policy(&[ES256]));
    let first = keep(&mut model, &policy, None).remove(0);
    model.pass(76 * DAY - 1);
    assert!(keep(&mut model, &policy, None).is_empty());
    model.pass(1);
    let second = keep(&mut model, &policy, None).remove(0);
    assert!(keep(&mut model, &policy, None).is_empty(), "one successor");
    // One ring, opened once, through the whole change: clocks alone change over.
    let opened = ring(&model, &policy);
    let (before, change) = (opened.clone(), model.now.plus_seconds(14 * DAY));
    let last = opened.at(Timestamp(change.0 - 1));
    for at in [&before, &last] {
        assert_eq!(at.default_signer().kid(), first);
        assert_eq!(kids(at), [first.clone(), second.clone()], "published before it signs");
    }
    let old = signed(&last);
    let after = opened.at(change);
    assert_eq!(after.default_signer().kid(), second);
    assert_eq!(kids(&after), [second.clone(), first.clone()]);
    assert!(verifies(&after, &old));
    let end = change.plus_seconds(14 * DAY);
    assert!(verifies(&opened.at(Timestamp(end.0 - 1)), &old));
    assert_eq!(kids(&opened.at(end)), std::slice::from_ref(&second));
    assert!(!verifies(&opened.at(end), &old), "gone before anybody deleted it");
    model.now = end;
    keep(&mut model, &policy, None);
    assert_eq!(model.keys.keys().collect::<Vec<_>>(), [&second]);
    assert_eq!(kinds(&model), ["key.rotated", "key.announced", "key.retired", "key.deleted"]);
}

#[test]
fn a_token_of_a_key_that_is_only_announced_is_refused() {
    let (mut model, policy) = (Model::new(), policy(&[ES256]));
    keep(&mut model, &policy, None);
    keep(&mut model, &policy, Some(Rotation::Announce));
    let opened = ring(&model, &policy);
    let change = model.now.plus_seconds(policy.announce_s);
    let early = signed(&opened.at(change));
    assert!(!verifies(&opened, &early));
    let apart = change.plus_seconds(-ring::CLOCKS_APART_S);
    assert!(!verifies(&opened.at(Timestamp(apart.0 - 1)), &early));
    assert!(verifies(&opened.at(apart), &early), "another node's clock is ahead");
}

#[test]
fn an_operator_announces_a_successor_once() {
    let (mut model, mut policy) = (Model::new(), policy(&[ES256]));
    policy.rotate_s = 0;
    let first = keep(&mut model, &policy, None);
    model.pass(1000 * DAY);
    assert!(keep(&mut model, &policy, None).is_empty(), "by hand only");
    let second = keep(&mut model, &policy, Some(Rotation::Announce));
    assert_eq!(second.len(), 1);
    assert!(keep(&mut model, &policy, Some(Rotation::Announce)).is_empty());
    assert_eq!(kids(&ring(&model, &policy)), [first, second].concat());
}

#[test]
fn in_an_emergency_a_new_key_signs_at_once_and_old_tokens_verify() {
    let (mut model, policy) = (Model::new(), policy(&[ES256]));
    let first = keep(&mut model, &policy, None).remove(0);
    let announced = keep(&mut model, &policy, Some(Rotation::Announce)).remove(0);
    let old = signed(&ring(&model, &policy));
    model.pass(60);
    let second = keep(&mut model, &policy, Some(Rotation::Now)).remove(0);
    let open = ring(&model, &policy);
    assert_eq!(open.default_signer().kid(), second);
    assert_eq!(kids(&open), [second, first], "the announced {announced} was as much in danger");
    assert!(verifies(&open, &old));
}

#[test]
fn a_withdrawn_key_verifies_nothing_from_then_on() {
    let (mut model, policy) = (Model::new(), policy(&[ES256, EDDSA]));
    keep(&mut model, &policy, None);
    let old = signed(&ring(&model, &policy));
    keep(&mut model, &policy, Some(Rotation::Now));
    let newer = signed(&ring(&model, &policy));
    let made = keep(&mut model, &policy, Some(Rotation::Withdraw));
    let open = ring(&model, &policy);
    assert_eq!(made.len(), 2);
    assert_eq!(model.keys.len(), 2);
    assert!(kids(&open).iter().all(|kid| made.contains(kid)));
    assert!(!verifies(&open, &old) && !verifies(&open, &newer));
    assert!(verifies(&open, &signed(&open)));
    assert_eq!(kinds(&model).iter().filter(|kind| **kind == "key.deleted").count(), 4);
    // A node whose clock is behind has no other key; it signs all the same.
    let behind = KeyRing::open(
        &model.keys.values().cloned().collect::<Vec<_>>(),
        &vault(),
        &policy,
        model.now.plus_seconds(-3600),
    );
    let behind = behind.unwrap();
    assert!(made.iter().any(|kid| kid == behind.default_signer().kid()));
    assert!(verifies(&behind, &signed(&behind)));
}

#[test]
fn another_algorithm_is_announced_and_one_taken_away_retired() {
    let (mut model, one, two) = (Model::new(), policy(&[ES256]), policy(&[ES256, EDDSA]));
    let first = keep(&mut model, &one, None).remove(0);
    let second = keep(&mut model, &two, None).remove(0);
    let open = ring(&model, &two);
    assert_eq!(kids(&open), [first.clone(), second.clone()]);
    assert_eq!(open.algorithms(), [ES256], "nobody is offered what cannot be had yet");
    assert!(open.signer(EDDSA).is_none());
    assert_eq!(open.signer_for(Some("EdDSA")).kid(), first);
    let later = open.at(model.now.plus_seconds(14 * DAY));
    assert_eq!(later.algorithms(), [ES256, EDDSA]);
    assert_eq!(later.signer_for(Some("EdDSA")).kid(), second);
    for other in [None, Some("ES256"), Some("PS256"), Some("none"), Some("HS256"), Some("")] {
        assert_eq!(later.signer_for(other).kid(), first, "{other:?}");
    }
    model.pass(14 * DAY);
    keep(&mut model, &one, None);
    let open = ring(&model, &one);
    assert_eq!((open.algorithms(), open.signer(EDDSA).is_none()), (vec![ES256], true));
    assert_eq!(kids(&open), [first, second], "retired");
    model.pass(14 * DAY);
    keep(&mut model, &one, None);
    assert_eq!(model.keys.len(), 1);
}

#[test]
fn the_default_changes_over_when_the_new_algorithm_may_sign() {
    let (mut model, old, new) = (Model::new(), policy(&[ES256]), policy(&[EDDSA]));
    let first = keep(&mut model, &old, None).remove(0);
    let second = keep(&mut model, &new, None).remove(0);
    assert_eq!(ring(&model, &new).default_signer().kid(), first, "not configured, but known");
    assert!(keep(&mut model, &new, None).is_empty());
    model.pass(14 * DAY);
    assert_eq!(ring(&model, &new).default_signer().kid(), second);
    keep(&mut model, &new, None);
    assert_eq!(kids(&ring(&model, &new)), [second, first]);
}

#[test]
fn a_second_active_key_and_an_end_without_successor_are_put_right() {
    let (mut model, policy) = (Model::new(), policy(&[ES256]));
    let older = new_key(ES256, START.plus_seconds(-DAY));
    let newer = new_key(ES256, START);
    for key in [&older, &newer] {
        model.keys.insert(key.kid.clone(), key.clone());
    }
    keep(&mut model, &policy, None);
    assert_eq!(model.keys[&older.kid].retired_at, Some(START));
    assert_eq!(model.keys[&newer.kid].retired_at, None);
    model.keys.get_mut(&newer.kid).unwrap().retired_at = Some(START.plus_seconds(DAY));
    let made = keep(&mut model, &policy, None).remove(0);
    let change = START.plus_seconds(policy.announce_s);
    assert_eq!(model.keys[&newer.kid].retired_at, Some(change));
    assert_eq!(model.keys[&made].signs_at, change);
}

/// A token whose header says whatever it likes, signed with a signer's key.
fn forge(header: &Value, signer: &dyn Sign) -> String {
    compose(header, &json!({"n": 1}), |input| {
        Ok::<_, serde_json::Error>(signer.sign(input).unwrap())
    })
    .unwrap()
}

#[test]
fn a_token_of_another_type_algorithm_key_or_server_does_not_verify() {
    let (mut model, policy) = (Model::new(), policy(&[ES256, EDDSA]));
    keep(&mut model, &policy, None);
    let open = ring(&model, &policy);
    for (alg, other) in [(ES256, EDDSA), (EDDSA, ES256)] {
        let of = |alg: SigningAlgorithm| {
            let kid = open.signer(alg).unwrap().kid();
            software::SoftwareKey::open(&model.keys[kid], &vault()).unwrap()
        };
        let (key, stranger) = (of(alg), new_key(alg, START));
        let right = json!({"alg": alg.as_str(), "typ": "at+jwt", "kid": key.kid()});
        assert!(verifies(&open, &forge(&right, &key)));
        assert!(open.verify::<Value>(&forge(&right, &key), "JWT").is_none());
        for (name, value) in [
            ("kid", json!("other")),
            ("kid", json!(of(other).kid())),
            ("kid", Value::Null),
            ("typ", json!("JWT")),
            ("typ", Value::Null),
            ("alg", json!(other.as_str())),
            ("alg", json!("none")),
            ("alg", json!("HS256")),
            ("alg", json!("PS256")),
        ] {
            let mut header = right.clone();
            header[name] = value.clone();
            assert!(!verifies(&open, &forge(&header, &key)), "{name}={value}");
            // Said of one key, signed with the other.
            assert!(!verifies(&open, &forge(&header, &of(other))), "{name}={value}");
        }
        // Another server's key under this server's kid.
        let stranger = software::SoftwareKey::open(&stranger, &vault()).unwrap();
        assert!(!verifies(&open, &forge(&right, &stranger)));
        let token = forge(&right, &key);
        let (input, _) = token.rsplit_once('.').unwrap();
        for junk in [String::new(), b64::encode([0; 64]), b64::encode([0; 32])] {
            assert!(!verifies(&open, &format!("{input}.{junk}")));
        }
        assert!(!verifies(&open, input));
    }
}

/// The public key as an HMAC secret (RFC 8725 2.1).
#[test]
fn an_hmac_with_the_public_key_is_no_signature() {
    use aws_lc_rs::hmac;
    let (mut model, policy) = (Model::new(), policy(&[ES256]));
    keep(&mut model, &policy, None);
    let open = ring(&model, &policy);
    let public = &open.published().keys[0];
    let point = public.key.uncompressed_p256().unwrap();
    let shown = serde_json::to_vec(public).unwrap();
    for secret in [point.as_slice(), &shown] {
        for alg in ["HS256", "ES256"] {
            let header = json!({"alg": alg, "typ": "at+jwt", "kid": public.kid});
            let token = compose(&header, &json!({"n": 1}), |input| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                Ok::<_, serde_json::Error>(hmac::sign(&key, input).as_ref().to_vec())
            });
            assert!(!verifies(&open, &token.unwrap()), "{alg}");
        }
    }
}

#[test]
fn each_algorithm_signs_what_its_public_key_verifies() {
    let (mut model, policy) = (Model::new(), policy(&[ES256, EDDSA]));
    keep(&mut model, &policy, None);
    let open = ring(&model, &policy);
    for alg in [ES256, EDDSA] {
        let signer = open.signer(alg).unwrap();
        let token = signer.sign("JWT", &json!({"n": 2})).unwrap();
        let jws = Compact::parse(&token, MAX_JWT).unwrap();
        assert_eq!((jws.header.alg.as_str(), jws.signature.len()), (alg.as_str(), 64));
        assert_eq!(jws.header.kid.as_deref(), Some(signer.kid()));
        assert_eq!(open.verify::<Value>(&token, "JWT"), Some(json!({"n": 2})));
    }
}

#[test]
fn a_public_key_shows_how_to_use_it_and_nothing_private() {
    for (alg, kty, crv) in [(ES256, "EC", "P-256"), (EDDSA, "OKP", "Ed25519")] {
        let key = new_key(alg, START);
        assert_eq!(key.public.thumbprint(), key.kid);
        let shown = serde_json::to_value(&key.public).unwrap();
        for (name, value) in
            [("alg", alg.as_str()), ("use", "sig"), ("kid", &key.kid), ("kty", kty), ("crv", crv)]
        {
            assert_eq!(shown[name], value, "{name}");
        }
        for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(shown.get(secret).is_none(), "{secret}");
        }
    }
}

#[test]
fn a_private_key_opens_under_its_own_kid_and_master_key_only() {
    let policy = policy(&[ES256, EDDSA]);
    let open = |key: &SigningKey, vault: &Vault| {
        KeyRing::open(std::slice::from_ref(key), vault, &policy, START).is_ok()
    };
    for alg in [ES256, EDDSA] {
        let (one, two) = (new_key(alg, START), new_key(alg, START));
        assert!(open(&one, &vault()));
        assert!(!open(&one, &Vault::new(&[8; 32]).unwrap()));
        let swapped = SigningKey { private: two.private.clone(), ..one.clone() };
        assert!(!open(&swapped, &vault()));
        let damaged = SigningKey { private: Sealed(vec![0; 40]), ..one.clone() };
        assert!(!open(&damaged, &vault()));
        let clear = vault().open(Purpose::SigningKey, one.kid.as_bytes(), &one.private).unwrap();
        let mut at_rest = one.private.0.windows(8);
        assert!(!at_rest.any(|part| clear.windows(8).any(|secret| secret == part)));
    }
}

/// Whoever writes to the store without the master key gets no key of his published, retired or not.
#[test]
fn a_row_with_a_foreign_public_key_is_not_opened() {
    let policy = policy(&[ES256]);
    let (ours, mut theirs) = (new_key(ES256, START), new_key(ES256, START));
    let planted = SigningKey { public: theirs.public.clone(), ..ours.clone() };
    let mut named = planted.clone();
    named.public.kid = Some(ours.kid.clone());
    theirs.private = ours.private.clone();
    let retired = SigningKey { retired_at: Some(START), ..theirs.clone() };
    for row in [planted, named, theirs, retired] {
        assert!(KeyRing::open(&[ours.clone(), row], &vault(), &policy, START).is_err());
    }
}
