//! Opaque tokens are read by the platform that made them, whole and in time, or not at all.

use serde_json::json;
use twinpath_wire::b64;

use super::*;
use crate::fixtures::{ISSUER, START as NOW, Seeded, vault};
use crate::grant::Handle;
use crate::ids::ClientId;
use crate::records::Sealed;
use crate::token::{KeyPolicy, SigningAlgorithm, new_signing_key};

fn claims() -> AccessClaims {
    serde_json::from_value(json!({
        "iss": ISSUER, "sub": "s1", "aud": "https://api.example", "client_id": "weather",
        "iat": NOW.seconds(), "exp": NOW.seconds() + 600, "jti": "j", "scope": "read",
        "auth_time": NOW.seconds(), "acr": "a", "amr": ["sms_mo"], "union_id": "u",
        "cnf": {"jkt": "k1"}, "act": {"sub": "api", "act": {"sub": "other"}},
    }))
    .unwrap()
}

fn sealed(claims: &AccessClaims) -> String {
    claims.seal(&vault(), &mut Seeded(1)).unwrap()
}

fn keys(vault: &Vault) -> KeyRing {
    let key = new_signing_key(SigningAlgorithm::Es256, vault, NOW, &mut Seeded(9)).unwrap();
    let policy = KeyPolicy {
        algorithms: vec![SigningAlgorithm::Es256],
        rotate_s: 0,
        announce_s: 60,
        retire_s: 3600,
    };
    KeyRing::open(&[key], vault, &policy, NOW).unwrap()
}

struct Platform(Vault, KeyRing);

impl Platform {
    fn new(master: u8) -> Self {
        let vault = Vault::new(&[master; 32]).unwrap();
        let keys = keys(&vault);
        Self(vault, keys)
    }

    fn read(&self, token: &str, now: Timestamp) -> Option<AccessClaims> {
        AccessClaims::read(token, ISSUER, &self.1, &self.0, now)
    }
}

fn ours() -> Platform {
    Platform::new(7)
}

#[test]
fn it_says_all_that_a_jwt_would_and_shows_nothing() {
    let token = sealed(&claims());
    assert_eq!(ours().read(&token, NOW), Some(claims()));
    let body = b64::decode(&token[4..token.len() - 8]).unwrap();
    for secret in ["weather", "s1", ISSUER] {
        assert!(!body.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
    let (body, crc) = token.split_at(token.len() - 8);
    assert_eq!(crc, format!("{:08x}", crc32fast::hash(body.as_bytes())), "leak scanners know it");
    let jwt = ours().1.default_signer().sign("at+jwt", &claims()).unwrap();
    let platform = ours();
    let signed = platform.1.default_signer().sign("at+jwt", &claims()).unwrap();
    assert_eq!(platform.read(&signed, NOW), Some(claims()), "in the other form");
    assert_eq!(platform.read(&jwt, NOW), None, "another platform's key");
}

#[test]
fn every_change_of_it_is_seen() {
    let (token, platform) = (sealed(&claims()), ours());
    let body = &token[..token.len() - 8];
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(platform.read(std::str::from_utf8(&changed).unwrap(), NOW), None, "{at}");
        assert_eq!(platform.read(&token[..at], NOW), None, "{at}");
    }
    // With the checksum made right, the seal still tells.
    for at in 0..body.len() {
        let mut changed = body.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let changed = format!("{changed}{:08x}", crc32fast::hash(changed.as_bytes()));
        assert_eq!(platform.read(&changed, NOW), None, "{at}");
    }
}

#[test]
fn what_is_over_or_anothers_is_none() {
    let token = sealed(&claims());
    assert!(ours().read(&token, NOW.plus_seconds(599)).is_some());
    assert_eq!(ours().read(&token, NOW.plus_seconds(600)), None);
    assert_eq!(Platform::new(8).read(&token, NOW), None, "another master key");
    let elsewhere = AccessClaims { iss: "https://other.example".to_owned(), ..claims() };
    assert_eq!(ours().read(&sealed(&elsewhere), NOW), None);
}

#[test]
fn seals_of_other_purposes_are_none() {
    let vault = vault();
    let plain = serde_json::to_vec(&claims()).unwrap();
    let make = |purpose, owner: &[u8]| {
        let sealed = vault.seal(purpose, owner, &plain, &mut Seeded(1)).unwrap();
        frame(PREFIX, &sealed)
    };
    assert!(ours().read(&make(Purpose::AccessToken, OWNER), NOW).is_some());
    for (purpose, owner) in [
        (Purpose::Handle, OWNER),
        (Purpose::SigningKey, OWNER),
        (Purpose::AppSecret, OWNER),
        (Purpose::AccessToken, b"weather"),
    ] {
        assert_eq!(ours().read(&make(purpose, owner), NOW), None, "{purpose:?}");
    }
    // Nor is it a refresh token under another prefix.
    let token = sealed(&claims());
    let inner = Sealed(b64::decode(&token[4..token.len() - 8]).unwrap());
    let client = ClientId::new("weather").unwrap();
    assert_eq!(Handle::read(&vault, &client, &frame("tpr_", &inner)), None);
    assert_eq!(Handle::read(&vault, &client, &token), None);
    let other = vault.seal(Purpose::AccessToken, OWNER, b"[]", &mut Seeded(1)).unwrap();
    assert_eq!(ours().read(&frame(PREFIX, &other), NOW), None, "no claims");
}

#[test]
fn junk_and_giants_are_none() {
    let giant = frame(PREFIX, &Sealed(vec![7; MAX_JWT]));
    for junk in ["", "tpa_", "tpa_00000000", "tpa_AAAA.BB.CC", "€", "tpa_€€€€€€€€", &giant]
    {
        assert_eq!(ours().read(junk, NOW), None);
    }
    let long = AccessClaims { scope: "x".repeat(MAX_JWT), ..claims() };
    assert!(long.seal(&vault(), &mut Seeded(1)).is_err(), "nobody would take it");
}
