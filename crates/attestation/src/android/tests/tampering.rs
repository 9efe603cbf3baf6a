//! Real chains with something changed: none may verify.

use super::*;

const NAMES: [&str; 4] = [
    "tegu/sdk36/TEE_EC_2026_ROOT.pem",
    "tegu/sdk36/SB_EC_2026_ROOT.pem",
    "akita/sdk34/TEE_EC_NONE.pem",
    "blueline/sdk28/SB_RSA_NONE.pem",
];

fn time_of(name: &str) -> i64 {
    if name.contains("2026") { FEBRUARY_2026 } else { SEPTEMBER_2024 }
}

#[test]
fn no_changed_octet_verifies() {
    let name = NAMES[0];
    let whole = chain(name);
    for index in 0..whole.len() {
        for position in 0..whole[index].len() {
            let mut changed = whole.clone();
            // A different bit at each place, so that tags, lengths and values all get theirs.
            changed[index][position] ^= 1 << (position % 8);
            let outcome = verify_at(&changed, FEBRUARY_2026);
            let reasons = outcome.expect_err(&format!("certificate {index}, octet {position}"));
            assert!(!reasons.is_empty());
        }
    }
}

#[test]
fn no_other_chain_stands_a_changed_octet_either() {
    for name in &NAMES[1..] {
        let whole = chain(name);
        for index in 0..whole.len() {
            for position in (0..whole[index].len()).step_by(7) {
                let mut changed = whole.clone();
                changed[index][position] ^= 0x80 >> (position % 8);
                assert!(verify_at(&changed, time_of(name)).is_err(), "{name} {index} {position}");
            }
        }
    }
}

#[test]
fn what_lies_in_a_changed_region_decides_the_reason() {
    let whole = chain(NAMES[0]);
    let leaf = crate::x509::Certificate::parse(&whole[0]).unwrap();
    let signed = leaf.tbs.len();
    let change = |certificate: usize, position: usize| {
        let mut changed = whole.clone();
        changed[certificate][position] ^= 1;
        words(&verify_at(&changed, FEBRUARY_2026).unwrap_err())
    };
    let challenge = find(&whole[0], b"6417f92c");
    assert_eq!(change(0, challenge), ["bad_signature"]);
    let last = whole[0].len() - 1;
    assert!(last > signed);
    assert_eq!(change(0, last), ["bad_signature"]);
    assert_eq!(change(0, 0), ["malformed_certificate"]);
    assert_eq!(change(4, whole[4].len() - 1), ["bad_signature"], "the copy of the root");
    let name = find(&whole[1], b"Droid CA3");
    assert_eq!(change(1, name), ["name_mismatch", "bad_signature"]);
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn a_chain_cut_off_anywhere_is_refused() {
    for name in NAMES {
        let whole = chain(name);
        for kept in 0..whole.len() - 1 {
            let reasons = verify_at(&whole[..kept], time_of(name)).unwrap_err();
            let expected = if kept == 0 { "empty_chain" } else { "unknown_root" };
            assert!(words(&reasons).contains(&expected), "{name} {kept}");
        }
        let headless = verify_at(&whole[1..], time_of(name)).unwrap_err();
        assert!(words(&headless).contains(&"no_attestation_extension"));
        for missing in 1..whole.len() - 1 {
            let mut gap = whole.clone();
            gap.remove(missing);
            let reasons = verify_at(&gap, time_of(name)).unwrap_err();
            assert_eq!(words(&reasons)[0], "name_mismatch", "{name} without {missing}");
            // An ECDSA signature is nothing an RSA key could have made.
            let unsigned = ["bad_signature", "unsupported_algorithm"];
            assert!(unsigned.contains(&words(&reasons)[1]), "{name} without {missing}");
        }
        for octets in 0..whole[0].len() {
            let mut cut = whole.clone();
            cut[0].truncate(octets);
            assert_eq!(
                words(&verify_at(&cut, time_of(name)).unwrap_err()),
                ["malformed_certificate"]
            );
        }
    }
}

#[test]
fn swapped_and_borrowed_certificates_are_refused() {
    for name in NAMES {
        let whole = chain(name);
        for left in 0..whole.len() {
            for right in left + 1..whole.len() {
                let mut swapped = whole.clone();
                swapped.swap(left, right);
                assert!(verify_at(&swapped, time_of(name)).is_err(), "{name} {left} {right}");
            }
        }
    }
    // Two phones' chains under one intermediate: a leaf of the one over the key of the other.
    let mut mixed = chain(NAMES[0]);
    mixed[0] = chain(NAMES[1])[0].clone();
    let reasons = verify_at(&mixed, FEBRUARY_2026).unwrap_err();
    assert_eq!(words(&reasons), ["name_mismatch", "bad_signature"]);
}

#[test]
fn a_wrong_root_is_no_root() {
    let whole = chain(NAMES[0]);
    let rsa_only = crate::pem::certificates(&read(NAMES[3]), 10).unwrap().pop().unwrap();
    let roots = authority::roots_of(&rsa_only);
    let revocations = Revocations::default();
    let at = FEBRUARY_2026;
    let trust = Trust { roots: &roots, revocations: &revocations, at, expired_factory: false };
    assert_eq!(words(&verify(&whole, &trust).unwrap_err()), ["unknown_root"]);
    assert_eq!(words(&verify(&whole[..4], &trust).unwrap_err()), ["unknown_root"]);
    let older = chain(NAMES[3]);
    let trust = Trust { at: SEPTEMBER_2024, ..trust };
    verify(&older, &trust).unwrap();
}

#[test]
fn more_than_a_chain_is_not_read() {
    let whole = chain(NAMES[0]);
    let long: Vec<_> = whole.iter().cycle().take(limits::CERTIFICATES + 1).collect();
    assert_eq!(words(&verify_at(&long, FEBRUARY_2026).unwrap_err()), ["chain_too_long"]);
    let mut large = whole.clone();
    large[2] = vec![0x30; limits::CERTIFICATE_BYTES + 1];
    assert_eq!(words(&verify_at(&large, FEBRUARY_2026).unwrap_err()), ["certificate_too_large"]);
    let mut trailing = whole;
    trailing[0].push(0);
    assert_eq!(words(&verify_at(&trailing, FEBRUARY_2026).unwrap_err()), ["malformed_certificate"]);
}
