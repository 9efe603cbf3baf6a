//! Verdicts, refused each for its own reason.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::store::{HEADER, NONCE, NOW, PACKAGE, Store, encode, expected, verdict};
use super::*;

fn check(verdict: &Value) -> Result<Verdict, Vec<Refusal>> {
    let store = Store::new();
    verify(&store.token(verdict), &store.keys(), &expected())
}

/// Changes one value of a good verdict.
fn with(pointer: &str, value: Value) -> Value {
    let mut verdict = verdict();
    *verdict.pointer_mut(pointer).expect("a value to change") = value;
    verdict
}

fn without(group: &str) -> Value {
    let mut verdict = verdict();
    verdict.as_object_mut().unwrap().remove(group).expect("a group to remove");
    verdict
}

#[test]
fn a_good_verdict_is_told_whole() {
    let told = check(&verdict()).unwrap();
    assert_eq!((told.package.as_str(), told.version_code), (PACKAGE, Some(42)));
    assert_eq!((told.issued_at_ms, told.device), (NOW * 1000, DeviceLevel::Strong));
    assert_eq!(told.device_labels.len(), 3);
    assert_eq!(told.licensing.as_deref(), Some("LICENSED"));
    assert_eq!(told.payload, verdict());
}

#[test]
fn numbers_may_be_numbers_and_padding_may_be_added() {
    let mut written = with("/requestDetails/timestampMillis", json!(NOW * 1000));
    written["appIntegrity"]["versionCode"] = json!(7);
    written["requestDetails"]["nonce"] = json!(format!("{NONCE}="));
    written["appIntegrity"]["certificateSha256Digest"] =
        json!([encode([1; 32]), encode([0xab; 32]) + "="]);
    assert_eq!(check(&written).unwrap().version_code, Some(7));
}

#[test]
fn another_request() {
    let at = |pointer, value| words(check(&with(pointer, value)));
    assert_eq!(
        at("/requestDetails/requestPackageName", json!("com.example")),
        ["package_mismatch"]
    );
    assert_eq!(at("/requestDetails/requestPackageName", json!(null)), ["package_mismatch"]);
    assert_eq!(at("/requestDetails/nonce", json!(encode([0; 32]))), ["nonce_mismatch"]);
    assert_eq!(at("/requestDetails/nonce", json!("")), ["nonce_mismatch"]);
    assert_eq!(at("/requestDetails/nonce", json!([NONCE])), ["nonce_missing"]);
    let mut standard = verdict();
    let details = standard["requestDetails"].as_object_mut().unwrap();
    details.remove("nonce");
    details.insert("requestHash".to_owned(), json!(NONCE));
    assert_eq!(words(check(&standard)), ["nonce_missing"]);
}

#[test]
fn another_time() {
    let at = |seconds: i64| {
        check(&with("/requestDetails/timestampMillis", json!((seconds * 1000).to_string())))
    };
    for fresh in [NOW, NOW - 300, NOW + 60] {
        assert!(at(fresh).is_ok(), "{fresh}");
    }
    assert_eq!(words(at(NOW - 301)), ["verdict_too_old"]);
    assert_eq!(words(at(NOW + 61)), ["verdict_from_the_future"]);
    for extreme in [i64::MIN, i64::MAX, 0] {
        let written = with("/requestDetails/timestampMillis", json!(extreme));
        assert!(check(&written).is_err(), "{extreme}");
    }
    for none in [json!("soon"), json!(null), json!(1.5), json!({}), json!(u64::MAX)] {
        let written = with("/requestDetails/timestampMillis", none);
        assert_eq!(words(check(&written)), ["malformed_verdict"]);
    }
}

#[test]
fn another_app() {
    let at = |pointer, value| words(check(&with(pointer, value)));
    for verdict in ["UNRECOGNIZED_VERSION", "UNEVALUATED", "play_recognized", ""] {
        assert_eq!(
            at("/appIntegrity/appRecognitionVerdict", json!(verdict)),
            ["app_not_recognized"]
        );
    }
    assert_eq!(
        at("/appIntegrity/packageName", json!("com.example.app2")),
        ["app_package_mismatch"]
    );
    for digests in
        [json!([]), json!([encode([1; 32])]), json!(encode([0xab; 32])), json!([7]), json!(["*"])]
    {
        assert_eq!(at("/appIntegrity/certificateSha256Digest", digests), ["signer_mismatch"]);
    }
    let all = ["app_not_recognized", "app_package_mismatch", "signer_mismatch"];
    assert_eq!(words(check(&without("appIntegrity"))), all);
    let store = Store::new();
    let none = Expected { certificates: &[], ..expected() };
    assert_eq!(words(verify(&store.token(&verdict()), &store.keys(), &none)), ["signer_mismatch"]);
}

#[test]
fn a_quoted_value_is_cut_and_escaped() {
    let long = format!("\n{}", "x".repeat(5000));
    let reasons = check(&with("/appIntegrity/packageName", json!(long))).unwrap_err();
    assert!(reasons[0].detail.len() < 200 && !reasons[0].detail.contains('\n'));
}

#[test]
fn the_highest_label_counts() {
    let level = |labels: Value| {
        let told = check(&with("/deviceIntegrity/deviceRecognitionVerdict", labels)).unwrap();
        (told.device, told.device_labels.len())
    };
    assert_eq!(level(json!([])), (DeviceLevel::None, 0));
    assert_eq!(level(json!(["MEETS_VIRTUAL_INTEGRITY"])), (DeviceLevel::None, 1));
    assert_eq!(level(json!(["MEETS_BASIC_INTEGRITY"])), (DeviceLevel::Basic, 1));
    assert_eq!(
        level(json!(["MEETS_DEVICE_INTEGRITY", "MEETS_BASIC_INTEGRITY"])),
        (DeviceLevel::Device, 2)
    );
    assert_eq!(level(json!(["MEETS_STRONG_INTEGRITY"])), (DeviceLevel::Strong, 1));
    assert_eq!(level(json!("MEETS_STRONG_INTEGRITY")), (DeviceLevel::None, 0));
    assert_eq!(check(&without("deviceIntegrity")).unwrap().device, DeviceLevel::None);
    assert!(DeviceLevel::None < DeviceLevel::Basic && DeviceLevel::Device < DeviceLevel::Strong);
}

#[test]
fn a_verdict_is_json() {
    let store = Store::new();
    for payload in [&b""[..], b"null", b"[]", b"{", b"\xff", "[".repeat(10_000).as_bytes()] {
        let signed = store.sign(r#"{"alg":"ES256"}"#, payload);
        let token = store.encrypt(HEADER, signed.as_bytes());
        assert_eq!(words(verify(&token, &store.keys(), &expected())), ["malformed_verdict"]);
    }
}

/// Any JSON, with words of a verdict in it.
fn anything() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!("PLAY_RECOGNIZED")),
        Just(json!(PACKAGE)),
        Just(json!(NONCE)),
    ];
    word.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec(("[a-z]{0,8}", inner), 0..6)
                .prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_the_store_says_is_judged(
        value in anything(),
        at in proptest::sample::select(vec![
            "", "/requestDetails", "/requestDetails/timestampMillis", "/requestDetails/nonce",
            "/requestDetails/requestPackageName", "/appIntegrity", "/appIntegrity/packageName",
            "/appIntegrity/appRecognitionVerdict", "/appIntegrity/certificateSha256Digest",
            "/appIntegrity/versionCode", "/deviceIntegrity", "/accountDetails",
            "/deviceIntegrity/deviceRecognitionVerdict",
        ]),
    ) {
        let written = with(at, value);
        let (good, device) = (verdict(), ["deviceIntegrity", "accountDetails"]);
        // What is bound must be as it was, whatever else is said.
        if let Ok(told) = check(&written) {
            prop_assert_eq!(&told.payload["requestDetails"], &good["requestDetails"]);
            let app = |of: &Value, field: &str| of["appIntegrity"][field].clone();
            for field in ["packageName", "appRecognitionVerdict", "certificateSha256Digest"] {
                prop_assert_eq!(app(&told.payload, field), app(&good, field));
            }
        } else {
            prop_assert!(!device.iter().any(|group| at.trim_start_matches('/').starts_with(group)));
        }
    }

    #[test]
    fn no_bytes_in_either_envelope_are_a_fault(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "[A-Za-z0-9_.-]{0,200}",
    ) {
        let store = Store::new();
        let signed = store.sign(r#"{"alg":"ES256"}"#, &bytes);
        let inside = [bytes.as_slice(), text.as_bytes(), signed.as_bytes()];
        for token in inside.map(|inside| store.encrypt(HEADER, inside)).iter().chain([&text]) {
            prop_assert!(verify(token, &store.keys(), &expected()).is_err());
        }
    }
}
