use super::*;
use crate::generic::Secrets;
use crate::proof::{Flaw, Secret};

const TO: &str = "+447911123456";

fn twilio(sender: &str) -> Api {
    let secret = Secret::new("api-token").unwrap();
    let base = "https://api.twilio.com/";
    let callback = Some("https://id.example.com/sms/t".into());
    Api::Twilio(TwilioApi::new("AC1".into(), secret, sender.into(), base, callback).unwrap())
}

fn body(request: &http::Request<Vec<u8>>) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

fn header<'a>(request: &'a http::Request<Vec<u8>>, name: &str) -> &'a str {
    request.headers()[name].to_str().unwrap()
}

/// As Twilio's page on the Messages resource posts; `printf AC1:api-token | base64`.
#[test]
fn twilio_is_asked_as_it_documents() {
    let request = twilio("+15005550006").request(TO, "Code é & 1", "r").unwrap();
    assert_eq!(request.method(), "POST");
    let uri = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json";
    assert_eq!(request.uri().to_string(), uri);
    assert_eq!(header(&request, "authorization"), "Basic QUMxOmFwaS10b2tlbg==");
    assert_eq!(header(&request, "content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        body(&request),
        "To=%2B447911123456&From=%2B15005550006&Body=Code+%C3%A9+%26+1\
         &StatusCallback=https%3A%2F%2Fid.example.com%2Fsms%2Ft"
    );
    assert!(!format!("{request:?}").contains("QUMx"));
    let service = "MG0123456789abcdef0123456789abcdef";
    let request = twilio(service).request(TO, "x", "r").unwrap();
    assert!(body(&request).contains(&format!("&MessagingServiceSid={service}&")));
}

/// Codes of Twilio's error dictionary.
#[test]
fn twilios_answers_are_told_apart() {
    let twilio = twilio("+15005550006");
    let accepted = ApiAttempt::Accepted { message_id: Some("SM1".into()) };
    assert_eq!(twilio.answer(201, br#"{"sid":"SM1","status":"queued"}"#, None), accepted);
    assert_eq!(twilio.answer(201, b"", None), ApiAttempt::Accepted { message_id: None });
    for (code, why) in [
        (21_211, "invalid number"),
        (21_408, "country"),
        (21_610, "unsubscribed"),
        (21_614, "unreachable"),
        (21_617, "text"),
        (29_999, "refused"),
    ] {
        let body = format!(r#"{{"code":{code},"status":400}}"#);
        let attempt = twilio.answer(400, body.as_bytes(), None);
        assert_eq!(attempt, ApiAttempt::Permanent(why), "{code}");
    }
    for (status, body, why) in [
        (400, r#"{"code":21606}"#, "sender"),
        (400, r#"{"code":21611}"#, "throttled"),
        (401, r#"{"code":20003}"#, "credentials"),
        (404, r#"{"code":20404}"#, "credentials"),
        (403, "", "credentials"),
        (429, r#"{"code":20429}"#, "throttled"),
        (500, "<html>", "unavailable"),
        (503, "", "unavailable"),
        (302, "", "unexpected"),
    ] {
        let attempt = twilio.answer(status, body.as_bytes(), None);
        assert_eq!(attempt, temporary(why), "{status} {body}");
    }
}

#[test]
fn a_provider_may_ask_for_an_hour_at_most() {
    let twilio = twilio("+15005550006");
    for (header, retry_after_s) in [
        (Some("30"), Some(30)),
        (Some("999999"), Some(3600)),
        (Some("Wed, 21 Oct 2015 07:28:00 GMT"), None),
        (Some("-1"), None),
        (None, None),
    ] {
        let attempt = twilio.answer(429, b"", header);
        assert_eq!(attempt, ApiAttempt::Temporary { why: "throttled", retry_after_s });
    }
}

#[test]
fn what_twilio_could_not_take_is_refused() {
    let api = |sid: &str, sender: &str, base: &str| {
        let secret = Secret::new("x").unwrap();
        TwilioApi::new(sid.into(), secret, sender.into(), base, None).unwrap_err().key
    };
    assert_eq!(api("", "s", "https://a"), "account_sid");
    assert_eq!(api("AC/1", "s", "https://a"), "account_sid");
    assert_eq!(api("AC1", "", "https://a"), "sender");
    assert_eq!(api("AC1", "s", "/a"), "base_url");
}

/// Jasmin's HTTP API: `/send` with a query, answered `Success "<id>"`.
const JASMIN: &str = r#"
method = "GET"
url = "http://127.0.0.1:1401/send?username=u&password={secret.jasmin}&to={to_digits}&from={from}&content={text}"
sender = "88222"
message_id_between = ['Success "', '"']
"#;
/// Vonage's SMS API: the status is in the body.
const VONAGE: &str = r#"
method = "POST"
url = "https://rest.nexmo.com/sms/json"
sender = "Twinpath"
message_id = "messages.0.message-id"
accepted = { "messages.0.status" = "0" }
temporary = { "messages.0.status" = ["1", "5"] }
[body.form]
api_key = "k"
api_secret = "{secret.vonage}"
from = "{from}"
to = "{to_digits}"
text = "{text}"
client-ref = "{reference}"
"#;
/// Infobip's SMS API, in JSON.
const INFOBIP: &str = r#"
method = "POST"
url = "https://x.api.infobip.com/sms/2/text/advanced"
sender = "Twinpath"
headers = { Authorization = "App {secret.infobip}", X-Reference = "{reference}" }
message_id = "messages.0.messageId"
temporary_statuses = [409]
[body.json]
messages = [{ from = "{from}", text = "{text}", destinations = [{ to = "{to_digits}" }], flash = false }]
"#;

fn described(description: &str, secrets: &[&str]) -> Result<Api, Flaw> {
    let secrets: Secrets = secrets
        .iter()
        .map(|name| ((*name).into(), Secret::new(format!("{name}&secret")).unwrap()))
        .collect();
    let api = DescribedApi::new(toml::from_str(description).unwrap(), secrets)?;
    Ok(Api::Generic(Box::new(api)))
}

#[test]
fn jasmin_is_asked_by_query() {
    let api = described(JASMIN, &["jasmin"]).unwrap();
    let request = api.request(TO, "Code é&1+{text}{secret.jasmin}", "r").unwrap();
    assert_eq!(
        request.uri().to_string(),
        "http://127.0.0.1:1401/send?username=u&password=jasmin%26secret&to=447911123456\
         &from=88222&content=Code%20%C3%A9%261%2B%7Btext%7D%7Bsecret.jasmin%7D"
    );
    assert!(request.body().is_empty());
    let id = Some("07033084-5cfd-4812-90a4-e4d24ffb6e3d".into());
    let answer = br#"Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d""#;
    assert_eq!(api.answer(200, answer, None), ApiAttempt::Accepted { message_id: id });
    assert_eq!(api.answer(412, b"Error", None), ApiAttempt::Permanent("refused"));
    assert_eq!(api.answer(403, b"Error", None), temporary("credentials"));
    assert_eq!(api.answer(500, b"Error", None), temporary("unavailable"));
}

#[test]
fn vonage_is_asked_by_form() {
    let api = described(VONAGE, &["vonage"]).unwrap();
    let request = api.request(TO, "Code 1&2", "ref").unwrap();
    assert_eq!(
        body(&request),
        "api_key=k&api_secret=vonage%26secret&client-ref=ref&from=Twinpath&text=Code+1%262\
         &to=447911123456"
    );
    let answer = |status: &str| {
        let body = format!(r#"{{"messages":[{{"status":"{status}","message-id":"0A"}}]}}"#);
        api.answer(200, body.as_bytes(), None)
    };
    assert_eq!(answer("0"), ApiAttempt::Accepted { message_id: Some("0A".into()) });
    assert_eq!(answer("1"), temporary("unavailable"));
    assert_eq!(answer("6"), ApiAttempt::Permanent("refused"));
    assert_eq!(api.answer(200, b"<html>", None), temporary("unexpected"));
}

#[test]
fn infobip_is_asked_in_json() {
    let api = described(INFOBIP, &["infobip"]).unwrap();
    let request = api.request(TO, "Code \"1\"\n", "ref").unwrap();
    let expected = serde_json::json!({"messages": [{"from": "Twinpath", "text": "Code \"1\"\n",
        "destinations": [{"to": "447911123456"}], "flash": false}]});
    assert_eq!(serde_json::from_slice::<serde_json::Value>(request.body()).unwrap(), expected);
    assert_eq!(header(&request, "authorization"), "App infobip&secret");
    assert_eq!(header(&request, "x-reference"), "ref");
    assert_eq!(header(&request, "content-type"), "application/json");
    assert!(!format!("{request:?}").contains("infobip&secret"));
    assert!(api.request(TO, "x", "a\r\nX: y").is_err(), "no header is smuggled in");
    assert_eq!(api.answer(409, b"", Some("5")), {
        ApiAttempt::Temporary { why: "unavailable", retry_after_s: Some(5) }
    });
    let long = format!(r#"{{"messages":[{{"messageId":"{}"}}]}}"#, "x".repeat(257));
    let nameless = ApiAttempt::Accepted { message_id: None };
    assert_eq!(api.answer(200, long.as_bytes(), None), nameless);
}

/// `printf 'u:basic&secret' | base64`
#[test]
fn basic_is_shown() {
    let description = VONAGE
        .replace("sender", "basic = { user = \"u\", secret = \"basic\" }\nsender")
        .replace("api_secret = \"{secret.vonage}\"\n", "");
    let request = described(&description, &["basic"]).unwrap().request(TO, "x", "r").unwrap();
    assert_eq!(header(&request, "authorization"), "Basic dTpiYXNpYyZzZWNyZXQ=");
}

#[test]
fn flaws_name_their_key() {
    for (from, to, key) in [
        ("https://rest.nexmo.com", "ftp://rest.nexmo.com", "url"),
        ("https://rest.nexmo.com", "https://{to}.nexmo.com", "url"),
        ("https://rest.nexmo.com", "https://u@rest.nexmo.com", "url"),
        ("/sms/json", "/sms json", "url"),
        ("/sms/json", "/{nothing}", "url"),
        ("\"Twinpath\"", "\"\"", "sender"),
        ("\"POST\"", "\"GET\"", "body"),
        ("text = \"{text}\"", "text = \"text\"", "body"),
        ("{to_digits}", "{to", "body.form.to"),
        ("{secret.vonage}", "{secret.other}", "secrets.other"),
        ("{secret.vonage}", "x", "secrets.vonage"),
        ("sender", "success_statuses = [302]\nsender", "success_statuses"),
        ("sender", "headers = { \"a b\" = \"x\" }\nsender", "headers.a b"),
        ("sender", "headers = { X = \"{text}\" }\nsender", "headers.X"),
        ("sender", "basic = { user = \"u\", secret = \"b\" }\nsender", "secrets.b"),
    ] {
        let flaw = described(&VONAGE.replacen(from, to, 1), &["vonage"]).unwrap_err();
        assert_eq!(flaw.key, key, "{from} -> {to}");
    }
    assert!(toml::from_str::<Description>(&VONAGE.replace("sender", "x = 1\nsender")).is_err());
}

#[test]
fn nothing_is_shown_that_should_not_be() {
    let shown = format!("{:?}{:?}", twilio("s"), described(INFOBIP, &["infobip"]));
    assert!(!shown.contains("api-token") && !shown.contains("&secret"));
}

#[test]
fn a_provider_may_name_texts_as_we_do() {
    let between = "message_id_between = ['Success \"', '\"']";
    let by_reference = JASMIN.replace(between, "message_id_is_reference = true");
    assert_ne!(by_reference, JASMIN);
    assert_eq!(
        described(&by_reference, &["jasmin"]).unwrap_err().key,
        "message_id_is_reference",
        "nothing tells it"
    );
    let told = by_reference.replace("&content=", "&ref={reference}&content=");
    assert!(described(&told, &["jasmin"]).unwrap().named_by_reference());
    let twice = JASMIN.replace("&content=", "&ref={reference}&content=");
    let twice = format!("message_id_is_reference = true\n{twice}");
    assert_eq!(described(&twice, &["jasmin"]).unwrap_err().key, "message_id_is_reference");
    assert!(!described(JASMIN, &["jasmin"]).unwrap().named_by_reference());
}
