//! What other sites, frames and planted cookies do at the pages; and another app's name.

use serde_json::json;
use twinpath_e2e::browser::{Browser, Form, form, parameter, text_to_send};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, Request, send};
use twinpath_e2e::jose::open;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

use super::{by_form, values};
use crate::authorize::{CALLBACK, SignIn, location, sign_in, web_app};

const SESSION: &str = "twinpath_session";

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
