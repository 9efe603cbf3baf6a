//! PROTOCOL 9 and 11: signing keys are announced, sign, are retired and withdrawn; and what the world
//! may keep of them.

use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::jose::{is_signed_by, open};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::process::Installation;
use twinpath_e2e::rig::Rig;

const DAY: i64 = 86_400;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn kid(token: &Value) -> Value {
    open(text(token)).0["kid"].clone()
}

async fn rotate(rig: &Rig, rotation: &str) -> Value {
    rig.platform.rotate_keys(rotation).await
}

async fn get(rig: &Rig, path: &str, tags: &[&str]) -> Answer {
    let mut request = Request::new("GET", path);
    for tag in tags {
        request = request.header("If-None-Match", tag);
    }
    send(rig.platform.place.address, &request).await
}

fn kids(jwks: &Value) -> Vec<Value> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
}

#[tokio::test]
async fn a_successor_is_published_and_does_not_sign_yet() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let before = rig.authorize(&weather, &number(1)).await;
    let told = rotate(&rig, "announce").await;
    let made = &told["made"][0];
    let keys = rig.platform.place.jwks().await;
    assert_eq!(kids(&keys), [kid(&before["access_token"]), made.clone()], "at once");
    let after = rig.authorize(&weather, &number(1)).await;
    assert_eq!(kid(&after["access_token"]), kid(&before["access_token"]));
    assert_eq!(kid(&after["id_token"]), kid(&before["access_token"]));
    assert_eq!(rotate(&rig, "announce").await["made"], json!([]), "it is on its way");
    let list = rig.platform.admin("GET", "/keys", &Value::Null).await.accepts()["keys"].take();
    assert_eq!(list, told["keys"]);
    let time = |key: usize, name: &str| list[key][name].as_i64().unwrap();
    assert_eq!((&list[0]["kid"], &list[0]["state"]), (made, &json!("announced")));
    assert_eq!((&list[1]["state"], &list[1]["alg"]), (&json!("active"), &json!("ES256")));
    assert_eq!(time(0, "signs_at") - time(0, "announced_at"), 14 * DAY);
    assert_eq!(time(1, "retired_at"), time(0, "signs_at"), "neither a gap nor two at once");
    assert_eq!(time(1, "gone_at") - time(1, "retired_at"), 14 * DAY);
    assert!(list[0]["retired_at"].is_null() && list[0]["gone_at"].is_null());
}

#[tokio::test]
async fn in_an_emergency_a_new_key_signs_and_old_tokens_verify() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let old = rig.authorize(&weather, &number(1)).await;
    let made = rotate(&rig, "now").await["made"][0].clone();
    let jwks = rig.platform.place.jwks().await;
    let fresh = weather.refresh(text(&old["refresh_token"])).await.accepts();
    for tokens in [&old, &fresh] {
        assert!(is_signed_by(text(&tokens["access_token"]), &jwks));
        weather.userinfo(text(&tokens["access_token"])).await.accepts();
    }
    assert_eq!(kid(&fresh["access_token"]), made);
    assert_ne!(kid(&old["access_token"]), made);
}

#[tokio::test]
async fn a_withdrawn_keys_tokens_are_refused_and_can_be_refreshed() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let old = rig.authorize(&weather, &number(1)).await;
    let access = text(&old["access_token"]);
    weather.userinfo(access).await.accepts();
    let made = rotate(&rig, "withdraw").await["made"].clone();
    let jwks = rig.platform.place.jwks().await;
    assert_eq!(json!(kids(&jwks)), made);
    assert!(!is_signed_by(access, &jwks));
    assert_eq!(weather.userinfo(access).await.status, 401);
    assert_eq!(weather.introspect(access).await.accepts(), json!({"active": false}));
    let fresh = weather.refresh(text(&old["refresh_token"])).await.accepts();
    assert!(is_signed_by(text(&fresh["access_token"]), &jwks));
    weather.userinfo(text(&fresh["access_token"])).await.accepts();
}

#[tokio::test]
async fn an_app_gets_its_id_token_in_the_algorithm_it_registered() {
    let keys_more = "algorithms = [\"ES256\", \"EdDSA\"]".to_owned();
    let rig = Rig::with(Settings { keys_more, ..Settings::default() }).await;
    let metadata = &rig.platform.place.metadata;
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
    let jwks = rig.platform.place.jwks().await;
    for (app, alg) in [("one", "ES256"), ("two", "EdDSA")] {
        let registration = Registration::new(app);
        let (mut metadata, key) = registration.metadata();
        metadata["id_token_signed_response_alg"] = json!(alg);
        let app = registration.registered(&rig.platform.register_as(&metadata).await, key);
        let app = Instance::new(&app, &rig.platform.place);
        let tokens = rig.authorize(&app, &number(1)).await;
        for (token, alg) in [("id_token", alg), ("access_token", "ES256")] {
            let token = text(&tokens[token]);
            assert_eq!(open(token).0["alg"], alg);
            assert!(is_signed_by(token, &jwks), "{token}");
        }
        app.userinfo(text(&tokens["access_token"])).await.accepts();
    }
}

#[tokio::test]
async fn without_a_key_for_it_an_algorithm_is_not_offered() {
    let rig = Rig::start().await;
    let metadata = &rig.platform.place.metadata;
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256"]));
    let (mut app, _) = Registration::new("app").metadata();
    for (member, alg, status) in [
        ("id_token_signed_response_alg", "EdDSA", 400),
        ("userinfo_signed_response_alg", "EdDSA", 400),
        ("introspection_signed_response_alg", "EdDSA", 400),
        ("id_token_signed_response_alg", "none", 400),
        ("id_token_signed_response_alg", "ES256", 201),
    ] {
        app[member] = json!(alg);
        let answer = rig.platform.admin("POST", "/apps", &app).await;
        assert_eq!(answer.status, status, "{member}={alg}: {}", answer.text());
        app.as_object_mut().unwrap().remove(member);
    }
}

#[tokio::test]
async fn the_key_set_shows_nothing_private_at_any_time() {
    let keys_more = "algorithms = [\"ES256\", \"EdDSA\"]".to_owned();
    let rig = Rig::with(Settings { keys_more, ..Settings::default() }).await;
    rotate(&rig, "now").await;
    rotate(&rig, "announce").await;
    let jwks = rig.platform.place.jwks().await;
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 6, "two of each: active, announced, retired");
    for key in keys {
        let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let right = match key["kty"].as_str() {
            Some("EC") => &["alg", "crv", "kid", "kty", "use", "x", "y"][..],
            _ => &["alg", "crv", "kid", "kty", "use", "x"],
        };
        assert_eq!(members, right);
    }
}

#[tokio::test]
async fn documents_may_be_kept_for_minutes_and_asked_about_again() {
    let rig = Rig::start().await;
    for path in [
        "/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let first = get(&rig, path, &[]).await;
        first.accepts();
        assert_eq!(first.header("cache-control"), Some("public, max-age=300"), "{path}");
        assert_eq!(first.header("content-type"), Some("application/json"));
        let tag = first.header("etag").expect("an ETag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "strong: {tag}");
        let list = format!("\"x\", {tag}");
        for tags in [&[tag.as_str()][..], &[&list], &["*"], &["\"x\"", &tag]] {
            let again = get(&rig, path, tags).await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{tags:?}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
            assert_eq!(again.header("cache-control"), Some("public, max-age=300"));
        }
        for tags in [&["\"x\""][..], &[""], &[tag.trim_matches('"')]] {
            assert_eq!(get(&rig, path, tags).await.body, first.body, "{tags:?}");
        }
    }
    let tag = get(&rig, "/jwks.json", &[]).await.header("etag").unwrap().to_owned();
    rotate(&rig, "announce").await;
    let changed = get(&rig, "/jwks.json", &[&tag]).await;
    assert_eq!(changed.accepts()["keys"].as_array().unwrap().len(), 2);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn the_command_line_rotates_with_and_without_a_server() {
    let installation = Installation::new(&Settings::default());
    let process = installation.start().await;
    let place = installation.place().await;
    let first = kids(&place.jwks().await);
    let told = installation.json(&["key", "rotate"]).await;
    assert_eq!(kids(&place.jwks().await), [first[0].clone(), told["made"][0].clone()]);
    let alone = installation.run(&["key", "rotate", "--withdraw"]).await;
    assert!(!alone.status.success(), "not without --now");
    let told = installation.json(&["key", "rotate", "--now", "--withdraw"]).await;
    assert_eq!(json!(kids(&place.jwks().await)), told["made"]);
    process.terminate().await;
    assert!(process.ended().await.success());
    let told = installation.json(&["key", "rotate", "--now"]).await;
    let list = installation.json(&["key", "list"]).await;
    assert_eq!(list[0]["kid"], told["made"][0]);
    let states: Vec<_> = list.as_array().unwrap().iter().map(|key| &key["state"]).collect();
    assert_eq!(states, [&json!("active"), &json!("retired")]);
    let process = installation.start().await;
    let published = kids(&installation.place().await.jwks().await);
    assert_eq!(published, [list[0]["kid"].clone(), list[1]["kid"].clone()]);
    process.kill().await;
}
