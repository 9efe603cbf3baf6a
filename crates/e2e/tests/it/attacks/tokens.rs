//! Tokens at another app, with another key, as something else, in a URL.

use serde_json::json;
use twinpath_e2e::browser::{Browser, parameter, text_to_send};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Request, send};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

use super::{code_of, leads_nowhere};
use crate::authorize::{CALLBACK, SignIn, location, web_app};
use crate::fapi::{push_draft, pushed_url, request_uri};

#[tokio::test]
async fn cross_app_refresh_a_token_is_one_apps_with_one_key() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let signing_in = SignIn::new(&weather, &[]);
    let code = code_of(&rig, &signing_in, &number(1)).await;
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let mut maps = rig.install(&Registration::new("maps").web(CALLBACK)).await;
    maps.refresh(refresh).await.refuses(400, "invalid_grant");
    // Another app, with the key of the first.
    maps.key = weather.key.clone();
    maps.refresh(refresh).await.refuses(400, "invalid_grant");
    rig.again(&weather.app).refresh(refresh).await.refuses(400, "invalid_grant");
    // Another app that says it is the first.
    maps.warm().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let masked = maps.draft("token_endpoint", &form).set("client_id", "weather");
    maps.send(&masked).await.refuses(401, "invalid_client");
    // Nor may it end or see it.
    assert_eq!(maps.revoke(refresh).await.status, 200);
    assert_eq!(maps.introspect(refresh).await.accepts(), json!({"active": false}));
    weather.refresh(refresh).await.accepts();
}

#[tokio::test]
async fn cross_app_refresh_a_bearer_apps_token_is_its_own() {
    let rig = Rig::with(Settings::default().development()).await;
    let bearer = |id: &str| Registration::new(id).method("client_secret_post").bearer();
    let shop = rig.install(&bearer("shop").web(CALLBACK)).await;
    let signing_in = SignIn::new(&shop, &[]);
    let code = code_of(&rig, &signing_in, &number(1)).await;
    let tokens = signing_in.redeem(&shop, &code).await.accepts();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let public = Registration::new("public").method("none");
    for thief in [bearer("thief"), Registration::new("bound"), public] {
        rig.install(&thief).await.refresh(refresh).await.refuses(400, "invalid_grant");
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let nameless = shop.draft("token_endpoint", &form).without("client_secret");
    shop.send(&nameless).await.refuses(401, "invalid_client");
    shop.refresh(refresh).await.accepts();
}

#[tokio::test]
async fn token_substitution_nothing_passes_for_anything_else() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let (used, unused) = (SignIn::new(&weather, &[]), SignIn::new(&weather, &[]));
    let code = code_of(&rig, &used, &number(1)).await;
    let tokens = used.redeem(&weather, &code).await.accepts();
    let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let (access, refresh, id) = (token("access_token"), token("refresh_token"), token("id_token"));
    let code = code_of(&rig, &unused, &number(2)).await;
    let pushed = request_uri(&weather.send(&push_draft(&weather, &used)).await);
    let draft = weather.draft("token_endpoint", &[]);
    let assertion =
        draft.form.iter().find(|(name, _)| name == "client_assertion").unwrap().1.clone();
    let proof = draft.header_value("DPoP").to_owned();
    for wrong in [&refresh, &id, &code, &pushed, &assertion, &proof] {
        let answer = weather.userinfo(wrong).await;
        answer.refuses(401, "invalid_token");
    }
    for wrong in [&access, &id, &code, &pushed, &assertion] {
        weather.refresh(wrong).await.refuses(400, "invalid_grant");
    }
    for wrong in [&access, &refresh, &id, &pushed, &assertion] {
        unused.redeem(&weather, wrong).await.refuses(400, "invalid_grant");
    }
    let token_request = || weather.draft("token_endpoint", &[("grant_type", "refresh_token")]);
    for wrong in [&access, &id, &proof] {
        let draft = token_request().set("client_assertion", wrong);
        weather.send(&draft).await.refuses(401, "invalid_client");
    }
    for wrong in [&access, &id, &assertion] {
        let draft = token_request().header("DPoP", wrong);
        weather.send(&draft).await.refuses(400, "invalid_dpop_proof");
    }
    for wrong in [&id, &code, &pushed, &assertion, &proof] {
        assert_eq!(weather.introspect(wrong).await.accepts(), json!({"active": false}));
    }
    let browser = Browser::new(rig.platform.place.address);
    for wrong in [&access, &refresh, &code, &assertion, &proof] {
        let url = SignIn::new(&weather, &[("id_token_hint", wrong)]).url;
        let told = location(&browser.get(&url).await);
        assert_eq!(parameter(&told, "error").as_deref(), Some("invalid_request"), "{told}");
    }
    for wrong in [&access, &refresh, &id, &code] {
        leads_nowhere(&browser.get(&pushed_url(&weather, wrong)).await, wrong);
    }
    // All are still what they are.
    weather.userinfo(&access).await.accepts();
    weather.refresh(&refresh).await.accepts();
    unused.redeem(&weather, &code).await.accepts();
    let (page, _) = browser.open(&pushed_url(&weather, &pushed)).await;
    text_to_send(&page.text());
}

/// RFC 9700 4.3.2: a token in a URL ends up in logs and histories, so it is not looked at there.
#[tokio::test]
async fn token_leakage_a_token_in_a_url_is_none() {
    let rig = Rig::start().await;
    let shop = Registration::new("shop").method("client_secret_post").bearer();
    let shop = rig.install(&shop).await;
    let tokens = rig.authorize(&shop, &number(1)).await;
    let access = tokens["access_token"].as_str().unwrap();
    let place = &rig.platform.place;
    let path = place.path("userinfo_endpoint");
    let in_url = Request::new("GET", &format!("{path}?access_token={access}"));
    let answer = send(place.address, &in_url).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    // RFC 6750 2.2 is optional, and left out.
    let mut in_body =
        Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
    in_body.body = format!("access_token={access}").into_bytes();
    assert_eq!(send(place.address, &in_body).await.status, 401);
    shop.userinfo(access).await.accepts();
}
