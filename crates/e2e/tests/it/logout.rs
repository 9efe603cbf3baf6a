//! Logging out: of the browser's session (OIDC RP-Initiated Logout), and how apps learn of it (OIDC
//! Back-Channel Logout).

use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::browser::{Browser, Form, form, parameter};
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{Key, is_signed_by, open};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::receiver::Receiver;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;
use twinpath_e2e::{now_s, number};

use crate::authorize::{CALLBACK, SignIn, enter, location};

const BYE: &str = "https://weather.example/bye?x=1";
const SESSION: &str = "twinpath_session";

fn web(client_id: &str) -> Registration {
    Registration::new(client_id)
        .web(CALLBACK)
        .scope("openid phone offline_access")
        .with("post_logout_redirect_uris", json!([BYE]))
}

/// A person who is signed in to an app.
struct SignedIn {
    rig: Rig,
    weather: Instance,
    browser: Browser,
    tokens: Value,
}

async fn signed_in(registration: &Registration) -> SignedIn {
    let rig = Rig::start().await;
    let weather = rig.install(registration).await;
    let browser = Browser::new(rig.platform.place.address);
    let tokens = enter(&rig, &weather, &browser, &number(1), &[]).await;
    SignedIn { rig, weather, browser, tokens }
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

impl SignedIn {
    fn url(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        format!("{}?{}", self.weather.place.url("end_session_endpoint"), query.finish())
    }

    async fn logout(&self, parameters: &[(&str, &str)]) -> Answer {
        self.browser.get(&self.url(parameters)).await
    }

    fn id_token(&self) -> &str {
        text(&self.tokens, "id_token")
    }

    /// What an app is told that asks whether the person is signed in.
    async fn silent(&self) -> Option<String> {
        let url = SignIn::new(&self.weather, &[("prompt", "none")]).url;
        parameter(&location(&self.browser.get(&url).await), "error")
    }

    async fn calls(&self, outcome: &str) -> f64 {
        let metric = "twinpath_backchannel_logouts_total";
        self.rig.platform.metric(&format!("{metric}{{of=\"call\",outcome=\"{outcome}\"}}")).await
    }
}

#[tokio::test]
async fn an_app_that_shows_the_sessions_id_token_logs_its_person_out_at_once() {
    let it = signed_in(&web("weather")).await;
    assert!(it.browser.cookie(SESSION).is_some());
    assert_eq!(it.silent().await, None);
    let asked =
        [("id_token_hint", it.id_token()), ("post_logout_redirect_uri", BYE), ("state", "s&1")];
    let answer = it.logout(&asked).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(location(&answer), format!("{BYE}&state=s%261"));
    assert_eq!(it.browser.cookie(SESSION), None);
    assert_eq!(it.silent().await.as_deref(), Some("login_required"));
    let refresh = text(&it.tokens, "refresh_token");
    it.weather.refresh(refresh).await.refuses(400, "invalid_grant");
    let userinfo = it.weather.userinfo(text(&it.tokens, "access_token")).await;
    assert_eq!(userinfo.status, 401, "{}", userinfo.text());
    // Once more: there is nothing to end, and the app gets its person back.
    assert_eq!(location(&it.logout(&asked).await), format!("{BYE}&state=s%261"));
    let plain = it.logout(&[]).await;
    assert_eq!((plain.status, plain.header("location")), (200, None));
}

#[tokio::test]
async fn a_stolen_session_cookie_is_worth_nothing_after_the_logout() {
    let it = signed_in(&web("weather")).await;
    let stolen = it.browser.cookie(SESSION).unwrap();
    assert_eq!(it.logout(&[("id_token_hint", it.id_token())]).await.status, 200);
    it.browser.plant(SESSION, &stolen);
    assert_eq!(it.silent().await.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn what_was_granted_for_offline_use_outlives_the_session() {
    let rig = Rig::start().await;
    let weather = rig.install(&web("weather")).await;
    let other = rig.install(&web("other")).await;
    let browser = Browser::new(rig.platform.place.address);
    let tokens = enter(&rig, &weather, &browser, &number(1), &[]).await;
    let it = SignedIn { rig, weather, browser, tokens };
    // The same person, in the same session, without a text, at an app that asks for offline use.
    let signing_in = SignIn::new(&other, &[("scope", "openid offline_access")]);
    let (page, _) = it.browser.open(&signing_in.url).await;
    let answer = it.browser.submit(&form(&page.text(), "/approve")).await;
    let code = parameter(&location(&answer), "code").unwrap();
    let lasting = signing_in.redeem(&other, &code).await.accepts();
    it.logout(&[("id_token_hint", it.id_token())]).await;
    other.refresh(text(&lasting, "refresh_token")).await.accepts();
    let bound = text(&it.tokens, "refresh_token");
    it.weather.refresh(bound).await.refuses(400, "invalid_grant");
}

/// Grants of a session are told from those of an app that had the name before by when they were made.
#[tokio::test]
async fn a_session_serves_an_app_that_is_younger() {
    let it = signed_in(&web("weather")).await;
    let young = it.rig.install(&web("young")).await;
    let signing_in = SignIn::new(&young, &[]);
    let (page, _) = it.browser.open(&signing_in.url).await;
    let answer = it.browser.submit(&form(&page.text(), "/approve")).await;
    let code = parameter(&location(&answer), "code").unwrap();
    let tokens = signing_in.redeem(&young, &code).await.accepts();
    young.refresh(text(&tokens, "refresh_token")).await.accepts();
    assert_eq!(young.userinfo(text(&tokens, "access_token")).await.status, 200);
}

#[tokio::test]
async fn a_link_asks_first_and_only_our_own_form_logs_out() {
    let it = signed_in(&web("weather")).await;
    let asked = [("client_id", "weather"), ("post_logout_redirect_uri", BYE), ("state", "s1")];
    let answer = it.logout(&asked).await;
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    let page = answer.text();
    assert!(page.contains("App weather"), "{page}");
    let forms = twinpath_e2e::browser::forms(&page);
    let stays = |form: &&Form| parameter(&form.action, "stay").is_some();
    let proceed = forms.iter().find(|form| !stays(form)).unwrap();
    let stay = forms.iter().find(stays).unwrap();
    // Cross-site request forgery: no token, another browser's token, or sent from elsewhere.
    let mut forged = proceed.clone();
    forged.fields.retain(|(name, _)| name != "csrf");
    assert_ne!(forged.fields, proceed.fields);
    it.browser.submit(&forged).await;
    forged.fields.push(("csrf".to_owned(), "x".repeat(43)));
    it.browser.submit(&forged).await;
    for headers in [&[("Sec-Fetch-Site", "cross-site")][..], &[("Origin", "https://evil.example")]]
    {
        it.browser.submit_with(proceed, headers).await;
    }
    assert_eq!(it.silent().await, None, "still signed in");
    assert_eq!(it.browser.submit(stay).await.status, 200);
    assert_eq!(it.silent().await, None, "stayed");
    let answer = it.browser.submit(proceed).await;
    assert_eq!(location(&answer), format!("{BYE}&state=s1"));
    assert_eq!(it.silent().await.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn a_logout_leads_nowhere_that_is_not_registered() {
    let it = signed_in(&web("weather")).await;
    it.rig.install(&Registration::new("other").web(CALLBACK)).await;
    let hint = it.id_token();
    let key = Key::generate();
    let (header, claims) = open(hint);
    let forged = key.jwt(&header, &claims);
    let none =
        twinpath_e2e::jose::compact(&json!({"alg": "none", "typ": "JWT"}), &claims, |_| Vec::new());
    let access = text(&it.tokens, "access_token");
    for asked in [
        &[("post_logout_redirect_uri", BYE)][..],
        &[("client_id", "weather"), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("client_id", "weather"), ("post_logout_redirect_uri", "https://weather.example/bye")],
        &[("client_id", "other"), ("post_logout_redirect_uri", BYE)],
        &[("client_id", "nobody"), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", hint), ("client_id", "other"), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("id_token_hint", &forged), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", &none), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", access)],
        &[("id_token_hint", "x.y.z")],
    ] {
        let answer = it.logout(asked).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{asked:?}");
        assert!(!answer.text().contains("evil.example"), "{asked:?}");
        let fields = asked.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let action = it.weather.place.url("end_session_endpoint").to_owned();
        let posted = it.browser.submit(&Form { action, fields }).await;
        assert_eq!((posted.status, posted.header("location")), (400, None), "{asked:?}");
    }
    assert_eq!(it.silent().await, None, "still signed in");
}

/// An app may keep an ID token for longer than its key is published: nothing in it is believed.
#[tokio::test]
async fn an_id_token_of_a_key_that_has_gone_is_no_hint() {
    let it = signed_in(&web("weather")).await;
    let (mut header, claims) = open(it.id_token());
    header["kid"] = "gone".into();
    let hint = Key::generate().jwt(&header, &claims);
    let answer = it.logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains("weather"), "an app that nobody named");
    let named = [
        ("id_token_hint", hint.as_str()),
        ("client_id", "weather"),
        ("post_logout_redirect_uri", BYE),
    ];
    let asked = it.logout(&named).await;
    assert_eq!(it.silent().await, None, "nobody was asked yet");
    let answer = it.browser.submit(&form(&asked.text(), "bye%3Fx%3D1")).await;
    assert_eq!(location(&answer), BYE);
    assert_eq!(it.silent().await.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn an_id_token_of_another_session_logs_nobody_out() {
    let it = signed_in(&web("weather")).await;
    let elsewhere = Browser::new(it.rig.platform.place.address);
    let others = enter(&it.rig, &it.weather, &elsewhere, &number(2), &[]).await;
    // Nor does that of a sign-in without a browser.
    let phone = it.rig.again(&it.weather.app);
    let attempt = phone.attempt();
    it.rig.text(&number(1), &attempt).await;
    let native = phone.redeem(&attempt).await.accepts();
    for hint in [text(&others, "id_token"), text(&native, "id_token")] {
        let answer = it.logout(&[("id_token_hint", hint)]).await;
        assert_eq!(answer.status, 200);
        form(&answer.text(), "client_id=weather");
        assert_eq!(it.silent().await, None);
    }
}

/// A form of the app's own site comes without our cookies: they are `SameSite=Lax`.
#[tokio::test]
async fn an_apps_own_form_logs_out_too() {
    let it = signed_in(&web("weather")).await;
    let fields = [("id_token_hint", it.id_token()), ("post_logout_redirect_uri", BYE)];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let action = it.weather.place.url("end_session_endpoint").to_owned();
    let without_cookies = Browser::new(it.rig.platform.place.address);
    let headers = [("Origin", "https://weather.example"), ("Sec-Fetch-Site", "cross-site")];
    let answer = without_cookies.submit_with(&Form { action, fields }, &headers).await;
    assert_eq!(answer.status, 303);
    let answer = it.browser.get(&location(&answer)).await;
    assert_eq!(location(&answer), BYE);
    assert_eq!(it.silent().await.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn apps_are_told_that_the_session_ended() {
    let app = Receiver::start(&["200 OK"]).await;
    let it = signed_in(&web("weather").with("backchannel_logout_uri", app.url("/bcl?a=1"))).await;
    let place = &it.rig.platform.place;
    assert_eq!(place.metadata["backchannel_logout_supported"], true);
    assert_eq!(place.metadata["backchannel_logout_session_supported"], true);
    it.logout(&[("id_token_hint", it.id_token())]).await;
    let received = app.next().await;
    assert!(received.head.starts_with("post /bcl?a=1 http/1.1\r\n"), "{received:?}");
    assert!(received.head.contains("content-type: application/x-www-form-urlencoded"));
    let (token, header, claims) = received.token("logout_token");
    assert!(is_signed_by(&token, &place.jwks().await), "{token}");
    assert_eq!(header["typ"], "logout+jwt");
    let (_, id) = open(it.id_token());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(place.issuer), &json!("weather")));
    assert_eq!((&claims["sub"], &claims["sid"]), (&id["sub"], &id["sid"]));
    assert_eq!(claims["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    assert!(claims["jti"].is_string() && claims.get("nonce").is_none());
    let (issued, expires) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!((now_s() - issued).abs() <= 60 && expires - issued <= 120, "{claims}");
    until("the outcome", async || (it.calls("told").await > 0.0).then_some(())).await;
    // It is no ID token: it logs nobody out.
    let answer = it.logout(&[("id_token_hint", token.as_str())]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn an_app_that_fails_is_told_again_and_never_elsewhere() {
    let (busy, elsewhere) =
        (Receiver::start(&["503 Busy", "200 OK"]).await, Receiver::start(&["200 OK"]).await);
    let it = signed_in(&web("weather").with("backchannel_logout_uri", busy.url("/"))).await;
    it.logout(&[("id_token_hint", it.id_token())]).await;
    let first = busy.next().await.token("logout_token");
    let second = busy.next().await.token("logout_token");
    assert_eq!(first.2["sid"], second.2["sid"]);
    assert_ne!(first.2["jti"], second.2["jti"], "each token is one of its own");
    // A redirect is not followed, and not tried again.
    let moved = format!("307 Moved\r\nLocation: {}", elsewhere.url("/"));
    let mover = Receiver::start(&[&moved]).await;
    let registration = web("mover").with("backchannel_logout_uri", mover.url("/"));
    let mover_app = it.rig.install(&registration).await;
    let browser = Browser::new(it.rig.platform.place.address);
    let tokens = enter(&it.rig, &mover_app, &browser, &number(3), &[]).await;
    browser.get(&it.url(&[("id_token_hint", text(&tokens, "id_token"))])).await;
    mover.next().await;
    until("the outcome", async || (it.calls("rejected").await > 0.0).then_some(())).await;
    assert!(elsewhere.is_untouched().await);
    assert!(mover.is_untouched().await);
}

#[tokio::test]
async fn a_stop_tells_apps_first() {
    let app = Receiver::start(&["200 OK"]).await;
    let it = signed_in(&web("weather").with("backchannel_logout_uri", app.url("/"))).await;
    it.logout(&[("id_token_hint", it.id_token())]).await;
    it.rig.platform.stop().await;
    app.next().await.token("logout_token");
}
