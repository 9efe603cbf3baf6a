//! When a sign-in must be confirmed, and what a confirmed one is worth.

use serde_json::json;
use twinpath_e2e::app::Instance;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;

use crate::confirmation::texts::{Mobile, digits};
use crate::confirmation::{ALWAYS, awaits, claims};

pub(super) const CONFIRMED: &str = "urn:twinpath:acr:terminal-confirmed";

/// Whether the sign-in had to be confirmed.
async fn sign_in(mobile: &Mobile, instance: &Instance, from: &str, more: &[(&str, &str)]) -> bool {
    let attempt = instance.attempt();
    mobile.rig.text(from, &attempt).await;
    let before = mobile.texts();
    let answer = instance.redeem_with(&attempt, more).await;
    if answer.status == 200 {
        assert_eq!(claims(&answer.accepts())["acr"], "urn:twinpath:acr:terminal");
        return false;
    }
    awaits(&answer);
    let (to, text) = mobile.text(before + 1).await;
    assert_eq!(to, from);
    let right = digits(&text);
    let more = [more, &[("confirmation_code", right.as_str())]].concat();
    assert_eq!(claims(&instance.redeem_with(&attempt, &more).await.accepts())["acr"], CONFIRMED);
    true
}

#[tokio::test]
async fn always() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    assert!(sign_in(&mobile, &weather, &number(1), &[]).await);
    assert!(sign_in(&mobile, &weather, &number(1), &[]).await);
}

#[tokio::test]
async fn for_sensitive_scopes() {
    let sections = "[terminal]\nnotify = false\nsensitive_scopes = [\"payments\"]";
    let mobile = Mobile::with(sections).await;
    let bank = Registration::new("bank").scope("openid payments");
    let bank = mobile.rig.install(&bank).await;
    assert!(!sign_in(&mobile, &bank, &number(1), &[("scope", "openid")]).await);
    assert!(sign_in(&mobile, &bank, &number(1), &[("scope", "openid payments")]).await);
    // An app that names no scope asks for all it may have.
    let attempt = bank.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    awaits(&bank.redeem(&attempt).await);
}

#[tokio::test]
async fn for_new_devices() {
    let mobile = Mobile::with("[terminal]\nnotify = false\nconfirm = \"new_device\"").await;
    let weather = mobile.rig.instance("weather").await;
    assert!(sign_in(&mobile, &weather, &number(1), &[]).await, "it makes the account");
    assert!(!sign_in(&mobile, &weather, &number(1), &[]).await);
    assert!(sign_in(&mobile, &weather, &number(2), &[]).await, "another account");
    let other = mobile.rig.again(&weather.app);
    assert!(sign_in(&mobile, &other, &number(1), &[]).await);
    let keyless = Registration::new("maps").method("client_secret_basic").bearer();
    let keyless = mobile.rig.install(&keyless).await;
    assert!(sign_in(&mobile, &keyless, &number(1), &[]).await);
    assert!(sign_in(&mobile, &keyless, &number(1), &[]).await, "without a key, always");
}

#[tokio::test]
async fn never_but_where_the_app_asks_for_it() {
    let mobile = Mobile::with("[terminal]\nnotify = false\nconfirm = \"never\"").await;
    let weather = mobile.rig.instance("weather").await;
    let supported = &mobile.rig.platform.place.metadata["acr_values_supported"];
    assert_eq!(*supported, json!(["urn:twinpath:acr:terminal", CONFIRMED]));
    assert!(!sign_in(&mobile, &weather, &number(1), &[]).await);
    assert!(sign_in(&mobile, &weather, &number(1), &[("acr_values", CONFIRMED)]).await);
    let either = format!("gold urn:twinpath:acr:terminal {CONFIRMED}");
    assert!(!sign_in(&mobile, &weather, &number(1), &[("acr_values", &either)]).await);
    let attempt = weather.attempt();
    let unmet = weather.redeem_with(&attempt, &[("acr_values", "gold")]).await;
    unmet.refuses(400, "unmet_authentication_requirements");
}

#[tokio::test]
async fn a_confirmed_grant_stays_so() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    let attempt = weather.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    awaits(&weather.redeem(&attempt).await);
    let right = digits(&mobile.text(1).await.1);
    let answer = weather.redeem_with(&attempt, &[("confirmation_code", &right)]).await;
    let tokens = answer.accepts();
    let amr = json!(["sms_mo", "sms", "swk"]);
    let (_, id_token) = twinpath_e2e::jose::open(tokens["id_token"].as_str().unwrap());
    assert_eq!((&id_token["acr"], &id_token["amr"]), (&json!(CONFIRMED), &amr));
    let refreshed = weather.refresh(tokens["refresh_token"].as_str().unwrap()).await.accepts();
    assert_eq!((&claims(&refreshed)["acr"], &claims(&refreshed)["amr"]), (&json!(CONFIRMED), &amr));
    let active = weather.introspect(refreshed["access_token"].as_str().unwrap()).await.accepts();
    assert_eq!((&active["acr"], &active["amr"]), (&json!(CONFIRMED), &amr));
}

#[tokio::test]
async fn the_text_names_app_and_platform_and_is_bound_to_both_systems() {
    let mobile = Mobile::with(ALWAYS).await;
    let hashed = Registration::new("weather").with("android_sms_hash", "FA+9qCX9VSu");
    let weather = mobile.rig.install(&hashed).await;
    let attempt = weather.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    awaits(&weather.redeem_with(&attempt, &[("ui_locales", "fr es")]).await);
    let (_, text) = mobile.text(1).await;
    let (words, last) = text.split_once('\n').unwrap();
    let right = digits(&text);
    assert_eq!(last, format!("@127.0.0.1 #{right} FA+9qCX9VSu"));
    assert!(words.contains("App weather") && words.contains("No lo comparta."), "{words}");
    weather.redeem_with(&attempt, &[("confirmation_code", &right)]).await.accepts();
}
