//! OpenID Connect: userinfo in both forms, subjects by sector, the claims parameter, whom a request
//! expects, how and when the person was authenticated.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::browser::{Browser, parameter, text_to_send};
use twinpath_e2e::config::Settings;
use twinpath_e2e::jose::{Key, base64url, is_signed_by, open};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::{now_s, number};

use crate::authorize::{self, CALLBACK, SignIn, location, sign_in};

fn web(client_id: &str) -> Registration {
    Registration::new(client_id).web(CALLBACK)
}

async fn enter(rig: &Rig, instance: &Instance, from: &str, more: &[(&str, &str)]) -> Value {
    let browser = Browser::new(rig.platform.place.address);
    authorize::enter(rig, instance, &browser, from, more).await
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

fn claims(tokens: &Value) -> Value {
    open(text(tokens, "id_token")).1
}

#[tokio::test]
async fn userinfo_is_json_or_a_jwt_as_registered() {
    let settings = Settings {
        keys_more: "algorithms = [\"ES256\", \"EdDSA\"]".to_owned(),
        ..Settings::default()
    };
    let rig = Rig::with(settings).await;
    let algs = &rig.platform.place.metadata["userinfo_signing_alg_values_supported"];
    assert_eq!(algs, &json!(["ES256", "EdDSA"]));
    let plain = rig.install(&web("plain")).await;
    let tokens = enter(&rig, &plain, &number(1), &[]).await;
    let answer = plain.userinfo(text(&tokens, "access_token")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told = answer.accepts();
    assert_eq!(told["sub"], claims(&tokens)["sub"]);
    assert_eq!(
        (&told["phone_number"], &told["phone_number_verified"]),
        (&json!(number(1)), &json!(true))
    );
    assert!(told.get("iss").is_none());
    for alg in ["ES256", "EdDSA"] {
        let id = format!("signed-{}", alg.to_lowercase());
        let signed = rig.install(&web(&id).with("userinfo_signed_response_alg", alg)).await;
        let tokens = enter(&rig, &signed, &number(1), &[]).await;
        let answer = signed.userinfo(text(&tokens, "access_token")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jwt")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let jwt = answer.text();
        assert!(is_signed_by(&jwt, &rig.platform.place.jwks().await), "{jwt}");
        let (header, told) = open(&jwt);
        assert_eq!(header["alg"], alg);
        assert_eq!((&told["iss"], &told["aud"]), (&json!(rig.platform.place.issuer), &json!(id)));
        assert_eq!(told["sub"], claims(&tokens)["sub"]);
        assert_eq!(told["phone_number"], json!(number(1)));
        // It is no ID token: it can hint at nobody.
        let url = SignIn::new(&signed, &[("id_token_hint", &jwt)]).url;
        let answer = Browser::new(rig.platform.place.address).get(&url).await;
        assert_eq!(parameter(&location(&answer), "error").as_deref(), Some("invalid_request"));
    }
}

#[tokio::test]
async fn an_id_token_names_the_access_token_that_it_came_with() {
    let settings = Settings {
        keys_more: "algorithms = [\"ES256\", \"EdDSA\"]".to_owned(),
        ..Settings::default()
    };
    let rig = Rig::with(settings).await;
    for (alg, by, half) in [("ES256", &SHA256, 16), ("EdDSA", &SHA512, 32)] {
        let id = format!("app-{}", alg.to_lowercase());
        let app = rig.install(&web(&id).with("id_token_signed_response_alg", alg)).await;
        let tokens = enter(&rig, &app, &number(1), &[]).await;
        let (header, claims) = open(text(&tokens, "id_token"));
        assert_eq!(header["alg"], alg);
        let hash = digest(by, text(&tokens, "access_token").as_bytes());
        assert_eq!(claims["at_hash"], base64url(&hash.as_ref()[..half]));
        let again = app.refresh(text(&tokens, "refresh_token")).await.accepts();
        let hash = digest(by, text(&again, "access_token").as_bytes());
        assert_eq!(open(text(&again, "id_token")).1["at_hash"], base64url(&hash.as_ref()[..half]));
    }
}

/// What every place says that tells a `sub`.
async fn subs(rig: &Rig, app: &Instance) -> Vec<Value> {
    let tokens = enter(rig, app, &number(1), &[]).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    vec![
        claims(&tokens)["sub"].clone(),
        open(access).1["sub"].clone(),
        app.userinfo(access).await.accepts()["sub"].clone(),
        app.introspect(access).await.accepts()["sub"].clone(),
        app.introspect(refresh).await.accepts()["sub"].clone(),
    ]
}

#[tokio::test]
async fn apps_of_a_sector_know_a_person_by_one_sub() {
    let rig = Rig::start().await;
    let sector = |id| web(id).with("sector_identifier", "https://apps.example/sector.json");
    let one = rig.install(&sector("one")).await;
    let two = rig.install(&sector("two")).await;
    let alone = rig.install(&web("alone")).await;
    let shared = subs(&rig, &one).await;
    assert!(shared.iter().all(|sub| sub.is_string() && *sub == shared[0]), "{shared:?}");
    assert_eq!(subs(&rig, &two).await, shared);
    let own = subs(&rig, &alone).await;
    assert!(own.iter().all(|sub| *sub == own[0] && *sub != shared[0]), "{own:?}");
    // An update that moves an app into the sector gives its people other subs.
    let update = json!({"sector_identifier": "apps.example"});
    rig.platform.admin("PATCH", "/apps/alone", &update).await.accepts();
    assert_eq!(subs(&rig, &alone).await, shared);
}

#[tokio::test]
async fn a_number_asked_for_as_a_claim_is_shown_and_goes_by_scope() {
    let settings = Settings::default().with("[scopes]\nphone = \"Know your number\"");
    let rig = Rig::with(settings).await;
    assert_eq!(rig.platform.place.metadata["claims_parameter_supported"], true);
    let asked = r#"{"id_token":{"phone_number":{"essential":true}},"userinfo":{"auth_time":null}}"#;
    let more = [("scope", "openid"), ("claims", asked)];
    let weather = rig.install(&web("weather")).await;
    let browser = Browser::new(rig.platform.place.address);
    let (page, _) = browser.open(&SignIn::new(&weather, &more).url).await;
    assert!(page.text().contains("Know your number"), "{}", page.text());
    let (page, _) = browser.open(&SignIn::new(&weather, &[("scope", "openid")]).url).await;
    assert!(!page.text().contains("Know your number"));
    let tokens = enter(&rig, &weather, &number(1), &more).await;
    assert_eq!(tokens["scope"], "openid phone");
    assert_eq!(claims(&tokens)["phone_number"], json!(number(1)));
    assert_eq!(claims(&tokens)["phone_number_verified"], true);
    let told = weather.userinfo(text(&tokens, "access_token")).await.accepts();
    assert_eq!(told["phone_number"], json!(number(1)));
    assert_eq!(told["auth_time"], claims(&tokens)["auth_time"]);
    // Only where it was asked for.
    let plain = enter(&rig, &weather, &number(1), &[]).await;
    assert!(claims(&plain).get("phone_number").is_none());
    // An app that may not have it does not get it, by no claim.
    let nosy = rig.install(&web("nosy").scope("openid")).await;
    let asked = r#"{"id_token":{"phone_number":null},"userinfo":{"phone_number":null}}"#;
    let tokens = enter(&rig, &nosy, &number(1), &[("scope", "openid"), ("claims", asked)]).await;
    assert_eq!(tokens["scope"], "openid");
    assert!(claims(&tokens).get("phone_number").is_none());
    let told = nosy.userinfo(text(&tokens, "access_token")).await.accepts();
    assert!(told.get("phone_number").is_none(), "{told}");
}

#[tokio::test]
async fn a_request_that_expects_a_person_is_answered_for_no_other() {
    let rig = Rig::start().await;
    let weather = rig.install(&web("weather")).await;
    let address = rig.platform.place.address;
    let browser = Browser::new(address);
    let first = authorize::enter(&rig, &weather, &browser, &number(1), &[]).await;
    let second = enter(&rig, &weather, &number(2), &[]).await;
    let error = async |more: &[(&str, &str)]| {
        let answer = browser.get(&SignIn::new(&weather, more).url).await;
        parameter(&location(&answer), "error")
    };
    let sub =
        |tokens: &Value| json!({"id_token": {"sub": {"value": claims(tokens)["sub"]}}}).to_string();
    let (own, others) = (text(&first, "id_token"), text(&second, "id_token"));
    // The session is the first person's.
    for right in [("id_token_hint", own), ("claims", &sub(&first))] {
        assert_eq!(error(&[("prompt", "none"), right]).await, None, "{right:?}");
    }
    for wrong in [("id_token_hint", others), ("claims", &sub(&second))] {
        let said = error(&[("prompt", "none"), wrong]).await;
        assert_eq!(said.as_deref(), Some("login_required"), "{wrong:?}");
        // Asked, the wrong person proves a terminal: no code, and no session.
        let elsewhere = Browser::new(address);
        let url = SignIn::new(&weather, &[wrong]).url;
        let answer = sign_in(&rig, &elsewhere, &url, &number(1)).await;
        assert_eq!(parameter(&answer, "error").as_deref(), Some("access_denied"), "{answer}");
        assert!(parameter(&answer, "code").is_none());
        assert_eq!(elsewhere.cookie("twinpath_session"), None);
        // The right one.
        let tokens = enter(&rig, &weather, &number(2), &[wrong]).await;
        assert_eq!(claims(&tokens)["sub"], claims(&second)["sub"]);
    }
    // In the browser where the other is signed in, the text is asked for again.
    let (page, _) = browser.open(&SignIn::new(&weather, &[("id_token_hint", others)]).url).await;
    text_to_send(&page.text());
}

#[tokio::test]
async fn only_an_id_token_of_ours_for_this_app_is_a_hint() {
    let rig = Rig::start().await;
    let weather = rig.install(&web("weather")).await;
    let other = rig.install(&web("other")).await;
    let tokens = enter(&rig, &other, &number(1), &[]).await;
    let others = text(&tokens, "id_token").to_owned();
    let (header, mut forged) = open(&others);
    forged["aud"] = json!("weather");
    let forged = Key::generate().jwt(&header, &forged);
    let access = text(&tokens, "access_token").to_owned();
    let two = r#"{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}"#;
    let browser = Browser::new(rig.platform.place.address);
    for wrong in [
        ("id_token_hint", others.as_str()),
        ("id_token_hint", &forged),
        ("id_token_hint", &access),
        ("id_token_hint", "x.y.z"),
        ("claims", two),
        ("claims", r#"{"id_token":{"sub":{"value":7}}}"#),
    ] {
        let answer = browser.get(&SignIn::new(&weather, &[wrong]).url).await;
        let error = parameter(&location(&answer), "error");
        assert_eq!(error.as_deref(), Some("invalid_request"), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_session_says_when_and_how_it_was_proven() {
    let rig = Rig::start().await;
    let weather = rig.install(&web("weather")).await;
    let browser = Browser::new(rig.platform.place.address);
    let begun = now_s();
    let first = claims(&authorize::enter(&rig, &weather, &browser, &number(1), &[]).await);
    let proven = first["auth_time"].as_i64().unwrap();
    assert!((begun - 1..=now_s() + 1).contains(&proven), "{first}");
    assert_eq!(first["acr"], "urn:twinpath:acr:terminal");
    assert!(first["amr"].as_array().unwrap().contains(&json!("sms_mo")));
    // Silently, from the session: what proved it stays what proved it.
    let essential = r#"{"id_token":{"acr":{"essential":true,"value":"urn:twinpath:acr:terminal"},
        "auth_time":{"essential":true}}}"#;
    let more = [("prompt", "none"), ("max_age", "3600"), ("claims", essential)];
    let signing_in = SignIn::new(&weather, &more);
    let answer = location(&browser.get(&signing_in.url).await);
    let code = parameter(&answer, "code").unwrap_or_else(|| panic!("{answer}"));
    let silent = claims(&signing_in.redeem(&weather, &code).await.accepts());
    for name in ["auth_time", "acr", "amr", "sid", "sub"] {
        assert_eq!(silent[name], first[name], "{name}");
    }
    // Too old for this one.
    let url = SignIn::new(&weather, &[("prompt", "none"), ("max_age", "0")]).url;
    let answer = location(&browser.get(&url).await);
    assert_eq!(parameter(&answer, "error").as_deref(), Some("login_required"));
    let again = authorize::enter(&rig, &weather, &browser, &number(1), &[("max_age", "0")]).await;
    assert!(claims(&again)["auth_time"].as_i64().unwrap() >= proven);
    assert_eq!(claims(&again)["sid"], first["sid"], "the session goes on");
    // What cannot be met is said (OIDC Core 5.5.1.1).
    let unmet = r#"{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}"#;
    let answer = location(&browser.get(&SignIn::new(&weather, &[("claims", unmet)]).url).await);
    let error = parameter(&answer, "error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));
    let wish = r#"{"id_token":{"acr":{"value":"urn:x"}}}"#;
    let answer = location(
        &browser.get(&SignIn::new(&weather, &[("prompt", "none"), ("claims", wish)]).url).await,
    );
    assert!(parameter(&answer, "code").is_some(), "{answer}");
}
