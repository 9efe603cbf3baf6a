//! The authorization code flow: a browser, a text, an app that redeems the code.

use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::browser::{Browser, form, parameter, text_to_send};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{open, sha256};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::{number, random_text};

pub(crate) const CALLBACK: &str = "https://weather.example/cb?app=1";

/// One sign-in of an app.
pub(crate) struct SignIn {
    pub(crate) verifier: String,
    pub(crate) url: String,
}

impl SignIn {
    /// The request as a URL, with further or other parameters.
    pub(crate) fn new(instance: &Instance, more: &[(&str, &str)]) -> Self {
        let verifier = random_text();
        let challenge = sha256(verifier.as_bytes());
        let mut parameters = vec![
            ("client_id", instance.app.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid phone"),
            ("state", "st-1"),
            ("nonce", "no-1"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            parameters.retain(|(known, _)| known != name);
            if !value.is_empty() {
                parameters.push((name, value));
            }
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&parameters);
        let endpoint = instance.place.url("authorization_endpoint");
        Self { url: format!("{endpoint}?{}", query.finish()), verifier }
    }

    /// The token request for a code.
    pub(crate) async fn redeem(&self, instance: &Instance, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", &self.verifier),
        ];
        instance.send_fresh(|| instance.draft("token_endpoint", &form)).await
    }
}

/// An installation of a web app.
pub(crate) async fn web_app(rig: &Rig) -> Instance {
    rig.install(&Registration::new("weather").web(CALLBACK)).await
}

/// Opens the page, sends its text, approves; the location that the browser is sent to.
pub(crate) async fn sign_in(rig: &Rig, browser: &Browser, url: &str, from: &str) -> String {
    let (page, at) = browser.open(url).await;
    assert_eq!(page.status, 200, "{}", page.text());
    rig.centre.text(from, &text_to_send(&page.text())).await.ok();
    let (page, _) = browser.open(&at).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let answer = browser.submit(&form(&page.text(), "/approve")).await;
    location(&answer)
}

/// A whole sign-in: the tokens.
pub(crate) async fn enter(
    rig: &Rig,
    instance: &Instance,
    browser: &Browser,
    from: &str,
    more: &[(&str, &str)],
) -> Value {
    let signing_in = SignIn::new(instance, more);
    let location = sign_in(rig, browser, &signing_in.url, from).await;
    let code = parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"));
    signing_in.redeem(instance, &code).await.accepts()
}

pub(crate) fn location(answer: &Answer) -> String {
    let location = answer.header("location");
    location.unwrap_or_else(|| panic!("{} {}", answer.status, answer.text())).to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test]
async fn a_person_signs_in_with_a_text_and_no_typing() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let (page, at) = browser.open(&signing_in.url).await;
    assert_eq!(page.status, 200);
    let html = page.text();
    assert!(html.contains("App weather") && !html.contains("<script>"), "{html}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    // The same page again until the text is there.
    let again = browser.get(&at).await;
    assert_eq!(text_to_send(&again.text()), text_to_send(&html));
    rig.centre.text(&number(1), &text_to_send(&html)).await.ok();
    let page = browser.get(&at).await.text();
    assert!(page.contains("+999") || page.contains('\u{2022}'), "the number is masked: {page}");
    assert!(!page.contains(&number(1)), "and never whole");
    let answer = browser.submit(&form(&page, "/approve")).await;
    assert_eq!(answer.status, 303);
    let location = location(&answer);
    assert!(location.starts_with("https://weather.example/cb?app=1&code="), "{location}");
    assert_eq!(parameter(&location, "state").as_deref(), Some("st-1"));
    assert_eq!(parameter(&location, "iss").as_deref(), Some(weather.place.issuer.as_str()));
    let code = parameter(&location, "code").unwrap();
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    assert_eq!(tokens["token_type"], "DPoP");
    assert_eq!(tokens["scope"], "openid phone");
    let (_, claims) = open(text(&tokens["id_token"]));
    assert_eq!(claims["nonce"], "no-1");
    assert_eq!(claims["acr"], "urn:twinpath:acr:terminal");
    assert!(claims["sid"].is_string());
    let (_, access) = open(text(&tokens["access_token"]));
    assert_eq!(access["cnf"], json!({"jkt": weather.key.thumbprint()}));
    // The same person, by the other way in: the same subject.
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let terminal = weather.redeem(&attempt).await.accepts();
    assert_eq!(open(text(&terminal["access_token"])).1["sub"], access["sub"]);
}

#[tokio::test]
async fn a_code_is_used_once_and_a_second_use_revokes_what_came_of_it() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let location = sign_in(&rig, &browser, &signing_in.url, &number(1)).await;
    let code = parameter(&location, "code").unwrap();
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    let refresh = text(&tokens["refresh_token"]).to_owned();
    // Who saw the code pass has no verifier, and can do no harm with it.
    let thief = SignIn { verifier: random_text(), url: String::new() };
    thief.redeem(&weather, &code).await.refuses(400, "invalid_grant");
    weather.refresh(&refresh).await.accepts();
    signing_in.redeem(&weather, &code).await.refuses(400, "invalid_grant");
    weather.refresh(&refresh).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_is_for_its_app_its_verifier_its_redirect_uri_and_its_key() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let other = rig.install(&Registration::new("other").web(CALLBACK)).await;
    let browser = Browser::new(rig.platform.place.address);
    let thumbprint = weather.key.thumbprint();
    let signing_in = SignIn::new(&weather, &[("dpop_jkt", &thumbprint)]);
    let location = sign_in(&rig, &browser, &signing_in.url, &number(1)).await;
    let code = parameter(&location, "code").unwrap();
    let refused = |answer: Answer| answer.refuses(400, "invalid_grant");
    refused(signing_in.redeem(&other, &code).await);
    refused(SignIn { verifier: random_text(), url: String::new() }.redeem(&weather, &code).await);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "https://weather.example/cb"),
        ("code_verifier", signing_in.verifier.as_str()),
    ];
    refused(weather.send_fresh(|| weather.draft("token_endpoint", &form)).await);
    // Another key of the same app (RFC 9449 10).
    refused(signing_in.redeem(&rig.again(&weather.app), &code).await);
    let mut bad = code.clone();
    bad.pop();
    refused(signing_in.redeem(&weather, &bad).await);
    // None of it used the code up.
    signing_in.redeem(&weather, &code).await.accepts();
}

#[tokio::test]
async fn nothing_is_redirected_to_an_unregistered_uri() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    for more in [
        &[("redirect_uri", "https://evil.example/cb")][..],
        &[("redirect_uri", "https://weather.example/cb?app=1&x=1")],
        &[("redirect_uri", "javascript:alert(1)")],
        &[("client_id", "nobody")],
        &[("client_id", "")],
        &[("redirect_uri", "https://evil.example/cb"), ("response_type", "token")],
    ] {
        let answer = browser.get(&SignIn::new(&weather, more).url).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{more:?}");
        let page = answer.text();
        assert!(!page.contains("evil.example") && !page.contains("href=\"javascript"), "{page}");
    }
}

#[tokio::test]
async fn other_faults_are_told_to_the_app() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    for (more, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("scope", "openid admin"), "invalid_scope"),
        (("resource", "not a uri"), "invalid_target"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "often"), "invalid_request"),
        (("prompt", "none"), "login_required"),
        (("max_age", "soon"), "invalid_request"),
        (("request", "eyJ"), "request_not_supported"),
        (("response_mode", "fragment"), "invalid_request"),
        (("claims", "{"), "invalid_request"),
        (("dpop_jkt", "x"), "invalid_request"),
        (("acr_values", "urn:x"), "unmet_authentication_requirements"),
        (("login_hint", "tel:+1"), "invalid_request"),
        (("authorization_details", "[{}]"), "invalid_authorization_details"),
    ] {
        let answer = browser.get(&SignIn::new(&weather, &[more]).url).await;
        let location = location(&answer);
        assert!(location.starts_with(CALLBACK), "{more:?}: {location}");
        assert_eq!(parameter(&location, "error").as_deref(), Some(error), "{more:?}");
        assert_eq!(parameter(&location, "state").as_deref(), Some("st-1"));
        assert_eq!(parameter(&location, "iss").as_deref(), Some(weather.place.issuer.as_str()));
        assert!(parameter(&location, "code").is_none());
        assert!(parameter(&location, "error_description").is_some_and(|why| why.len() > 10));
    }
}

#[tokio::test]
async fn a_page_belongs_to_the_browser_in_which_it_began() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let place = &rig.platform.place;
    let attacker = Browser::new(place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let (page, at) = attacker.open(&signing_in.url).await;
    let victim = Browser::new(place.address);
    assert_eq!(victim.get(&at).await.status, 404, "session fixation");
    rig.centre.text(&number(1), &text_to_send(&page.text())).await.ok();
    let page = attacker.get(&at).await.text();
    let approve = form(&page, "/approve");
    assert_eq!(victim.submit(&approve).await.status, 404, "another browser's form");
    // Cross-site request forgery: right cookies, no token, or sent from elsewhere.
    let mut forged = approve.clone();
    forged.fields.clear();
    assert_eq!(attacker.submit(&forged).await.status, 404);
    forged.fields.push(("csrf".to_owned(), "x".repeat(43)));
    assert_eq!(attacker.submit(&forged).await.status, 404);
    for headers in [&[("Sec-Fetch-Site", "cross-site")][..], &[("Origin", "https://evil.example")]]
    {
        assert_eq!(attacker.submit_with(&approve, headers).await.status, 404, "{headers:?}");
    }
    assert_eq!(attacker.submit(&approve).await.status, 303);
    assert_eq!(victim.submit(&approve).await.status, 404, "a second click is its browser's, too");
}

#[tokio::test]
async fn a_pushed_request_is_for_its_app_once() {
    let rig = Rig::start().await;
    let registration = Registration::new("weather")
        .web(CALLBACK)
        .with("require_pushed_authorization_requests", true);
    let weather = rig.install(&registration).await;
    let other = rig.install(&Registration::new("other").web(CALLBACK)).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let plain = location(&browser.get(&signing_in.url).await);
    assert_eq!(parameter(&plain, "error").as_deref(), Some("invalid_request"));
    let query = signing_in.url.split_once('?').unwrap().1.to_owned();
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<_> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    let endpoint = "pushed_authorization_request_endpoint";
    let pushed = weather.send_fresh(|| weather.draft(endpoint, &form)).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let pushed = pushed.json();
    let uri = text(&pushed["request_uri"]);
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    assert!(pushed["expires_in"].as_i64().is_some_and(|s| (5..600).contains(&s)));
    let arrive = |client_id: &str, uri: &str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([("client_id", client_id), ("request_uri", uri)]);
        format!("{}?{}", weather.place.url("authorization_endpoint"), query.finish())
    };
    let refused = browser.get(&arrive(&other.app.client_id, uri)).await;
    assert_eq!((refused.status, refused.header("location")), (400, None));
    let unknown = browser.get(&arrive("weather", "https://evil.example/request")).await;
    assert_eq!((unknown.status, unknown.header("location")), (400, None));
    let location = sign_in(&rig, &browser, &arrive("weather", uri), &number(1)).await;
    let code = parameter(&location, "code").unwrap();
    // RFC 9126 4: a request_uri is used once, in one browser.
    let elsewhere = Browser::new(rig.platform.place.address);
    assert_eq!(elsewhere.get(&arrive("weather", uri)).await.status, 400);
    // RFC 9449 10.1: the proof at the push bound the code to its key.
    let stranger = rig.again(&weather.app);
    signing_in.redeem(&stranger, &code).await.refuses(400, "invalid_grant");
    signing_in.redeem(&weather, &code).await.accepts();
    // What would be refused at the page is refused at once, as JSON.
    let bad = [("response_type", "code"), ("redirect_uri", "https://evil.example/cb")];
    weather.send_fresh(|| weather.draft(endpoint, &bad)).await.refuses(400, "invalid_request");
    let named = [("request_uri", uri)];
    weather.send_fresh(|| weather.draft(endpoint, &named)).await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn one_sign_in_serves_the_next_app_too() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let maps = rig.install(&Registration::new("maps").web(CALLBACK)).await;
    let browser = Browser::new(rig.platform.place.address);
    let first = SignIn::new(&weather, &[]);
    let location_of_first = sign_in(&rig, &browser, &first.url, &number(1)).await;
    let tokens = first.redeem(&weather, &parameter(&location_of_first, "code").unwrap()).await;
    let first_claims = open(text(&tokens.accepts()["id_token"])).1;
    // Another app: no text, but the person is asked.
    let second = SignIn::new(&maps, &[]);
    let silent = SignIn::new(&maps, &[("prompt", "none")]);
    let refused = location(&browser.get(&silent.url).await);
    assert_eq!(parameter(&refused, "error").as_deref(), Some("consent_required"));
    let (page, _) = browser.open(&second.url).await;
    let answer = browser.submit(&form(&page.text(), "/approve")).await;
    let code = parameter(&location(&answer), "code").unwrap();
    let tokens = second.redeem(&maps, &code).await.accepts();
    let claims = open(text(&tokens["id_token"])).1;
    assert_eq!(claims["auth_time"], first_claims["auth_time"]);
    assert_ne!(claims["sub"], first_claims["sub"], "pairwise");
    assert_ne!(claims["sid"], first_claims["sid"], "pairwise");
    // The first app again: nothing to ask.
    let again = SignIn::new(&weather, &[("prompt", "none")]);
    let code = parameter(&location(&browser.get(&again.url).await), "code").unwrap();
    again.redeem(&weather, &code).await.accepts();
    // But a fresh proof where it is asked for.
    for more in [("prompt", "login"), ("max_age", "0"), ("login_hint", "tel:+447911123456")] {
        let (page, _) = browser.open(&SignIn::new(&weather, &[more]).url).await;
        assert!(page.text().contains("href=\"sms:"), "{more:?}");
    }
    // Another browser knows nothing of it, nor one with a cookie that was made up.
    let stranger = Browser::new(rig.platform.place.address);
    stranger.plant("twinpath_session", &"A".repeat(100));
    let refused = location(&stranger.get(&again.url).await);
    assert_eq!(parameter(&refused, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn cancelling_is_told_to_the_app_and_ends_it() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let (page, at) = browser.open(&SignIn::new(&weather, &[]).url).await;
    let cancel = form(&page.text(), "/cancel");
    let cancelled = location(&browser.submit(&cancel).await);
    assert_eq!(parameter(&cancelled, "error").as_deref(), Some("access_denied"));
    assert_eq!(browser.get(&at).await.status, 404);
    let told = parameter(&cancelled, "error_description").unwrap();
    // A person whose account is blocked is told so; the app learns what it learns of one who cancels.
    enter(&rig, &weather, &Browser::new(rig.platform.place.address), &number(1), &[]).await;
    rig.platform.account(&number(1), "block").await;
    let (page, at) = browser.open(&SignIn::new(&weather, &[]).url).await;
    rig.centre.text(&number(1), &text_to_send(&page.text())).await.ok();
    let blocked = browser.get(&at).await;
    assert_eq!(blocked.status, 403, "{}", blocked.text());
    assert!(blocked.text().contains("This account is blocked"), "{}", blocked.text());
    let back = location(&browser.submit(&form(&blocked.text(), "/cancel")).await);
    assert!(back.starts_with(CALLBACK), "{back}");
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "error_description"), Some(told));
    assert_eq!(browser.get(&at).await.status, 404);
}

#[tokio::test]
async fn a_blocked_or_voided_proof_gives_no_code() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let (page, at) = browser.open(&SignIn::new(&weather, &[]).url).await;
    let body = text_to_send(&page.text());
    rig.centre.text(&number(1), &body).await.ok();
    let page = browser.get(&at).await.text();
    // Another number sends the same text before the person approves.
    rig.centre.text(&number(2), &body).await.ok();
    let location = location(&browser.submit(&form(&page, "/approve")).await);
    assert_eq!(parameter(&location, "error").as_deref(), Some("access_denied"));
    // Texts whose words are another app's are good for nothing; the page offers another code.
    let (page, at) = browser.open(&SignIn::new(&weather, &[]).url).await;
    let body = text_to_send(&page.text()).replace("App weather", "Vote for me");
    rig.centre.text(&number(1), &body).await.ok();
    let failed = browser.get(&at).await;
    assert_eq!(failed.status, 400);
    let again = failed.text();
    let again = again.split("href=\"").find(|link| link.contains("again=0")).unwrap();
    let (page, _) = browser.open(&again[..again.find('"').unwrap()]).await;
    assert_ne!(text_to_send(&page.text()), body, "a new code");
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn the_page_goes_on_by_itself() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let (page, at) = browser.open(&SignIn::new(&weather, &[]).url).await;
    let body = text_to_send(&page.text());
    let listening = browser.copy();
    let events = format!("{at}/events");
    let stream = tokio::spawn(async move { listening.get(&events).await });
    rig.centre.text(&number(1), &body).await.ok();
    let answer = stream.await.unwrap();
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.text(), "event: proven\ndata:\n\n");
}

#[tokio::test]
async fn a_deployment_may_have_no_sessions() {
    let mut settings = Settings::default();
    settings.sections.push_str("[signin]\nname = \"Cloud Bank\"\nsession_ttl_s = 0\n");
    let rig = Rig::with(settings).await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let location_of_first = sign_in(&rig, &browser, &signing_in.url, &number(1)).await;
    assert!(parameter(&location_of_first, "code").is_some());
    assert!(browser.cookie("twinpath_session").is_none());
    let (page, _) = browser.open(&SignIn::new(&weather, &[]).url).await;
    assert!(page.text().contains("Cloud Bank") && page.text().contains("href=\"sms:"));
}
