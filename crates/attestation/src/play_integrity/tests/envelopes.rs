//! Decryption, signature, and what passes for neither.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::store::{HEADER, Store, encode, expected, verdict};
use super::*;

fn refused(store: &Store, token: &str) -> Vec<&'static str> {
    words(verify(token, &store.keys(), &expected()))
}

#[test]
fn a_token_of_another_implementation_opens() {
    let made: serde_json::Value =
        serde_json::from_str(include_str!("../../../testdata/play_integrity/token.json")).unwrap();
    let text = |field: &str| made[field].as_str().unwrap();
    let keys = Keys::new(text("decryption_key"), text("verification_key")).unwrap();
    let certificate = URL_SAFE_NO_PAD.decode(text("certificate")).unwrap().try_into().unwrap();
    let expected = Expected {
        package: text("package"),
        nonce: text("nonce"),
        certificates: &[certificate],
        now: 1_767_225_600,
        max_age: 0,
    };
    let verdict = verify(text("token"), &keys, &expected).unwrap();
    assert_eq!((verdict.device, verdict.version_code), (DeviceLevel::Strong, Some(42)));
}

#[test]
fn keys_are_unwrapped_as_in_rfc_3394_4_6() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let kek = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let wrapped =
        hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
    let mut buffer = [0; 40];
    let key = AesKek::new(&AES_256, &kek).unwrap().unwrap(&wrapped, &mut buffer).unwrap();
    assert_eq!(key, hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"));
}

#[test]
fn another_app_s_keys_open_nothing() {
    let (store, other) = (Store::new(), Store::new());
    let token = store.token(&verdict());
    assert!(verify(&token, &store.keys(), &expected()).is_ok());
    assert_eq!(refused(&other, &token), ["not_decrypted"]);
    // Encrypted by one who knows the decryption key, but signed by somebody else.
    let forger = Store { kek: store.kek, ..other };
    assert_eq!(refused(&store, &forger.token(&verdict())), ["bad_signature"]);
}

#[test]
fn no_algorithm_can_be_chosen() {
    let store = Store::new();
    let signed = store.sign(r#"{"alg":"ES256"}"#, verdict().to_string().as_bytes());
    for header in [
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"A128KW","enc":"A256GCM"}"#,
        r#"{"alg":"A256GCMKW","enc":"A256GCM"}"#,
        r#"{"alg":"RSA1_5","enc":"A256GCM"}"#,
        r#"{"alg":"A256KW","enc":"A128GCM"}"#,
        r#"{"alg":"A256KW","enc":"A256CBC-HS512"}"#,
        r#"{"alg":"A256KW"}"#,
        r#"{"alg":"a256kw","enc":"A256GCM"}"#,
    ] {
        let token = store.encrypt(header, signed.as_bytes());
        assert_eq!(refused(&store, &token), ["unexpected_algorithm"], "{header}");
    }
    for header in
        [r#"{"alg":"none"}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"ES384"}"#, r#"{"alg":"es256"}"#]
    {
        let signed = store.sign(header, verdict().to_string().as_bytes());
        let token = store.encrypt(HEADER, signed.as_bytes());
        assert_eq!(refused(&store, &token), ["unexpected_algorithm"], "{header}");
    }
}

#[test]
fn headers_hold_no_compression_no_extensions_and_no_name_twice() {
    let store = Store::new();
    let payload = verdict().to_string();
    let signed = store.sign(r#"{"alg":"ES256"}"#, payload.as_bytes());
    for header in [
        r#"{"alg":"A256KW","enc":"A256GCM","zip":"DEF"}"#,
        r#"{"alg":"A256KW","enc":"A256GCM","crit":["exp"]}"#,
        r#"{"alg":"dir","alg":"A256KW","enc":"A256GCM"}"#,
        r#"["A256KW","A256GCM"]"#,
        r#"{"enc":"A256GCM"}"#,
        "A256KW",
        "",
    ] {
        let token = store.encrypt(header, signed.as_bytes());
        assert_eq!(refused(&store, &token), ["malformed_token"], "{header}");
    }
    for header in
        [r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, r#"{"alg":"none","alg":"ES256"}"#]
    {
        let token = store.encrypt(HEADER, store.sign(header, payload.as_bytes()).as_bytes());
        assert_eq!(refused(&store, &token), ["malformed_token"], "{header}");
    }
    let token = store.encrypt(r#"{"typ":"JWT","alg":"A256KW","enc":"A256GCM"}"#, signed.as_bytes());
    assert!(verify(&token, &store.keys(), &expected()).is_ok());
}

#[test]
fn the_parts_have_their_sizes() {
    let store = Store::new();
    let token = store.token(&verdict());
    let parts: Vec<&str> = token.split('.').collect();
    let with = |at: usize, part: String| {
        let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        parts[at] = part;
        refused(&store, &parts.join("."))
    };
    for (at, lengths) in [(1, [0, 24, 32, 48]), (2, [0, 8, 11, 16]), (4, [0, 4, 12, 15])] {
        for length in lengths {
            assert_eq!(
                with(at, encode(vec![0; length])),
                ["malformed_token"],
                "part {at}, {length}"
            );
        }
    }
    assert_eq!(with(1, encode([0; 40])), ["not_decrypted"]);
    assert_eq!(with(3, String::new()), ["not_decrypted"]);
    assert_eq!(with(4, encode([0; 16])), ["not_decrypted"]);
    assert_eq!(with(3, "=".to_owned()), ["malformed_token"]);
}

#[test]
fn what_is_no_token_is_refused() {
    let store = Store::new();
    let signed = store.sign(r#"{"alg":"ES256"}"#, verdict().to_string().as_bytes());
    for token in ["", ".", "....", "a.b.c", &signed, &"A".repeat(40_000)] {
        assert_eq!(refused(&store, token), ["malformed_token"]);
    }
    for inside in [&b""[..], b"..", b"\xff.\xff.\xff", verdict().to_string().as_bytes()] {
        assert_eq!(refused(&store, &store.encrypt(HEADER, inside)), ["malformed_token"]);
    }
    let unsigned = signed.rsplit_once('.').unwrap().0.to_owned() + ".";
    assert_eq!(refused(&store, &store.encrypt(HEADER, unsigned.as_bytes())), ["bad_signature"]);
}

#[test]
fn no_character_can_be_changed() {
    let store = Store::new();
    let token = store.token(&verdict());
    for at in 0..token.len() {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let tampered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert!(verify(&tampered, &store.keys(), &expected()).is_err(), "character {at}");
        assert!(verify(&token[..at], &store.keys(), &expected()).is_err(), "cut at {at}");
    }
}

#[test]
fn no_character_of_the_signed_verdict_can_be_changed() {
    let store = Store::new();
    let signed = store.sign(r#"{"alg":"ES256"}"#, verdict().to_string().as_bytes());
    for at in 0..signed.len() {
        let other = if &signed[at..=at] == "A" { "B" } else { "A" };
        let tampered = format!("{}{other}{}", &signed[..at], &signed[at + 1..]);
        let token = store.encrypt(HEADER, tampered.as_bytes());
        assert!(verify(&token, &store.keys(), &expected()).is_err(), "character {at}");
    }
}

#[test]
fn keys_are_those_of_the_console() {
    let store = Store::new();
    let point = aws_lc_rs::signature::KeyPair::public_key(&store.signer).as_ref().to_vec();
    let spki = STANDARD.encode(crate::p256::spki_of(&point));
    let kek = STANDARD.encode(store.kek);
    for wrong in
        ["", "AAAA", &STANDARD.encode([0; 16]), &STANDARD.encode([0; 33]), &kek.replace('=', "")]
    {
        assert_eq!(Keys::new(wrong, &spki).unwrap_err(), KeysError::Decryption);
    }
    let off_the_curve = STANDARD.encode(crate::p256::spki_of(&[&[4][..], &[1; 64]].concat()));
    for wrong in ["", "AAAA", &STANDARD.encode(point), &off_the_curve, "-----BEGIN PUBLIC KEY-----"]
    {
        assert_eq!(Keys::new(&kek, wrong).unwrap_err(), KeysError::Verification);
    }
    assert_eq!(format!("{:?}", store.keys()), "Keys");
}
