//! PROTOCOL 5 and 8: operators that are asked about a proof before a grant is made, over real HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use twinpath_e2e::app::Instance;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::Answer;
use twinpath_e2e::number;
use twinpath_e2e::operator::{
    NUMBER_RECYCLING, NUMBER_VERIFICATION, Operator, Reply, SIM_SWAP, TOKEN,
};
use twinpath_e2e::rig::Rig;

use crate::confirmation::texts::Mobile;
use crate::confirmation::{awaits, claims, wrong};

const CHECKS: &str = "checks = [\"sim_swap\", \"number_recycled\"]\n";

async fn rig(operator: &Operator, more: &str) -> Rig {
    Rig::with(Settings::default().with(&operator.section(&format!("{CHECKS}{more}")))).await
}

/// A text and a request; the answer.
async fn ask(rig: &Rig, instance: &Instance, from: &str) -> Answer {
    let attempt = instance.attempt();
    rig.text(from, &attempt).await;
    instance.redeem(&attempt).await
}

fn subject(tokens: &Value) -> Value {
    twinpath_e2e::jose::open(tokens["access_token"].as_str().unwrap()).1["sub"].clone()
}

pub(crate) async fn reasons(rig: &Rig, kind: &str) -> Vec<Value> {
    let lines = rig.platform.admin("GET", "/audit", &Value::Null).await.accepts();
    let lines = lines["events"].as_array().cloned().unwrap_or_else(|| panic!("{lines}"));
    let of_kind = lines.iter().filter(|line| line["kind"] == kind);
    of_kind.map(|line| line["reason"].clone()).collect()
}

#[tokio::test]
async fn a_swapped_sim_is_denied_and_the_code_used_up() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "on_error = \"deny\"").await;
    let weather = rig.instance("weather").await;
    let pending = weather.attempt();
    weather.redeem(&pending).await.refuses(400, "authorization_pending");
    assert!(operator.asked(SIM_SWAP).is_empty(), "nobody is asked before the text");
    rig.text(&number(1), &pending).await;
    weather.redeem(&pending).await.accepts();
    let asked = operator.asked(SIM_SWAP);
    assert_eq!(asked, [json!({"phoneNumber": number(1), "maxAge": 240})]);
    assert!(operator.asked(NUMBER_RECYCLING).is_empty(), "a new number was nobody's here");
    // What was answered about a code stands for its repetitions.
    weather.redeem(&pending).await.accepts();
    assert_eq!(operator.asked(SIM_SWAP).len(), 1);
    operator.knows(true, false);
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "access_denied");
    operator.knows(false, false);
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    assert_eq!(operator.asked(TOKEN).len(), 1, "one token for all");
    assert_eq!(reasons(&rig, "code.refused").await, [json!("risk_sim_swap")]);
    ask(&rig, &weather, &number(1)).await.accepts();
}

#[tokio::test]
async fn a_swapped_sim_is_confirmed_where_that_is_configured() {
    let operator = Operator::start().await;
    operator.knows(true, false);
    let more = format!("{CHECKS}on_swap = \"confirm\"\non_error = \"deny\"");
    let mobile = Mobile::with(&operator.section(&more)).await;
    let weather = mobile.rig.instance("weather").await;
    let (attempt, right) = mobile.asked(&weather, &number(1)).await;
    let said = wrong(&right);
    let answer = weather.redeem_with(&attempt, &[("confirmation_code", &said)]).await;
    assert_eq!(awaits(&answer), 2);
    let answer = weather.redeem_with(&attempt, &[("confirmation_code", &right)]).await;
    assert_eq!(claims(&answer.accepts())["acr"], "urn:twinpath:acr:terminal-confirmed");
    assert_eq!(operator.asked(SIM_SWAP).len(), 1, "once for each code");
    assert_eq!(reasons(&mobile.rig, "grant.issued").await, [json!("risk_sim_swap")]);
    operator.knows(false, false);
    ask(&mobile.rig, &weather, &number(1)).await.accepts();
    assert_eq!(mobile.texts(), 1, "nothing to confirm, and a device that is known");
}

#[tokio::test]
async fn a_recycled_number_gets_a_new_account_unless_its_key_takes_part() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "on_error = \"deny\"").await;
    let weather = rig.instance("weather").await;
    let first = ask(&rig, &weather, &number(1)).await.accepts();
    operator.knows(false, true);
    let same = ask(&rig, &weather, &number(1)).await.accepts();
    assert_eq!(subject(&same), subject(&first), "the phone is the same");
    let date = operator.asked(NUMBER_RECYCLING)[0]["specifiedDate"].as_str().unwrap().to_owned();
    assert_eq!((date.len(), date.matches('-').count()), (10, 2), "{date}");
    let stranger = rig.again(&weather.app);
    let new = ask(&rig, &stranger, &number(1)).await.accepts();
    assert_ne!(subject(&new), subject(&first));
    let refresh = same["refresh_token"].as_str().unwrap();
    weather.refresh(refresh).await.refuses(400, "invalid_grant");
    assert_eq!(reasons(&rig, "account.replaced").await, [json!("recycled")]);
}

/// Everything that may come back and says nothing.
fn troubles() -> Vec<(&'static str, Reply)> {
    let json = "200 OK\r\nContent-Type: application/json";
    let slow = Reply { after: Duration::from_secs(30), ..Reply::json(&json!({"swapped": false})) };
    vec![
        (SIM_SWAP, Reply::raw("500 Internal Server Error", "")),
        (SIM_SWAP, Reply::raw("404 Not Found\r\nContent-Type: application/json", "{}")),
        (SIM_SWAP, Reply::raw("429 Too Many Requests", "")),
        (SIM_SWAP, Reply::raw("302 Found\r\nLocation: http://127.0.0.1:1/", "")),
        (SIM_SWAP, Reply::raw("200 OK\r\nContent-Type: text/html", "{\"swapped\":false}")),
        (SIM_SWAP, Reply::raw("200 OK", "{\"swapped\":false}")),
        (SIM_SWAP, Reply::raw(json, "{\"swapped\":fal")),
        (SIM_SWAP, Reply::raw(json, "[false]")),
        (SIM_SWAP, Reply::raw(json, "{}")),
        (SIM_SWAP, Reply::raw(json, "{\"swapped\":\"false\"}")),
        (SIM_SWAP, Reply::raw(json, &format!("{{\"swapped\":false,\"x\":\"{:9>20000}\"}}", 9))),
        (SIM_SWAP, Reply::raw("nonsense", "")),
        (SIM_SWAP, slow),
        (TOKEN, Reply::raw("500 Internal Server Error", "")),
        (TOKEN, Reply::raw(json, "{\"access_token\":\"\"}")),
        (TOKEN, Reply::raw(json, "{\"access_token\":\"a b\\u0000\"}")),
        (TOKEN, Reply::raw(json, "{\"access_token\":\"token-0\",\"token_type\":\"DPoP\"}")),
    ]
}

async fn with_troubles(on_error: &str, check: impl AsyncFn(&Answer)) {
    let operator = Operator::start().await;
    let rig = rig(&operator, &format!("timeout_ms = 700\non_error = \"{on_error}\"")).await;
    let weather = rig.instance("weather").await;
    for (n, (path, reply)) in (0..).zip(troubles()) {
        let before = operator.asked(path).len();
        if path == TOKEN {
            operator.revoke();
        }
        operator.answers(path, reply.clone());
        let answer = ask(&rig, &weather, &number(n)).await;
        assert!(operator.asked(path).len() > before, "{reply:?} was not asked for");
        check(&answer).await;
        // It recovers at once.
        operator.knows(false, false);
        ask(&rig, &weather, &number(n)).await.accepts();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_tell_is_passed_over_where_that_is_configured() {
    with_troubles("allow", async |answer| drop(answer.accepts())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_tell_refuses_where_that_is_configured() {
    with_troubles("deny", async |answer| answer.refuses(400, "access_denied")).await;
}

#[tokio::test]
async fn what_was_let_pass_unasked_is_in_the_audit_trail() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "on_error = \"allow\"").await;
    let weather = rig.instance("weather").await;
    operator.answers(SIM_SWAP, Reply::raw("503 Service Unavailable", ""));
    ask(&rig, &weather, &number(1)).await.accepts();
    assert_eq!(reasons(&rig, "grant.issued").await, [json!("risk_unavailable")]);
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_for_a_while() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "on_error = \"allow\"").await;
    let weather = rig.instance("weather").await;
    operator.answers(SIM_SWAP, Reply::raw("503 Service Unavailable", ""));
    for n in 0..10 {
        ask(&rig, &weather, &number(n)).await.accepts();
    }
    assert_eq!(operator.asked(SIM_SWAP).len(), 5);
}

#[tokio::test]
async fn a_token_that_was_revoked_is_asked_for_anew() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "on_error = \"deny\"").await;
    let weather = rig.instance("weather").await;
    ask(&rig, &weather, &number(1)).await.accepts();
    operator.revoke();
    ask(&rig, &weather, &number(2)).await.accepts();
    assert_eq!(operator.asked(TOKEN).len(), 2);
}

#[tokio::test]
async fn numbers_of_other_countries_are_not_asked_about() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "countries = [\"FR\"]\non_error = \"deny\"").await;
    operator.knows(true, true);
    let weather = rig.instance("weather").await;
    ask(&rig, &weather, &number(1)).await.accepts();
    assert!(operator.asked(SIM_SWAP).is_empty());
}

/// A text and its request meet in both orders, and the operator is asked once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_request_is_answered_when_the_operator_has() {
    let operator = Operator::start().await;
    let rig = rig(&operator, "on_error = \"deny\"").await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    let text = async {
        twinpath_e2e::wait::until("the request waits", async || {
            let waiting = rig.platform.metric("twinpath_waiting_requests").await;
            (waiting >= 1.0).then_some(())
        })
        .await;
        rig.text(&number(1), &attempt).await
    };
    let (answer, _) = tokio::join!(weather.wait(&attempt, 30), text);
    answer.accepts();
    assert_eq!(operator.asked(SIM_SWAP).len(), 1);
}

/// The network is a second witness of the number, where the app brings what it gave the phone.
#[tokio::test]
async fn the_network_may_verify_the_number_beside_the_text() {
    let operator = Operator::start().await;
    let checks = "checks = [\"number_verification\"]\non_error = \"deny\"\n";
    let start = async |on_unverified: &str| {
        let more = format!("{checks}on_unverified = \"{on_unverified}\"");
        Rig::with(Settings::default().with(&operator.section(&more))).await
    };
    let says = |verified: bool| {
        let said = Reply::json(&json!({"devicePhoneNumberVerified": verified}));
        operator.answers(NUMBER_VERIFICATION, said);
    };
    let redeem = async |rig: &Rig, app: &Instance, token: &str| {
        let attempt = app.attempt();
        rig.text(&number(1), &attempt).await;
        let more = [("network_token", token)];
        app.redeem_with(&attempt, if token.is_empty() { &[] } else { &more }).await
    };
    let rig = start("deny").await;
    let weather = rig.instance("weather").await;
    says(true);
    redeem(&rig, &weather, "phone-token").await.accepts();
    assert_eq!(operator.asked(NUMBER_VERIFICATION), [json!({"phoneNumber": number(1)})]);
    assert!(operator.asked(TOKEN).is_empty(), "asked with the phone's own token");
    // A token that is none, and none: the network tells nothing.
    for token in ["another", ""] {
        redeem(&rig, &weather, token).await.refuses(400, "access_denied");
    }
    // Junk from an app must not have the operator left alone.
    for _ in 0..8 {
        redeem(&rig, &weather, "junk").await.refuses(400, "access_denied");
    }
    says(false);
    redeem(&rig, &weather, "phone-token").await.refuses(400, "access_denied");
    operator.answers(NUMBER_VERIFICATION, Reply::raw("500 Internal Server Error", ""));
    redeem(&rig, &weather, "phone-token").await.refuses(400, "access_denied");
    says(true);
    redeem(&rig, &weather, "phone-token").await.accepts();
    let why = reasons(&rig, "code.refused").await;
    for (reason, times) in
        [("risk_unverified", 10), ("risk_other_number", 1), ("risk_unavailable", 1)]
    {
        let said = why.iter().filter(|said| *said == reason).count();
        assert_eq!(said, times, "{reason} in {why:?}");
    }
    let long = "x".repeat(4097);
    for bad in ["a b", long.as_str(), "\u{e9}"] {
        redeem(&rig, &weather, bad).await.refuses(400, "invalid_request");
    }
    // Where it is welcome but not needed, another number's phone is refused all the same.
    let rig = start("allow").await;
    let weather = rig.instance("weather").await;
    for token in ["", "another", "phone-token"] {
        redeem(&rig, &weather, token).await.accepts();
    }
    says(false);
    redeem(&rig, &weather, "phone-token").await.refuses(400, "access_denied");
}
