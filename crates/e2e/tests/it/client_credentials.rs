//! RFC 6749 4.4, and that each grant is for apps that are registered for it.

use serde_json::{Value, json};
use twinpath_core::app::{DeleteApp, PutApp};
use twinpath_core::ids::ClientId;
use twinpath_core::records::App;
use twinpath_e2e::app::TERMINAL_GRANT;
use twinpath_e2e::config::Settings;
use twinpath_e2e::jose::{is_signed_by, open};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

const API: &str = "https://api.example.com/v1";
const OWN: &str = "client_credentials";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn backend(id: &str) -> Registration {
    Registration::new(id).scope("openid phone read write").with("grant_types", json!([OWN]))
}

#[tokio::test]
async fn an_app_gets_a_token_for_itself() {
    let rig = Rig::start().await;
    let backend = rig.install(&backend("backend")).await;
    let tokens = backend.grant(OWN, &[("scope", "read"), ("resource", API)]).await.accepts();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("DPoP"), &json!(600)));
    assert_eq!(tokens["scope"], "read");
    for absent in ["refresh_token", "id_token", "terminal_hint", "issued_token_type"] {
        assert!(tokens.get(absent).is_none(), "{tokens}");
    }
    let token = text(&tokens["access_token"]);
    assert!(is_signed_by(token, &rig.platform.place.jwks().await));
    let (header, claims) = open(token);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("backend"), &json!("backend")));
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!(API), &json!("read")));
    assert_eq!(claims["cnf"], json!({"jkt": backend.key.thumbprint()}));
    for absent in ["auth_time", "acr", "amr", "union_id", "act"] {
        assert!(claims.get(absent).is_none(), "nobody was authenticated: {claims}");
    }
    let all = backend.grant(OWN, &[]).await.accepts();
    assert_eq!(all["scope"], "read write", "nothing of a person");
    let (_, claims) = open(text(&all["access_token"]));
    assert_eq!(claims["aud"], rig.platform.place.issuer.as_str());
    assert_eq!(backend.userinfo(text(&all["access_token"])).await.status, 403);
}

#[tokio::test]
async fn what_an_app_may_not_have_for_itself() {
    let sections = format!("[tokens]\nresources = [\"{API}\"]");
    let rig = Rig::with(Settings::default().with(&sections)).await;
    let backend = rig.install(&backend("backend")).await;
    for (asked, error) in [
        (("scope", "openid"), "invalid_scope"),
        (("scope", "read phone"), "invalid_scope"),
        (("scope", "offline_access"), "invalid_scope"),
        (("scope", "admin"), "invalid_scope"),
        (("resource", "https://other.example.com"), "invalid_target"),
        (("resource", "api"), "invalid_target"),
    ] {
        backend.grant(OWN, &[asked]).await.refuses(400, error);
    }
    let stolen = backend.draft("token_endpoint", &[("grant_type", OWN)]);
    let stolen = stolen.set("client_assertion", "a.b.c");
    backend.send(&stolen).await.refuses(401, "invalid_client");
    // What was shown once is used up, though no grant came of it.
    let draft = backend.draft("token_endpoint", &[("grant_type", OWN)]);
    backend.send(&draft).await.accepts();
    backend.send(&draft).await.refuses(400, "invalid_dpop_proof");
    let proof = backend.proof("POST", rig.platform.place.url("token_endpoint"));
    backend.send(&draft.header("DPoP", &proof)).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn an_apps_own_token_is_introspected_and_revoked_without_a_grant() {
    let rig = Rig::start().await;
    let bearer = backend("backend").method("client_secret_post").bearer();
    let backend = rig.install(&bearer).await;
    let api = rig.install(&Registration::new("api").serves(API)).await;
    let tokens = backend.grant(OWN, &[("resource", API)]).await.accepts();
    assert_eq!(tokens["token_type"], "Bearer");
    let token = text(&tokens["access_token"]);
    let told = api.introspect(token).await.accepts();
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!("backend")));
    assert!(told.get("auth_time").is_none() && told.get("acr").is_none(), "{told}");
    let other = rig.install(&Registration::new("other").serves("https://b.example.com")).await;
    assert_eq!(other.introspect(token).await.accepts(), json!({"active": false}));
    assert_eq!(other.revoke(token).await.status, 200);
    assert_eq!(api.introspect(token).await.accepts()["active"], true, "not another app's");
    assert_eq!(backend.revoke(token).await.status, 200);
    assert_eq!(api.introspect(token).await.accepts(), json!({"active": false}));
}

/// The app as it is registered.
fn registered(rig: &Rig, id: &str) -> App {
    rig.platform.server.platform.app(&ClientId::new(id).unwrap()).unwrap().app.clone()
}

#[tokio::test]
async fn deleting_or_registering_an_app_anew_ends_its_tokens() {
    let rig = Rig::start().await;
    let backend = rig.install(&backend("backend")).await;
    let api = rig.install(&Registration::new("api").serves(API)).await;
    let tokens = backend.grant(OWN, &[("resource", API)]).await.accepts();
    let token = text(&tokens["access_token"]);
    let platform = &rig.platform.server.platform;
    let app = registered(&rig, "backend");
    platform.run(DeleteApp(app.client_id.clone())).await.unwrap();
    platform.registry.renew(platform).await.unwrap();
    assert_eq!(api.introspect(token).await.accepts(), json!({"active": false}));
    // Under the same name a moment later: the times of the token cannot tell.
    let again = App { created_at: app.created_at.plus_seconds(1), ..app.clone() };
    platform.run(PutApp { app: again, new: true }).await.unwrap();
    platform.registry.renew(platform).await.unwrap();
    assert_eq!(api.introspect(token).await.accepts(), json!({"active": false}));
    platform.run(PutApp { app, new: false }).await.unwrap();
    platform.registry.renew(platform).await.unwrap();
    assert_eq!(api.introspect(token).await.accepts()["active"], true, "the test can fail");
}

#[tokio::test]
async fn each_grant_is_for_apps_that_are_registered_for_it() {
    let rig = Rig::start().await;
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let native = rig.instance("native").await;
    for grant in [OWN, exchange, "authorization_code"] {
        native.grant(grant, &[]).await.refuses(400, "unauthorized_client");
    }
    let backend = rig.install(&backend("backend")).await;
    for grant in [TERMINAL_GRANT, "refresh_token", "authorization_code", exchange] {
        backend.grant(grant, &[]).await.refuses(400, "unauthorized_client");
    }
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
        native.grant(grant, &[]).await.refuses(400, "unsupported_grant_type");
    }
    let supported = &rig.platform.place.metadata["grant_types_supported"];
    for grant in [TERMINAL_GRANT, "refresh_token", OWN, exchange] {
        assert!(supported.as_array().unwrap().contains(&json!(grant)), "{supported}");
    }
}

#[tokio::test]
async fn an_app_without_the_refresh_grant_gets_no_refresh_token() {
    let rig = Rig::start().await;
    let once = Registration::new("once").with("grant_types", json!([TERMINAL_GRANT]));
    let once = rig.install(&once).await;
    let tokens = rig.authorize(&once, &number(1)).await;
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    once.userinfo(text(&tokens["access_token"])).await.accepts();
}
