//! Attacks on the code flow by name (RFC 9700 4): each is tried, is refused, and leaves the honest
//! sign-in as it was.

use serde_json::json;
use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::browser::{Browser, Form, form, parameter, text_to_send};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::jose::{open, sha256};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::{number, random_text};

use crate::authorize::{CALLBACK, SignIn, location, sign_in, web_app};
use crate::fapi::{push_draft, pushed_url, request_uri};

const SESSION: &str = "twinpath_session";

/// All values of a parameter of a URL's query.
fn values(url: &str, name: &str) -> Vec<String> {
    let (_, query) = url.split_once('?').unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect()
}

/// A sign-in in a browser of its own, up to its code.
async fn code_of(rig: &Rig, signing_in: &SignIn, from: &str) -> String {
    let browser = Browser::new(rig.platform.place.address);
    let location = sign_in(rig, &browser, &signing_in.url, from).await;
    parameter(&location, "code").unwrap_or_else(|| panic!("no code: {location}"))
}

/// The same request by the browser's form.
fn by_form(signing_in: &SignIn) -> Form {
    let (action, query) = signing_in.url.split_once('?').unwrap();
    let fields = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Form { action: action.to_owned(), fields }
}

/// Told to the person, and leading nowhere.
#[track_caller]
fn leads_nowhere(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{what}");
    assert_eq!(answer.header("refresh"), None, "{what}");
    let page = answer.text();
    assert!(!page.contains("evil.example") && !page.contains("http-equiv"), "{what}: {page}");
}

const REDIRECTORS: [&str; 40] = [
    "https://evil.example/cb?app=1",
    "https://weather.example",
    "https://weather.example/cb",
    "https://weather.example/cb?app=2",
    "https://weather.example/cb?app=1&next=https://evil.example",
    "https://weather.example/cb?app=1#",
    "https://weather.example/cb?app=1#@evil.example",
    "https://weather.example/cb/?app=1",
    "https://weather.example/cb/../open?app=1&to=https://evil.example",
    "https://weather.example/%63b?app=1",
    "https://weather.example/CB?app=1",
    "https://WEATHER.example/cb?app=1",
    "HTTPS://weather.example/cb?app=1",
    "http://weather.example/cb?app=1",
    "https://weather.example:443/cb?app=1",
    "https://weather.example./cb?app=1",
    "https://www.weather.example/cb?app=1",
    "https://weather.example.evil.example/cb?app=1",
    "https://weather.example%2eevil.example/cb?app=1",
    "https://weather.example@evil.example/cb?app=1",
    "https://weather.example:x@evil.example/cb?app=1",
    "https://evil.example\\@weather.example/cb?app=1",
    "https://evil.example#weather.example/cb?app=1",
    "https://evil.example?weather.example/cb?app=1",
    "https://evil.example/https://weather.example/cb?app=1",
    "https://we\u{430}ther.example/cb?app=1",
    "//evil.example/cb?app=1",
    "///evil.example/cb?app=1",
    "/\\evil.example/cb?app=1",
    "https:evil.example/cb?app=1",
    "/cb?app=1",
    "javascript:alert(1)//https://weather.example/cb?app=1",
    "data:text/html,<meta http-equiv=refresh content=0>",
    " https://weather.example/cb?app=1",
    "https://weather.example/cb?app=1 ",
    "https://weather.example/cb?app=1\r\nLocation: https://evil.example",
    "https://weather.example/cb?app=1\u{0}.evil.example",
    "https://weather.example/cb?app=1,https://evil.example",
    "https%3A%2F%2Fweather.example%2Fcb%3Fapp%3D1",
    "urn:ietf:wg:oauth:2.0:oob",
];

#[tokio::test]
async fn open_redirector_no_trick_with_a_redirect_uri_leads_anywhere() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let browser = Browser::new(rig.platform.place.address);
    for trick in REDIRECTORS {
        // Also where the request has other faults, which would be told to the app.
        for fault in [("prompt", "login"), ("response_type", "token"), ("scope", "admin")] {
            let signing_in = SignIn::new(&weather, &[("redirect_uri", trick), fault]);
            leads_nowhere(&browser.get(&signing_in.url).await, trick);
            leads_nowhere(&browser.submit(&by_form(&signing_in)).await, trick);
        }
        let signing_in = SignIn::new(&weather, &[("redirect_uri", trick)]);
        let pushed = weather.send(&push_draft(&weather, &signing_in)).await;
        assert_eq!(pushed.status, 400, "{trick}");
        pushed.refuses(400, "invalid_request");
    }
    let twice = SignIn::new(&weather, &[]).url + "&redirect_uri=https%3A%2F%2Fevil.example";
    leads_nowhere(&browser.get(&twice).await, "twice");
    let (page, _) = browser.open(&SignIn::new(&weather, &[]).url).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn open_redirector_a_loopback_address_varies_in_its_port_only() {
    let rig = Rig::start().await;
    let native = rig.install(&Registration::new("native").web("http://127.0.0.1/cb")).await;
    let browser = Browser::new(rig.platform.place.address);
    for trick in [
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:8080.evil.example/cb",
        "http://127.0.0.1:8080\\evil.example/cb",
        "http://127.0.0.1:8080/cb/../evil.example",
        "http://127.0.0.1:8080/cb?to=https://evil.example",
        "http://127.0.0.1:8080/cb#evil.example",
        "http://127.0.0.1:8080/other",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:+80/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://0.0.0.0/cb",
        "http://[::1]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://localhost/cb",
        "https://127.0.0.1/cb",
    ] {
        let url = SignIn::new(&native, &[("redirect_uri", trick)]).url;
        leads_nowhere(&browser.get(&url).await, trick);
    }
    let own = [("redirect_uri", "http://127.0.0.1:49152/cb")];
    let (page, _) = browser.open(&SignIn::new(&native, &own).url).await;
    text_to_send(&page.text());
}

/// RFC 9207: an app with several servers learns from each answer whose it is.
#[tokio::test]
async fn mix_up_every_answer_names_this_issuer_once() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let place = &rig.platform.place;
    assert_eq!(place.metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(place.metadata["issuer"], place.issuer.as_str());
    let browser = Browser::new(place.address);
    let mut answers = Vec::new();
    let evil = ("iss", "https://evil.example");
    for fault in [("response_type", "token"), ("scope", "admin"), ("prompt", "none")] {
        let url = SignIn::new(&weather, &[fault, evil]).url;
        answers.push(location(&browser.get(&url).await));
    }
    let (page, _) = browser.open(&SignIn::new(&weather, &[evil]).url).await;
    answers.push(location(&browser.submit(&form(&page.text(), "/cancel")).await));
    assert!(answers.iter().all(|answer| parameter(answer, "error").is_some()), "{answers:?}");
    let success = sign_in(&rig, &browser, &SignIn::new(&weather, &[evil]).url, &number(1)).await;
    assert!(parameter(&success, "code").is_some());
    answers.push(success);
    let silent = SignIn::new(&weather, &[("prompt", "none"), evil]);
    answers.push(location(&browser.get(&silent.url).await));
    for answer in answers {
        assert_eq!(values(&answer, "iss"), [place.issuer.as_str()], "{answer}");
    }
}

/// The app was led to send to this server what is for another one.
#[tokio::test]
async fn mix_up_what_is_for_one_server_is_worth_nothing_at_another() {
    let (honest, other) = (Rig::start().await, Rig::start().await);
    let (weather, twin) = (web_app(&honest).await, web_app(&other).await);
    let signing_in = SignIn::new(&weather, &[]);
    let code = code_of(&honest, &signing_in, &number(1)).await;
    signing_in.redeem(&twin, &code).await.refuses(400, "invalid_grant");
    weather.warm().await;
    let draft = |of: &Instance| of.draft("token_endpoint", &[("grant_type", "refresh_token")]);
    let (ours, theirs) = (draft(&weather), draft(&twin));
    let value = |draft: &Draft, name: &str| {
        draft.form.iter().find(|(known, _)| known == name).unwrap().1.clone()
    };
    let assertion = value(&theirs, "client_assertion");
    let lent = ours.clone().set("client_assertion", assertion);
    weather.send(&lent).await.refuses(401, "invalid_client");
    let lent = draft(&weather).header("DPoP", theirs.header_value("DPoP"));
    weather.send(&lent).await.refuses(400, "invalid_dpop_proof");
    signing_in.redeem(&weather, &code).await.accepts();
}

/// RFC 9700 4.5: a stolen code is put into another sign-in of the same app, with the app's own key.
#[tokio::test]
async fn code_injection_a_code_is_of_its_own_sign_in() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let maps = rig.install(&Registration::new("maps").web(CALLBACK)).await;
    let (victims, attackers) = (SignIn::new(&weather, &[]), SignIn::new(&weather, &[]));
    let stolen = code_of(&rig, &victims, &number(1)).await;
    let planted = code_of(&rig, &attackers, &number(2)).await;
    let refused = |answer: Answer| answer.refuses(400, "invalid_grant");
    refused(attackers.redeem(&weather, &stolen).await);
    refused(victims.redeem(&weather, &planted).await);
    // The verifier is known too, but it is another app that asks.
    refused(victims.redeem(&maps, &stolen).await);
    for middle in [4, stolen.len() / 2, stolen.len() - 4] {
        let spliced = format!("{}{}", &stolen[..middle], &planted[middle..]);
        assert!(spliced != stolen && spliced != planted || middle == 4, "{spliced}");
        if spliced != planted {
            refused(victims.redeem(&weather, &spliced).await);
            refused(attackers.redeem(&weather, &spliced).await);
        }
    }
    let of_victim = victims.redeem(&weather, &stolen).await.accepts();
    let of_attacker = attackers.redeem(&weather, &planted).await.accepts();
    let sub =
        |tokens: &serde_json::Value| open(tokens["id_token"].as_str().unwrap()).1["sub"].clone();
    assert_ne!(sub(&of_victim), sub(&of_attacker));
}

#[tokio::test]
async fn pkce_downgrade_a_request_without_s256_gets_no_code() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let browser = Browser::new(rig.platform.place.address);
    let verifier = random_text();
    let (long, method) = ("A".repeat(44), "code_challenge_method");
    for downgrade in [
        &[("code_challenge", ""), (method, "")][..],
        &[("code_challenge", "")],
        &[(method, "")],
        &[(method, "plain")],
        &[("code_challenge", &verifier), (method, "plain")],
        &[(method, "s256")],
        &[(method, "S512")],
        &[(method, "none")],
        &[("code_challenge", &long)],
        &[("code_challenge", "A")],
        // RFC 9700 2.1.1: a nonce does not stand in for it here.
        &[("code_challenge", ""), (method, ""), ("nonce", &verifier)],
    ] {
        let signing_in = SignIn::new(&weather, downgrade);
        for answer in
            [browser.get(&signing_in.url).await, browser.submit(&by_form(&signing_in)).await]
        {
            let told = location(&answer);
            assert!(told.starts_with(CALLBACK), "{downgrade:?}: {told}");
            assert_eq!(parameter(&told, "error").as_deref(), Some("invalid_request"));
            assert_eq!(parameter(&told, "code"), None, "{downgrade:?}");
        }
        let pushed = weather.send(&push_draft(&weather, &signing_in)).await;
        pushed.refuses(400, "invalid_request");
    }
    let methods = &rig.platform.place.metadata["code_challenge_methods_supported"];
    assert_eq!(methods, &json!(["S256"]));
}

#[tokio::test]
async fn pkce_downgrade_a_code_is_redeemed_with_its_verifier_alone() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    weather.warm().await;
    let signing_in = SignIn::new(&weather, &[]);
    let code = code_of(&rig, &signing_in, &number(1)).await;
    let grant = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let draft = || weather.draft("token_endpoint", &grant);
    let challenge = sha256(signing_in.verifier.as_bytes());
    weather.send(&draft()).await.refuses(400, "invalid_request");
    for (wrong, error) in [
        ("", "invalid_request"),
        ("short", "invalid_request"),
        (&"a".repeat(129), "invalid_request"),
        (&format!("{}+", signing_in.verifier), "invalid_request"),
        // As if the method had been `plain`: the challenge was seen in the browser.
        (&challenge, "invalid_grant"),
        (&sha256(challenge.as_bytes()), "invalid_grant"),
        (&signing_in.verifier.to_lowercase(), "invalid_grant"),
        (&format!("{}a", signing_in.verifier), "invalid_grant"),
        (&random_text(), "invalid_grant"),
    ] {
        let answer = weather.send(&draft().set("code_verifier", wrong)).await;
        assert_eq!(answer.error().as_deref(), Some(error), "{wrong}: {}", answer.text());
        answer.refuses(400, error);
    }
    let challenged = draft().set("code_challenge", &challenge);
    weather.send(&challenged).await.refuses(400, "invalid_request");
    weather.send(&draft().set("code_verifier", &signing_in.verifier)).await.accepts();
}

/// A browser at the page of a proven terminal, and that page's form.
async fn at_confirm(rig: &Rig, browser: &Browser, signing_in: &SignIn, from: &str) -> Form {
    let (page, at) = browser.open(&signing_in.url).await;
    rig.centre.text(from, &text_to_send(&page.text())).await.ok();
    form(&browser.get(&at).await.text(), "/approve")
}

/// Nobody approves or cancels for a person from another page.
#[tokio::test]
async fn cross_site_request_forgery_only_this_pages_form_decides() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let address = rig.platform.place.address;
    let browser = Browser::new(address);
    let approve = at_confirm(&rig, &browser, &SignIn::new(&weather, &[]), &number(1)).await;
    let cancel = Form { action: approve.action.replace("/approve", "/cancel"), ..approve.clone() };
    let second = browser.copy();
    let other = at_confirm(&rig, &second, &SignIn::new(&weather, &[]), &number(1)).await;
    assert_ne!(other.fields, approve.fields, "a token is one request's");
    for right in [&approve, &cancel] {
        let swapped = Form { fields: other.fields.clone(), ..right.clone() };
        assert_eq!(browser.submit(&swapped).await.status, 404);
        for header in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Fetch-Site", "none"),
            ("Origin", "null"),
            ("Origin", "https://weather.example"),
        ] {
            assert_eq!(browser.submit_with(right, &[header]).await.status, 404, "{header:?}");
        }
        let got = browser.get(&format!("{}?csrf={}", right.action, right.fields[0].1)).await;
        assert!((400..500).contains(&got.status) && got.header("location").is_none());
        for kind in ["text/plain", "multipart/form-data; boundary=x", "application/json"] {
            let cookie = browser.cookies().join("; ");
            let mut request = Request::new("POST", &right.action).header("Cookie", &cookie);
            request = request.header("Content-Type", kind);
            request.body = format!("csrf={}", right.fields[0].1).into_bytes();
            let answer = send(address, &request).await;
            assert!((400..500).contains(&answer.status), "{kind}: {}", answer.status);
            assert_eq!(answer.header("location"), None);
        }
    }
    let told = location(&browser.submit(&approve).await);
    assert!(parameter(&told, "code").is_some(), "{told}");
}

/// RFC 6749 10.12: what an app ties to its user's browser comes back as it was, on success and on error,
/// and breaks no header.
#[tokio::test]
async fn cross_site_request_forgery_the_state_comes_back_octet_for_octet() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    for state in [
        "a&b=c#d?e%20f+g",
        "\r\nSet-Cookie: a=b\r\n\r\n<script>",
        "\u{0}\u{7f}",
        "\u{e9}\u{2028}\u{1f512}",
        "&code=evil&iss=https://evil.example",
    ] {
        let browser = Browser::new(rig.platform.place.address);
        let wrong = SignIn::new(&weather, &[("state", state), ("scope", "admin")]);
        let told = browser.get(&wrong.url).await;
        assert_eq!(told.header("set-cookie"), None);
        let right = SignIn::new(&weather, &[("state", state)]);
        let success = sign_in(&rig, &browser, &right.url, &number(1)).await;
        for answer in [location(&told), success] {
            assert_eq!(values(&answer, "state"), [state], "{answer}");
            assert_eq!(values(&answer, "iss").len(), 1);
            assert!(values(&answer, "code").len() <= 1, "{answer}");
        }
    }
}

#[track_caller]
fn is_not_framed(answer: &Answer, what: &str) {
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{what}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{what}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control")), "{what}");
    if answer.header("location").is_none() {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{what}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
    }
}

#[tokio::test]
async fn clickjacking_no_page_can_be_framed() {
    let rig = Rig::start().await;
    let bye = "https://weather.example/bye";
    let registration = Registration::new("weather").web(CALLBACK);
    let registration = registration.with("post_logout_redirect_uris", json!([bye]));
    let weather = rig.install(&registration).await;
    let browser = Browser::new(rig.platform.place.address);
    let logout = rig.platform.place.url("end_session_endpoint").to_owned();
    let bad = SignIn::new(&weather, &[("redirect_uri", "https://evil.example")]);
    is_not_framed(&browser.get(&bad.url).await, "problem");
    is_not_framed(&browser.submit(&by_form(&bad)).await, "problem by form");
    let refused = SignIn::new(&weather, &[("scope", "admin")]);
    is_not_framed(&browser.get(&refused.url).await, "error to the app");
    let signing_in = SignIn::new(&weather, &[]);
    is_not_framed(&browser.submit(&by_form(&signing_in)).await, "again by GET");
    let (page, at) = browser.open(&signing_in.url).await;
    is_not_framed(&page, "sign-in");
    let elsewhere = Browser::new(rig.platform.place.address);
    is_not_framed(&elsewhere.get(&at).await, "lost");
    let cancelled = browser.copy();
    let (other, _) = cancelled.open(&SignIn::new(&weather, &[]).url).await;
    is_not_framed(&cancelled.submit(&form(&other.text(), "/cancel")).await, "cancelled");
    rig.centre.text(&number(1), &text_to_send(&page.text())).await.ok();
    let confirm = browser.get(&at).await;
    is_not_framed(&confirm, "confirm");
    is_not_framed(&browser.submit(&form(&confirm.text(), "/approve")).await, "approved");
    is_not_framed(&browser.get(&at).await, "over");
    let ask = browser.get(&logout).await;
    is_not_framed(&ask, "logout");
    is_not_framed(&browser.get(&format!("{logout}?id_token_hint=x")).await, "logout, problem");
    let proceed = twinpath_e2e::browser::forms(&ask.text()).remove(0);
    is_not_framed(&browser.submit(&proceed).await, "logged out");
    is_not_framed(&elsewhere.get(&logout).await, "nobody is logged in");
}

/// RFC 9700 2.6: no script of another origin reads what the authorization endpoint answers.
#[tokio::test]
async fn cross_origin_reads_are_not_allowed() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let place = &rig.platform.place;
    let path = place.path("authorization_endpoint");
    let target = SignIn::new(&weather, &[]).url.replace(place.url("authorization_endpoint"), path);
    for method in ["GET", "OPTIONS"] {
        let request = Request::new(method, &target)
            .header("Origin", "https://evil.example")
            .header("Access-Control-Request-Method", "GET");
        let answer = send(place.address, &request).await;
        let cors = answer.headers.iter().find(|(name, _)| name.starts_with("access-control"));
        assert_eq!(cors, None, "{method}");
    }
}

/// A session that an attacker put into the browser is not the one the person ends up with.
#[tokio::test]
async fn session_fixation_a_proof_begins_a_session_of_its_own() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let address = rig.platform.place.address;
    let (attacker, victim) = (Browser::new(address), Browser::new(address));
    let own = SignIn::new(&weather, &[]);
    let code = parameter(&sign_in(&rig, &attacker, &own.url, &number(2)).await, "code").unwrap();
    let attackers = own.redeem(&weather, &code).await.accepts();
    let planted = attacker.cookie(SESSION).unwrap();
    victim.plant(SESSION, &planted);
    let signing_in = SignIn::new(&weather, &[("prompt", "login")]);
    let told = sign_in(&rig, &victim, &signing_in.url, &number(1)).await;
    let victims = signing_in.redeem(&weather, &parameter(&told, "code").unwrap()).await.accepts();
    let sub =
        |tokens: &serde_json::Value| open(tokens["id_token"].as_str().unwrap()).1["sub"].clone();
    assert_ne!(sub(&victims), sub(&attackers));
    let begun = victim.cookie(SESSION).unwrap();
    assert_ne!(begun, planted, "a new session");
    // Whoever plants a session loses it, as a browser has one at a time.
    let silent = SignIn::new(&weather, &[("prompt", "none")]);
    let told = location(&attacker.get(&silent.url).await);
    assert_eq!(parameter(&told, "error").as_deref(), Some("login_required"));
    // Both at once, as a neighbouring host could have it: neither.
    let (endpoint, _) = silent.url.split_once('?').unwrap();
    let path = rig.platform.place.path("authorization_endpoint");
    let request = Request::new("GET", &silent.url.replace(endpoint, path))
        .header("Cookie", &format!("{SESSION}={planted}; {SESSION}={begun}"));
    let told = location(&send(address, &request).await);
    assert_eq!(parameter(&told, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn session_fixation_scripts_and_other_sites_do_not_get_the_cookies() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let arrived = browser.get(&signing_in.url).await;
    let page = location(&arrived);
    let html = browser.get(&page).await.text();
    rig.centre.text(&number(1), &text_to_send(&html)).await.ok();
    let approve = form(&browser.get(&page).await.text(), "/approve");
    let approved = browser.submit(&approve).await;
    for (answer, name) in [(&arrived, "twinpath_browser_"), (&approved, "twinpath_session=")] {
        let line = answer.header("set-cookie").unwrap();
        assert!(line.starts_with(name), "{line}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(line.split("; ").any(|part| part == attribute), "{attribute}: {line}");
        }
        assert!(!line.contains("Domain"), "{line}");
        let (_, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        assert!(value.len() >= 43 && !html.contains(value), "{line}");
    }
}

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

/// RFC 6749 10.2, OAuth 2.1: whoever uses a public app's name gets no code without a person's word.
#[tokio::test]
async fn client_impersonation_a_public_app_is_never_approved_silently() {
    let rig = Rig::with(Settings::default().development()).await;
    let public = rig.install(&Registration::new("public").method("none").web(CALLBACK)).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&public, &[]);
    let told = sign_in(&rig, &browser, &signing_in.url, &number(1)).await;
    signing_in.redeem(&public, &parameter(&told, "code").unwrap()).await.accepts();
    let silent = SignIn::new(&public, &[("prompt", "none")]);
    let told = location(&browser.get(&silent.url).await);
    assert_eq!(parameter(&told, "error").as_deref(), Some("consent_required"));
    let (page, _) = browser.open(&SignIn::new(&public, &[]).url).await;
    form(&page.text(), "/approve");
}
