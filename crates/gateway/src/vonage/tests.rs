use super::*;
use crate::testing::{MUST_NOT_SHOW, call, hex};

const NOW: i64 = 1_700_000_000;
const URL: &str = "https://id.example.com/sms/vonage";
const FORM: &str = "msisdn=447911123456&to=15005550006&messageId=0A0000000123ABCD1\
    &text=LOGIN+4F7K+a%3Db%26c&type=text&keyword=LOGIN&message-timestamp=2023-11-14+22%3A13%3A20\
    &timestamp=1700000000&nonce=aaaaaaaa-bbbb";
/// Of FORM with `vonage-token`, by python3's hmac over the sorted pairs, values replaced.
const SHA256: &str = "52E436F68D2BBEF45F85082D0BDA35F6E88CFD2106C033DB2D0A7365EE0B0AB4";
const SHA512: &str = "34A4FE32035362789CB862E48575B716B1A96CB46A74B294791DE98127C8C765\
    508343221D4B99B796750D0C63A46338ABEF29A38CF3A16CAF335C77202BDB89";
const SHA1: &str = "88468F86826FA680A6A37D0B91E342F6F836A4BF";
const MD5: &str = "53A315E7D0E3D271EA82781F388B6872";

const MESSAGE: &str = r#"{"channel":"sms","message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab","to":"15005550006","from":"447911123456","timestamp":"2023-11-14T22:13:20Z","text":"LOGIN 4F7K","message_type":"text","sms":{"num_messages":"1"}}"#;
/// HS256 with `vonage-token`, by python3: iat 1700000000, `api_key` abcd1234, `payload_hash` of MESSAGE.
const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpYXQiOiAxNzAwMDAwMDAwLCAianRpIjogImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsICJpc3MiOiAiVm9uYWdlIiwgInBheWxvYWRfaGFzaCI6ICJmMTFjZGFiYTIwZDk4ZjRhNTA4MTMwYjZmYmEzNGY4YzE3N2RkZjk5MGVjOWZhMDE3ZDg1MGU0NTUxNjRjY2EwIiwgImFwaV9rZXkiOiAiYWJjZDEyMzQiLCAiYXBwbGljYXRpb25faWQiOiAiYWFhYWFhYWEtYmJiYi1jY2NjLWRkZGQtMDEyMzQ1Njc4OWFiIn0.K294E42bWUNS1yrtvOEF-CcIrCuJuXoBFDC7FtTNMDQ";

fn vonage() -> Vonage {
    let secrets = vec![Secret::new("other").unwrap(), Secret::new("vonage-token").unwrap()];
    Vonage { secrets, api_key: Some("abcd1234".into()) }
}

fn post(form: &str) -> Result<Said, Refused> {
    vonage().read(&call("POST", URL, &[], form.as_bytes(), NOW).call())
}

/// A form with its signature.
fn signed(form: &str) -> String {
    let octets = signed_octets(&Parameters::parse(form.as_bytes()).unwrap());
    let mark = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"vonage-token"), octets.as_bytes());
    let mark = hex(mark.as_ref()).to_uppercase();
    format!("{form}&sig={mark}")
}

fn bear(token: &str, body: &[u8]) -> Result<Said, Refused> {
    let bearer = format!("Bearer {token}");
    vonage().read(&call("POST", URL, &[("authorization", &bearer)], body, NOW).call())
}

fn jwt(head: &str, claims: &str) -> String {
    let message = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let mark = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"vonage-token"), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mark))
}

fn claims(body: &str, iat: i64, more: &str) -> String {
    let hash = digest::digest(&digest::SHA256, body.as_bytes());
    let hash = hex(hash.as_ref());
    format!(r#"{{"iat":{iat},"api_key":"abcd1234","payload_hash":"{hash}"{more}}}"#)
}

const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn message(body: &str) -> Result<Said, Refused> {
    bear(&jwt(HEAD, &claims(body, NOW, "")), body.as_bytes())
}

/// The parameters and secret of the tests of Vonage's SDK for Python (`test_signature.py`).
#[test]
fn the_sdks_signature_holds() {
    let vonage = Vonage { secrets: vec![Secret::new("secret").unwrap()], api_key: None };
    let sig = "a321e824b9b816be7c3f28859a31749a098713d39f613c80d455bbaffae1cd24";
    let form = format!("a=1&b=2&timestamp=1461605396&sig={sig}");
    let read = |now| vonage.signed(&call("POST", URL, &[], form.as_bytes(), now).call()).err();
    assert_eq!(read(1_461_605_396), None);
    assert_eq!(read(1_461_605_696 + 1), Some(Refused::Stale));
}

#[test]
fn a_text_is_read_from_form_query_and_json() {
    let id = Some("0A0000000123ABCD1");
    let text = one_text(id, "447911123456", Some("15005550006"), "LOGIN 4F7K a=b&c");
    assert!(matches!(text, Ok(Said::Texts(_))));
    for sig in [SHA256, SHA512, &SHA256.to_lowercase()] {
        assert_eq!(post(&format!("{FORM}&sig={sig}")), text);
    }
    let url = format!("{URL}?{FORM}&sig={SHA256}");
    assert_eq!(vonage().read(&call("GET", &url, &[], b"", NOW).call()), text);
    let json = format!(
        r#"{{"msisdn":"447911123456","to":"15005550006","messageId":"0A0000000123ABCD1",
        "text":"LOGIN 4F7K a=b&c","type":"text","keyword":"LOGIN","nonce":"aaaaaaaa-bbbb",
        "message-timestamp":"2023-11-14 22:13:20","timestamp":1700000000,"sig":"{SHA256}"}}"#
    );
    let headers = [("content-type", "application/json; charset=utf-8")];
    assert_eq!(vonage().read(&call("POST", URL, &headers, json.as_bytes(), NOW).call()), text);
}

#[test]
fn a_call_that_is_not_signed_as_it_must_be_is_refused() {
    for (what, form) in [
        ("unsigned", FORM.to_owned()),
        ("empty", format!("{FORM}&sig=")),
        ("no hex", format!("{FORM}&sig=xyz")),
        ("MD5", format!("{FORM}&sig={MD5}")),
        ("SHA-1", format!("{FORM}&sig={SHA1}")),
        ("changed", format!("{}&sig={SHA256}", FORM.replace("4F7K", "4F7L"))),
        ("more", format!("{FORM}&x=1&sig={SHA256}")),
        ("repeated", format!("{FORM}&msisdn=1&sig={SHA256}")),
        ("no time", signed("messageId=m&msisdn=1&text=x")),
        ("time is no number", signed("messageId=m&msisdn=1&text=x&timestamp=now")),
        ("another account", signed("messageId=m&msisdn=1&text=x&timestamp=1700000000&api-key=x")),
    ] {
        assert_eq!(post(&form), Err(Refused::Unauthenticated), "{what}");
    }
    let twice = format!("{FORM}&sig={SHA256}&sig={SHA256}");
    assert!(matches!(post(&twice), Err(Refused::Malformed(_))));
    let url = format!("{URL}?{FORM}&sig={SHA256}");
    let said = vonage().read(&call("POST", &url, &[], b"", NOW).call());
    assert_eq!(said, Err(Refused::Unauthenticated), "a query that is posted");
    assert_eq!(post("text=%FF&sig=00"), Err(Refused::Malformed("not UTF-8")));
}

#[test]
fn a_call_of_another_time_is_stale() {
    for time in [NOW - 301, NOW + 301] {
        let form = signed(&format!("messageId=m&msisdn=1&text=x&timestamp={time}"));
        assert_eq!(post(&form), Err(Refused::Stale), "{time}");
        let token = jwt(HEAD, &claims(MESSAGE, time, ""));
        assert_eq!(bear(&token, MESSAGE.as_bytes()), Err(Refused::Stale), "{time}");
    }
    let token = jwt(HEAD, &claims(MESSAGE, NOW - 100, r#","exp":1699999999"#));
    assert_eq!(bear(&token, MESSAGE.as_bytes()), Err(Refused::Stale));
}

#[test]
fn parts_are_left_alone() {
    let more = "messageId=m&msisdn=1&text=x&timestamp=1700000000";
    assert_eq!(
        post(&signed(&format!("{more}&concat=true&concat-ref=1&concat-total=2&concat-part=1"))),
        Ok(Said::Nothing("multipart"))
    );
    assert_eq!(post(&signed(&format!("{more}&type=binary"))), Ok(Said::Nothing("binary")));
    let long = format!("messageId=m&msisdn=1&timestamp=1700000000&text={}", "x".repeat(2049));
    assert_eq!(post(&signed(&long)), Ok(Said::Nothing("oversized")));
}

#[test]
fn receipts_are_read() {
    for (status, state) in [
        ("delivered", DeliveryState::Delivered),
        ("expired", DeliveryState::Expired),
        ("failed", DeliveryState::Failed),
        ("rejected", DeliveryState::Rejected),
        ("buffered", DeliveryState::Pending),
    ] {
        let form = format!("messageId=m&status={status}&err-code=5&timestamp=1700000000");
        assert_eq!(post(&signed(&form)), one_receipt("m", state, Some("5")), "{status}");
    }
    let body = r#"{"message_uuid":"m","channel":"sms","status":"rejected","error":{"title":1120}}"#;
    assert_eq!(message(body), one_receipt("m", DeliveryState::Rejected, Some("1120")));
}

#[test]
fn a_message_is_read() {
    let id = Some("aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab");
    let text = one_text(id, "447911123456", Some("15005550006"), "LOGIN 4F7K");
    assert_eq!(bear(JWT, MESSAGE.as_bytes()), text);
    assert!(matches!(text, Ok(Said::Texts(_))));
    let whatsapp = MESSAGE.replace(r#""sms","#, r#""whatsapp","#);
    assert_eq!(message(&whatsapp), Ok(Said::Nothing("channel")));
    assert_eq!(message("{}"), Err(Refused::Malformed("message_uuid")));
}

#[test]
fn a_message_without_its_token_is_refused() {
    let none = jwt(r#"{"alg":"none"}"#, &claims(MESSAGE, NOW, ""));
    let unsigned = format!("{}.", none.rsplit_once('.').unwrap().0);
    let no_hash = r#"{"iat":1700000000,"api_key":"abcd1234"}"#;
    let account = claims(MESSAGE, NOW, "").replace("abcd1234", "x");
    let no_time = claims(MESSAGE, NOW, "").replace("\"iat\"", "\"was\"");
    let mut changed = JWT.to_owned();
    changed.replace_range(40..41, if &JWT[40..41] == "A" { "B" } else { "A" });
    for (what, token) in [
        ("another algorithm", none.as_str()),
        ("unsigned", &unsigned),
        ("no hash", &jwt(HEAD, no_hash)),
        ("another account", &jwt(HEAD, &account)),
        ("no time", &jwt(HEAD, &no_time)),
        ("exp is no number", &jwt(HEAD, &claims(MESSAGE, NOW, r#","exp":"x""#))),
        ("changed", &changed),
        ("empty", ""),
        ("dots", ".."),
    ] {
        assert_eq!(bear(token, MESSAGE.as_bytes()), Err(Refused::Unauthenticated), "{what}");
    }
    let changed = MESSAGE.replace("4F7K", "4F7L");
    assert_eq!(bear(JWT, changed.as_bytes()), Err(Refused::Unauthenticated));
    let basic = [("authorization", "Basic eDp4")];
    let form = format!("{FORM}&sig={SHA256}");
    let said = vonage().read(&call("POST", URL, &basic, form.as_bytes(), NOW).call());
    assert_eq!(said, Err(Refused::Unauthenticated));
}

#[test]
fn nothing_is_shown_that_should_not_be() {
    let shown = format!("{:?}{:?}", bear(JWT, MESSAGE.as_bytes()), vonage());
    assert!(MUST_NOT_SHOW.iter().all(|word| !shown.contains(word)));
}
