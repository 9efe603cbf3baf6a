//! Device authorization (RFC 8628): a television shows the code, a phone texts it.

use serde_json::{Value, json};
use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::open;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn television(client_id: &str) -> Registration {
    Registration::new(client_id).with("grant_types", json!([GRANT, "refresh_token"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Asks for a device code, without a proof unless `proven`.
async fn begin(device: &Instance, more: &[(&str, &str)], proven: bool) -> Answer {
    let make = || {
        let draft = device.draft("device_authorization_endpoint", more);
        if proven { draft } else { draft.without_header("DPoP") }
    };
    device.send_fresh(make).await
}

fn poll_draft(device: &Instance, shown: &Value) -> Draft {
    let form = [("grant_type", GRANT), ("device_code", text(&shown["device_code"]))];
    device.draft("token_endpoint", &form)
}

async fn poll(device: &Instance, shown: &Value) -> Answer {
    device.send_fresh(|| poll_draft(device, shown)).await
}

async fn send(rig: &Rig, from: u32, shown: &Value) {
    rig.centre.text(&number(from), text(&shown["sms_body"])).await.ok();
}

#[tokio::test]
async fn a_television_is_signed_in_by_a_text() {
    let rig = Rig::start().await;
    let tv = rig.install(&television("tv")).await;
    let answer = begin(&tv, &[("scope", "openid"), ("ui_locales", "es")], false).await;
    let shown = answer.accepts();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let code = text(&shown["user_code"]);
    assert!(code.starts_with("TP1-") && code.len() == 45, "{code}");
    assert_eq!(shown["verification_uri"], "sms:+8610690001");
    assert_eq!(shown["verification_uri_complete"], shown["sms_uri"]);
    assert_eq!((&shown["expires_in"], &shown["interval"]), (&json!(600), &json!(5)));
    assert_eq!(shown["sms_to"], json!(["+8610690001"]));
    let body = text(&shown["sms_body"]);
    assert!(body.starts_with("App tv - acceso.") && body.ends_with(code), "{body}");
    assert!(text(&shown["sms_uri"]).starts_with("sms:+8610690001?body=App%20tv%20-%20acceso."));
    poll(&tv, &shown).await.refuses(400, "authorization_pending");
    poll(&tv, &shown).await.refuses(400, "slow_down");
    send(&rig, 1, &shown).await;
    let tokens = poll(&tv, &shown).await.accepts();
    assert_eq!(tokens["scope"], "openid");
    assert!(text(&tokens["terminal_hint"]).starts_with("+44"));
    let (_, claims) = open(text(&tokens["access_token"]));
    assert_eq!(claims["cnf"]["jkt"], tv.key.thumbprint());
    tv.userinfo(text(&tokens["access_token"])).await.accepts();
    tv.refresh(text(&tokens["refresh_token"])).await.accepts();
    // Used, and its answer arrived.
    poll(&tv, &shown).await.refuses(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_television_may_wait_for_the_text() {
    let rig = Rig::start().await;
    let tv = rig.install(&television("tv")).await;
    tv.warm().await;
    let shown = begin(&tv, &[], false).await.accepts();
    let sent = async {
        until("it waits", async || {
            (rig.platform.metric("twinpath_waiting_requests").await >= 1.0).then_some(())
        })
        .await;
        send(&rig, 1, &shown).await;
    };
    let waiting = async { tv.send(&poll_draft(&tv, &shown).header("Prefer", "wait=30")).await };
    let (answer, ()) = tokio::join!(waiting, sent);
    answer.accepts();
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
}

#[tokio::test]
async fn only_apps_with_the_grant_show_codes() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    begin(&weather, &[], false).await.refuses(400, "unauthorized_client");
    let tv = rig.install(&television("tv")).await;
    let shown = begin(&tv, &[], false).await.accepts();
    poll(&weather, &shown).await.refuses(400, "unauthorized_client");
    for (more, error) in [
        (("scope", "admin"), "invalid_scope"),
        (("resource", "nowhere"), "invalid_target"),
        (("authorization_details", "[]"), "invalid_authorization_details"),
    ] {
        begin(&tv, &[more], false).await.refuses(400, error);
    }
    let bad = tv.draft("device_authorization_endpoint", &[]).set("client_assertion", "a.b.c");
    tv.send(&bad.without_header("DPoP")).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn a_device_code_is_one_apps_and_whole() {
    let rig = Rig::start().await;
    let tv = rig.install(&television("tv")).await;
    let thief = rig.install(&television("thief")).await;
    let shown = begin(&tv, &[], false).await.accepts();
    send(&rig, 1, &shown).await;
    poll(&thief, &shown).await.refuses(400, "invalid_grant");
    let code = text(&shown["device_code"]);
    let refused = |code: String| {
        let form = json!({ "device_code": code });
        let tv = &tv;
        async move { poll(tv, &form).await.refuses(400, "invalid_grant") }
    };
    refused(format!("{code}0")).await;
    refused(code.replacen("tpd_", "tpr_", 1)).await;
    refused(text(&shown["user_code"]).to_owned()).await;
    let mut bad = code.to_owned().into_bytes();
    bad[40] = if bad[40] == b'A' { b'B' } else { b'A' };
    refused(String::from_utf8(bad).unwrap()).await;
    let none = tv.draft("token_endpoint", &[("grant_type", GRANT)]);
    tv.send(&none).await.refuses(400, "invalid_request");
    // The code shown is no verifier, and the terminal grant is not this app's way.
    poll(&tv, &shown).await.accepts();
}

#[tokio::test]
async fn a_proven_device_alone_redeems_its_code() {
    let rig = Rig::start().await;
    let tv = rig.install(&television("tv")).await;
    let shown = begin(&tv, &[], true).await.accepts();
    send(&rig, 1, &shown).await;
    let other = rig.again(&tv.app);
    poll(&other, &shown).await.refuses(400, "invalid_grant");
    let lost = poll(&tv, &shown).await.accepts();
    // The answer was lost: the same key gets it again, and no other.
    poll(&other, &shown).await.refuses(400, "invalid_grant");
    let fresh = poll(&tv, &shown).await.accepts();
    assert_ne!(lost["refresh_token"], fresh["refresh_token"]);
    tv.refresh(text(&fresh["refresh_token"])).await.accepts();
}

#[tokio::test]
async fn a_lost_answer_goes_to_the_first_key_only() {
    let rig = Rig::start().await;
    let tv = rig.install(&television("tv")).await;
    let shown = begin(&tv, &[], false).await.accepts();
    send(&rig, 1, &shown).await;
    poll(&tv, &shown).await.accepts();
    poll(&rig.again(&tv.app), &shown).await.refuses(400, "invalid_grant");
    poll(&tv, &shown).await.accepts();
}

#[tokio::test]
async fn other_words_and_two_numbers_end_a_code() {
    let rig = Rig::start().await;
    let tv = rig.install(&television("tv")).await;
    let lured = begin(&tv, &[], false).await.accepts();
    let vote = format!("Vote for me: {}", text(&lured["user_code"]));
    rig.centre.text(&number(1), &vote).await.ok();
    poll(&tv, &lured).await.refuses(400, "invalid_grant");
    // An app's own words are for an app.
    let app = begin(&tv, &[], false).await.accepts();
    let words = format!("App tv {} {}", twinpath_e2e::app::WORDS, text(&app["user_code"]));
    rig.centre.text(&number(1), &words).await.ok();
    poll(&tv, &app).await.refuses(400, "invalid_grant");
    let twice = begin(&tv, &[], false).await.accepts();
    send(&rig, 1, &twice).await;
    send(&rig, 2, &twice).await;
    poll(&tv, &twice).await.refuses(400, "invalid_grant");
    let hint = format!("tel:{}", number(3));
    let hinted = begin(&tv, &[("login_hint", &hint)], false).await.accepts();
    send(&rig, 4, &hinted).await;
    poll(&tv, &hinted).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_source_shows_so_many_codes_and_no_more() {
    let settings = Settings::default().with("[limits]\npending_codes_per_address = 2");
    let rig = Rig::with(settings).await;
    let tv = rig.install(&television("tv")).await;
    let shown = begin(&tv, &[], false).await.accepts();
    begin(&tv, &[], false).await.accepts();
    let over = begin(&tv, &[], false).await;
    over.refuses(429, "temporarily_unavailable");
    assert!(over.header("retry-after").is_some());
    // One that is known goes on, and ends; then there is room.
    send(&rig, 1, &shown).await;
    poll(&tv, &shown).await.accepts();
    begin(&tv, &[], false).await.accepts();
}
