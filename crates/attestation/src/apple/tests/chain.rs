//! Step 1: certificates that lead to the root, or do not.

use rcgen::{
    BasicConstraints, CustomExtension, IsCa, KeyPair, KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};

use super::phone::{APP, DAY, NOW, Phone, Vendor, eku, nonce_extension, object, params};
use super::steps::{HASH, changed, check};
use super::*;

#[test]
fn step_1_another_root() {
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let object = phone.attest(&vendor, &HASH);
    // A root of the same name.
    assert_eq!(words(check(&phone, &Vendor::new(), &object, NOW)), ["bad_signature"]);
    let none = Roots::default();
    let expected = Expected {
        client_data_hash: &HASH,
        key_id: &phone.key_id(),
        app_ids: &[APP],
        environments: &[Environment::Production],
    };
    assert_eq!(words(verify_attestation(&object, &expected, &none, NOW)), ["unknown_root"]);
    assert_eq!(
        words(verify_attestation(&object, &expected, &Roots::published(), NOW)),
        ["unknown_root"]
    );
}

#[test]
fn step_1_a_leaf_that_nobody_signed() {
    let (phone, vendor, other) = (Phone::new(), Vendor::new(), Vendor::new());
    // The names fit, the key does not.
    let chain = [phone.certificate(&other, &HASH), vendor.issuer.clone()];
    let object = object(&chain, b"receipt", &phone.auth_data());
    assert_eq!(words(check(&phone, &vendor, &object, NOW)), ["bad_signature"]);
}

#[test]
fn step_1_certificates_missing_swapped_or_too_many() {
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let (leaf, issuer) = (phone.certificate(&vendor, &HASH), vendor.issuer.clone());
    let made = |chain: &[Vec<u8>]| {
        words(check(&phone, &vendor, &object(chain, b"receipt", &phone.auth_data()), NOW))
    };
    assert_eq!(made(&[]), ["malformed_statement"]);
    assert_eq!(made(std::slice::from_ref(&leaf)), ["unknown_root"]);
    assert!(made(&[issuer.clone(), leaf.clone()]).contains(&"leaf_is_ca"));
    assert_eq!(made(&vec![leaf.clone(); 5]), ["malformed_statement"]);
    assert_eq!(made(&[vec![0x30, 0x00], issuer]), ["malformed_certificate"]);
    assert_eq!(made(&[leaf.clone(), vec![0; 20_000]]), ["malformed_statement"]);
    assert_eq!(made(&[leaf, b"none".to_vec()]), ["malformed_certificate"]);
}

#[test]
fn step_1_expired_or_not_yet_valid() {
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let object = phone.attest(&vendor, &HASH);
    assert_eq!(words(check(&phone, &vendor, &object, NOW + 365 * DAY)), ["certificate_expired"]);
    assert_eq!(
        words(check(&phone, &vendor, &object, NOW - 365 * DAY)),
        ["certificate_not_yet_valid"]
    );
    let early = Vendor::with(|issuer| issuer.not_after = date_time_ymd(2026, 2, 1));
    assert_eq!(
        words(check(&phone, &early, &phone.attest(&early, &HASH), NOW)),
        ["certificate_expired"]
    );
}

#[test]
fn step_1_an_issuer_that_may_not_issue() {
    let phone = Phone::new();
    for is_ca in [IsCa::ExplicitNoCa, IsCa::NoCa] {
        let vendor = Vendor::with(|issuer| issuer.is_ca = is_ca);
        assert_eq!(
            words(check(&phone, &vendor, &phone.attest(&vendor, &HASH), NOW)),
            ["issuer_not_ca"]
        );
    }
    let vendor = Vendor::with(|issuer| issuer.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let object = phone.attest(&vendor, &HASH);
    assert_eq!(words(check(&phone, &vendor, &object, NOW)), ["issuer_key_usage"]);
    let ca = |phone: &mut Phone| phone.leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(changed(ca), ["leaf_is_ca"]);
}

#[test]
fn step_1_a_phones_key_that_issues() {
    // An attested key, of a leaf, signs a leaf for a key of its owner's choice.
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let forged = Phone::new();
    let issuer = rcgen::Issuer::from_params(&phone.leaf, &phone.key);
    let mut leaf = forged.leaf.clone();
    leaf.custom_extensions = vec![nonce_extension(&sha256(&[&forged.auth_data(), &HASH]))];
    let leaf = leaf.signed_by(&forged.key, &issuer).unwrap().der().to_vec();
    let chain = [leaf, phone.certificate(&vendor, &HASH), vendor.issuer.clone()];
    let object = object(&chain, b"receipt", &forged.auth_data());
    assert_eq!(words(check(&forged, &vendor, &object, NOW)), ["issuer_not_ca"]);
}

#[test]
fn step_1_another_use_or_an_unknown_demand() {
    let client_auth = |phone: &mut Phone| {
        phone.leaf.extended_key_usages = vec![eku(&[1, 3, 6, 1, 5, 5, 7, 3, 2])];
    };
    assert_eq!(changed(client_auth), ["wrong_key_usage"]);
    let (mut phone, vendor) = (Phone::new(), Vendor::new());
    let mut critical = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    critical.set_criticality(true);
    phone.nonce = Some(vec![critical, nonce_extension(&sha256(&[&phone.auth_data(), &HASH]))]);
    let object = phone.attest(&vendor, &HASH);
    assert!(words(check(&phone, &vendor, &object, NOW)).contains(&"unknown_critical_extension"));
}

#[test]
fn step_1_an_algorithm_the_vendor_does_not_use() {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let root = params("Ed25519 Root", IsCa::Ca(BasicConstraints::Unconstrained));
    let pem = root.self_signed(&key).unwrap().pem();
    let phone = Phone::new();
    let mut leaf = phone.leaf.clone();
    leaf.custom_extensions = vec![nonce_extension(&sha256(&[&phone.auth_data(), &HASH]))];
    let leaf = leaf.signed_by(&phone.key, &rcgen::Issuer::new(root, key)).unwrap().der().to_vec();
    let vendor = Vendor { root_pem: pem, ..Vendor::new() };
    let object = object(&[leaf], b"receipt", &phone.auth_data());
    assert_eq!(words(check(&phone, &vendor, &object, NOW)), ["unsupported_algorithm"]);
}

#[test]
fn a_list_of_roots_is_pem() {
    let (one, two) = (Vendor::new(), Vendor::new());
    let phone = Phone::new();
    let both = Vendor { root_pem: format!("{}\n{}", two.root_pem, one.root_pem), ..Vendor::new() };
    assert!(check(&phone, &both, &phone.attest(&one, &HASH), NOW).is_ok());
    assert_eq!(Roots::from_pem("").unwrap_err(), RootsError::Count);
    assert_eq!(Roots::from_pem(&one.root_pem.repeat(65)).unwrap_err(), RootsError::Count);
    let broken = one.root_pem.replace("MII", "AAA");
    assert_eq!(Roots::from_pem(&broken).unwrap_err(), RootsError::Malformed);
}
