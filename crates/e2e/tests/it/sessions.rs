//! A browser's session: proven anew, taken over by another person, ended by an operator or a second
//! sender, and how apps learn of it; two clicks, two tabs.

use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::browser::{Browser, form, parameter, text_to_send};
use twinpath_e2e::jose::open;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::receiver::Receiver;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;
use twinpath_e2e::{now_s, number};

use crate::authorize::{CALLBACK, SignIn, enter, location, web_app};

const AGAIN: &[(&str, &str)] = &[("prompt", "login")];

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}"))
}

fn id(tokens: &Value) -> Value {
    open(text(tokens, "id_token")).1
}

/// An app that is told of logouts.
async fn told_app(rig: &Rig, receiver: &Receiver, client_id: &str, by_session: bool) -> Instance {
    let registration = Registration::new(client_id)
        .web(CALLBACK)
        .with("backchannel_logout_uri", receiver.url("/"))
        .with("backchannel_logout_session_required", by_session);
    rig.install(&registration).await
}

/// The claims of the next logout token.
async fn told(receiver: &Receiver) -> Value {
    receiver.next().await.token("logout_token").2
}

/// Whether the browser has a session that serves the app without a question.
async fn is_signed_in(browser: &Browser, app: &Instance) -> bool {
    let url = SignIn::new(app, &[("prompt", "none")]).url;
    parameter(&location(&browser.get(&url).await), "code").is_some()
}

async fn log_out(browser: &Browser, app: &Instance, tokens: &Value) {
    let hint = text(tokens, "id_token");
    let url = app.place.url("end_session_endpoint");
    let answer = browser.get(&format!("{url}?id_token_hint={hint}")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("You are signed out"), "{}", answer.text());
}

#[tokio::test]
async fn who_proves_again_keeps_the_session_and_its_name() {
    let rig = Rig::start().await;
    let receiver = Receiver::start(&["200 OK"]).await;
    let weather = told_app(&rig, &receiver, "weather", false).await;
    let browser = Browser::new(rig.platform.place.address);
    let first = enter(&rig, &weather, &browser, &number(1), &[]).await;
    let stolen = browser.copy();
    let phone = rig.again(&weather.app);
    let second = enter(&rig, &phone, &browser, &number(1), AGAIN).await;
    assert_eq!(id(&first)["sid"], id(&second)["sid"]);
    assert!(id(&second)["auth_time"].as_i64() >= id(&first)["auth_time"].as_i64());
    weather.refresh(text(&first, "refresh_token")).await.accepts();
    assert!(is_signed_in(&browser, &weather).await);
    assert!(!is_signed_in(&stolen, &weather).await, "the cookie of before");
    assert!(receiver.is_untouched().await, "nobody was logged out");
    // One session, so one logout reaches all of it; by an ID token of before, too.
    log_out(&browser, &weather, &first).await;
    assert_eq!(told(&receiver).await["sid"], id(&first)["sid"]);
    for (instance, tokens) in [(&weather, &first), (&phone, &second)] {
        let again = text(tokens, "refresh_token");
        instance.refresh(again).await.refuses(400, "invalid_grant");
    }
}

#[tokio::test]
async fn another_person_in_the_browser_ends_the_first_ones_session() {
    let rig = Rig::start().await;
    let receiver = Receiver::start(&["200 OK"]).await;
    let weather = told_app(&rig, &receiver, "weather", false).await;
    let browser = Browser::new(rig.platform.place.address);
    let first = enter(&rig, &weather, &browser, &number(1), &[]).await;
    let left = browser.copy();
    // Who only begins, or cancels, ends nothing.
    let (page, _) = browser.open(&SignIn::new(&weather, AGAIN).url).await;
    browser.submit(&form(&page.text(), "/cancel")).await;
    assert!(is_signed_in(&browser, &weather).await);
    let second = enter(&rig, &weather, &browser, &number(2), AGAIN).await;
    let claims = told(&receiver).await;
    assert_eq!((&claims["sub"], &claims["sid"]), (&id(&first)["sub"], &id(&first)["sid"]));
    assert_ne!(id(&second)["sid"], id(&first)["sid"]);
    weather.refresh(text(&first, "refresh_token")).await.refuses(400, "invalid_grant");
    assert!(!is_signed_in(&left, &weather).await);
    assert!(is_signed_in(&browser, &weather).await);
    log_out(&browser, &weather, &second).await;
    assert_eq!(told(&receiver).await["sid"], id(&second)["sid"]);
    assert!(!is_signed_in(&browser, &weather).await);
}

/// OIDC Core 3.1.2.1: the page may be looked at for as long as the request lives.
#[tokio::test]
async fn a_session_that_became_too_old_at_the_page_is_proven_again() {
    let rig = Rig::start().await;
    let weather = rig.install(&Registration::new("weather").web(CALLBACK)).await;
    let maps = rig.install(&Registration::new("maps").web(CALLBACK)).await;
    let browser = Browser::new(rig.platform.place.address);
    let tokens = enter(&rig, &weather, &browser, &number(1), &[]).await;
    let over = now_s() + 5;
    let max_age = over - id(&tokens)["auth_time"].as_i64().unwrap();
    let signing_in = SignIn::new(&maps, &[("max_age", &max_age.to_string())]);
    let (page, at) = browser.open(&signing_in.url).await;
    let approve = form(&page.text(), "/approve");
    // The server's own clock has to pass.
    until("the session is too old", async || (now_s() > over).then_some(())).await;
    assert!(location(&browser.submit(&approve).await).ends_with(&at));
    let page = browser.get(&at).await;
    rig.centre.text(&number(1), &text_to_send(&page.text())).await.ok();
    let page = browser.get(&at).await;
    let answer = browser.submit(&form(&page.text(), "/approve")).await;
    let code = parameter(&location(&answer), "code").unwrap();
    signing_in.redeem(&maps, &code).await.accepts();
}

#[tokio::test]
async fn apps_are_told_when_an_operator_ends_what_an_account_gave_them() {
    let rig = Rig::start().await;
    let (whole, each) = (Receiver::start(&["200 OK"]).await, Receiver::start(&["200 OK"]).await);
    let weather = told_app(&rig, &whole, "weather", false).await;
    let bank = told_app(&rig, &each, "bank", true).await;
    for (n, action) in [(1, "block"), (2, "revoke"), (3, "erase")] {
        let browser = Browser::new(rig.platform.place.address);
        let first = enter(&rig, &weather, &browser, &number(n), &[]).await;
        let second = enter(&rig, &bank, &browser, &number(n), AGAIN).await;
        rig.platform.account(&number(n), action).await;
        let (of_whole, of_each) = (told(&whole).await, told(&each).await);
        assert_eq!((&of_whole["sub"], of_whole.get("sid")), (&id(&first)["sub"], None), "{action}");
        assert_eq!((&of_each["sub"], &of_each["sid"]), (&id(&second)["sub"], &id(&second)["sid"]));
        assert!(!is_signed_in(&browser, &weather).await);
    }
    // A command that changes nothing tells nobody.
    rig.platform.account(&number(1), "block").await;
    // One grant alone is its own app's affair.
    let browser = Browser::new(rig.platform.place.address);
    enter(&rig, &weather, &browser, &number(4), &[]).await;
    let tokens = enter(&rig, &bank, &browser, &number(4), AGAIN).await;
    let account = rig.platform.account(&number(4), "show").await;
    let grants = account["grants"].as_array().unwrap();
    let grant = grants.iter().find(|grant| grant["client_id"] == "bank").unwrap();
    let path = format!("/accounts/{}/grants/{}", text(&account, "account"), text(grant, "grant"));
    assert_eq!(rig.platform.admin("DELETE", &path, &json!(null)).await.status, 204);
    assert_eq!(told(&each).await["sid"], id(&tokens)["sid"]);
    assert!(whole.is_untouched().await);
}

#[tokio::test]
async fn apps_are_told_when_a_second_sender_voids_the_proof() {
    let rig = Rig::start().await;
    let receiver = Receiver::start(&["200 OK"]).await;
    let weather = told_app(&rig, &receiver, "weather", true).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let (page, at) = browser.open(&signing_in.url).await;
    let body = text_to_send(&page.text());
    rig.centre.text(&number(1), &body).await.ok();
    let page = browser.get(&at).await;
    let answer = browser.submit(&form(&page.text(), "/approve")).await;
    let code = parameter(&location(&answer), "code").unwrap();
    let tokens = signing_in.redeem(&weather, &code).await.accepts();
    rig.centre.text(&number(2), &body).await.ok();
    let claims = told(&receiver).await;
    assert_eq!((&claims["sub"], &claims["sid"]), (&id(&tokens)["sub"], &id(&tokens)["sid"]));
    assert!(!is_signed_in(&browser, &weather).await);
}

/// Two first tabs, before either has a cookie: neither takes the other's.
#[tokio::test]
async fn tabs_that_are_opened_at_once_are_both_of_their_browser() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let (browser, other) = (Browser::new(rig.platform.place.address), SignIn::new(&weather, &[]));
    let signing_in = SignIn::new(&weather, &[]);
    let at_once = browser.copy();
    let first = location(&browser.get(&signing_in.url).await);
    let second = location(&at_once.get(&other.url).await);
    for cookie in at_once.cookies() {
        let (name, value) = cookie.split_once('=').unwrap();
        browser.plant(name, value);
    }
    for (n, at) in [(1, &first), (2, &second)] {
        let page = browser.get(at).await;
        assert_eq!(page.status, 200, "{}", page.text());
        rig.centre.text(&number(n), &text_to_send(&page.text())).await.ok();
        let page = browser.get(at).await;
        let answer = browser.submit(&form(&page.text(), "/approve")).await;
        assert!(parameter(&location(&answer), "code").is_some());
    }
    // A cookie under another's name is nobody's.
    let thief = Browser::new(rig.platform.place.address);
    let cookies = browser.cookies();
    thief.plant(cookies[0].split_once('=').unwrap().0, &"A".repeat(43));
    assert_eq!(thief.get(&first).await.status, 404);
}

/// The browser shows the answer to the last click only.
#[tokio::test]
async fn a_double_click_is_as_good_as_one() {
    let rig = Rig::start().await;
    let weather = web_app(&rig).await;
    let browser = Browser::new(rig.platform.place.address);
    let signing_in = SignIn::new(&weather, &[]);
    let (page, at) = browser.open(&signing_in.url).await;
    rig.centre.text(&number(1), &text_to_send(&page.text())).await.ok();
    let approve = form(&browser.get(&at).await.text(), "/approve");
    let first = location(&browser.copy().submit(&approve).await);
    let second = location(&browser.submit(&approve).await);
    assert_eq!(first, second);
    let code = parameter(&second, "code").unwrap();
    signing_in.redeem(&weather, &code).await.accepts();
    // The cookie of the last answer is the session's.
    let silent = SignIn::new(&weather, &[("prompt", "none")]);
    assert!(parameter(&location(&browser.get(&silent.url).await), "code").is_some());
    // The app has it: whoever clicks now is told that it is over.
    let late = browser.submit(&approve).await;
    assert_eq!((late.status, late.header("location")), (404, None));
}
