use super::*;
use crate::testing::{MUST_NOT_SHOW, call};
use crate::webhook::InboundText;

const URL: &str = "https://id.example.com/sms/twilio-main";
const FORM: &str = "MessageSid=SM1234567890abcdef&AccountSid=AC1&From=%2B447911123456\
    &To=%2B15005550006&Body=LOGIN+4F7K+%C3%A9&SmsStatus=received&NumSegments=1";
/// Of FORM at URL with `main-token`: python3's hmac and base64 over URL + sorted pairs.
const MARK: &str = "RoyInbi2ALSxLDAWbkn5il2JSQ8=";

fn twilio() -> Twilio {
    let secrets = vec![Secret::new("next-token").unwrap(), Secret::new("main-token").unwrap()];
    Twilio { secrets, account_sid: Some("AC1".into()) }
}

fn read(url: &str, mark: &str, body: &[u8]) -> Result<Said, Refused> {
    let headers = [("x-twilio-signature", mark)];
    twilio().read(&call("POST", url, &headers, body, 0).call())
}

#[test]
fn a_text_is_read() {
    let text = InboundText {
        id: Some("SM1234567890abcdef".into()),
        from: "+447911123456".into(),
        to: Some("+15005550006".into()),
        text: "LOGIN 4F7K é".into(),
    };
    assert_eq!(read(URL, MARK, FORM.as_bytes()), Ok(Said::Texts(vec![text])));
}

/// The example of Twilio's security page and SDK tests: token 12345.
#[test]
fn the_documented_signature_holds() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let form = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234\
        &From=%2B14158675309&To=%2B18005551212";
    let twilio = Twilio { secrets: vec![Secret::new("12345").unwrap()], account_sid: None };
    let headers = [("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")];
    let said = twilio.read(&call("POST", url, &headers, form, 0).call());
    assert_eq!(said, Ok(Said::Nothing("event")));
}

#[test]
fn a_call_that_shows_something_else_is_refused() {
    let no = Err(Refused::Unauthenticated);
    let changed = FORM.replace("4F7K", "4F7L");
    let repeated = format!("{FORM}&From=%2B1");
    let more = format!("{FORM}&x=");
    for (what, url, mark, body) in [
        ("body", URL, MARK, changed.as_str()),
        ("host", "https://evil.example.com/sms/twilio-main", MARK, FORM),
        ("path", "https://id.example.com/sms/twilio", MARK, FORM),
        ("query", "https://id.example.com/sms/twilio-main?x=1", MARK, FORM),
        ("scheme", "http://id.example.com/sms/twilio-main", MARK, FORM),
        ("repeated", URL, MARK, &repeated),
        ("more", URL, MARK, &more),
        ("no mark", URL, "", FORM),
        ("no base64", URL, "***", FORM),
        ("of another secret", URL, "2bjGwAe1UoD0rZ7O/qu292xNdVw=", FORM),
        (
            "body hash of another body",
            "https://id.example.com/sms/twilio-main?bodySHA256=2de2f8d70b45fb2889f4706e985e5724d045b83860ec51604a37c5580b857176",
            "dsDp5kQrGAn177fr7JDUaEEzqAc=",
            "{}",
        ),
    ] {
        assert_eq!(read(url, mark, body.as_bytes()), no, "{what}");
    }
    let bare = call("POST", URL, &[], FORM.as_bytes(), 0);
    assert_eq!(twilio().read(&bare.call()), no);
    let twice = [("x-twilio-signature", MARK), ("x-twilio-signature", MARK)];
    assert_eq!(twilio().read(&call("POST", URL, &twice, FORM.as_bytes(), 0).call()), no);
    assert_eq!(read(URL, MARK, b"Body=%FF"), Err(Refused::Malformed("not UTF-8")));
}

#[test]
fn another_account_is_refused() {
    let other = Twilio { account_sid: Some("AC2".into()), ..twilio() };
    let headers = [("x-twilio-signature", MARK)];
    let said = other.read(&call("POST", URL, &headers, FORM.as_bytes(), 0).call());
    assert_eq!(said, Err(Refused::Unauthenticated));
}

/// Marks by python3 over the URL with `:443`, and over that without a port.
#[test]
fn the_port_may_be_signed_or_not() {
    let texts = |said| matches!(said, Ok(Said::Texts(_)));
    assert!(texts(read(URL, "oyQwRFrvuMsXg+shzuEe3LYj834=", FORM.as_bytes())));
    let local = "https://id.example.com:8443/sms/twilio-main";
    assert!(texts(read(local, MARK, FORM.as_bytes())));
}

/// `a=2&a=1&a=2` is signed as `a1a2`: computed by python3, as the SDK for Node does.
#[test]
fn repeated_values_are_signed_once_and_sorted() {
    let body = b"AccountSid=AC1&a=2&a=1&a=2";
    assert_eq!(read(URL, "QY08TR5aluAlPIUX+E+RAE0gj2Y=", body), Ok(Said::Nothing("event")));
}

#[test]
fn a_json_body_is_covered_by_its_hash() {
    let body = br#"{"AccountSid":"AC1","MessageSid":"SM1","From":"+447911123456","Body":"hi"}"#;
    let Ok(Said::Texts(texts)) = read(
        "https://id.example.com/sms/twilio-main?bodySHA256=2de2f8d70b45fb2889f4706e985e5724d045b83860ec51604a37c5580b857176",
        "dsDp5kQrGAn177fr7JDUaEEzqAc=",
        body,
    ) else {
        panic!()
    };
    assert_eq!(texts[0].text, "hi");
}

#[test]
fn statuses_are_receipts() {
    for (status, state) in [
        ("delivered", DeliveryState::Delivered),
        ("undelivered", DeliveryState::Failed),
        ("failed", DeliveryState::Failed),
        ("sent", DeliveryState::Pending),
        ("queued", DeliveryState::Pending),
    ] {
        let form = format!("MessageSid=SM1&MessageStatus={status}&ErrorCode=30003&From=%2B1");
        let said = said(&Parameters::parse(form.as_bytes()).unwrap());
        assert_eq!(said, one_receipt("SM1", state, Some("30003")), "{status}");
    }
}

#[test]
fn what_is_no_sms_is_nothing() {
    let said = |form: &str| said(&Parameters::parse(form.as_bytes()).unwrap());
    let whatsapp = "MessageSid=SM1&From=whatsapp:%2B447911123456&Body=hi";
    assert_eq!(said(whatsapp), Ok(Said::Nothing("channel")));
    assert_eq!(said("MessageSid=SM1&SmsStatus=sent&From=1&Body=x"), Ok(Said::Nothing("status")));
    assert_eq!(said("From=%2B1&Body=x"), Err(Refused::Malformed("MessageSid")));
    let long = format!("MessageSid=SM1&From=%2B1&Body={}", "x".repeat(2049));
    assert_eq!(said(&long), Ok(Said::Nothing("oversized")));
}

#[test]
fn nothing_is_shown_that_should_not_be() {
    let headers = [("x-twilio-signature", MARK)];
    let call = call("POST", URL, &headers, FORM.as_bytes(), 0);
    let shown =
        format!("{:?}{:?}{:?}", call.call(), read(URL, MARK, FORM.as_bytes()), twilio().secrets);
    for word in MUST_NOT_SHOW {
        assert!(!shown.contains(word), "{word}");
    }
}
