//! `authorization_details` (RFC 9396): registered types, whole objects, never more than was granted.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use twinpath_e2e::app::Instance;
use twinpath_e2e::config::Settings;
use twinpath_e2e::jose::open;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "number", "exclusiveMinimum": 0}},
    })
}

fn settings(folder: &TempDir, schema: &Value) -> Settings {
    let file: PathBuf = folder.path().join("payment.schema.json");
    std::fs::write(&file, schema.to_string()).unwrap();
    Settings::default().with(&format!(
        "[[authorization_details]]\ntype = \"payment\"\nschema_file = \"{}\"\n\
         description = \"Pay once\"",
        file.display()
    ))
}

async fn rig(folder: &TempDir) -> Rig {
    Rig::with(settings(folder, &schema())).await
}

async fn shop(rig: &Rig) -> Instance {
    let registration = Registration::new("shop")
        .with("authorization_details_types", json!(["payment", "unknown"]))
        .with(
            "grant_types",
            json!(["urn:twinpath:oauth:grant-type:terminal", "refresh_token", DEVICE_GRANT]),
        );
    rig.install(&registration).await
}

fn payment(amount: i32) -> Value {
    json!({"type": "payment", "amount": amount})
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The claim in an access token.
fn claim(tokens: &Value) -> Value {
    open(text(&tokens["access_token"])).1["authorization_details"].clone()
}

#[tokio::test]
async fn what_is_asked_for_in_detail_is_held_against_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(&folder).await;
    assert_eq!(
        rig.platform.place.metadata["authorization_details_types_supported"],
        json!(["payment"])
    );
    let shop = shop(&rig).await;
    let attempt = shop.attempt();
    rig.text(&number(1), &attempt).await;
    for (bad, place) in [
        (json!([{"type": "payment"}]), "[0]: amount is missing"),
        (json!([payment(1), payment(0)]), "[1]/amount: breaks 'exclusiveMinimum'"),
        (json!([{"type": "unknown"}]), "[0].type"),
        (json!(payment(1)), "array"),
        (json!([]), "1 to 8"),
    ] {
        let answer =
            shop.redeem_with(&attempt, &[("authorization_details", &bad.to_string())]).await;
        answer.refuses(400, "invalid_authorization_details");
        let told = answer.json();
        assert!(text(&told["error_description"]).contains(place), "{told}");
    }
    // An app that is registered for none.
    let weather = rig.instance("weather").await;
    let other = weather.attempt();
    let asked = json!([payment(1)]).to_string();
    let refused = weather.redeem_with(&other, &[("authorization_details", &asked)]).await;
    refused.refuses(400, "invalid_authorization_details");
    // None of it used the code up.
    shop.redeem_with(&attempt, &[("authorization_details", &asked)]).await.accepts();
}

#[tokio::test]
async fn what_is_granted_is_told_and_never_widened() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(&folder).await;
    let shop = shop(&rig).await;
    let attempt = shop.attempt();
    rig.text(&number(1), &attempt).await;
    let asked = json!([payment(1), payment(2)]);
    let said = asked.to_string();
    let more = [("authorization_details", said.as_str())];
    let tokens = shop.redeem_with(&attempt, &more).await.accepts();
    assert_eq!((&tokens["authorization_details"], &claim(&tokens)), (&asked, &asked));
    let introspected = shop.introspect(text(&tokens["access_token"])).await.accepts();
    assert_eq!(introspected["authorization_details"], asked);
    // PROTOCOL 5: a lost answer is for the same request only.
    shop.redeem(&attempt).await.refuses(400, "invalid_grant");
    let other = json!([payment(1)]).to_string();
    let narrower = [("authorization_details", other.as_str())];
    shop.redeem_with(&attempt, &narrower).await.refuses(400, "invalid_grant");
    let tokens = shop.redeem_with(&attempt, &more).await.accepts();

    let refresh = async |details: Option<Value>| {
        let details = details.map(|details| details.to_string());
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&tokens["refresh_token"])),
        ];
        form.extend(details.as_deref().map(|details| ("authorization_details", details)));
        shop.send_fresh(|| shop.draft("token_endpoint", &form)).await
    };
    for wider in [json!([payment(3)]), json!([payment(1), payment(3)]), json!([]), json!("x")] {
        refresh(Some(wider)).await.refuses(400, "invalid_authorization_details");
    }
    let one = json!([payment(2)]);
    let narrowed = refresh(Some(one.clone())).await.accepts();
    assert_eq!((&narrowed["authorization_details"], &claim(&narrowed)), (&one, &one));
    let all = refresh(None).await.accepts();
    assert_eq!((&all["authorization_details"], &claim(&all)), (&asked, &asked), "the grant's stay");
}

#[tokio::test]
async fn a_device_gets_what_it_asked_for_in_detail() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(&folder).await;
    let shop = shop(&rig).await;
    let begin = async |details: &Value| {
        let details = details.to_string();
        let form = [("authorization_details", details.as_str())];
        shop.send_fresh(|| shop.draft("device_authorization_endpoint", &form)).await
    };
    begin(&json!([payment(0)])).await.refuses(400, "invalid_authorization_details");
    let asked = json!([payment(7)]);
    let shown = begin(&asked).await.accepts();
    rig.centre.text(&number(1), text(&shown["sms_body"])).await.ok();
    let form = [("grant_type", DEVICE_GRANT), ("device_code", text(&shown["device_code"]))];
    let tokens = shop.send_fresh(|| shop.draft("token_endpoint", &form)).await.accepts();
    assert_eq!((&tokens["authorization_details"], &claim(&tokens)), (&asked, &asked));
}

#[tokio::test]
async fn a_grant_without_details_says_nothing_of_them() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    assert!(tokens.get("authorization_details").is_none() && claim(&tokens).is_null());
    assert!(rig.platform.place.metadata.get("authorization_details_types_supported").is_none());
}

#[test]
fn schemas_that_cannot_be_used_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let load = |settings: &Settings| {
        let text = settings.file("http://127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:0", folder.path());
        let path = folder.path().join("twinpath.toml");
        std::fs::write(&path, text).unwrap();
        twinpath_server::config::load(&path, std::iter::empty()).map_err(|error| error.to_string())
    };
    load(&settings(&folder, &schema())).unwrap();
    for (bad, why) in [
        (json!({"$ref": "https://schemas.example/payment.json"}), "schemas.example"),
        (json!({"type": "objekt"}), "the schema cannot be used"),
    ] {
        let error = load(&settings(&folder, &bad)).unwrap_err();
        assert!(error.contains("\"payment\"") && error.contains(why), "{error}");
    }
    let missing = "[[authorization_details]]\ntype = \"x\"\ndescription = \"X\"";
    let error = load(&Settings::default().with(missing)).unwrap_err();
    assert!(error.contains("authorization_details.0.schema_file is missing"), "{error}");
    let nowhere = format!("{missing}\nschema_file = \"/nonexistent.json\"");
    let error = load(&Settings::default().with(&nowhere)).unwrap_err();
    assert!(error.contains("schema_file /nonexistent.json"), "{error}");
}
