//! PROTOCOL 8 and 9: what tokens say, who may ask about them, how they are renewed and revoked.

use serde_json::{Value, json};
use twinpath_e2e::config::Settings;
use twinpath_e2e::jose::{is_signed_by, open};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test]
async fn the_access_token_is_an_rfc_9068_jwt() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let before = twinpath_e2e::now_s();
    let tokens = rig.authorize(&weather, &number(1)).await;
    let access = text(&tokens["access_token"]);
    let issuer = rig.platform.place.issuer.as_str();
    assert!(is_signed_by(access, &rig.platform.place.jwks().await));
    let (header, claims) = open(access);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["aud"], issuer, "without `resource`, the issuer");
    assert_eq!(claims["client_id"], "weather");
    assert_eq!(claims["scope"], "openid phone");
    assert_eq!(claims["cnf"], json!({"jkt": weather.key.thumbprint()}));
    assert_eq!(claims["acr"], "urn:twinpath:acr:terminal");
    assert_eq!(claims["amr"], json!(["sms_mo", "swk"]));
    assert!(
        claims["jti"].is_string() && claims["sub"].is_string() && claims["union_id"].is_string()
    );
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(exp - iat, 600);
    assert!((before..=before + 60).contains(&iat));
    assert!((before - 1..=iat).contains(&claims["auth_time"].as_i64().unwrap()));
    assert!(!access.contains("7400000001") && !claims.to_string().contains("7400000001"));
}

#[tokio::test]
async fn the_id_token_is_for_the_app_and_only_with_openid() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let id_token = text(&tokens["id_token"]);
    assert!(is_signed_by(id_token, &rig.platform.place.jwks().await));
    let (header, claims) = open(id_token);
    assert_ne!(header["typ"], "at+jwt");
    let (_, access) = open(text(&tokens["access_token"]));
    assert_eq!(claims["iss"], rig.platform.place.issuer.as_str());
    assert_eq!(claims["aud"], "weather");
    for same in ["sub", "union_id", "acr", "amr", "auth_time"] {
        assert_eq!(claims[same], access[same], "{same}");
    }
    assert!(claims["exp"].as_i64() > claims["iat"].as_i64());
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem_with(&attempt, &[("scope", "phone")]).await.accepts();
    assert_eq!(tokens["scope"], "phone");
    assert!(tokens.get("id_token").is_none(), "{tokens}");
}

#[tokio::test]
async fn subjects_are_pairwise_and_the_union_id_is_the_developers() {
    let rig = Rig::start().await;
    let of = |id: &str, developer: &str| Registration::new(id).developer(developer);
    let mut seen = Vec::new();
    for registration in [of("weather", "acme"), of("maps", "acme"), of("rival", "other")] {
        let instance = rig.install(&registration).await;
        let tokens = rig.authorize(&instance, &number(1)).await;
        let (_, claims) = open(text(&tokens["access_token"]));
        seen.push((claims["sub"].clone(), claims["union_id"].clone()));
    }
    assert!(seen[0].0 != seen[1].0 && seen[0].0 != seen[2].0 && seen[1].0 != seen[2].0, "{seen:?}");
    assert_eq!(seen[0].1, seen[1].1, "one developer");
    assert_ne!(seen[0].1, seen[2].1, "another developer");
}

#[tokio::test]
async fn the_resource_is_the_audience() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let api = "https://api.example.com/v1";
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem_with(&attempt, &[("resource", api)]).await.accepts();
    let (_, claims) = open(text(&tokens["access_token"]));
    assert_eq!(claims["aud"], api);
    // Bound to the app's key it is no use to the API, so the app may show it at userinfo too. A
    // bearer token is in the API's hands, which is not to learn the number (RFC 9068 4).
    weather.userinfo(text(&tokens["access_token"])).await.accepts();
    let bearer = rig.install(&Registration::new("b").method("client_secret_post").bearer()).await;
    let attempt = bearer.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = bearer.redeem_with(&attempt, &[("resource", api)]).await.accepts();
    assert_eq!(bearer.userinfo(text(&tokens["access_token"])).await.status, 401);
    let refresh = text(&tokens["refresh_token"]);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("resource", "https://other.example"),
    ];
    bearer.send(&bearer.draft("token_endpoint", &form)).await.refuses(400, "invalid_target");
}

#[tokio::test]
async fn only_configured_resources_are_granted() {
    let sections = "[tokens]\nresources = [\"https://api.example.com\"]";
    let rig = Rig::with(Settings::default().with(sections)).await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let other = weather.redeem_with(&attempt, &[("resource", "https://other.example.com")]).await;
    other.refuses(400, "invalid_target");
    weather.redeem_with(&attempt, &[("resource", "https://api.example.com")]).await.accepts();
}

#[tokio::test]
async fn an_api_introspects_tokens_for_what_it_serves_and_no_others() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let ours = "https://api.example.com/v1";
    let api = Registration::new("api").method("client_secret_basic").bearer().serves(ours);
    let api = rig.install(&api).await;
    for (resource, active) in [(ours, true), ("https://other.example.com", false)] {
        let attempt = weather.attempt();
        rig.text(&number(1), &attempt).await;
        let tokens = weather.redeem_with(&attempt, &[("resource", resource)]).await.accepts();
        let told = api.introspect(text(&tokens["access_token"])).await.accepts();
        assert_eq!(told["active"], active, "{told}");
        let refresh = api.introspect(text(&tokens["refresh_token"])).await.accepts();
        assert_eq!(refresh, json!({"active": false}), "refresh tokens are their app's own");
        if active {
            assert_eq!(told["cnf"]["jkt"], weather.key.thumbprint().as_str());
            assert_eq!(weather.revoke(text(&tokens["access_token"])).await.status, 200);
            let told = api.introspect(text(&tokens["access_token"])).await.accepts();
            assert_eq!(told, json!({"active": false}));
        }
    }
}

#[tokio::test]
async fn the_number_is_told_with_the_phone_scope_only() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    for (scope, phone) in [("openid", None), ("openid phone", Some("+447400000001"))] {
        let attempt = weather.attempt();
        rig.text(&number(1), &attempt).await;
        let tokens = weather.redeem_with(&attempt, &[("scope", scope)]).await.accepts();
        let user = weather.userinfo(text(&tokens["access_token"])).await.accepts();
        let (_, claims) = open(text(&tokens["access_token"]));
        assert_eq!(user["sub"], claims["sub"]);
        assert_eq!(user.get("phone_number").and_then(Value::as_str), phone, "{user}");
        assert_eq!(user.get("phone_number_verified"), phone.map(|_| &json!(true)), "{user}");
    }
}

#[tokio::test]
async fn a_bound_access_token_is_worth_nothing_without_its_key() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let access = text(&tokens["access_token"]);
    weather.userinfo(access).await.accepts();
    let thief = rig.again(&weather.app);
    assert_eq!(thief.userinfo(access).await.status, 401, "another key");
    let bearer = twinpath_e2e::http::Request::new("GET", "/userinfo")
        .header("Authorization", &format!("Bearer {access}"));
    let answer = twinpath_e2e::http::send(rig.platform.place.address, &bearer).await;
    assert_eq!(answer.status, 401, "as a bearer token");
    assert!(answer.header("www-authenticate").is_some());
    let naked = twinpath_e2e::http::Request::new("GET", "/userinfo");
    assert_eq!(twinpath_e2e::http::send(rig.platform.place.address, &naked).await.status, 401);
    let at = access.len() - 40;
    let other = if access[at..].starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{}{other}{}", &access[..at], &access[at + 1..]);
    assert_eq!(weather.userinfo(&forged).await.status, 401, "another signature");
    let tokens_id = text(&tokens["id_token"]);
    assert_eq!(weather.userinfo(tokens_id).await.status, 401, "an ID token is no access token");
}

#[tokio::test]
async fn introspection_tells_the_owner_and_no_other_app() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let maps = rig.instance("maps").await;
    for token in ["access_token", "refresh_token"] {
        let token = text(&tokens[token]);
        let told = weather.introspect(token).await;
        assert_eq!(told.header("cache-control"), Some("no-store"));
        let told = told.accepts();
        assert_eq!(told["active"], true);
        assert_eq!(told["client_id"], "weather");
        assert_eq!(told["scope"], "openid phone");
        assert_eq!(told["cnf"]["jkt"], weather.key.thumbprint().as_str());
        assert!(told["exp"].as_i64().unwrap() > twinpath_e2e::now_s());
        assert_eq!(maps.introspect(token).await.accepts(), json!({"active": false}));
    }
    for nonsense in ["x", "a.b.c", "\u{0}", "€"] {
        assert_eq!(weather.introspect(nonsense).await.accepts(), json!({"active": false}));
    }
    let unauthenticated = weather.draft("introspection_endpoint", &[("token", "x")]);
    let unauthenticated =
        unauthenticated.without("client_assertion").without("client_assertion_type");
    weather.send(&unauthenticated).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn introspection_is_not_for_public_apps() {
    let rig = Rig::with(Settings::default().development()).await;
    let demo = rig.install(&Registration::new("demo").method("none")).await;
    let tokens = rig.authorize(&demo, &number(1)).await;
    demo.introspect(text(&tokens["access_token"])).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_grant() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    let maps = rig.instance("maps").await;
    assert_eq!(maps.revoke(refresh).await.status, 200, "RFC 7009 2.2: nothing is told");
    assert_eq!(weather.introspect(refresh).await.accepts()["active"], true, "not another app's");
    let revoked = weather.revoke(refresh).await;
    assert_eq!(revoked.status, 200);
    assert_eq!(revoked.header("cache-control"), Some("no-store"));
    weather.refresh(refresh).await.refuses(400, "invalid_grant");
    assert_eq!(weather.introspect(access).await.accepts(), json!({"active": false}));
    assert_eq!(weather.userinfo(access).await.status, 401);
    assert_eq!(weather.revoke(refresh).await.status, 200, "again");
    assert_eq!(weather.revoke("nonsense").await.status, 200, "RFC 7009 2.2");
}

#[tokio::test]
async fn revoking_an_access_token_leaves_the_grant() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    assert_eq!(weather.revoke(access).await.status, 200);
    assert_eq!(weather.userinfo(access).await.status, 401);
    assert_eq!(weather.introspect(access).await.accepts(), json!({"active": false}));
    let fresh = weather.refresh(refresh).await.accepts();
    weather.userinfo(text(&fresh["access_token"])).await.accepts();
}

#[tokio::test]
async fn an_authenticated_bound_app_keeps_its_refresh_token() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let tokens = rig.authorize(&weather, &number(1)).await;
    let refresh = text(&tokens["refresh_token"]);
    for _ in 0..3 {
        let fresh = weather.refresh(refresh).await.accepts();
        assert_eq!(fresh["token_type"], "DPoP");
        let again = fresh.get("refresh_token").and_then(Value::as_str);
        assert!(again.is_none_or(|token| token == refresh), "not rotated (FAPI 2.0): {fresh}");
        assert!(fresh["id_token"].is_string() || fresh.get("id_token").is_none());
        weather.userinfo(text(&fresh["access_token"])).await.accepts();
    }
    let thief = rig.again(&weather.app);
    thief.refresh(refresh).await.refuses(400, "invalid_grant");
    let maps = rig.instance("maps").await;
    maps.refresh(refresh).await.refuses(400, "invalid_grant");
    weather.refresh(refresh).await.accepts();
}

#[tokio::test]
async fn a_refresh_narrows_the_scope_and_never_widens_it() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem_with(&attempt, &[("scope", "openid")]).await.accepts();
    let refresh = text(&tokens["refresh_token"]).to_owned();
    let with = |scope: &'static str| {
        let refresh = refresh.as_str();
        let weather = &weather;
        async move {
            let form =
                [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", scope)];
            weather.send_fresh(|| weather.draft("token_endpoint", &form)).await
        }
    };
    with("openid phone").await.refuses(400, "invalid_scope");
    assert_eq!(with("openid").await.accepts()["scope"], "openid");
}

/// Rotation: the successor works, its predecessor comes back late and everything ends.
async fn rotates_and_detects_reuse(registration: Registration) {
    let rig = Rig::with(Settings::default().development()).await;
    let app = rig.install(&registration).await;
    let tokens = rig.authorize(&app, &number(1)).await;
    let first = text(&tokens["refresh_token"]).to_owned();
    let second = app.refresh(&first).await.accepts();
    let second = text(&second["refresh_token"]).to_owned();
    assert_ne!(first, second, "rotated");
    // The answer was lost: the successor is made again, as long as it was never used.
    let again = app.refresh(&first).await.accepts();
    let again = text(&again["refresh_token"]).to_owned();
    let third = app.refresh(&again).await.accepts();
    let (third, access) =
        (text(&third["refresh_token"]).to_owned(), text(&third["access_token"]).to_owned());
    app.userinfo(&access).await.accepts();
    // Now the successor was used: whoever shows the first token has stolen it, or was stolen from.
    app.refresh(&first).await.refuses(400, "invalid_grant");
    app.refresh(&third).await.refuses(400, "invalid_grant");
    assert_eq!(app.userinfo(&access).await.status, 401, "the grant is revoked");
}

#[tokio::test]
async fn a_bearer_apps_refresh_tokens_rotate_and_reuse_revokes() {
    rotates_and_detects_reuse(Registration::new("bearer").method("client_secret_basic").bearer())
        .await;
}

#[tokio::test]
async fn a_public_apps_refresh_tokens_rotate_and_reuse_revokes() {
    rotates_and_detects_reuse(Registration::new("public").method("none")).await;
}

#[tokio::test]
async fn bearer_apps_get_bearer_tokens_without_a_key() {
    let rig = Rig::start().await;
    for method in
        ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]
    {
        let app = rig.install(&Registration::new(method).method(method).bearer()).await;
        let tokens = rig.authorize(&app, &number(1)).await;
        assert_eq!(tokens["token_type"], "Bearer");
        let (_, claims) = open(text(&tokens["access_token"]));
        assert!(claims.get("cnf").is_none(), "{claims}");
        assert_eq!(claims["amr"], json!(["sms_mo"]));
        app.userinfo(text(&tokens["access_token"])).await.accepts();
        app.refresh(text(&tokens["refresh_token"])).await.accepts();
    }
}

#[tokio::test]
async fn every_authentication_method_works_with_proofs() {
    let rig = Rig::with(Settings::default().development()).await;
    for method in [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
    ] {
        let app = rig.install(&Registration::new(method).method(method)).await;
        let tokens = rig.authorize(&app, &number(1)).await;
        assert_eq!(tokens["token_type"], "DPoP", "{method}");
        app.refresh(text(&tokens["refresh_token"])).await.accepts();
    }
}

#[tokio::test]
async fn an_app_without_proofs_hashes_an_empty_thumbprint_even_if_a_proof_comes() {
    let rig = Rig::start().await;
    let app = rig.install(&Registration::new("bearer").method("client_secret_post").bearer()).await;
    let attempt = app.attempt();
    rig.text(&number(1), &attempt).await;
    let proof = app.proof("POST", rig.platform.place.url("token_endpoint"));
    let tokens = app.send(&app.token_draft(&attempt).header("DPoP", &proof)).await.accepts();
    assert_eq!(tokens["token_type"], "Bearer");
}
