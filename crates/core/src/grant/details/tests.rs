//! What an app may ask for in detail, and everything it may not.

use serde_json::json;

use super::*;
use crate::fixtures::app;
use crate::records::AuthMethod;

fn source(name: &str, schema: Value) -> DetailTypeSource {
    DetailTypeSource { name: name.to_owned(), description: "Pay once".to_owned(), schema }
}

fn payment() -> Value {
    json!({
        "type": "object",
        "required": ["amount"],
        "additionalProperties": false,
        "properties": {
            "type": {"const": "payment"},
            "amount": {"$ref": "#/$defs/amount"},
            "to": {"type": "array", "items": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"}},
            "on": {"type": "string", "format": "date"},
        },
        "$defs": {"amount": {
            "type": "object",
            "required": ["value", "currency"],
            "properties": {
                "value": {"type": "number", "exclusiveMinimum": 0},
                "currency": {"type": "string", "maxLength": 3},
            },
        }},
    })
}

fn types() -> DetailTypes {
    DetailTypes::new(vec![source("payment", payment()), source("any", json!(true))]).unwrap()
}

fn shop() -> App {
    let authorization_details_types = vec!["payment".to_owned()];
    App { authorization_details_types, ..app("shop", AuthMethod::None) }
}

fn good() -> Value {
    json!({"type": "payment", "amount": {"value": 12.5, "currency": "EUR"}})
}

fn refusal(raw: &str) -> String {
    let error = types().check(raw, &shop()).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidAuthorizationDetails);
    let allowed = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    assert!(error.description.bytes().all(allowed), "{}", error.description);
    error.description
}

#[test]
fn only_arrays_of_objects_with_a_type() {
    for (bad, why) in [
        ("", "is not JSON"),
        ("[", "is not JSON"),
        ("{}", "must be an array"),
        ("\"payment\"", "must be an array"),
        ("[]", "1 to 8 objects"),
        ("[1]", "[0].type is missing"),
        ("[[]]", "[0].type is missing"),
        ("[{}]", "[0].type is missing"),
        (r#"[{"type":1}]"#, "[0].type is missing"),
        (r#"[{"type":["payment"]}]"#, "[0].type is missing"),
    ] {
        assert!(refusal(bad).contains(why), "{bad}: {}", refusal(bad));
    }
}

#[test]
fn everything_is_bounded() {
    let many: Vec<_> = (1..=9).map(|n| json!({"type": "payment", "n": n})).collect();
    assert!(refusal(&json!(many).to_string()).contains("1 to 8 objects"));
    assert!(refusal(&format!("[{}]", " ".repeat(MAX_BYTES))).contains("longer than"));
    let deep = format!("[{{\"type\":\"payment\",\"to\":{}{}}}]", "[".repeat(7), "]".repeat(7));
    assert!(refusal(&deep).contains("deeper than"));
    assert!(refusal(&"[".repeat(4000)).contains("not JSON"), "the parser's own limit");
    let just = json!([{"type": "any", "to": [[[[[1]]]]]}]).to_string();
    let any = App { authorization_details_types: vec!["any".to_owned()], ..shop() };
    assert!(types().check(&just, &any).is_ok(), "as deep as may be");
}

#[test]
fn only_types_that_are_registered_here_and_for_the_app() {
    for name in ["any", "unknown", "Payment", ""] {
        let asked = json!([good(), {"type": name}]).to_string();
        assert!(refusal(&asked).contains("[1].type is not registered"), "{name}");
    }
    let app = App { authorization_details_types: vec!["unknown".to_owned()], ..shop() };
    assert!(types().check(r#"[{"type":"unknown"}]"#, &app).is_err(), "the platform has none");
    assert!(DetailTypes::default().check(&json!([good()]).to_string(), &shop()).is_err());
}

#[test]
fn what_breaks_the_schema_is_refused_with_its_place() {
    for (member, value, why) in [
        ("amount", json!({"value": 0, "currency": "EUR"}), "[0]/amount/value: breaks 'exclusiveM"),
        ("amount", json!({"value": 1, "currency": "EURO"}), "[0]/amount/currency: breaks 'maxL"),
        ("amount", json!({"value": 1}), "[0]/amount: currency is missing"),
        ("amount", json!("1"), "[0]/amount: breaks 'type'"),
        ("to", json!(["DE1", "x"]), "[0]/to/1: breaks 'pattern'"),
        ("on", json!("tomorrow"), "[0]/on: breaks 'format'"),
        ("more", json!(1), "[0]: breaks 'additionalProperties'"),
    ] {
        let mut asked = good();
        asked[member] = value;
        let told = refusal(&json!([asked]).to_string());
        assert!(told.contains(why), "{told}");
    }
    // Names are the app's own text.
    let hostile = json!([{"type": "payment", "amount": {"value": 1, "currency": "EUR"},
        "to": {"\"<b>\n\\": 1}}]);
    refusal(&hostile.to_string());
}

#[test]
fn what_fits_is_granted_as_it_stands_and_once() {
    let asked = json!([good(), good(), {"type": "payment", "amount": {"value": 1, "currency": "X"},
        "to": ["DE1"], "on": "2026-01-31"}]);
    let granted = types().check(&asked.to_string(), &shop()).unwrap();
    assert_eq!(json!(granted), json!([asked[0], asked[2]]));
}

#[test]
fn only_what_was_granted_may_be_asked_for_again() {
    let other = json!({"type": "payment", "amount": {"value": 1, "currency": "EUR"}});
    let granted = [good(), other.clone()];
    let within = |asked: Value| details_within(&asked.to_string(), &granted);
    assert_eq!(within(json!([other])).unwrap(), [other]);
    assert_eq!(within(json!([good()])).unwrap().len(), 1);
    let mut more = good();
    more["amount"]["value"] = json!(13);
    for wider in [json!([more]), json!([good(), more]), json!([{"type": "payment"}]), json!([])] {
        let error = within(wider.clone()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidAuthorizationDetails, "{wider}");
    }
    assert!(details_within("[{\"type\":\"x\"}]", &[]).is_err());
}

#[test]
fn schemas_that_cannot_be_used_are_refused_at_once() {
    for (bad, why) in [
        (json!({"type": 3}), "schema"),
        (json!({"type": "objekt"}), "schema"),
        (json!({"$ref": "https://example.com/schema.json"}), "https://example.com"),
        (json!({"$ref": "file:///etc/passwd"}), "passwd"),
        (json!({"$ref": "#/$defs/none"}), "none"),
        (json!({"pattern": "("}), "schema"),
        // Not in linear time.
        (json!({"pattern": "(a)\\1"}), "schema"),
        (json!({"pattern": "(?=a)b"}), "schema"),
    ] {
        let error = DetailTypes::new(vec![source("payment", bad.clone())]).unwrap_err();
        assert!(error.0.contains("\"payment\"") && error.0.contains(why), "{bad}: {error}");
    }
    for name in ["", "a b", "é", &"a".repeat(129)] {
        assert!(DetailTypes::new(vec![source(name, json!(true))]).is_err(), "{name:?}");
    }
    let twice = vec![source("a", json!(true)), source("a", json!(true))];
    assert!(DetailTypes::new(twice).unwrap_err().0.contains("twice"));
    let mut silent = source("a", json!(true));
    silent.description = String::new();
    assert!(DetailTypes::new(vec![silent]).is_err());
    assert_eq!(types().names(), ["any", "payment"]);
}

#[test]
fn a_summary_is_one_bounded_line() {
    let line = |object: Value| types().summary(&object);
    assert_eq!(line(good()), "Pay once: currency EUR, value 12.5");
    assert_eq!(line(json!({"type": "gone"})), "gone");
    let many: Value = (0..9).map(|n| (format!("m{n}"), json!(n))).collect();
    assert!(line(many).ends_with("m5 5, … (+3)"));
    let hostile =
        json!({"type": "payment", "a\u{202e}\nb": format!("x\u{200b}\r{}", "y".repeat(999))});
    let told = line(hostile);
    assert!(told.starts_with("Pay once: ab xyyy") && told.ends_with('…'), "{told}");
    assert!(told.chars().count() < 80);
    assert_eq!(types().summaries(&[good(), good()]).len(), 2);
}
