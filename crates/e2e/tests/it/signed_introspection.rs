//! RFC 9701: introspection answered by a signed JWT.

use serde_json::{Value, json};
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{is_signed_by, open};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

const API: &str = "https://api.example.com/v1";
const JWT: &str = "application/token-introspection+jwt";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The claims of a signed answer.
#[track_caller]
fn claims(answer: &Answer, jwks: &Value) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(JWT)));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(is_signed_by(&answer.text(), jwks));
    let (header, claims) = open(&answer.text());
    assert_eq!(header["typ"], "token-introspection+jwt");
    claims
}

#[tokio::test]
async fn whoever_can_take_a_jwt_gets_one() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let api = rig.install(&Registration::new("api").serves(API)).await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem_with(&attempt, &[("resource", API)]).await.accepts();
    let token = text(&tokens["access_token"]);
    let place = &rig.platform.place;
    let jwks = place.jwks().await;
    let algorithms = &place.metadata["introspection_signing_alg_values_supported"];
    assert!(algorithms.as_array().unwrap().contains(&json!("ES256")), "{algorithms}");
    let ask = async |accept: &str, token: &str| {
        let draft = api.draft("introspection_endpoint", &[("token", token)]);
        api.send(&draft.header("Accept", accept)).await
    };
    for accept in [
        JWT,
        "Application/Token-Introspection+JWT",
        "text/html, application/token-introspection+jwt;q=0.9",
    ] {
        let claims = claims(&ask(accept, token).await, &jwks);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(place.issuer), &json!("api")));
        assert!((claims["iat"].as_i64().unwrap() - twinpath_e2e::now_s()).abs() < 60);
        for absent in ["sub", "exp", "active", "scope"] {
            assert!(claims.get(absent).is_none(), "it is no token: {claims}");
        }
        let told = &claims["token_introspection"];
        assert_eq!(told, &api.introspect(token).await.accepts());
        assert_eq!(told["cnf"]["jkt"], weather.key.thumbprint().as_str());
    }
    let inactive = claims(&ask(JWT, "nonsense").await, &jwks);
    assert_eq!(inactive["token_introspection"], json!({"active": false}));
    for accept in ["application/json", "*/*", "application/jwt"] {
        assert_eq!(ask(accept, token).await.accepts()["active"], true, "{accept}");
    }
    // The answer itself is no access token.
    let answer = ask(JWT, token).await.text();
    assert_eq!(api.introspect(&answer).await.accepts(), json!({"active": false}));
    assert_eq!(weather.userinfo(&answer).await.status, 401);
    let stranger = api.draft("introspection_endpoint", &[("token", token)]);
    let stranger = stranger.set("client_assertion", "a.b.c").header("Accept", JWT);
    api.send(&stranger).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn an_api_may_be_registered_for_it() {
    let rig = Rig::start().await;
    let api = Registration::new("api").serves(API);
    let api = rig.install(&api.with("introspection_signed_response_alg", "ES256")).await;
    let jwks = rig.platform.place.jwks().await;
    let told = claims(&api.introspect("nonsense").await, &jwks);
    assert_eq!(told["token_introspection"], json!({"active": false}));
}
