//! The verdict, by the names of the Play Integrity API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{DeviceLevel, Expected, Verdict};
use crate::Refusal;

/// How far the vendor's clock may be ahead of this one, in milliseconds.
const SKEW_MS: i64 = 60_000;
/// The most labels, signers and characters of a quoted value.
const MAX_ITEMS: usize = 32;

/// Reads a payload that is known to be the vendor's.
pub(super) fn judge(payload: &[u8], expected: &Expected<'_>) -> Result<Verdict, Vec<Refusal>> {
    let malformed = |how: &str| vec![Refusal::new("malformed_verdict", how)];
    let payload: Value =
        serde_json::from_slice(payload).map_err(|_| malformed("the verdict is no JSON"))?;
    let Some(issued_at_ms) = number(payload.pointer("/requestDetails/timestampMillis")) else {
        return Err(malformed("the verdict has no timestampMillis"));
    };
    let mut reasons = request(&payload, expected);
    reasons.extend(age(issued_at_ms, expected));
    reasons.extend(app(&payload, expected));
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let device_labels: Vec<_> =
        texts(&payload, "/deviceIntegrity/deviceRecognitionVerdict").map(str::to_owned).collect();
    Ok(Verdict {
        package: expected.package.to_owned(),
        version_code: number(payload.pointer("/appIntegrity/versionCode"))
            .and_then(|code| code.try_into().ok()),
        issued_at_ms,
        device: level(&device_labels),
        device_labels,
        licensing: text(&payload, "/accountDetails/appLicensingVerdict").map(str::to_owned),
        payload,
    })
}

/// `requestDetails`: what the app asked with.
fn request(payload: &Value, expected: &Expected<'_>) -> Vec<Refusal> {
    let package = text(payload, "/requestDetails/requestPackageName");
    // The vendor is known to add padding to a nonce that came without.
    let nonce = text(payload, "/requestDetails/nonce").map(|nonce| nonce.trim_end_matches('='));
    [
        (package != Some(expected.package)).then(|| {
            Refusal::new(
                "package_mismatch",
                format!("the token was asked for by {}", quoted(package)),
            )
        }),
        nonce.is_none().then(|| {
            Refusal::new("nonce_missing", "the verdict has no nonce; a classic request is wanted")
        }),
        nonce.is_some_and(|nonce| nonce != expected.nonce).then(|| {
            Refusal::new(
                "nonce_mismatch",
                "the token was made for another challenge, app, client or key",
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn age(issued_at_ms: i64, expected: &Expected<'_>) -> Option<Refusal> {
    let age = expected.now.saturating_mul(1000).saturating_sub(issued_at_ms);
    if age > expected.max_age.saturating_mul(1000) {
        return Some(Refusal::new(
            "verdict_too_old",
            format!("the verdict is {} s old", age / 1000),
        ));
    }
    (age < -SKEW_MS).then(|| {
        Refusal::new(
            "verdict_from_the_future",
            format!("the verdict is {} s ahead", age.saturating_neg() / 1000),
        )
    })
}

/// `appIntegrity`: which app it is, as the store knows it.
fn app(payload: &Value, expected: &Expected<'_>) -> Vec<Refusal> {
    let recognized = text(payload, "/appIntegrity/appRecognitionVerdict");
    let package = text(payload, "/appIntegrity/packageName");
    let signed = texts(payload, "/appIntegrity/certificateSha256Digest").any(|digest| {
        let digest = URL_SAFE_NO_PAD.decode(digest.trim_end_matches('='));
        digest.is_ok_and(|digest| expected.certificates.iter().any(|one| one.as_slice() == digest))
    });
    [
        (recognized != Some("PLAY_RECOGNIZED")).then(|| {
            Refusal::new(
                "app_not_recognized",
                format!("the store says {} of the app", quoted(recognized)),
            )
        }),
        (package != Some(expected.package)).then(|| {
            Refusal::new("app_package_mismatch", format!("the app is {}", quoted(package)))
        }),
        (!signed).then(|| {
            Refusal::new(
                "signer_mismatch",
                "the app is signed by none of the certificates registered",
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn level(labels: &[String]) -> DeviceLevel {
    let of = |label: &String| match label.as_str() {
        "MEETS_STRONG_INTEGRITY" => DeviceLevel::Strong,
        "MEETS_DEVICE_INTEGRITY" => DeviceLevel::Device,
        "MEETS_BASIC_INTEGRITY" => DeviceLevel::Basic,
        _ => DeviceLevel::None,
    };
    labels.iter().map(of).max().unwrap_or(DeviceLevel::None)
}

/// 64-bit numbers come as strings (proto3's JSON), or as numbers.
fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        number => number.as_i64(),
    }
}

fn text<'a>(payload: &'a Value, pointer: &str) -> Option<&'a str> {
    payload.pointer(pointer)?.as_str()
}

fn texts<'a>(payload: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    let items = payload.pointer(pointer).and_then(Value::as_array);
    items.into_iter().flatten().take(MAX_ITEMS).filter_map(Value::as_str)
}

/// A value of the payload, as a sentence may hold it.
fn quoted(value: Option<&str>) -> String {
    value.map_or_else(
        || "nothing".to_owned(),
        |text| format!("{:?}", text.chars().take(120).collect::<String>()),
    )
}
