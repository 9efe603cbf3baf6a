//! Chains that a root of ours has signed and that must be refused all the same.

use super::authority::*;
use super::*;

fn line() -> Line {
    Line::new(&Says::good())
}

#[test]
fn the_untouched_chain_verifies() {
    assert_eq!(line().reasons(), [""; 0]);
}

/// An app on a good phone has a key attested, then signs with it a leaf that says what it likes.
#[test]
fn an_attested_key_signs_no_other_leaf() {
    for authority in [false, true] {
        let mut extended = line();
        extended.drafts[0].authority = authority;
        extended.drafts[0].key_usage = None;
        let fake = line().drafts.remove(0);
        extended.drafts.insert(0, fake);
        let reasons = extended.reasons();
        assert_eq!(reasons[0], "chain_extended");
        assert_eq!(reasons.contains(&"issuer_not_ca"), !authority);
    }
}

/// The same with the purpose `ATTEST_KEY`, which makes the keystore itself sign.
#[test]
fn a_key_made_for_attesting_signs_no_other_leaf() {
    let mut extended = Line::new(&Says::good().hardware(1, integers(&[7])));
    extended.drafts[0].authority = true;
    extended.drafts[0].key_usage = Some(0x04);
    extended.drafts.insert(0, line().drafts.remove(0));
    assert_eq!(extended.reasons(), ["chain_extended"]);
}

/// The statement may stand neither higher up, nor in another form above the leaf.
#[test]
fn the_statement_stands_in_the_leaf_alone() {
    for (place, kind) in [(1, DESCRIPTION), (2, DESCRIPTION), (3, DESCRIPTION), (1, EAT)] {
        let mut misplaced = line();
        misplaced.drafts[place].extensions.push((kind, false, Says::good().encode()));
        assert_eq!(misplaced.reasons(), ["chain_extended"], "certificate {place}");
    }
    let mut moved = line();
    let statement = moved.drafts[0].extensions.remove(0);
    moved.drafts[1].extensions.push(statement);
    assert_eq!(moved.reasons(), ["no_attestation_extension", "chain_extended"]);
}

#[test]
fn two_statements_in_one_leaf_are_no_certificate() {
    let mut double = line();
    double.drafts[0].extensions.push((DESCRIPTION, false, Says::good().encode()));
    assert_eq!(double.reasons(), ["malformed_certificate"]);
}

#[test]
fn an_entity_attestation_token_is_told_to_be_unread() {
    let mut eat = line();
    eat.drafts[0].extensions = vec![(EAT, false, vec![0xa0])];
    assert_eq!(eat.reasons(), ["eat_unsupported"]);
}

#[test]
fn issuers_must_be_authorities() {
    let mut plain = line();
    plain.drafts[1].authority = false;
    assert_eq!(plain.reasons(), ["issuer_not_ca"]);
    let mut usage = line();
    usage.drafts[2].key_usage = Some(0x80);
    assert_eq!(usage.reasons(), ["issuer_key_usage"]);
    let mut unspoken = line();
    unspoken.drafts[1].key_usage = None;
    assert_eq!(unspoken.reasons(), [""; 0], "RFC 5280 lets it be left out");
    let mut path = line();
    path.drafts[1].path_length = Some(0);
    path.drafts[2].path_length = Some(1);
    assert_eq!(path.reasons(), [""; 0]);
    path.drafts[2].path_length = Some(0);
    assert_eq!(path.reasons(), ["path_too_long"]);
}

#[test]
fn truth_is_any_octet_but_zero() {
    let mut odd = line();
    odd.drafts[1].truth = 0x01;
    assert_eq!(odd.reasons(), [""; 0]);
    odd.drafts[1].truth = 0x00;
    assert_eq!(odd.reasons(), ["issuer_not_ca"]);
}

#[test]
fn a_root_signs_no_leaf_itself() {
    let mut short = line();
    short.drafts.drain(1..3);
    let reasons = short.reasons();
    assert!(reasons.contains(&"chain_too_short"), "{reasons:?}");
}

#[test]
fn critical_extensions_must_be_known() {
    let names = &[0x55, 29, 30];
    for (critical, expected) in [(false, &[][..]), (true, &["unknown_critical_extension"])] {
        let mut constrained = line();
        constrained.drafts[2].extensions.push((names, critical, vec![0x30, 0]));
        assert_eq!(constrained.reasons(), expected);
    }
}

#[test]
fn other_algorithms_are_told_apart_from_bad_signatures() {
    let mut other = line();
    other.drafts[1].key = Signer::ed25519();
    let (chain, roots) = other.sign();
    let reasons = verify_with(&chain, &roots).unwrap_err();
    assert_eq!(words(&reasons), ["unsupported_algorithm"]);
    assert!(reasons[0].detail.contains("1.3.101.112"), "{}", reasons[0].detail);
}

/// A signature's algorithm stands twice, and only once under the signature.
#[test]
fn a_signature_has_one_algorithm() {
    let (mut chain, roots) = line().sign();
    let sha_256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let outer = chain[0].windows(8).rposition(|window| window == sha_256).unwrap();
    chain[0][outer + 7] = 3;
    assert_eq!(words(&verify_with(&chain, &roots).unwrap_err()), ["malformed_certificate"]);
}

#[test]
fn a_root_is_its_key_and_not_its_name() {
    let (genuine, roots) = line().sign();
    let (impostor, _) = line().sign();
    assert_eq!(words(&verify_with(&impostor, &roots).unwrap_err()), ["unknown_root"]);
    let headless = &impostor[..3];
    assert_eq!(words(&verify_with(headless, &roots).unwrap_err()), ["bad_signature"]);
    // The true root put on top of the impostor's chain.
    let crowned = [headless, &genuine[3..]].concat();
    assert_eq!(words(&verify_with(&crowned, &roots).unwrap_err()), ["bad_signature"]);
}

/// The key is a root's, the name and what it signs are the attacker's: a root that was renewed.
#[test]
fn a_renewed_root_is_still_the_root() {
    let mut line = line();
    let (_, roots) = line.sign();
    line.drafts[3].serial = 99;
    line.drafts[3].not_after = "20240102000000Z";
    let (chain, _) = line.sign();
    assert_eq!(verify_with(&chain, &roots).unwrap().serials[3], "63");
}

fn backed(line: &Line) -> bool {
    let (chain, roots) = line.sign();
    verify_with(&chain, &roots).unwrap().strongbox_backed
}

/// A leaked key of a phone's processor claims to be a secure element's.
#[test]
fn strongbox_must_be_in_the_issuers_names() {
    for levels in [(2, 2), (1, 2), (2, 1)] {
        let mut claimed = Line::new(&Says { levels, ..Says::good() });
        claimed.drafts[1].subject[1].1 = "TEE".to_owned();
        assert!(!backed(&claimed), "{levels:?}");
    }
    let mut tee = Line::new(&Says { levels: (1, 1), ..Says::good() });
    tee.drafts[1].subject[1].1 = "TEE".to_owned();
    assert!(!backed(&tee));
    // The leaf's own name is the phone's word.
    tee = Line::new(&Says::good());
    tee.drafts[1].subject.truncate(1);
    tee.drafts[0].subject[0].1 = "StrongBox".to_owned();
    assert!(!backed(&tee));
    assert!(backed(&Line::new(&Says::good())));
}

#[test]
fn dates_of_issuers_are_kept_to_the_second() {
    let at = |not_before, not_after| {
        let mut dated = Line::remote(&Says::good());
        (dated.drafts[1].not_before, dated.drafts[1].not_after) = (not_before, not_after);
        dated.reasons()
    };
    assert_eq!(at("20240920000000Z", "20240920000000Z"), [""; 0]);
    assert_eq!(at("20240920000001Z", "20300101000000Z"), ["certificate_not_yet_valid"]);
    assert_eq!(at("20240101000000Z", "20240919235959Z"), ["certificate_expired"]);
}

#[test]
fn every_reason_is_told_at_once() {
    let mut bad = Line::new(&Says::good().hardware(702, octets(b"x")));
    bad.drafts[1].authority = false;
    bad.drafts[1].not_after = "20240102000000Z";
    bad.drafts[2].key_usage = Some(0x80);
    let (chain, _) = bad.sign();
    let found = verify_at(&chain, SEPTEMBER_2024).unwrap_err();
    let expected = [
        "malformed_authorization",
        "unknown_root",
        "issuer_not_ca",
        "issuer_key_usage",
        "factory_certificate_expired",
    ];
    assert_eq!(words(&found), expected);
    let mut distinct = words(&found);
    distinct.dedup();
    assert_eq!(distinct.len(), found.len());
}

#[test]
fn fields_of_the_wrong_type_are_told_by_name() {
    let no_padding = tlv(&[2], &[0, 1]);
    let cases: [(u32, Vec<u8>, &str); 10] = [
        (1, integer(2), "hardwareEnforced.purposes"),
        (503, integer(0), "hardwareEnforced.noAuthRequired"),
        (503, tlv(&[5], &[0]), "hardwareEnforced.noAuthRequired"),
        (705, no_padding, "hardwareEnforced.osVersion"),
        (704, boot(&[9; 32], 0xff, 4), "hardwareEnforced.rootOfTrust"),
        (704, sequence(&[octets(b"")]), "hardwareEnforced.rootOfTrust"),
        (
            704,
            sequence(&[octets(b""), tlv(&[1], &[0, 0]), enumerated(0)]),
            "hardwareEnforced.rootOfTrust",
        ),
        (710, octets(&[0xff]), "hardwareEnforced.attestationIdBrand"),
        (709, octets(&sequence(&[])), "hardwareEnforced.attestationApplicationId"),
        (1, integers(&[2; limits::MEMBERS + 1]), "hardwareEnforced.purposes"),
    ];
    for (tag, value, field) in cases {
        let (chain, roots) = Line::new(&Says::good().hardware(tag, value)).sign();
        let reasons = verify_with(&chain, &roots).unwrap_err();
        assert_eq!(words(&reasons), ["malformed_authorization"], "{field}");
        assert!(reasons[0].detail.starts_with(field), "{}", reasons[0].detail);
    }
}

/// Two readers must never take a different one of two.
#[test]
fn a_tag_stands_once() {
    let mut twice = Says::good();
    twice.hardware.push((704, boot(&[9; 32], 0, 2)));
    assert_eq!(Line::new(&twice).reasons(), ["duplicate_tag"]);
}

#[test]
fn what_is_no_key_description_is_told() {
    let mut level = Says::good();
    level.levels = (3, 2);
    let short = sequence(&[integer(3)]);
    let trailing = [Says::good().encode(), vec![0]].concat();
    for bytes in [vec![], short, trailing, level.encode(), vec![0x30, 0x80, 0, 0]] {
        let mut broken = line();
        broken.drafts[0].extensions = vec![(DESCRIPTION, false, bytes)];
        assert_eq!(broken.reasons(), ["malformed_key_description"]);
    }
    let mut many = Says::good();
    many.hardware = (1000..).take(limits::FIELDS + 1).map(|tag| (tag, null())).collect();
    assert_eq!(Line::new(&many).reasons(), ["malformed_key_description"]);
}
