//! Chains made here, of every version of the schema and every algorithm.

use serde_json::{Value, json};

use super::authority::*;
use super::*;

fn inspected(line: &Line) -> Value {
    let (chain, roots) = line.sign();
    let revocations = Revocations::default();
    let at = SEPTEMBER_2024;
    let trust = Trust { roots: &roots, revocations: &revocations, at, expired_factory: false };
    inspect(pem(&chain).as_bytes(), &trust).unwrap()
}

#[test]
fn every_version_of_the_schema_is_read() {
    for version in [1, 2, 3, 4, 100, 200, 300, 400, 500, 1_000] {
        let says = Says { version, ..Says::good() };
        let verified = says.verified();
        assert_eq!(verified.description.attestation_version, i128::from(version));
        assert_eq!(verified.description.challenge, CHALLENGE);
        assert_eq!(verified.serials, ["1", "a1b2c3d", "e18c4f", "d50ff2"]);
    }
}

#[test]
fn every_published_tag_is_read_and_printed_by_its_name() {
    let mut says = Says::good();
    says.hardware = vec![
        (1, integers(&[2, 3])),
        (2, integer(3)),
        (3, integer(256)),
        (4, integers(&[1, 2])),
        (5, integers(&[4, 6])),
        (6, integers(&[5])),
        (7, null()),
        (8, integer(128)),
        (10, integer(1)),
        (11, integer(2)),
        (200, integer(65_537)),
        (203, integers(&[4])),
        (303, null()),
        (305, null()),
        (400, integer(1)),
        (401, integer(4_102_444_800_000)),
        (402, integer(4_102_444_800_001)),
        (405, integer(3)),
        (502, integer(-5)),
        (503, null()),
        (504, integer(2)),
        (505, integer(300)),
        (506, null()),
        (507, null()),
        (508, null()),
        (509, null()),
        (600, null()),
        (601, octets(b"id")),
        (701, integer(1_726_000_000_000)),
        (702, integer(2)),
        (703, null()),
        (704, boot(&[9; 32], 0, 1)),
        (705, integer(140_000)),
        (706, integer(202_408)),
        (709, application(&["a.b", "c.d"], &[&[1; 32]])),
        (710, octets(b"brand")),
        (711, octets(b"device")),
        (712, octets(b"product")),
        (713, octets(b"serial")),
        (714, octets(b"imei")),
        (715, octets(b"meid")),
        (716, octets(b"maker")),
        (717, octets("модель".as_bytes())),
        (718, integer(202_407)),
        (719, integer(20_240_805)),
        (720, null()),
        (721, null()),
        (723, octets(b"imei2")),
        (724, octets(&[5; 4])),
    ];
    let json = inspected(&Line::new(&says));
    assert_eq!(json["verified"], true, "{:?}", json["reasons"]);
    let expected: Value = serde_json::from_str(
        r#"{
        "purposes": ["2", "3"], "algorithms": "3", "keySize": "256", "blockModes": ["1", "2"],
        "digests": ["4", "6"], "paddings": ["5"], "callerNonce": true, "minMacLength": "128",
        "ecCurve": "1", "mlDsaVariant": "2", "rsaPublicExponent": "65537",
        "rsaOaepMgfDigests": ["4"], "rollbackResistance": true, "earlyBootOnly": true,
        "activeDateTime": "1", "originationExpireDateTime": "4102444800000",
        "usageExpireDateTime": "4102444800001", "usageCountLimit": "3", "userSecureId": "-5",
        "noAuthRequired": true, "userAuthType": "2", "authTimeout": "300",
        "allowWhileOnBody": true, "trustedUserPresenceRequired": true,
        "trustedConfirmationRequired": true, "unlockedDeviceRequired": true,
        "allApplications": true, "applicationId": "aWQ=", "creationDateTime": "1726000000000",
        "origin": "IMPORTED", "rollbackResistant": true,
        "rootOfTrust": {
            "verifiedBootKey": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=", "deviceLocked": false,
            "verifiedBootState": "SELF_SIGNED",
            "verifiedBootHash": "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="
        },
        "osVersion": "140000", "osPatchLevel": "202408",
        "attestationApplicationId": {
            "packages": [{ "name": "a.b", "version": "42" }, { "name": "c.d", "version": "42" }],
            "signatures": ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="]
        },
        "attestationIdBrand": "brand", "attestationIdDevice": "device",
        "attestationIdProduct": "product", "attestationIdSerial": "serial",
        "attestationIdImei": "imei", "attestationIdMeid": "meid",
        "attestationIdManufacturer": "maker", "attestationIdModel": "модель",
        "vendorPatchLevel": "202407", "bootPatchLevel": "20240805",
        "deviceUniqueAttestation": true, "identityCredentialKey": true,
        "attestationIdSecondImei": "imei2", "moduleHash": "BQUFBQ==", "areTagsOrdered": true
    }"#,
    )
    .unwrap();
    assert_eq!(json["hardwareEnforced"], expected);
}

#[test]
fn roots_of_trust_before_keymaster_4_have_no_hash() {
    let short = sequence(&[octets(&[9; 32]), tlv(&[1], &[0xff]), enumerated(0)]);
    let verified = Says { version: 2, ..Says::good().hardware(704, short) }.verified();
    let root = verified.description.hardware.root_of_trust.unwrap();
    assert!(root.device_locked);
    assert_eq!(root.verified_boot_hash, None);
}

#[test]
fn unknown_tags_and_their_order_are_told_and_do_no_harm() {
    let mut says = Says::good().hardware(999, integer(1)).hardware(12, octets(b"?"));
    says.software.reverse();
    let json = inspected(&Line::new(&says));
    assert_eq!(json["verified"], true);
    assert_eq!(json["softwareEnforced"]["areTagsOrdered"], false);
    assert_eq!(json["hardwareEnforced"]["areTagsOrdered"], true);
    let notes =
        ["hardwareEnforced has the unknown tag 12", "hardwareEnforced has the unknown tag 999"];
    assert_eq!(json["notes"], json!(notes));
}

#[test]
fn patch_levels_that_are_no_date_are_left_out_and_told() {
    for level in [0, 202_400, 202_413, 2_000_231, -1] {
        let json = inspected(&Line::new(&Says::good().hardware(718, integer(level))));
        assert_eq!(json["hardwareEnforced"].get("vendorPatchLevel"), None, "{level}");
        let note = format!("hardwareEnforced.vendorPatchLevel is {level}, which is no date");
        assert_eq!(json["notes"], json!([note]));
    }
}

#[test]
fn chains_of_every_algorithm_verify() {
    for signer in
        [Signer::p384, || Signer::ml_dsa(44), || Signer::ml_dsa(65), || Signer::ml_dsa(87)]
    {
        let mut line = Line::new(&Says::good());
        for authority in &mut line.drafts[1..] {
            authority.key = signer();
        }
        assert_eq!(line.reasons(), [""; 0]);
        let (mut chain, roots) = line.sign();
        let last = chain[1].len() - 1;
        chain[1][last] ^= 1;
        assert_eq!(words(&verify_with(&chain, &roots).unwrap_err()), ["bad_signature"]);
    }
}

#[test]
fn a_leaf_of_another_kind_is_verified_without_coordinates() {
    let mut line = Line::new(&Says::good());
    line.drafts[0].key = Signer::ml_dsa(65);
    let (chain, roots) = line.sign();
    let verified = verify_with(&chain, &roots).unwrap();
    assert_eq!(verified.key.p256, None);
    assert_eq!(verified.key.spki, line.drafts[0].key.spki);
}

#[test]
fn provisioning_is_read_from_the_attestation_key_alone() {
    let (chain, roots) = Line::remote(&Says::good()).sign();
    let verified = verify_with(&chain, &roots).unwrap();
    assert_eq!(verified.provisioning.unwrap().certificates_issued, Some(5));

    let mut misplaced = Line::new(&Says::good());
    misplaced.drafts[0].extensions.push((PROVISIONING, false, vec![0xa1, 0x01, 0x01]));
    let (chain, roots) = misplaced.sign();
    assert_eq!(verify_with(&chain, &roots).unwrap().provisioning, None, "the phone's own word");

    let mut broken = Line::remote(&Says::good());
    broken.drafts[1].extensions = vec![(PROVISIONING, false, vec![0xa1, 0x01])];
    let (chain, roots) = broken.sign();
    assert!(verify_with(&chain, &roots).unwrap().provisioning.unwrap().other);
}
