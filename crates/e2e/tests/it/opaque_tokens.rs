//! PROTOCOL 9: access tokens that only the platform can read.

use serde_json::{Value, json};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

const API: &str = "https://api.example.com/v1";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn opaque(id: &str) -> Registration {
    Registration::new(id).with("access_token_format", "opaque")
}

#[tokio::test]
async fn an_opaque_token_does_all_that_a_jwt_does() {
    let rig = Rig::start().await;
    let weather = rig.install(&opaque("weather")).await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let token = text(&tokens["access_token"]);
    assert!(token.starts_with("tpa_") && !token.contains('.'), "{token}");
    assert_eq!(tokens["token_type"], "DPoP");
    let user = weather.userinfo(token).await.accepts();
    assert_eq!(user["phone_number"], "+447400000001");
    let told = weather.introspect(token).await.accepts();
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &user["sub"]));
    assert_eq!(told["cnf"]["jkt"], weather.key.thumbprint().as_str());
    let fresh = weather.refresh(text(&tokens["refresh_token"])).await.accepts();
    assert!(text(&fresh["access_token"]).starts_with("tpa_"));
    let maps = rig.install(&opaque("maps")).await;
    assert_eq!(maps.introspect(token).await.accepts(), json!({"active": false}));
    assert_eq!(rig.again(&weather.app).userinfo(token).await.status, 401, "another key");
    assert_eq!(weather.revoke(token).await.status, 200);
    assert_eq!(weather.userinfo(token).await.status, 401);
    assert_eq!(weather.introspect(token).await.accepts(), json!({"active": false}));
    weather.userinfo(text(&fresh["access_token"])).await.accepts();
}

#[tokio::test]
async fn an_api_learns_what_it_says_by_introspection_alone() {
    let rig = Rig::start().await;
    let weather = rig.install(&opaque("weather")).await;
    let api = Registration::new("api").method("client_secret_basic").bearer().serves(API);
    let api = rig.install(&api).await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem_with(&attempt, &[("resource", API)]).await.accepts();
    let token = text(&tokens["access_token"]);
    let told = api.introspect(token).await.accepts();
    assert_eq!((&told["active"], &told["aud"]), (&json!(true), &json!(API)));
    let other = Registration::new("other").serves("https://other.example.com");
    let other = rig.install(&other).await;
    assert_eq!(other.introspect(token).await.accepts(), json!({"active": false}));
    for at in [4, 20, token.len() / 2, token.len() - 9, token.len() - 1] {
        let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(api.introspect(&changed).await.accepts(), json!({"active": false}), "{at}");
    }
    // The refresh token is none of its kind, under either prefix.
    let refresh = text(&tokens["refresh_token"]).replacen("tpr_", "tpa_", 1);
    assert_eq!(api.introspect(&refresh).await.accepts(), json!({"active": false}));
    let refused = weather.refresh(&token.replacen("tpa_", "tpr_", 1)).await;
    refused.refuses(400, "invalid_grant");
}
