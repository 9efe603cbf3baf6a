//! Evidence that is new.

use super::*;
use crate::attester::judge::key;

fn show(app: &App, name: &str) -> Result<Evidence, Vec<Refusal>> {
    key(app, &chain(name), None, &Trust::published(), (SHOWN, SHOWN)).map(|found| found.evidence)
}

#[test]
fn a_chain_is_worth_the_level_that_it_shows() {
    assert_eq!(show(&app(&[]), TEE), Ok(Evidence::Tee));
    for policy in [Evidence::None, Evidence::Software, Evidence::Tee] {
        assert_eq!(show(&app(&[policy]), TEE), Ok(Evidence::Tee), "{policy:?}");
    }
    assert_eq!(show(&app(&[Evidence::Strongbox]), STRONGBOX), Ok(Evidence::Strongbox));
    // Any of them is enough.
    assert_eq!(show(&app(&[Evidence::Strongbox, Evidence::Tee]), TEE), Ok(Evidence::Tee));
}

#[test]
fn a_lower_level_than_the_app_asks_for_is_not_enough() {
    assert!(words(show(&app(&[Evidence::Strongbox]), TEE)).contains(&"evidence_not_enough"));
    assert_eq!(words(show(&app(&[Evidence::AppAttest]), STRONGBOX)), ["evidence_not_enough"]);
}

#[test]
fn a_chain_of_an_app_that_is_not_registered_for_android_is_refused() {
    let unnamed = App { android_package: None, ..app(&[]) };
    assert_eq!(words(show(&unnamed, TEE)), ["android_not_registered"]);
    for signers in [Vec::new(), vec!["no digest".to_owned()], vec!["00".repeat(31)]] {
        let unsigned = App { android_cert_sha256: signers, ..app(&[]) };
        assert_eq!(words(show(&unsigned, TEE)), ["android_not_registered"]);
    }
}

#[test]
fn a_chain_of_another_app_signer_or_challenge_is_refused() {
    let package = App { android_package: Some("com.example".to_owned()), ..app(&[]) };
    assert_eq!(words(show(&package, TEE)), ["package_mismatch"]);
    let signer = App { android_cert_sha256: vec!["00".repeat(32)], ..app(&[]) };
    assert_eq!(words(show(&signer, TEE)), ["signer_mismatch"]);
    let judged = android(&app(&[]), &chain(TEE), &[7; 32], &Trust::published(), SHOWN);
    assert_eq!(words(judged), ["challenge_mismatch"], "it answered another server's");
}

#[test]
fn an_old_system_is_refused_if_the_app_says_so() {
    let mut app = app(&[]);
    app.attestation.android_min_os_patch_level = Some(202_602);
    assert!(show(&app, TEE).is_ok());
    app.attestation.android_min_os_patch_level = Some(202_603);
    assert_eq!(words(show(&app, TEE)).len(), 1);
}

#[test]
fn apples_word_is_for_this_app_environment_and_challenge() {
    let judged = show_apple(&app(&[Evidence::AppAttest]), None).unwrap();
    assert_eq!(judged.attestation.evidence, Evidence::AppAttest);
    assert_eq!(judged.attestation.attester, BUILT_IN);
    assert_eq!(judged.jwk, jwk());
    assert_eq!(words(show_apple(&app(&[Evidence::Tee]), None)), ["evidence_not_enough"]);
    assert!(show_apple(&app(&[Evidence::Software]), None).is_ok());
    let unnamed = App { apple_app_id: None, ..app(&[]) };
    assert_eq!(words(show_apple(&unnamed, None)), ["apple_not_registered"]);
    let other = App { apple_app_id: Some("V8H6LQ9448.other".to_owned()), ..app(&[]) };
    assert_eq!(words(show_apple(&other, None)), ["app_id_mismatch"]);
    let mut development = app(&[]);
    development.attestation.apple_environment = crate::records::AppleEnvironment::Development;
    assert_eq!(words(show_apple(&development, None)), ["environment_not_allowed"]);
    assert!(show_apple(&app(&[]), Some([7; 32])).is_err());
}

#[test]
fn play_integrity_needs_keys() {
    let vault = fixtures::vault();
    let judged = play_integrity(&app(&[]), "token", jwk(), &[7; 32], &vault, SHOWN);
    assert_eq!(words(judged), ["play_integrity_not_registered"]);
}
