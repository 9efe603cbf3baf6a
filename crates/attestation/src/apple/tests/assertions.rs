//! Assertions, refused each for its own reason.

use super::phone::{APP, Phone, extensions};
use super::*;

const HASH: [u8; 32] = [9; 32];

fn key(phone: &Phone) -> AppKey {
    AppKey::from_point(phone.key.public_key_raw()).unwrap()
}

/// A phone that made five assertions before.
fn phone() -> Phone {
    let mut phone = Phone::new();
    phone.counter = 6;
    phone
}

#[test]
fn a_counter_comes_of_a_signature() {
    let mut phone = phone();
    assert_eq!(verify_assertion(&phone.assert(&HASH), &HASH, &key(&phone), APP, 5), Ok(6));
    assert_eq!(verify_assertion(&phone.assert(&HASH), &HASH, &key(&phone), APP, 0), Ok(6));
    phone.extensions = extensions("7", 4);
    for flags in [0, 0x40, 0x80, 0xc0] {
        phone.flags = flags;
        assert_eq!(
            verify_assertion(&phone.assert(&HASH), &HASH, &key(&phone), APP, 5),
            Ok(6),
            "{flags}"
        );
    }
}

#[test]
fn another_client_data_key_app_or_an_old_counter() {
    let phone = phone();
    let assertion = phone.assert(&HASH);
    let verify = |hash, key, app, last| words(verify_assertion(&assertion, hash, &key, app, last));
    assert_eq!(verify(&[8; 32], key(&phone), APP, 5), ["bad_signature"]);
    assert_eq!(verify(&HASH, key(&Phone::new()), APP, 5), ["bad_signature"]);
    assert_eq!(verify(&HASH, AppKey { x: [0; 32], y: [0; 32] }, APP, 5), ["bad_signature"]);
    assert_eq!(verify(&HASH, key(&phone), "ABCDE12345.other", 5), ["app_id_mismatch"]);
    for last in [6, 7, u32::MAX] {
        assert_eq!(verify(&HASH, key(&phone), APP, last), ["counter_not_greater"]);
    }
    let all = ["bad_signature", "app_id_mismatch", "counter_not_greater"];
    assert_eq!(verify(&[8; 32], key(&phone), "other", 6), all);
}

#[test]
fn no_byte_can_be_changed() {
    let phone = phone();
    let assertion = phone.assert(&HASH);
    let verify = |assertion: &[u8]| verify_assertion(assertion, &HASH, &key(&phone), APP, 5);
    for at in 0..assertion.len() {
        for bit in 0..8 {
            let mut tampered = assertion.clone();
            tampered[at] ^= 1 << bit;
            assert!(verify(&tampered).is_err(), "byte {at}, bit {bit}");
        }
        assert_eq!(words(verify(&assertion[..at])), ["malformed_assertion"]);
    }
    assert_eq!(words(verify(&[assertion, vec![0]].concat())), ["malformed_assertion"]);
    assert_eq!(words(verify(&vec![0; 5000])), ["malformed_assertion"]);
    assert_eq!(words(verify(b"\xa1\x69signature\x40")), ["malformed_assertion"]);
}

#[test]
fn what_follows_the_counter_are_extensions_alone() {
    let mut phone = phone();
    for extensions in [vec![0], b"apple".to_vec(), vec![0xa0, 0xa0]] {
        phone.extensions = extensions;
        let refused = words(verify_assertion(&phone.assert(&HASH), &HASH, &key(&phone), APP, 5));
        assert_eq!(refused, ["malformed_authenticator_data"]);
    }
}
