//! The terminal authorization endpoint (PROTOCOL 4), announcements required and optional, and which number
//! is offered.

use serde_json::{Value, json};
use twinpath_e2e::app::{Attempt, Draft, Instance};
use twinpath_e2e::browser::Browser;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::Answer;
use twinpath_e2e::number;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;

use crate::authorize::{CALLBACK, SignIn, sign_in, web_app};

const ENDPOINT: &str = "terminal_authorization_endpoint";

async fn required() -> Rig {
    Rig::with(Settings::default().with("[terminal]\nannounce = \"required\"")).await
}

fn draft(app: &Instance, attempt: &Attempt, more: &[(&str, &str)]) -> Draft {
    let form = more.iter().fold(app.draft(ENDPOINT, &[]), |draft, (k, v)| draft.add(k, v));
    form.add("code", &attempt.code)
}

async fn announce(app: &Instance, attempt: &Attempt, more: &[(&str, &str)]) -> Answer {
    app.send_fresh(|| draft(app, attempt, more)).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

async fn metadata(platform: &Platform) -> Value {
    platform.place.get("/.well-known/oauth-authorization-server").await.json()
}

async fn outcomes(rig: &Rig, outcome: &str) -> f64 {
    rig.platform.texts("operator-a", outcome).await
}

#[tokio::test]
async fn where_it_is_required_only_announced_texts_count() {
    let rig = required().await;
    let weather = rig.instance("weather").await;
    let metadata = metadata(&rig.platform).await;
    assert_eq!(metadata["require_terminal_announcement"], true);
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "authorization_pending");
    assert!(outcomes(&rig, "unannounced").await > 0.5);

    let attempt = weather.attempt();
    let answer = announce(&weather, &attempt, &[("ui_locales", "es")]).await;
    let said = answer.accepts();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("dpop-nonce").is_some());
    assert_eq!(said["sms_to"], json!(["+8610690001"]));
    assert_eq!((&said["expires_in"], &said["interval"]), (&json!(300), &json!(5)));
    let body = text(&said["sms_body"]);
    assert!(body.starts_with("App weather - acceso.") && body.ends_with(&attempt.code), "{body}");
    assert!(text(&said["sms_uri"]).starts_with("sms:+8610690001?body=App%20weather%20-%20acceso."));
    // Right words of another language are not the announced ones.
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "authorization_pending");
    assert!(outcomes(&rig, "unannounced").await > 1.5);
    rig.centre.text(&number(1), body).await.ok();
    let tokens = weather.redeem(&attempt).await.accepts();
    assert_eq!(tokens["scope"], "openid phone");
}

#[tokio::test]
async fn a_token_request_only_narrows_what_was_announced() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    announce(&weather, &attempt, &[("scope", "phone")]).await.accepts();
    rig.text(&number(1), &attempt).await;
    weather.redeem_with(&attempt, &[("scope", "openid")]).await.refuses(400, "invalid_scope");
    let more = [("resource", "https://api.example.com/")];
    weather.redeem_with(&attempt, &more).await.refuses(400, "invalid_target");
    assert_eq!(weather.redeem(&attempt).await.accepts()["scope"], "phone");
}

#[tokio::test]
async fn announcements_are_checked_like_token_requests() {
    let rig = required().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    let bad = |name: &str, value: &str| draft(&weather, &attempt, &[]).set(name, value.to_owned());
    for (spoilt, status, error) in [
        (bad("code", "TP1-ABC"), 400, "invalid_request"),
        (bad("scope", "admin"), 400, "invalid_scope"),
        (bad("resource", "here"), 400, "invalid_target"),
        (bad("terminal_country", "Atlantis"), 400, "invalid_request"),
        (bad("login_hint", "+447911123456"), 400, "invalid_request"),
        (draft(&weather, &attempt, &[]).without("code"), 400, "invalid_request"),
        (
            draft(&weather, &attempt, &[])
                .without("client_assertion")
                .without("client_assertion_type"),
            401,
            "invalid_client",
        ),
        (draft(&weather, &attempt, &[]).without_header("DPoP"), 400, "invalid_dpop_proof"),
    ] {
        weather.send(&spoilt).await.refuses(status, error);
    }
    let damaged = attempt.code.chars().rev().collect::<String>();
    let damaged = damaged.replace('-', "").chars().take(35).collect::<String>();
    weather.send(&bad("code", &damaged)).await.refuses(400, "invalid_request");
    // A replayed request announces nothing.
    let once = draft(&weather, &attempt, &[]);
    weather.send(&once).await.accepts();
    assert_eq!(weather.send(&once).await.status, 400);
}

#[tokio::test]
async fn nobody_announces_for_another_instance() {
    let rig = required().await;
    let weather = rig.instance("weather").await;
    let thief = rig.again(&weather.app);
    let attempt = weather.attempt();
    let said = announce(&thief, &attempt, &[]).await.accepts();
    rig.centre.text(&number(1), text(&said["sms_body"])).await.ok();
    weather.redeem(&attempt).await.refuses(400, "authorization_pending");
    thief.redeem(&attempt).await.refuses(400, "authorization_pending");
}

/// What the platform itself prepares needs no announcement of an app.
#[tokio::test]
async fn pages_and_televisions_are_announced_by_the_platform() {
    let rig = required().await;
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let tv = rig.install(&Registration::new("tv").with("grant_types", json!([grant]))).await;
    let make = || tv.draft("device_authorization_endpoint", &[]).without_header("DPoP");
    let shown = tv.send_fresh(make).await.accepts();
    rig.centre.text(&number(1), text(&shown["sms_body"])).await.ok();
    tv.grant(grant, &[("device_code", text(&shown["device_code"]))]).await.accepts();

    let web = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let location = sign_in(&rig, &browser, &SignIn::new(&web, &[]).url, &number(2)).await;
    assert!(location.starts_with(CALLBACK), "{location}");
}

/// Attested instances have a limit of their own; see `attested`. Others are counted by address and app.
#[tokio::test]
async fn announced_codes_count_toward_the_limit_of_their_source() {
    let settings = Settings::default().with("[limits]\npending_codes_per_address = 2");
    let rig = Rig::with(settings).await;
    let weather = rig.instance("weather").await;
    for _ in 0..2 {
        announce(&weather, &weather.attempt(), &[]).await.accepts();
    }
    let over = announce(&weather, &weather.attempt(), &[]).await;
    over.refuses(429, "temporarily_unavailable");
    assert!(over.header("retry-after").is_some());
    let maps = rig.instance("maps").await;
    announce(&maps, &maps.attempt(), &[]).await.accepts();
}

#[tokio::test]
async fn numbers_are_offered_by_country_and_health() {
    let (first, second) = (Centre::start().await, Centre::start().await);
    let bind = |name: &str, port: u16, more: &str| {
        format!(
            "[[sms.smpp]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\nsystem_id = \"twinpath\"\npassword = \"secret\"\n{more}\n"
        )
    };
    let gb = bind("gb", first.port, "numbers = [\"+447700900001\"]\ncountries = [\"GB\"]");
    let any = bind("any", second.port, "numbers = [\"+12025550100\"]");
    let platform = Platform::start(&Settings::default().with(&gb).with(&any)).await;
    let app = platform.register(&Registration::new("weather")).await;
    let weather = Instance::new(&app, &platform.place);
    first.bound(1).await;
    second.bound(1).await;
    let offered = async |country: &str| {
        let more = [("terminal_country", country)];
        announce(&weather, &weather.attempt(), &more).await.accepts()["sms_to"].clone()
    };
    assert_eq!(offered("GB").await, json!(["+447700900001", "+12025550100"]));
    assert_eq!(offered("us").await, json!(["+12025550100"]));
    // A bind that is down is not offered.
    drop(first);
    until("the bind is known to be down", async || {
        (offered("GB").await == json!(["+12025550100"])).then_some(())
    })
    .await;
    let metadata = metadata(&platform).await;
    assert_eq!(metadata["terminal_numbers"], json!(["+12025550100"]));
}
