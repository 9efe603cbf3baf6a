use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use twinpath_core::instance::ScopePolicy;
use twinpath_core::records::Evidence;
use twinpath_server::config::AttesterFile;

use super::*;

const LIST: &str = r#"{"entries":{"c0ffee":{"status":"REVOKED"}}}"#;

fn plain() -> Attestation {
    Attestation {
        android_roots_file: None,
        android_expired_factory_keys: false,
        android_revocations_file: None,
        android_revocations_url: None,
        apple_roots_file: None,
        max_age_s: 86_400,
        attesters: Vec::new(),
        requests_per_hour: 3000,
        refresh: Duration::from_secs(3600),
        scopes: Arc::new(ScopePolicy::new(std::collections::BTreeMap::new())),
    }
}

/// How many checks passed, how many are to know, and how many failed.
fn count(config: &Attestation, hears_android: bool) -> (usize, usize, usize) {
    let mut report = Report::default();
    examine(config, hears_android, &mut report);
    (report.passed, report.noted, report.failed)
}

fn with_list(path: PathBuf) -> Attestation {
    Attestation { android_revocations_file: Some(path), ..plain() }
}

#[test]
fn a_missing_status_list_is_told_where_phones_show_evidence() {
    assert_eq!(count(&plain(), false), (1, 0, 0));
    assert_eq!(count(&plain(), true), (1, 1, 0));
    let url = Some("https://example.com/status".to_owned());
    let fetched = Attestation { android_revocations_url: url.clone(), ..plain() };
    assert_eq!(count(&fetched, true), (1, 1, 0));
    let none_yet = with_list("/nonexistent/status.json".into());
    assert_eq!(count(&none_yet, true), (0, 0, 1), "nobody fetches it");
    let to_come = Attestation { android_revocations_url: url, ..none_yet };
    assert_eq!(count(&to_come, true), (1, 1, 0));
}

#[test]
fn a_status_list_is_read_and_may_be_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    fs::write(&path, LIST).unwrap();
    assert_eq!(count(&with_list(path.clone()), true), (2, 0, 0));
    let then = SystemTime::now() - OLD - Duration::from_secs(60);
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    assert_eq!(count(&with_list(path.clone()), true), (1, 1, 0));
    fs::write(&path, "no list").unwrap();
    assert_eq!(count(&with_list(path), true), (0, 0, 1));
}

#[test]
fn roots_that_cannot_be_read_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots.pem");
    for text in [None, Some("no roots")] {
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let android = Attestation { android_roots_file: Some(path.clone()), ..plain() };
        assert_eq!(count(&android, false), (0, 0, 1), "{text:?}");
        let apple = Attestation { apple_roots_file: Some(path.clone()), ..plain() };
        assert_eq!(count(&apple, false), (0, 0, 1), "{text:?}");
    }
}

#[test]
fn each_attesters_keys_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.json"), folder.path().join("bad.json"));
    // RFC 7515 A.3.
    let key = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    fs::write(&good, format!(r#"{{"keys":[{key}]}}"#)).unwrap();
    fs::write(&bad, r#"{"keys":[]}"#).unwrap();
    let attester = |name: &str, jwks_file: &PathBuf| AttesterFile {
        name: name.to_owned(),
        jwks_file: jwks_file.clone(),
        clients: None,
        evidence: Evidence::Software,
    };
    let attesters = vec![
        attester("one", &good),
        attester("two", &bad),
        attester("three", &folder.path().join("none.json")),
    ];
    assert_eq!(count(&Attestation { attesters, ..plain() }, false), (2, 0, 2));
}
