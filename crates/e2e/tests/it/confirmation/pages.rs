//! Confirmation at the sign-in page, and at the endpoint for apps without a browser.

use serde_json::json;
use twinpath_e2e::app::Instance;
use twinpath_e2e::browser::{Browser, Form, form, forms, parameter, text_to_send};
use twinpath_e2e::http::Answer;
use twinpath_e2e::jose::{open, sha256};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::{number, random_text};

use crate::authorize::{CALLBACK, SignIn, location};
use crate::confirmation::policies::CONFIRMED;
use crate::confirmation::texts::{Mobile, digits};
use crate::confirmation::{ALWAYS, awaits, claims, wrong};

const SENSITIVE: &str = "[terminal]\nnotify = false\nsensitive_scopes = [\"payments\"]";

async fn bank(mobile: &Mobile) -> Instance {
    let bank = Registration::new("bank").scope("openid phone payments").web(CALLBACK);
    mobile.rig.install(&bank).await
}

/// A browser at the form for digits, and the digits.
struct AtDigits {
    browser: Browser,
    asked: SignIn,
    /// The page's path.
    at: String,
    right: String,
}

impl AtDigits {
    /// Opens the page and sends its text.
    async fn of(mobile: &Mobile, bank: &Instance, browser: Browser, from: &str) -> Self {
        let asked = SignIn::new(bank, &[("scope", "openid payments")]);
        let (page, at) = browser.open(&asked.url).await;
        mobile.rig.centre.text(from, &text_to_send(&page.text())).await.ok();
        let before = mobile.texts();
        let (page, at) = browser.open(&at).await;
        assert!(page.text().contains("one-time-code"), "{}", page.text());
        let (to, text) = mobile.text(before + 1).await;
        assert_eq!(to, from);
        Self { browser, asked, at, right: digits(&text) }
    }

    async fn form(&self) -> Form {
        form(&self.browser.get(&self.at).await.text(), "/digits")
    }

    async fn enter(&self, said: &str) -> Answer {
        self.browser.submit(&showing(self.form().await, said)).await
    }

    /// What the page says now.
    async fn page(&self) -> String {
        self.browser.get(&self.at).await.text()
    }

    /// Approves; the code that the app gets.
    async fn approve(&self) -> String {
        let approve = form(&self.page().await, "/approve");
        parameter(&location(&self.browser.submit(&approve).await), "code").unwrap()
    }
}

fn showing(mut form: Form, said: &str) -> Form {
    form.fields.push(("confirmation_code".to_owned(), said.to_owned()));
    form
}

#[tokio::test]
async fn a_person_enters_the_digits_and_the_session_is_worth_them() {
    let mobile = Mobile::with(SENSITIVE).await;
    let bank = bank(&mobile).await;
    let browser = Browser::new(mobile.rig.platform.place.address);
    let at = AtDigits::of(&mobile, &bank, browser, &number(1)).await;
    // Not even told of: the page for approval comes after.
    assert!(forms(&at.page().await).iter().all(|form| !form.action.ends_with("/approve")));
    let malformed = at.enter("1234").await;
    assert_eq!(malformed.status, 400, "{}", malformed.text());
    assert!(malformed.text().contains("not counted"), "{}", malformed.text());
    assert_eq!(at.enter(&wrong(&at.right)).await.status, 303);
    assert!(at.page().await.contains("Attempts left: <bdi>2</bdi>"));
    let spaced = format!(" {} {}", &at.right[..4], &at.right[4..]);
    assert_eq!(at.enter(&spaced).await.status, 303);
    let code = at.approve().await;
    let tokens = at.asked.redeem(&bank, &code).await.accepts();
    assert_eq!(claims(&tokens)["acr"], CONFIRMED);
    let (_, id_token) = open(tokens["id_token"].as_str().unwrap());
    assert_eq!(
        (&id_token["acr"], &id_token["amr"]),
        (&json!(CONFIRMED), &json!(["sms_mo", "sms", "swk"]))
    );
    assert_eq!(mobile.texts(), 1, "one text for each code");
    // The session that began with it needs no other text.
    let more = [("scope", "openid payments"), ("prompt", "none")];
    let silent = SignIn::new(&bank, &more);
    let code = location(&at.browser.get(&silent.url).await);
    let code = parameter(&code, "code").unwrap_or_else(|| panic!("not silent: {code}"));
    let tokens = silent.redeem(&bank, &code).await.accepts();
    assert_eq!(claims(&tokens)["acr"], CONFIRMED);
}

#[tokio::test]
async fn an_unconfirmed_session_is_not_enough() {
    let mobile = Mobile::with(SENSITIVE).await;
    let bank = bank(&mobile).await;
    let browser = Browser::new(mobile.rig.platform.place.address);
    let plain = crate::authorize::enter(&mobile.rig, &bank, &browser, &number(1), &[]).await;
    assert_eq!(claims(&plain)["acr"], "urn:twinpath:acr:terminal");
    let more = [("scope", "openid payments"), ("prompt", "none")];
    let silent = browser.get(&SignIn::new(&bank, &more).url).await;
    assert_eq!(parameter(&location(&silent), "error").as_deref(), Some("login_required"));
    let at = AtDigits::of(&mobile, &bank, browser, &number(1)).await;
    at.enter(&at.right).await;
    let code = at.approve().await;
    assert_eq!(claims(&at.asked.redeem(&bank, &code).await.accepts())["acr"], CONFIRMED);
}

#[tokio::test]
async fn three_wrong_digits_end_the_sign_in() {
    let mobile = Mobile::with(SENSITIVE).await;
    let bank = bank(&mobile).await;
    let browser = Browser::new(mobile.rig.platform.place.address);
    let at = AtDigits::of(&mobile, &bank, browser, &number(1)).await;
    let form = at.form().await;
    for _ in 0..2 {
        assert_eq!(at.enter(&wrong(&at.right)).await.status, 303);
    }
    let over = at.enter(&wrong(&at.right)).await;
    let told = location(&over);
    assert!(told.starts_with(CALLBACK), "{told}");
    assert_eq!(parameter(&told, "error").as_deref(), Some("access_denied"));
    let late = at.browser.submit(&showing(form, &at.right)).await;
    assert_eq!(late.header("location"), None, "{}", late.text());
    assert!(late.status >= 400);
}

#[tokio::test]
async fn only_the_browser_that_was_asked_enters_digits() {
    let mobile = Mobile::with(SENSITIVE).await;
    let bank = bank(&mobile).await;
    let address = mobile.rig.platform.place.address;
    let at = AtDigits::of(&mobile, &bank, Browser::new(address), &number(1)).await;
    let right = showing(at.form().await, &at.right);
    let other = Browser::new(address);
    other.open(&SignIn::new(&bank, &[]).url).await;
    assert!(other.submit(&right).await.status >= 400, "another browser");
    let mut bare = right.clone();
    bare.fields.retain(|(name, _)| name == "confirmation_code");
    assert!(at.browser.submit(&bare).await.status >= 400, "no token against forgery");
    let cross = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")];
    assert!(at.browser.submit_with(&right, &cross).await.status >= 400, "another site");
    // Approving before is no way around.
    let mut approve = right.clone();
    approve.action = approve.action.replace("/digits", "/approve");
    let around = at.browser.submit(&approve).await;
    assert!(around.header("location").is_none_or(|to| !to.contains("code=")), "{around:?}");
    // None of them was an attempt.
    assert!(!at.page().await.contains("Attempts left"));
    assert_eq!(at.browser.submit(&right).await.status, 303);
    at.approve().await;
}

#[tokio::test]
async fn the_page_says_why_no_text_comes() {
    let few = "[sms.outbound]\nconfirmations_per_number_per_hour = 1\ncountries = [\"CN\"]";
    let mobile = Mobile::with(&format!("{ALWAYS}\n{few}")).await;
    let bank = bank(&mobile).await;
    let browser = || Browser::new(mobile.rig.platform.place.address);
    let open = async |from: &str| {
        let browser = browser();
        let (page, at) = browser.open(&SignIn::new(&bank, &[]).url).await;
        mobile.rig.centre.text(from, &text_to_send(&page.text())).await.ok();
        browser.open(&at).await.0
    };
    let first = open("+8613800138000").await;
    assert!(first.text().contains("one-time-code"), "{}", first.text());
    assert_eq!(open("+8613800138000").await.status, 429);
    let abroad = open("+41790000001").await;
    assert_eq!(abroad.status, 403);
    assert!(abroad.text().contains("cannot text this number"), "{}", abroad.text());
}

#[tokio::test]
async fn an_app_may_ask_for_it() {
    let mobile = Mobile::with("[terminal]\nnotify = false").await;
    let bank = bank(&mobile).await;
    let browser = Browser::new(mobile.rig.platform.place.address);
    let asked = SignIn::new(&bank, &[("acr_values", CONFIRMED)]);
    let (page, at) = browser.open(&asked.url).await;
    mobile.rig.centre.text(&number(1), &text_to_send(&page.text())).await.ok();
    assert!(browser.open(&at).await.0.text().contains("one-time-code"));
}

#[tokio::test]
async fn an_own_app_without_a_browser_shows_the_digits() {
    let mobile = Mobile::with(ALWAYS).await;
    let own = Registration::new("bank")
        .with("first_party", true)
        .with("grant_types", json!(["authorization_code", "refresh_token"]));
    let bank = mobile.rig.install(&own).await;
    let verifier = random_text();
    let challenge = sha256(verifier.as_bytes());
    let ask = async |form: &[(&str, &str)]| {
        bank.send_fresh(|| bank.draft("authorization_challenge_endpoint", form)).await
    };
    let form = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let told = ask(&form).await.json();
    let session = ("auth_session", told["auth_session"].as_str().unwrap());
    let body = told["sms_body"].as_str().unwrap();
    mobile.rig.centre.text(&number(1), body).await.ok();
    let asked = ask(&[session]).await;
    assert_eq!(awaits(&asked), 3);
    assert_eq!(asked.json()["auth_session"], session.1);
    let right = digits(&mobile.text(1).await.1);
    assert_eq!(awaits(&ask(&[session, ("confirmation_code", &wrong(&right))]).await), 2);
    ask(&[session, ("confirmation_code", "12")]).await.refuses(400, "invalid_request");
    let code = ask(&[session, ("confirmation_code", &right)]).await.accepts();
    let code = code["authorization_code"].as_str().unwrap();
    let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", &verifier)];
    let tokens = bank.send_fresh(|| bank.draft("token_endpoint", &form)).await.accepts();
    assert_eq!(claims(&tokens)["acr"], CONFIRMED);
}
