use super::*;
use crate::fields::{inbound, one_receipt};
use crate::testing::{MUST_NOT_SHOW, call};
use crate::webhook::{DeliveryState, InboundText, MAX_TEXTS};

const NOW: i64 = 1_700_000_000;

/// Field names as each provider's documentation has them.
const SINCH: &str = r#"
method = "POST"
format = "json"
fields = { id = "id", from = "from", to = "to", text = "body", timestamp = "received_at" }
only = { type = "mo_text" }
window_s = 300
authentication = [{ basic = { user = "sinch", secret = "password" } }]
"#;
const INFOBIP: &str = r#"
method = "POST"
format = "json"
items = "results"
fields = { id = "messageId", from = "from", to = "to", text = "text" }
authentication = [{ header = { name = "Authorization", secret = "key" } }, "mtls"]
success = { status = 204 }
"#;
const JASMIN: &str = r#"
method = "POST"
format = "form"
text_encoding = "by_coding"
authentication = [{ address = ["127.0.0.0/8", "::1"] }]
[fields]
id = "id"
from = "from"
to = "to"
text = "content"
coding = "coding"
binary = "binary"
[success]
content_type = "text/plain"
body = "ACK/Jasmin"
"#;
const KANNEL: &str = r#"
method = "GET"
format = "query"
fields = { id = "id", from = "from", to = "to", text = "text" }
authentication = [{ query = { name = "key", secret = "token" } }]
"#;
const MARKED: &str = r#"
method = "POST"
format = "json"
fields = { id = "id", from = "a.0.b", text = "t" }
[[authentication]]
[authentication.hmac]
algorithm = "sha256"
header = "X-Mark"
encoding = "hex"
prefix = "sha256="
signed = ["method", "literal:\n", "url", "literal:.", "header:X-Time", "literal:.", "body"]
secret = "token"
timestamp = { header = "X-Time", window_s = 60 }
"#;

fn generic(description: &str, secrets: &[(&str, &str)]) -> Result<Generic, Flaw> {
    let secret = |(name, secret): &(&str, &str)| ((*name).into(), Secret::new(*secret).unwrap());
    Generic::new(toml::from_str(description).unwrap(), secrets.iter().map(secret).collect())
}

fn text(id: &str, from: &str, to: Option<&str>, text: &str) -> InboundText {
    inbound(Some(id), from, to, text).unwrap().unwrap()
}

const NO: Result<Said, Refused> = Err(Refused::Unauthenticated);

#[test]
fn sinch_is_described() {
    let sinch = generic(SINCH, &[("password", "word")]).unwrap();
    let body = r#"{"type":"mo_text","id":"01X","from":"447911123456","to":"15005550006",
        "body":"LOGIN 4F7K","received_at":"2023-11-14T22:13:20.123Z","operator_id":"1"}"#;
    let read = |authorization: &str, body: &str, now| {
        let headers = [("authorization", authorization)];
        sinch.read(&call("POST", "https://a/sms/x", &headers, body.as_bytes(), now).call())
    };
    // `printf sinch:word | base64`
    let basic = "Basic c2luY2g6d29yZA==";
    let said = Said::Texts(vec![text("01X", "447911123456", Some("15005550006"), "LOGIN 4F7K")]);
    assert_eq!(read(basic, body, NOW), Ok(said));
    let binary = body.replace("mo_text", "mo_binary");
    assert_eq!(read(basic, &binary, NOW), Ok(Said::Nothing("only")));
    for now in [NOW - 301, NOW + 301] {
        assert_eq!(read(basic, body, now), Err(Refused::Stale));
    }
    let seconds = body.replace("\"2023-11-14T22:13:20.123Z\"", "1700000000");
    assert!(matches!(read(basic, &seconds, NOW), Ok(Said::Texts(_))));
    let thousandths = body.replace("\"2023-11-14T22:13:20.123Z\"", "1700000000123");
    assert!(matches!(read(basic, &thousandths, NOW), Ok(Said::Texts(_))));
    let never = body.replace("received_at", "x");
    assert_eq!(read(basic, &never, NOW), Err(Refused::Malformed("fields.timestamp")));
    // sinch:wore, sinck:word, sinch:, no colon, no base64, another scheme.
    for no in ["c2luY2g6d29yZQ==", "c2luY2s6d29yZA==", "c2luY2g6", "c2luY2g=", "*", ""] {
        assert_eq!(read(&format!("Basic {no}"), body, NOW), NO, "{no}");
    }
    assert_eq!(read("Bearer c2luY2g6d29yZA==", body, NOW), NO);
    let bare = call("POST", "https://a/sms/x", &[], body.as_bytes(), NOW);
    assert_eq!(sinch.read(&bare.call()), NO);
}

#[test]
fn infobip_sends_many_at_once() {
    let infobip = generic(INFOBIP, &[("key", "App abc")]).unwrap();
    assert!(infobip.requires_certificate());
    let answer = Acknowledgement { status: 204, content_type: "", body: "" };
    assert_eq!(infobip.acknowledgement(), answer);
    let read = |key: &str, body: &[u8]| {
        let headers = [("authorization", key)];
        infobip.read(&call("POST", "https://a/sms/x", &headers, body, NOW).call())
    };
    let body =
        br#"{"results":[{"messageId":"1","from":"447911123456","text":"a b","cleanText":"b"},
        {"messageId":"2","from":"447911123457","to":"15005550006","text":"c"},
        {"messageId":"3","text":"without a sender"}],"messageCount":3}"#;
    let texts = vec![
        text("1", "447911123456", None, "a b"),
        text("2", "447911123457", Some("15005550006"), "c"),
    ];
    assert_eq!(read("App abc", body), Ok(Said::Texts(texts)));
    assert_eq!(read("App abd", body), NO);
    let no_sender = Err(Refused::Malformed("fields.from"));
    assert_eq!(read("App abc", br#"{"results":[{"messageId":"1","text":"x"}]}"#), no_sender);
    let no_id = Err(Refused::Malformed("fields.id"));
    assert_eq!(read("App abc", br#"{"results":[{"from":"1","text":"x"}]}"#), no_id);
    assert_eq!(read("App abc", br#"{"results":[]}"#), Ok(Said::Nothing("empty")));
    assert_eq!(read("App abc", br#"{"results":1}"#), Err(Refused::Malformed("items")));
    assert_eq!(read("App abc", b"{"), Err(Refused::Malformed("not JSON")));
    assert_eq!(read("App abc", b"\"\xff\""), Err(Refused::Malformed("not UTF-8")));
    let many = format!(r#"{{"results":[{}{{}}]}}"#, "{},".repeat(MAX_TEXTS));
    assert_eq!(read("App abc", many.as_bytes()), Err(Refused::Malformed("too many texts")));
    let long = r#"{"results":[{"messageId":"1","from":"1","text":"T"}]}"#;
    let long = long.replace('T', &"x".repeat(2049));
    assert_eq!(read("App abc", long.as_bytes()), Ok(Said::Nothing("oversized")));
}

#[test]
fn jasmin_is_described() {
    let jasmin = generic(JASMIN, &[]).unwrap();
    assert_eq!(jasmin.acknowledgement().body, "ACK/Jasmin");
    assert!(!jasmin.requires_certificate());
    let from = |address: &str| {
        let networks = jasmin.addresses();
        networks.iter().all(|list| list.iter().any(|n| n.contains(address.parse().unwrap())))
    };
    assert!(from("127.0.0.1") && from("::1") && !from("192.0.2.1"));
    let read = |more: &str| {
        let form = format!("id=u1&from=447911123456&to=15005550006{more}");
        jasmin.read(&call("POST", "http://a/sms/x", &[], form.as_bytes(), NOW).call())
    };
    let says =
        |what: &str| Ok(Said::Texts(vec![text("u1", "447911123456", Some("15005550006"), what)]));
    assert_eq!(read("&content=LOGIN+4F7K&coding=0&binary=4c"), says("LOGIN 4F7K"));
    assert_eq!(read("&content=LOGIN"), says("LOGIN"));
    // `printf 'é-😀' | iconv -t UTF-16BE | xxd -p`
    assert_eq!(read("&content=%3F&coding=8&binary=00e9002dd83dde00"), says("é-😀"));
    assert_eq!(read("&content=%C3%A9&coding=2&binary="), says("é"));
    assert_eq!(read("&content=x&coding=4&binary=00"), Ok(Said::Nothing("coding")));
    let no = Err(Refused::Malformed("fields.text is no UTF-16 in hex"));
    for hex in ["00e", "00e9ff", "zz", "d83d", "de00d83d"] {
        assert_eq!(read(&format!("&content=x&coding=8&binary={hex}")), no, "{hex}");
    }
    assert_eq!(read("&coding=0"), Err(Refused::Malformed("fields.text")));
    let twice = Err(Refused::Malformed("a parameter is repeated"));
    assert_eq!(read("&content=x&from=1"), twice);
    assert_eq!(read("&content=%FF"), Err(Refused::Malformed("not UTF-8")));
}

#[test]
fn kannel_is_described() {
    let kannel = generic(KANNEL, &[("token", "hush")]).unwrap();
    assert_eq!(kannel.methods(), ["GET"]);
    let read = |query: &str| {
        let url = format!("https://a/sms/x?{query}");
        kannel.read(&call("GET", &url, &[], b"", NOW).call())
    };
    let said = Said::Texts(vec![text("i", "+447911123456", Some("88222"), "LOGIN X")]);
    let fields = "id=i&from=%2B447911123456&to=88222&text=LOGIN+X";
    assert_eq!(read(&format!("{fields}&key=hush")), Ok(said));
    assert_eq!(read(&format!("{fields}&key=husk")), NO);
    assert_eq!(read(&format!("{fields}&key=")), NO);
    assert_eq!(read(fields), NO);
    let twice = Err(Refused::Malformed("a parameter is repeated"));
    assert_eq!(read(&format!("{fields}&key=hush&key=hush")), twice);
}

#[test]
fn hex_ucs2_is_read() {
    let description = KANNEL.replace("method", "text_encoding = \"hex_ucs2\"\nmethod");
    let generic = generic(&description, &[("token", "hush")]).unwrap();
    let url = "https://a/x?key=hush&id=i&from=1&text=004c";
    let said = generic.read(&call("GET", url, &[], b"", NOW).call());
    assert_eq!(said, Ok(Said::Texts(vec![text("i", "1", None, "L")])));
}

/// Marks by python3's hmac over `POST`, a line feed, the URL, `.`, the time, `.` and the body.
#[test]
fn marks_cover_what_they_say() {
    let marked = generic(MARKED, &[("token", "mark-token")]).unwrap();
    let (url, body) = ("https://a/sms/x?y=1", r#"{"id":"i","a":[{"b":"1"}],"t":"x"}"#);
    let mark = "sha256=1c6e3e2762b540c4c171dad27846b9ae9c387678859a98f2ee2abe89d755b6e9";
    let read = |url: &str, mark: &str, time: &str, body: &str, now| {
        let headers = [("x-mark", mark), ("x-time", time)];
        marked.read(&call("POST", url, &headers, body.as_bytes(), now).call())
    };
    let said = Ok(Said::Texts(vec![text("i", "1", None, "x")]));
    assert_eq!(read(url, mark, "1700000000", body, NOW), said);
    assert_eq!(read(url, mark, "1700000000", &body.replace("\"x\"", "\"y\""), NOW), NO);
    assert_eq!(read("https://a/sms/x?y=2", mark, "1700000000", body, NOW), NO);
    assert_eq!(read(url, mark, "1700000001", body, NOW), NO);
    assert_eq!(read(url, &mark["sha256=".len()..], "1700000000", body, NOW), NO);
    assert_eq!(read(url, "sha256=", "1700000000", body, NOW), NO);
    for now in [NOW - 61, NOW + 61] {
        assert_eq!(read(url, mark, "1700000000", body, now), Err(Refused::Stale));
    }
    let time = [("x-time", "1700000000")];
    assert_eq!(marked.read(&call("POST", url, &time, body.as_bytes(), NOW).call()), NO);
    for (algorithm, mark) in [
        ("sha1", "ALUOmNSmyVx0EZhq1G3aHr/+wKI="),
        (
            "sha512",
            "W4TEIBb0WwC7KDBJVtNiCdIVey7mvIR+pSYs/922T3duTzSweRd/8UdRRUv6FG/d3pSVtncivFeF2yKBabTHrA==",
        ),
    ] {
        let other = MARKED.replace("\"sha256\"", &format!("\"{algorithm}\""));
        let other = other.replace("\"hex\"", "\"base64\"").replace("\"sha256=\"", "\"\"");
        let other = generic(&other, &[("token", "mark-token")]).unwrap();
        let headers = [("x-mark", mark), ("x-time", "1700000000")];
        assert_eq!(other.read(&call("POST", url, &headers, body.as_bytes(), NOW).call()), said);
    }
}

#[test]
fn all_that_is_listed_must_hold() {
    let both = KANNEL.replace(
        "secret = \"token\" } }",
        "secret = \"token\" } }, { header = { name = \"X\", secret = \"token\" } }",
    );
    let both = generic(&both, &[("token", "hush")]).unwrap();
    let url = "https://a/x?key=hush&id=i&from=1&text=x";
    let read = |url, headers: &[_]| both.read(&call("GET", url, headers, b"", NOW).call());
    assert!(read(url, &[("x", "hush")]).is_ok());
    assert_eq!(read(url, &[]), NO);
    assert_eq!(read(url, &[("x", "husk")]), NO);
    assert_eq!(read("https://a/x?id=i&from=1&text=x", &[("x", "hush")]), NO);
}

#[test]
fn flaws_name_their_key() {
    let authentication = "[{ query = { name = \"key\", secret = \"token\" } }]";
    for (from, to, key) in [
        (authentication, "[]", "authentication"),
        ("\"GET\"", "\"POST\"", ""),
        ("\"query\"", "\"form\"", "format"),
        ("method", "items = \"a\"\nmethod", "items"),
        ("text = \"text\"", "text = \"\"", "fields.text"),
        ("text = \"text\"", "text = \"t\", coding = \"c\"", "fields.coding"),
        ("text = \"text\"", "text = \"t\", timestamp = \"c\"", "window_s"),
        ("method", "window_s = 1\nmethod", "window_s"),
        ("method", "text_encoding = \"by_coding\"\nmethod", "fields.coding"),
        ("method", "success = { status = 302 }\nmethod", "success.status"),
        ("method", "success = { body = \"x\" }\nmethod", "success.content_type"),
        ("secret = \"token\"", "secret = \"other\"", "secrets.other"),
        (authentication, "[\"mtls\"]", "secrets.token"),
        ("name = \"key\"", "name = \"\"", "authentication.0.query.name"),
        (authentication, "[\"mtls\", { address = [] }]", "authentication.1.address"),
        ("query = { name = \"key\"", "header = { name = \"a b\"", "authentication.0.header.name"),
        ("query = { name = \"key\"", "basic = { user = \"a:b\"", "authentication.0.basic.user"),
    ] {
        let flaw = generic(&KANNEL.replace(from, to), &[("token", "hush")]).err();
        assert_eq!(flaw.map(|flaw| flaw.key).unwrap_or_default(), key, "{from} -> {to}");
    }
    for (from, to, key) in [
        (", \"body\"]", "]", "authentication.0.hmac.signed"),
        ("\"url\"", "\"uri\"", "authentication.0.hmac.signed"),
        ("\"header:X-Time\"", "\"literal:x\"", "authentication.0.hmac.timestamp.header"),
        ("\"X-Mark\"", "\"\"", "authentication.0.hmac.header"),
    ] {
        let flaw = generic(&MARKED.replace(from, to), &[("token", "hush")]).unwrap_err();
        assert_eq!(flaw.key, key, "{from} -> {to}");
    }
}

#[test]
fn unknown_keys_and_values_are_refused() {
    for (from, to) in [
        ("method", "more = 1\nmethod"),
        ("text = \"text\"", "text = \"t\", more = \"x\""),
        ("name = \"key\"", "name = \"key\", more = \"x\""),
        ("\"GET\"", "\"PUT\""),
        ("\"query\"", "\"xml\""),
        ("from = \"from\", ", ""),
        ("[{ query = { name = \"key\", secret = \"token\" } }]", "[{ address = [\"a/8\"] }]"),
        ("[{ query = { name = \"key\", secret = \"token\" } }]", "[\"none\"]"),
    ] {
        let read = toml::from_str::<Description>(&KANNEL.replace(from, to));
        assert!(read.is_err(), "{from} -> {to}");
    }
}

#[test]
fn nothing_is_shown_that_should_not_be() {
    let kannel = generic(KANNEL, &[("token", "hush")]).unwrap();
    let url = "https://a/x?key=hush&id=i&from=447911123456&text=4F7K";
    let call = call("GET", url, &[], b"", NOW);
    let shown = format!("{:?}{:?}", kannel.read(&call.call()), call.call());
    assert!(MUST_NOT_SHOW.iter().all(|word| !shown.contains(word)));
    assert!(!format!("{kannel:?}").contains("hush"));
}

#[test]
fn receipts_are_described() {
    let receipts = r#"
[receipts]
id = "id"
status = "message_status"
error = "err"
only = { level = "3" }
delivered = ["DELIVRD"]
failed = ["UNDELIV"]
expired = ["EXPIRED"]
rejected = ["REJECTD"]
"#;
    let jasmin = generic(&format!("{JASMIN}{receipts}"), &[]).unwrap();
    let read = |body: &str| {
        jasmin.read(&call("POST", "https://a/sms/x", &[], body.as_bytes(), NOW).call())
    };
    for (status, state) in [
        ("DELIVRD", DeliveryState::Delivered),
        ("UNDELIV", DeliveryState::Failed),
        ("EXPIRED", DeliveryState::Expired),
        ("REJECTD", DeliveryState::Rejected),
        ("ACCEPTD", DeliveryState::Pending),
    ] {
        let said = read(&format!("id=m1&level=3&message_status={status}&err=042"));
        assert_eq!(said, one_receipt("m1", state, Some("042")), "{status}");
    }
    // What lacks a part is no receipt; it would have to be a text.
    let no_text = Err(Refused::Malformed("fields.from"));
    for call in
        ["level=3&message_status=DELIVRD", "id=m1&level=3", "id=m1&level=1&message_status=x"]
    {
        assert_eq!(read(call), no_text, "{call}");
    }
    let long = "x".repeat(1000);
    assert!(read(&format!("id={long}&level=3&message_status=DELIVRD")).is_err());
    let text = Said::Texts(vec![text("m2", "447911123456", None, "hello")]);
    assert_eq!(read("id=m2&from=447911123456&content=hello"), Ok(text));
}

#[test]
fn one_call_of_several_receipts() {
    let receipts = r#"
[receipts]
id = "messageId"
status = "status.groupName"
delivered = ["DELIVERED"]
"#;
    let infobip = INFOBIP.replace(", \"mtls\"", "");
    let infobip = generic(&format!("{infobip}{receipts}"), &[("key", "App k")]).unwrap();
    let read = |body: &str| {
        let headers = [("authorization", "App k")];
        infobip.read(&call("POST", "https://a/sms/x", &headers, body.as_bytes(), NOW).call())
    };
    let body = r#"{"results":[{"messageId":"a","status":{"groupName":"DELIVERED"}},
        {"messageId":"b","status":{"groupName":"PENDING"}},{"messageId":7}]}"#;
    let one = |id: &str, state| crate::fields::receipt(id, state, None).unwrap();
    let receipts = vec![one("a", DeliveryState::Delivered), one("b", DeliveryState::Pending)];
    assert_eq!(read(body), Ok(Said::Receipts(receipts)));
    assert_eq!(read(r#"{"results":[{"messageId":7}]}"#), Err(Refused::Malformed("fields.from")));
}

#[test]
fn a_description_of_receipts_says_where_they_are() {
    let flaw = |receipts: &str| {
        let described = generic(&format!("{JASMIN}[receipts]\n{receipts}"), &[]);
        described.err().map(|flaw| flaw.key)
    };
    let whole = "id = \"a\"\nstatus = \"b\"\ndelivered = [\"1\"]\n";
    assert_eq!(flaw(whole), None);
    for (receipts, key) in [
        ("status = \"b\"\ndelivered = [\"1\"]", "receipts.id"),
        ("id = \"a\"\ndelivered = [\"1\"]", "receipts.status"),
        ("id = \"a\"\nstatus = \"b\"", "receipts.delivered"),
        (&format!("{whole}error = \"\""), "receipts.error"),
        (&format!("{whole}failed = [\"1\"]"), "receipts"),
    ] {
        assert_eq!(flaw(receipts).as_deref(), Some(key), "{receipts}");
    }
}
