//! The authorization challenge of the operator's own apps (draft-ietf-oauth-first-party-apps-04).

use serde_json::{Value, json};
use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{open, sha256};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;
use twinpath_e2e::{number, random_text};

fn own(client_id: &str) -> Registration {
    Registration::new(client_id)
        .with("first_party", true)
        .with("grant_types", json!(["authorization_code", "refresh_token"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

async fn ask(app: &Instance, form: &[(&str, &str)]) -> Answer {
    app.send_fresh(|| draft(app, form)).await
}

fn draft(app: &Instance, form: &[(&str, &str)]) -> Draft {
    app.draft("authorization_challenge_endpoint", form)
}

/// The first request; what the app is told.
async fn begin(app: &Instance, verifier: &str, more: &[(&str, &str)]) -> Value {
    let challenge = sha256(verifier.as_bytes());
    let mut form = vec![("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    form.extend(more);
    let answer = ask(app, &form).await;
    answer.refuses(400, "insufficient_authorization");
    answer.json()
}

async fn go_on(app: &Instance, told: &Value) -> Answer {
    ask(app, &[("auth_session", text(&told["auth_session"]))]).await
}

async fn redeem(app: &Instance, code: &str, verifier: &str) -> Answer {
    let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
    app.send_fresh(|| app.draft("token_endpoint", &form)).await
}

#[tokio::test]
async fn an_own_app_signs_in_without_a_browser() {
    let rig = Rig::start().await;
    let bank = rig.install(&own("bank")).await;
    let verifier = random_text();
    let told = begin(&bank, &verifier, &[("scope", "openid phone"), ("nonce", "n-1")]).await;
    assert_eq!((&told["interval"], &told["sms_to"]), (&json!(5), &json!(["+8610690001"])));
    assert!((590..=600).contains(&told["expires_in"].as_i64().unwrap()), "{told}");
    let body = text(&told["sms_body"]);
    assert!(body.starts_with("App bank sign-in. Send only from inside the app. TP1-"), "{body}");
    assert!(text(&told["sms_uri"]).starts_with("sms:+8610690001?body=App%20bank"));
    let waiting = go_on(&bank, &told).await;
    waiting.refuses(400, "insufficient_authorization");
    for same in ["auth_session", "sms_body", "interval"] {
        assert_eq!(waiting.json()[same], told[same]);
    }
    go_on(&bank, &told).await.refuses(400, "slow_down");
    rig.centre.text(&number(1), body).await.ok();
    let answer = go_on(&bank, &told).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let code = text(&answer.accepts()["authorization_code"]).to_owned();
    let tokens = redeem(&bank, &code, &verifier).await.accepts();
    assert_eq!(tokens["scope"], "openid phone");
    let (_, claims) = open(text(&tokens["id_token"]));
    assert_eq!(claims["nonce"], "n-1");
    assert!(claims.get("sid").is_none(), "there is no session: {claims}");
    bank.refresh(text(&tokens["refresh_token"])).await.accepts();
    // The session gave its one code.
    go_on(&bank, &told).await.refuses(400, "invalid_session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_app_may_wait_for_the_text() {
    let rig = Rig::start().await;
    let bank = rig.install(&own("bank")).await;
    let told = begin(&bank, &random_text(), &[]).await;
    let sent = async {
        until("it waits", async || {
            (rig.platform.metric("twinpath_waiting_requests").await >= 1.0).then_some(())
        })
        .await;
        rig.centre.text(&number(1), text(&told["sms_body"])).await.ok()
    };
    let form = [("auth_session", text(&told["auth_session"]))];
    let waiting = async { bank.send(&draft(&bank, &form).header("Prefer", "wait=30")).await };
    let (answer, _) = tokio::join!(waiting, sent);
    assert!(answer.accepts()["authorization_code"].is_string());
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
}

#[tokio::test]
async fn third_parties_have_the_browser() {
    let rig = Rig::start().await;
    let grants = json!(["authorization_code", "refresh_token"]);
    let weather = Registration::new("weather").web("https://weather.example/cb");
    let weather = rig.install(&weather.with("grant_types", grants)).await;
    let challenge = sha256(b"x");
    let form = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    ask(&weather, &form).await.refuses(400, "unauthorized_client");
    // The operator's own, but not for codes.
    let plain = rig.install(&Registration::new("plain").with("first_party", true)).await;
    ask(&plain, &form).await.refuses(400, "unauthorized_client");
}

#[tokio::test]
async fn requests_are_checked_as_those_of_browsers() {
    let rig = Rig::start().await;
    let bank = rig.install(&own("bank")).await;
    let challenge = sha256(b"x");
    let good = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    ask(&bank, &[]).await.refuses(400, "invalid_request");
    ask(&bank, &[good[0]]).await.refuses(400, "invalid_request");
    for (more, error) in [
        (("scope", "admin"), "invalid_scope"),
        (("resource", "nowhere"), "invalid_target"),
        (("redirect_uri", "https://bank.example"), "invalid_request"),
        (("prompt", "none"), "login_required"),
        (("dpop_jkt", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), "invalid_dpop_proof"),
    ] {
        ask(&bank, &[good[0], good[1], more]).await.refuses(400, error);
    }
    let unproven = draft(&bank, &good).without_header("DPoP");
    bank.send(&unproven).await.refuses(400, "invalid_dpop_proof");
    let stranger = draft(&bank, &good).set("client_assertion", "a.b.c");
    bank.send(&stranger).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn an_auth_session_is_one_apps_with_one_key() {
    let rig = Rig::start().await;
    let bank = rig.install(&own("bank")).await;
    let shop = rig.install(&own("shop")).await;
    let verifier = random_text();
    let told = begin(&bank, &verifier, &[]).await;
    rig.centre.text(&number(1), text(&told["sms_body"])).await.ok();
    go_on(&shop, &told).await.refuses(400, "invalid_session");
    go_on(&rig.again(&bank.app), &told).await.refuses(400, "invalid_session");
    for bad in ["x", &random_text(), &text(&told["auth_session"])[1..]] {
        ask(&bank, &[("auth_session", bad)]).await.refuses(400, "invalid_session");
    }
    // A browser does not get there by it either.
    let page = format!("/signin/{}", text(&told["auth_session"]));
    assert_eq!(rig.platform.place.get(&page).await.status, 404);
    let code = text(&go_on(&bank, &told).await.accepts()["authorization_code"]).to_owned();
    // Nor is the code another key's, or anything without the verifier.
    redeem(&rig.again(&bank.app), &code, &verifier).await.refuses(400, "invalid_grant");
    redeem(&bank, &code, &random_text()).await.refuses(400, "invalid_grant");
    redeem(&bank, &code, &verifier).await.accepts();
}

#[tokio::test]
async fn a_text_that_is_good_for_nothing_ends_it() {
    let rig = Rig::start().await;
    let bank = rig.install(&own("bank")).await;
    let lured = begin(&bank, &random_text(), &[]).await;
    let (_, code) = text(&lured["sms_body"]).rsplit_once(' ').unwrap();
    rig.centre.text(&number(1), &format!("Vote for me: {code}")).await.ok();
    go_on(&bank, &lured).await.refuses(400, "access_denied");
    go_on(&bank, &lured).await.refuses(400, "invalid_session");
    let hint = format!("tel:{}", number(2));
    let hinted = begin(&bank, &random_text(), &[("login_hint", &hint)]).await;
    rig.centre.text(&number(3), text(&hinted["sms_body"])).await.ok();
    go_on(&bank, &hinted).await.refuses(400, "access_denied");
    // A blocked account.
    let first = begin(&bank, &random_text(), &[]).await;
    rig.centre.text(&number(4), text(&first["sms_body"])).await.ok();
    go_on(&bank, &first).await.accepts();
    rig.platform.account(&number(4), "block").await;
    let blocked = begin(&bank, &random_text(), &[]).await;
    rig.centre.text(&number(4), text(&blocked["sms_body"])).await.ok();
    go_on(&bank, &blocked).await.refuses(400, "access_denied");
}
