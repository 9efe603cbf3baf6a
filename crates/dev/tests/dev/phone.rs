//! The phone simulator, through the API that its page uses.

use crate::support::{Browser, http, options};
use serde_json::{Value, json};
use twinpath_dev::Dev;

async fn composed(browser: &Browser) -> String {
    let (status, view) = browser.post("/api/start", json!({})).await;
    assert_eq!((status, view["stage"].as_str()), (200, Some("composing")), "{view}");
    view["text"]["body"].as_str().unwrap().to_owned()
}

async fn send(browser: &Browser, from: &str, text: &str) -> Value {
    let (status, view) = browser.post("/api/send", json!({"from": from, "text": text})).await;
    assert_eq!(status, 200, "{view}");
    view
}

fn last_outcome(view: &Value) -> &str {
    view["sent"].as_array().unwrap().last().unwrap()["outcome"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_journey_and_its_end_by_a_second_number() {
    let dev = Dev::start(options()).await.unwrap();
    let browser = Browser::at(&dev);
    assert_eq!(browser.state().await["stage"], "idle");
    let text = composed(&browser).await;
    assert!(text.starts_with("Weather sign-in. Send only from inside the app. TP1-"), "{text}");

    let view = send(&browser, "+44 7700 900123", &text).await;
    assert_eq!((last_outcome(&view), &view["sent"][0]["status"]), ("recorded", &json!("ESME_ROK")));
    let view = browser.until(|view| !view["api"].is_null()).await;
    assert_eq!((&view["stage"], &view["api"]["status"]), (&json!("signed_in"), &json!(200)));
    let app = &view["app"];
    assert_eq!(app["terminal_hint"], "+44••••••••23");
    assert_eq!(app["access_claims"]["aud"], dev.open_api_url());
    assert_eq!(app["access_claims"]["scope"], "openid phone weather.read");
    assert_eq!(app["id_claims"]["aud"], "weather");
    assert_eq!(app["id_claims"]["sub"], view["api"]["body"]["subject"]);
    assert_eq!(app["user_info"]["phone_number"], "+447700900123");
    let token = app["access_token"].as_str().unwrap();
    assert!(token.starts_with("eyJ") && token.len() < 40, "{token}");

    assert_eq!(browser.post("/api/call", json!({})).await.1["api"]["status"], 200);
    assert_eq!(last_outcome(&send(&browser, "+447700900123", &text).await), "duplicate");
    let view = send(&browser, "+447700900456", &text).await;
    assert_eq!((last_outcome(&view), &view["stage"]), ("voided", &json!("revoked")));
    assert!(view["problem"].as_str().unwrap().contains("Two numbers"), "{view}");
    let (status, refused) = browser.post("/api/call", json!({})).await;
    assert_eq!(status, 422, "{refused}");

    // The next sign-in is another run, and the log goes on.
    let lines = view["log"].as_array().unwrap().len();
    let text = composed(&browser).await;
    send(&browser, "+447700900456", &text).await;
    let view = browser.until(|view| !view["api"].is_null()).await;
    assert_eq!((&view["run"], &view["app"]["terminal_hint"]), (&json!(2), &json!("+44••••••••56")));
    assert!(view["log"].as_array().unwrap().len() > lines);
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_text_is_explained() {
    let dev = Dev::start(options()).await.unwrap();
    let browser = Browser::at(&dev);
    let text = composed(&browser).await;
    let (words, code) = text.split_once("TP1-").unwrap();
    let phone = "+447700900123";
    assert_eq!(last_outcome(&send(&browser, phone, "Hello?").await), "no_code");
    let damaged = format!("{words}TP1-{}", code.chars().rev().collect::<String>());
    assert_eq!(last_outcome(&send(&browser, phone, &damaged).await), "bad_checksum");
    let view = send(&browser, "+44 20 7946 0000", &text).await;
    assert_eq!((last_outcome(&view), &view["stage"]), ("sender_not_mobile", &json!("waiting")));

    // UCS-2, and words that are not the app's: recorded, but the app gets nothing.
    let lure = format!("投票 TP1-{code}");
    let view = send(&browser, phone, &lure).await;
    assert_eq!(last_outcome(&view), "recorded");
    assert!(view["sent"][3]["encoding"].as_str().unwrap().starts_with("UCS-2"), "{view}");
    let view = browser.until(|view| view["stage"] == "failed").await;
    assert!(view["problem"].as_str().unwrap().contains("invalid_grant"), "{view}");
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_said() {
    let dev = Dev::start(options()).await.unwrap();
    let browser = Browser::at(&dev);
    let problem = async |from: &str, text: &str| {
        let (status, answer) = browser.post("/api/send", json!({"from": from, "text": text})).await;
        assert_eq!(status, 422, "{answer}");
        answer["problem"].as_str().unwrap().to_owned()
    };
    assert!(problem("+447700900123", "TP1-").await.contains("Sign in"));
    let text = composed(&browser).await;
    assert!(problem("07700 900123", &text).await.contains("country code"));
    assert!(problem("+44 sunny", &text).await.contains("only digits"));
    assert!(problem("+4477", &text).await.contains("8 to 15"));
    assert!(problem("+447700900123", " ").await.contains("empty"));
    assert!(problem("+447700900123", &"x".repeat(161)).await.contains("longer than one SMS"));
    assert_eq!(browser.state().await["sent"], json!([]));
    dev.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_are_kept_out() {
    let dev = Dev::start(options()).await.unwrap();
    let (browser, http) = (Browser::at(&dev), http());
    let page = http.get(browser.url("/")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.text().await.unwrap().contains("<h1>"));

    let rebound = http.get(browser.url("/api/state")).header("host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), 421);
    let start = || http.post(browser.url("/api/start"));
    let foreign = start().header("origin", "http://evil.example").json(&json!({}));
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let form = start().header("content-type", "text/plain").body("{}");
    assert_eq!(form.send().await.unwrap().status(), 415);
    let rebound = start().header("host", "evil.example").json(&json!({}));
    assert_eq!(rebound.send().await.unwrap().status(), 421);
    assert_eq!(browser.state().await["run"], 0);
    dev.stop().await;
}
