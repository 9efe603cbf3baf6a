//! PROTOCOL 8 and 12: what operators do with accounts and apps while the server runs.

use serde_json::Value;
use twinpath_e2e::app::Auth;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

#[tokio::test]
async fn a_blocked_account_is_denied_and_let_in_again() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    rig.platform.account(&number(1), "block").await;
    weather.refresh(refresh).await.refuses(400, "access_denied");
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "access_denied");
    let other = rig.authorize(&rig.again(&weather.app), &number(2)).await;
    assert!(other["access_token"].is_string());
    rig.platform.account(&number(1), "unblock").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn revoking_an_account_ends_its_grants_and_nothing_else() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let other = rig.again(&weather.app);
    let others = rig.authorize(&other, &number(2)).await;
    let revoked = rig.platform.account(&number(1), "revoke").await;
    assert_eq!(revoked["grants_revoked"], 1);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    weather.refresh(refresh).await.refuses(400, "invalid_grant");
    assert_eq!(weather.userinfo(tokens["access_token"].as_str().unwrap()).await.status, 401);
    other.refresh(others["refresh_token"].as_str().unwrap()).await.accepts();
    let again = rig.authorize(&weather, &number(1)).await;
    assert_eq!(subject(&again), subject(&tokens), "the account stays");
}

fn subject(tokens: &serde_json::Value) -> serde_json::Value {
    twinpath_e2e::jose::open(tokens["access_token"].as_str().unwrap()).1["sub"].clone()
}

#[tokio::test]
async fn an_erased_account_is_forgotten() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    rig.platform.account(&number(1), "erase").await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    weather.refresh(refresh).await.refuses(400, "invalid_grant");
    let again = rig.authorize(&weather, &number(1)).await;
    assert_ne!(subject(&again), subject(&tokens), "a new account");
}

#[tokio::test]
async fn what_operators_see_masks_the_number() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    rig.authorize(&weather, "+447400123478").await;
    let account = rig.platform.account("+447400123478", "show").await;
    assert_eq!(account["terminal"], "+44••••••••78");
    assert!(!account.to_string().contains("7400123478"));
    assert_eq!(account["grants"][0]["client_id"], "weather");
}

#[tokio::test]
async fn a_rotated_secret_ends_the_old_one_at_once() {
    let rig = Rig::start().await;
    let app = rig.install(&Registration::new("shop").method("client_secret_post")).await;
    rig.authorize(&app, &number(1)).await;
    let rotated = rig.platform.admin("POST", "/apps/shop/rotate-secret", &Value::Null).await;
    let rotated = rotated.accepts();
    let fresh = rotated["client_secret"].as_str().unwrap();
    let attempt = app.attempt();
    rig.text(&number(1), &attempt).await;
    app.redeem(&attempt).await.refuses(401, "invalid_client");
    let draft = app.token_draft(&attempt).set("client_secret", fresh);
    app.send(&draft).await.accepts();
    let Auth::SecretPost(old) = &app.app.auth else { panic!("a secret") };
    assert_ne!(old, fresh);
}

#[tokio::test]
async fn a_deleted_app_is_an_unknown_app() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let deleted = rig.platform.admin("DELETE", "/apps/weather", &Value::Null).await;
    assert_eq!(deleted.status, 204);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    weather.refresh(refresh).await.refuses(401, "invalid_client");
}
