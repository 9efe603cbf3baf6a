//! RFC 8693 between APIs: weather calls API A, A calls API B, B calls C.

use serde_json::{Value, json};
use twinpath_core::app::DeleteApp;
use twinpath_core::ids::ClientId;
use twinpath_e2e::app::Instance;
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{is_signed_by, open};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const A: &str = "https://a.example.com/v1";
const B: &str = "https://b.example.com/v1";
const C: &str = "https://c.example.com/v1";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn api(id: &str, serves: &str, calls: &[&str]) -> Registration {
    Registration::new(id)
        .scope("openid phone read write")
        .serves(serves)
        .with("grant_types", json!([EXCHANGE]))
        .with("may_exchange_for", json!(calls))
}

/// An app and three APIs in a row.
struct Scene {
    rig: Rig,
    weather: Instance,
    a: Instance,
    b: Instance,
    c: Instance,
}

impl Scene {
    async fn new() -> Self {
        let rig = Rig::start().await;
        let weather = Registration::new("weather").scope("openid phone read write admin");
        let weather = rig.install(&weather).await;
        let a = rig.install(&api("a", A, &[B, "https://nobody.example.com"])).await;
        let b = rig.install(&api("b", B, &[C, A])).await;
        let c = rig.install(&api("c", C, &[A])).await;
        Self { rig, weather, a, b, c }
    }

    /// What the app gets for a resource.
    async fn sign_in(&self, scope: &str, resource: &str) -> Value {
        let attempt = self.weather.attempt();
        self.rig.text(&number(1), &attempt).await;
        let asked = [("scope", scope), ("resource", resource)];
        self.weather.redeem_with(&attempt, &asked).await.accepts()
    }
}

async fn exchange(api: &Instance, token: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    api.grant(EXCHANGE, &[&form[..], more].concat()).await
}

#[tokio::test]
async fn an_api_calls_the_next_for_its_callers_user() {
    let scene = Scene::new().await;
    let tokens = scene.sign_in("openid phone read write admin", A).await;
    let shown = text(&tokens["access_token"]);
    let answer = exchange(&scene.a, shown, &[("resource", B)]).await.accepts();
    assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
    assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("DPoP"), &json!("read write")));
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none(), "{answer}");
    let token = text(&answer["access_token"]);
    assert!(is_signed_by(token, &scene.rig.platform.place.jwks().await));
    let ((_, old), (_, new)) = (open(shown), open(token));
    for same in ["sub", "union_id", "auth_time", "acr", "amr", "iss"] {
        assert_eq!(new[same], old[same], "{same}");
    }
    assert_eq!((&new["client_id"], &new["aud"]), (&json!("a"), &json!(B)));
    assert_eq!(new["act"], json!({"sub": "a"}));
    assert_eq!(new["cnf"], json!({"jkt": scene.a.key.thumbprint()}), "A's key, not the app's");
    assert!(new["exp"].as_i64() <= old["exp"].as_i64());
    // B learns of the chain, also from the platform; A and the app are told nothing about B's call.
    let told = scene.b.introspect(token).await.accepts();
    assert_eq!((&told["active"], &told["act"]), (&json!(true), &json!({"sub": "a"})));
    assert_eq!(scene.weather.introspect(token).await.accepts(), json!({"active": false}));
    // And calls the next.
    let answer = exchange(&scene.b, token, &[("audience", C), ("scope", "read")]).await.accepts();
    let (_, third) = open(text(&answer["access_token"]));
    assert_eq!(third["act"], json!({"sub": "b", "act": {"sub": "a"}}));
    assert_eq!((&third["scope"], &third["sub"]), (&json!("read"), &old["sub"]));
}

#[tokio::test]
async fn a_token_for_one_api_is_worth_nothing_at_another() {
    let scene = Scene::new().await;
    let tokens = scene.sign_in("openid phone read", A).await;
    let shown = text(&tokens["access_token"]);
    // Token substitution: B got hold of a token for A, and would use it as if it were shown to B.
    exchange(&scene.b, shown, &[("resource", C)]).await.refuses(400, "invalid_request");
    assert_eq!(scene.b.introspect(shown).await.accepts(), json!({"active": false}));
    let answer = exchange(&scene.a, shown, &[("resource", B)]).await.accepts();
    let token = text(&answer["access_token"]);
    exchange(&scene.a, token, &[("resource", B)]).await.refuses(400, "invalid_request");
    exchange(&scene.c, token, &[("resource", A)]).await.refuses(400, "invalid_request");
    assert_eq!(scene.c.introspect(token).await.accepts(), json!({"active": false}));
    // A may not learn the number by the token it was shown, nor by the one it got.
    assert_eq!(scene.a.userinfo(shown).await.status, 401);
    assert_eq!(scene.a.userinfo(token).await.status, 401);
}

#[tokio::test]
async fn exchanges_that_are_refused() {
    let scene = Scene::new().await;
    let tokens = scene.sign_in("openid phone read", A).await;
    let shown = text(&tokens["access_token"]);
    let to_b = ("resource", B);
    for (more, error) in [
        (&[][..], "invalid_request"),
        (&[("resource", C)], "invalid_target"),
        (&[("resource", A)], "invalid_target"),
        // Allowed, but there is no such API.
        (&[("resource", "https://nobody.example.com")], "invalid_target"),
        (&[to_b, ("resource", C)], "invalid_target"),
        (&[to_b, ("scope", "write")], "invalid_scope"),
        (&[to_b, ("scope", "openid")], "invalid_scope"),
        (&[to_b, ("scope", "read phone")], "invalid_scope"),
        (&[to_b, ("actor_token", shown)], "invalid_request"),
        (
            &[to_b, ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
            "invalid_request",
        ),
    ] {
        exchange(&scene.a, shown, more).await.refuses(400, error);
    }
    for other in ["refresh_token", "id_token"] {
        exchange(&scene.a, text(&tokens[other]), &[to_b]).await.refuses(400, "invalid_request");
    }
    let (most, last) = shown.split_at(shown.len() - 1);
    let forged = format!("{most}{}", if last == "A" { "Q" } else { "A" });
    for nonsense in ["x", "a.b.c", forged.as_str()] {
        exchange(&scene.a, nonsense, &[to_b]).await.refuses(400, "invalid_request");
    }
    let twice = scene.a.draft("token_endpoint", &[("grant_type", EXCHANGE)]);
    let twice = twice.add("subject_token", shown).add("subject_token", shown);
    scene.a.send(&twice).await.refuses(400, "invalid_request");
    // An app that is no API may be registered for the grant; it has nothing to exchange.
    let app = Registration::new("app").with("grant_types", json!([EXCHANGE]));
    let app = scene.rig.install(&app).await;
    exchange(&app, shown, &[to_b]).await.refuses(400, "unauthorized_client");
    // An API's key is its own: another installation's proof does not match its token.
    exchange(&scene.a, shown, &[to_b]).await.accepts();
}

#[tokio::test]
async fn the_grants_end_ends_what_was_exchanged() {
    let scene = Scene::new().await;
    let tokens = scene.sign_in("openid read", A).await;
    let shown = text(&tokens["access_token"]);
    let made = exchange(&scene.a, shown, &[("resource", B)]).await.accepts();
    let made = text(&made["access_token"]);
    let further = exchange(&scene.b, made, &[("resource", C)]).await.accepts();
    let further = text(&further["access_token"]);
    assert_eq!(scene.c.introspect(further).await.accepts()["active"], true);
    // A revoked token is not exchanged; what was exchanged before stands.
    scene.weather.revoke(shown).await;
    exchange(&scene.a, shown, &[("resource", B)]).await.refuses(400, "invalid_request");
    assert_eq!(scene.c.introspect(further).await.accepts()["active"], true);
    scene.weather.revoke(text(&tokens["refresh_token"])).await;
    for (api, token) in [(&scene.b, made), (&scene.c, further)] {
        assert_eq!(api.introspect(token).await.accepts(), json!({"active": false}));
    }
    exchange(&scene.b, made, &[("resource", C)]).await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn an_api_that_is_gone_takes_what_it_handed_on_along() {
    let scene = Scene::new().await;
    let tokens = scene.sign_in("openid read", A).await;
    let made = exchange(&scene.a, text(&tokens["access_token"]), &[("resource", B)]).await;
    let made = made.accepts();
    let further = exchange(&scene.b, text(&made["access_token"]), &[("resource", C)]).await;
    let further = further.accepts();
    let further = text(&further["access_token"]);
    assert_eq!(scene.c.introspect(further).await.accepts()["active"], true);
    let platform = &scene.rig.platform.server.platform;
    platform.run(DeleteApp(ClientId::new("a").unwrap())).await.unwrap();
    platform.registry.renew(platform).await.unwrap();
    assert_eq!(scene.c.introspect(further).await.accepts(), json!({"active": false}));
}

#[tokio::test]
async fn what_an_app_got_for_itself_is_not_exchanged() {
    let scene = Scene::new().await;
    let backend = Registration::new("backend").scope("read");
    let backend = backend.with("grant_types", json!(["client_credentials"]));
    let backend = scene.rig.install(&backend).await;
    let own = backend.grant("client_credentials", &[("resource", A)]).await.accepts();
    let answer = exchange(&scene.a, text(&own["access_token"]), &[("resource", B)]).await;
    answer.refuses(400, "invalid_request");
}
