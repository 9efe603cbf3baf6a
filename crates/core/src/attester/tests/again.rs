//! Evidence that was stored.

use super::*;
use crate::records::AppleEnvironment;

const DAY: i64 = 86_400;

fn judge(app: &App, stored: &Attestation, now: Timestamp) -> Result<Attestation, Vec<Refusal>> {
    again(app, stored, &Trust::published(), now)
}

#[test]
fn a_chain_outlives_its_certificates_but_not_todays_revocations() {
    let stored = of_android(TEE, Evidence::Tee);
    let later = SHOWN.plus_seconds(200 * DAY);
    let judged = judge(&app(&[Evidence::Tee]), &stored, later).unwrap();
    assert_eq!(judged, Attestation { attested_at: later, ..stored.clone() });
    let list = br#"{"entries":{"b184cb05ec50fdc985f0ec53297cf823":{"status":"REVOKED"}}}"#;
    let revoked = Trust {
        android_revocations: key_attestation::Revocations::parse(list).unwrap(),
        ..Trust::published()
    };
    assert_eq!(words(again(&app(&[]), &stored, &revoked, later)), ["revoked"]);
}

#[test]
fn what_the_app_asks_for_today_counts() {
    let stored = of_android(TEE, Evidence::Tee);
    let refused = words(judge(&app(&[Evidence::Strongbox]), &stored, SHOWN));
    assert!(refused.contains(&"evidence_not_enough"), "{refused:?}");
    let signers = App { android_cert_sha256: vec!["00".repeat(32)], ..app(&[]) };
    assert_eq!(words(judge(&signers, &stored, SHOWN)), ["signer_mismatch"]);
    // What the stored row says it is worth is not believed.
    let boasting = of_android(TEE, Evidence::Strongbox);
    assert_eq!(judge(&app(&[]), &boasting, SHOWN).unwrap().evidence, Evidence::Tee);
}

#[test]
fn a_stored_chain_that_cannot_be_read_is_refused() {
    let mut stored = of_android(TEE, Evidence::Tee);
    let Statement::AndroidKey(said) = &mut stored.statement else { unreachable!() };
    said.certificate_chain[0] = "no base64".to_owned();
    assert_eq!(words(judge(&app(&[]), &stored, SHOWN)), ["malformed_certificate"]);
}

#[test]
fn another_attesters_word_is_not_ours_to_renew() {
    let external = Attestation { statement: Statement::External, ..of_play() };
    assert_eq!(words(judge(&app(&[]), &external, SHOWN)), ["other_attester"]);
    let other = Attestation { attester: "mdm".to_owned(), ..of_play() };
    assert_eq!(words(judge(&app(&[]), &other, SHOWN)), ["other_attester"]);
}

#[test]
fn apples_word_holds_while_app_and_environment_stay() {
    let stored = show_apple(&app(&[]), None).unwrap().attestation;
    let later = APPLE_SHOWN.plus_seconds(1000 * DAY);
    assert_eq!(judge(&app(&[Evidence::AppAttest]), &stored, later).unwrap().attested_at, later);
    for id in [None, Some("V8H6LQ9448.other".to_owned())] {
        let renamed = App { apple_app_id: id, ..app(&[]) };
        assert_eq!(words(judge(&renamed, &stored, later)), ["app_id_mismatch"]);
    }
    let mut moved = app(&[]);
    moved.attestation.apple_environment = AppleEnvironment::Development;
    assert_eq!(words(judge(&moved, &stored, later)), ["environment_not_allowed"]);
    assert_eq!(words(judge(&app(&[Evidence::Tee]), &stored, later)), ["evidence_not_enough"]);
}

#[test]
fn a_play_verdict_holds_for_thirty_days_while_package_and_signers_stay() {
    let stored = of_play();
    let last = Timestamp(SHOWN.plus_seconds(30 * DAY).0 - 1);
    assert_eq!(judge(&app(&[]), &stored, last).unwrap().evidence, Evidence::Software);
    let late = SHOWN.plus_seconds(30 * DAY);
    assert_eq!(words(judge(&app(&[]), &stored, late)), ["verdict_too_old"]);
    // Renewing does not make it younger.
    let renewed = judge(&app(&[]), &stored, last).unwrap();
    assert_eq!(words(judge(&app(&[]), &renewed, late)), ["verdict_too_old"]);
    let package = App { android_package: Some("com.example".to_owned()), ..app(&[]) };
    assert_eq!(words(judge(&package, &stored, SHOWN)), ["package_mismatch"]);
    let signers = App { android_cert_sha256: vec!["00".repeat(32)], ..app(&[]) };
    assert_eq!(words(judge(&signers, &stored, SHOWN)), ["signer_mismatch"]);
    let more = App { android_cert_sha256: vec!["00".repeat(32), signer()], ..app(&[]) };
    assert!(judge(&more, &stored, SHOWN).is_ok());
}

#[test]
fn an_assertion_counts_up() {
    let sample: Value = serde_json::from_str(ASSERTION).unwrap();
    let digest = sha256(sample["client_data"].as_str().unwrap().as_bytes());
    let assertion = bytes(&sample, "assertion");
    let stored = |counter| {
        let mut stored = show_apple(&app(&[]), None).unwrap().attestation;
        let Statement::AppAttest(said) = &mut stored.statement else { unreachable!() };
        said.counter = counter;
        said.public_key = STANDARD.encode(point(&bytes(&sample, "public_key")));
        stored
    };
    assert_eq!(asserted(stored(0), &assertion, &digest), Ok(stored(1)));
    assert_eq!(words(asserted(stored(1), &assertion, &digest)), ["counter_not_greater"]);
    assert!(asserted(stored(0), &assertion, &[7; 32]).is_err());
    assert_eq!(words(asserted(of_play(), &assertion, &digest)), ["malformed_assertion"]);
    let mut unreadable = stored(0);
    let Statement::AppAttest(said) = &mut unreadable.statement else { unreachable!() };
    said.public_key = "no base64".to_owned();
    assert_eq!(words(asserted(unreadable, &assertion, &digest)), ["key_not_p256"]);
}
