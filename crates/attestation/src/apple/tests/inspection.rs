//! What is told of objects to people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::phone::{NOW, Phone, Vendor};
use super::*;

fn told(phone: &Phone, vendor: &Vendor) -> serde_json::Value {
    inspect(&phone.attest(vendor, &[1; 32]), &Roots::from_pem(&vendor.root_pem).unwrap(), NOW)
        .unwrap()
}

#[test]
fn an_object_is_told_by_the_vendors_names() {
    let (phone, vendor) = (Phone::of_2026(), Vendor::new());
    let told = told(&phone, &vendor);
    assert_eq!(told["fmt"], "apple-appattest");
    assert_eq!((&told["verified"], &told["reasons"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(told["keyId"], STANDARD.encode(phone.key_id()));
    assert_eq!(told["authData"]["credentialId"], told["keyId"]);
    assert_eq!(told["authData"]["aaguid"], "appattest");
    assert_eq!(told["authData"]["apple_validation_category_01"], 4);
    assert_eq!(told["environment"], "production");
    assert_eq!(told["attStmt"]["receipt"], STANDARD.encode("receipt"));
    assert_eq!(told["attStmt"]["x5c"][1]["subject"], "CN=Test CA 1");
    assert_eq!(told["attStmt"]["x5c"][1]["issuer"], "CN=Test Root CA");
    assert_eq!(told["attStmt"]["x5c"][0]["notAfter"], "2027-01-01T00:00:00Z");
}

#[test]
fn what_is_wrong_is_told_too() {
    let (mut phone, vendor) = (Phone::new(), Vendor::new());
    phone.counter = 2;
    let said = told(&phone, &vendor);
    assert_eq!(said["verified"], false);
    assert_eq!(said["reasons"][0]["reason"], "counter_not_zero");
    phone.flags = 0;
    let said = told(&phone, &vendor);
    assert_eq!(said["reasons"][0]["reason"], "malformed_authenticator_data");
    assert_eq!(said["attStmt"]["x5c"].as_array().unwrap().len(), 2);
    let said = inspect(b"\xa1\x63fmt\x6fapple-appattest", &Roots::published(), NOW).unwrap();
    assert_eq!(said["reasons"][0]["reason"], "malformed_object");
}

#[test]
fn base64_with_line_breaks_will_do_and_other_files_will_not() {
    let (phone, vendor) = (Phone::new(), Vendor::new());
    let roots = Roots::from_pem(&vendor.root_pem).unwrap();
    let object = phone.attest(&vendor, &[1; 32]);
    let text = STANDARD.encode(&object).into_bytes();
    let lines = text.chunks(64).collect::<Vec<_>>().join(&b"\r\n"[..]);
    assert_eq!(inspect(&lines, &roots, NOW), inspect(&object, &roots, NOW));
    for other in [
        &b""[..],
        b"{}",
        b"\xa0",
        b"-----BEGIN CERTIFICATE-----",
        b"\xa1\x63fmt\x64none",
        &vec![0; 200_000],
    ] {
        assert_eq!(inspect(other, &roots, NOW), None);
    }
}
