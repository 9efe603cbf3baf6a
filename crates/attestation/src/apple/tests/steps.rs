//! Steps 2 to 9, each refused for its own reason and for no other; the first is in `chain`.

use rcgen::{CustomExtension, KeyPair, PKCS_ECDSA_P384_SHA384};

use super::phone::{APP, DAY, NOW, Phone, Vendor, extensions, nonce_extension, object};
use super::*;

pub(super) const HASH: [u8; 32] = [7; 32];

pub(super) fn check(
    phone: &Phone,
    vendor: &Vendor,
    object: &[u8],
    at: i64,
) -> Result<AppAttested, Vec<Refusal>> {
    let roots = Roots::from_pem(&vendor.root_pem).unwrap();
    let expected = Expected {
        client_data_hash: &HASH,
        key_id: &phone.key_id(),
        app_ids: &[APP],
        environments: &[Environment::Production],
    };
    verify_attestation(object, &expected, &roots, at)
}

/// Changes a phone, and says what is then wrong with its attestation.
pub(super) fn changed(change: impl FnOnce(&mut Phone)) -> Vec<&'static str> {
    let (mut phone, vendor) = (Phone::new(), Vendor::new());
    change(&mut phone);
    words(check(&phone, &vendor, &phone.attest(&vendor, &HASH), NOW))
}

#[test]
fn nothing_is_wrong_with_a_phone_unchanged() {
    let vendor = Vendor::new();
    let (phone, newer) = (Phone::new(), Phone::of_2026());
    let attested = check(&phone, &vendor, &phone.attest(&vendor, &HASH), NOW).unwrap();
    assert_eq!(attested.key_id, phone.key_id());
    assert_eq!(attested.public_key.point(), phone.key.public_key_raw());
    assert_eq!((attested.receipt, attested.bundle_version), (b"receipt".to_vec(), None));
    assert_eq!(attested.platform, None);
    let attested = check(&newer, &vendor, &newer.attest(&vendor, &HASH), NOW).unwrap();
    assert_eq!(attested.validation_category, Some(4));
    assert_eq!(attested.bundle_version.as_deref(), Some("7"));
    assert_eq!(attested.platform.as_deref(), Some("iphoneos"));
}

#[test]
fn steps_2_to_4_another_nonce_or_none() {
    let another = |phone: &mut Phone| phone.nonce = Some(vec![nonce_extension(&[1; 32])]);
    assert_eq!(changed(another), ["nonce_mismatch"]);
    assert_eq!(changed(|phone| phone.nonce = Some(Vec::new())), ["nonce_missing"]);
    let twice = |phone: &mut Phone| {
        let nonce = nonce_extension(&sha256(&[&phone.auth_data(), &HASH]));
        phone.nonce = Some(vec![nonce.clone(), nonce]);
    };
    assert!(changed(twice).contains(&"malformed_certificate"));
    let raw = |phone: &mut Phone| {
        let nonce = sha256(&[&phone.auth_data(), &HASH]).to_vec();
        phone.nonce =
            Some(vec![CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, 2], nonce)]);
    };
    assert_eq!(changed(raw), ["nonce_missing"]);
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let made_for_another = phone.attest(&vendor, &[8; 32]);
    assert_eq!(words(check(&phone, &vendor, &made_for_another, NOW)), ["nonce_mismatch"]);
}

#[test]
fn step_5_another_key() {
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let another = Phone { credential_id: phone.credential_id.clone(), ..Phone::new() };
    let object = another.attest(&vendor, &HASH);
    assert_eq!(words(check(&phone, &vendor, &object, NOW)), ["key_id_mismatch"]);
    let p384 =
        |phone: &mut Phone| phone.key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert!(changed(p384).contains(&"key_not_p256"));
}

#[test]
fn step_6_another_app() {
    assert_eq!(changed(|phone| phone.app = "ABCDE12345.com.example.other"), ["app_id_mismatch"]);
    assert_eq!(changed(|phone| phone.app = "com.example.app"), ["app_id_mismatch"]);
}

#[test]
fn step_7_a_key_used_before() {
    assert_eq!(changed(|phone| phone.counter = 1), ["counter_not_zero"]);
}

#[test]
fn step_8_another_environment() {
    assert_eq!(changed(|phone| phone.aaguid = *b"appattestdevelop"), ["environment_not_allowed"]);
    assert_eq!(changed(|phone| phone.aaguid = *b"appattest\0\0\0\0\0\0\x01"), ["unknown_aaguid"]);
    assert_eq!(changed(|phone| phone.aaguid = [0; 16]), ["unknown_aaguid"]);
}

#[test]
fn step_9_another_credential() {
    for id in [vec![0; 32], Vec::new(), vec![1; 1000]] {
        assert_eq!(changed(|phone| phone.credential_id = id), ["credential_id_mismatch"]);
    }
    let another = |phone: &mut Phone| phone.point = Phone::new().point;
    assert_eq!(changed(another), ["credential_key_mismatch"]);
}

#[test]
fn authenticator_data_is_read_to_its_end() {
    assert_eq!(changed(|phone| phone.flags = 0), ["malformed_authenticator_data"]);
    assert_eq!(changed(|phone| phone.flags = 0xc0), ["malformed_authenticator_data"]);
    let version_of_129 = extensions(&"1".repeat(129), 4);
    for extensions in [vec![0], vec![0xa0, 0], b"more".to_vec(), version_of_129] {
        assert_eq!(
            changed(|phone| phone.extensions = extensions),
            ["malformed_authenticator_data"]
        );
    }
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let chain = [phone.certificate(&vendor, &HASH), vendor.issuer.clone()];
    for end in 0..phone.auth_data().len() {
        let object = object(&chain, b"receipt", &phone.auth_data()[..end]);
        assert_eq!(words(check(&phone, &vendor, &object, NOW)), ["malformed_authenticator_data"]);
    }
}

#[test]
fn all_reasons_come_at_once() {
    let (mut phone, vendor) = (Phone::new(), Vendor::new());
    (phone.counter, phone.app, phone.aaguid) = (3, "another", [0; 16]);
    let found = words(check(&phone, &vendor, &phone.attest(&vendor, &HASH), NOW + 365 * DAY));
    let all = ["certificate_expired", "counter_not_zero", "unknown_aaguid", "app_id_mismatch"];
    assert_eq!(found, all);
}

#[test]
fn no_byte_can_be_changed() {
    let (phone, vendor) = (Phone::of_2026(), Vendor::new());
    let object = phone.attest(&vendor, &HASH);
    let genuine = check(&phone, &vendor, &object, NOW).unwrap();
    for at in 0..object.len() {
        let mut tampered = object.clone();
        tampered[at] ^= 1 << (at % 8);
        if let Ok(accepted) = check(&phone, &vendor, &tampered, NOW) {
            // The receipt is signed by itself, and for the vendor's own service.
            assert_ne!(accepted.receipt, genuine.receipt, "byte {at}");
        }
        assert!(check(&phone, &vendor, &object[..at], NOW).is_err(), "cut at {at}");
    }
    let longer = [object, vec![0]].concat();
    assert_eq!(words(check(&phone, &vendor, &longer, NOW)), ["malformed_object"]);
}

#[test]
fn other_objects_are_refused() {
    let (phone, vendor) = (Phone::new(), Vendor::new());
    for (object, word) in [
        (&b""[..], "malformed_object"),
        (b"\xa0", "unknown_format"),
        (b"\xa1\x63fmt\x65apple", "unknown_format"),
        (b"\xa1\x63fmt\x6fapple-appattest", "malformed_object"),
        (b"\xa2\x63fmt\x6fapple-appattest\x68authData\x40", "malformed_statement"),
    ] {
        assert_eq!(words(check(&phone, &vendor, object, NOW)), [word]);
    }
}
