//! Certificate and documents beside this file: made with python3's `cryptography` by the steps of
//! the SNS documentation, the key thrown away.

use super::*;
use crate::testing::{MUST_NOT_SHOW, call};

const NOW: i64 = 1_700_000_000;
const CERTIFICATE: &str = include_str!("certificate.pem");
const FIRST: &str = include_str!("notification-1.json");
const SECOND: &str = include_str!("notification-2.json");
const SUBSCRIPTION: &str = include_str!("subscription-2.json");
const UNSUBSCRIPTION: &str = include_str!("unsubscription-1.json");

fn sns() -> Sns {
    Sns { topics: vec!["arn:aws:sns:eu-west-1:123456789012:two-way".into()] }
}

fn read_at(body: &str, now: i64) -> Result<Said, Refused> {
    let call = call("POST", "https://a/sms/s", &[], body.as_bytes(), now);
    sns().read(&call.call(), Some(CERTIFICATE.as_bytes()))
}

fn read(body: &str) -> Result<Said, Refused> {
    read_at(body, NOW)
}

fn certificate_of(body: &str) -> Result<String, Refused> {
    sns().signing_certificate(&call("POST", "https://a/sms/s", &[], body.as_bytes(), NOW).call())
}

#[test]
fn texts_are_read_under_either_version() {
    let id = Some("22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324");
    let text = one_text(id, "+447911123456", Some("+15005550006"), "LOGIN 4F7K");
    assert!(matches!(text, Ok(Said::Texts(_))));
    assert_eq!(read(FIRST), text);
    assert_eq!(read(SECOND), text);
}

#[test]
fn subscriptions_are_told() {
    let Ok(Said::Subscribe(url)) = read(SUBSCRIPTION) else { panic!() };
    assert!(url.starts_with("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"));
    assert_eq!(read(UNSUBSCRIPTION), Ok(Said::Nothing("unsubscribed")));
}

#[test]
fn a_subscription_elsewhere_is_never_told() {
    let elsewhere = serde_json::json!({
        "Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/?x"
    });
    assert_eq!(said(&elsewhere), Err(Refused::Malformed("SubscribeURL")));
}

#[test]
fn a_call_that_shows_something_else_is_refused() {
    let mut changes = vec![
        ("text", FIRST.replace("4F7K", "4F7L")),
        ("id", FIRST.replace("22b80b92", "22b80b93")),
        ("time", FIRST.replace("22:13:20", "22:13:21")),
        ("version", FIRST.replace(r#"Version": "1""#, r#"Version": "2""#)),
        ("another version", FIRST.replace(r#"Version": "1""#, r#"Version": "3""#)),
        ("no version", FIRST.replace("SignatureVersion", "x")),
        ("topic", FIRST.replace("two-way", "too-way")),
        ("no topic", FIRST.replace("TopicArn", "x")),
        ("type", FIRST.replace("\"Notification\"", "\"Other\"")),
        ("no signature", FIRST.replace("\"Signature\"", "\"x\"")),
        ("added subject", FIRST.replacen('{', r#"{"Subject":"x","#, 1)),
        ("no subject", SECOND.replace("Subject", "x")),
        ("token", SUBSCRIPTION.replace(r#""Token": "23"#, r#""Token": "24"#)),
        ("subscription's URL", SUBSCRIPTION.replace("/?Action", "/?action")),
        ("unsubscription as subscription", UNSUBSCRIPTION.replace("Unsubscribe", "Subscription")),
        ("raw delivery", r#"{"originationNumber":"+1","messageBody":"x"}"#.to_owned()),
    ];
    // A message that ends in names of its own: the same octets, split elsewhere.
    let split = SECOND.replace(r#""Subject": "a\nb""#, r#""Subject": "a""#);
    changes.push(("split", split));
    for (what, body) in changes {
        assert_eq!(read(&body), Err(Refused::Unauthenticated), "{what}");
    }
}

#[test]
fn names_may_not_be_smuggled_in_line_breaks() {
    let smuggled = serde_json::json!({"Type": "Notification", "Message": "a",
        "MessageId": "b\nSubject\nc", "Timestamp": "d", "TopicArn": "e"});
    assert_eq!(signed_octets(&smuggled), None);
}

#[test]
fn without_its_certificate_a_call_is_refused() {
    let call = call("POST", "https://a/sms/s", &[], FIRST.as_bytes(), NOW);
    let cut = CERTIFICATE.replace("-----END CERTIFICATE-----", "");
    for pem in [None, Some(""), Some("x"), Some(cut.as_str())] {
        let said = sns().read(&call.call(), pem.map(str::as_bytes));
        assert_eq!(said, Err(Refused::Unauthenticated));
    }
    assert_eq!(public_key(CERTIFICATE.as_bytes(), 1_672_531_199), None, "not yet valid");
    assert_eq!(public_key(CERTIFICATE.as_bytes(), 1_704_067_201), None, "no longer valid");
    assert!(public_key(CERTIFICATE.as_bytes(), NOW).is_some());
}

#[test]
fn a_call_of_another_time_is_stale() {
    for now in [NOW - 3601, NOW + 3601] {
        assert_eq!(read_at(FIRST, now), Err(Refused::Stale));
    }
    for now in [NOW - 3600, NOW + 3600] {
        assert!(read_at(FIRST, now).is_ok());
    }
}

#[test]
fn certificates_come_from_sns_alone() {
    let url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem";
    assert_eq!(certificate_of(FIRST), Ok(url.to_owned()));
    let china = "https://sns.cn-north-1.amazonaws.com.cn/a.pem";
    assert_eq!(certificate_of(&FIRST.replace(url, china)), Ok(china.to_owned()));
    for no in [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu.west.amazonaws.com/a.pem",
        "https://sns.eu.amazonaws.com/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.eu-west-1.amazonaws.com/.pem",
        "https://sns.eu-west-1.amazonaws.com/b/../a.pem",
        "https://sns.eu-west-1.amazonaws.com/?a.pem",
        "https://sns.eu-west-1.amazonaws.com/%2e.pem",
        "https://sns.eu-west-1.amazonaws.com",
        "",
    ] {
        let refused = Err(Refused::Unauthenticated);
        assert_eq!(certificate_of(&FIRST.replace(url, no)), refused, "{no}");
        assert_eq!(read(&FIRST.replace(url, no)), Err(Refused::Unauthenticated), "{no}");
    }
    let other = FIRST.replace("two-way", "other");
    assert_eq!(certificate_of(&other), Err(Refused::Unauthenticated), "before it is fetched");
    assert_eq!(certificate_of("{"), Err(Refused::Malformed("not JSON")));
}

#[test]
fn what_is_no_text_is_nothing() {
    let with = |message: &str| {
        said(&serde_json::json!({"Type": "Notification", "MessageId": "m", "Message": message}))
    };
    assert_eq!(with("hello"), Ok(Said::Nothing("event")));
    assert_eq!(with(r#"{"eventType":"TEXT_DELIVERED"}"#), Ok(Said::Nothing("event")));
    let long = format!(r#"{{"originationNumber":"+1","messageBody":"{}"}}"#, "x".repeat(2049));
    assert_eq!(with(&long), Ok(Said::Nothing("oversized")));
    let call = call("POST", "https://a/sms/s", &[], b"\"\xff\"", NOW);
    let said = sns().read(&call.call(), Some(CERTIFICATE.as_bytes()));
    assert_eq!(said, Err(Refused::Malformed("not UTF-8")));
}

#[test]
fn nothing_is_shown_that_should_not_be() {
    let shown = format!("{:?}{:?}", read(FIRST), read(SUBSCRIPTION));
    assert!(MUST_NOT_SHOW.iter().all(|word| !shown.contains(word)));
    assert!(!shown.contains("2336412f37"));
}
