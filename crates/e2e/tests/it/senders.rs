//! PROTOCOL 7.3 and 7.4: the same code from two numbers, again from the same, over routes of unequal
//! trust, and too many texts.

use serde_json::json;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::rig::{ROUTE, Rig};

#[tokio::test]
async fn a_second_number_voids_the_code_before_it_is_redeemed() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    rig.text(&number(2), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    assert!(rig.platform.texts(ROUTE, "voided").await >= 1.0);
}

#[tokio::test]
async fn a_second_number_revokes_the_grant_after_it() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let tokens = weather.redeem(&attempt).await.accepts();
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    weather.refresh(refresh).await.accepts();
    rig.text(&number(2), &attempt).await;
    weather.refresh(refresh).await.refuses(400, "invalid_grant");
    for token in [access, refresh] {
        assert_eq!(weather.introspect(token).await.accepts(), json!({"active": false}));
    }
    assert_eq!(weather.userinfo(access).await.status, 401);
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    rig.still_works(&weather.app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_numbers_and_a_request_at_the_same_moment_leave_nothing_that_lasts() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    for n in 0..40 {
        let (one, two, attempt) = (number(2 * n), number(2 * n + 1), weather.attempt());
        let (answer, _, _) = tokio::join!(
            weather.wait(&attempt, 30),
            rig.text(&one, &attempt),
            rig.text(&two, &attempt)
        );
        if answer.status == 200 {
            let tokens = answer.json();
            let refresh = tokens["refresh_token"].as_str().unwrap();
            weather.refresh(refresh).await.refuses(400, "invalid_grant");
            assert_eq!(
                weather.userinfo(tokens["access_token"].as_str().unwrap()).await.status,
                401
            );
        } else {
            answer.refuses(400, "invalid_grant");
        }
        weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    }
}

#[tokio::test]
async fn the_same_text_again_changes_nothing() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    // More often than a number may text different codes in an hour.
    for _ in 0..30 {
        rig.text(&number(1), &attempt).await;
    }
    assert!(rig.platform.texts(ROUTE, "recorded").await < 1.5);
    let tokens = weather.redeem(&attempt).await.accepts();
    rig.text(&number(1), &attempt).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    weather.refresh(refresh).await.accepts();
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
    weather.refresh(refresh).await.accepts();
}

#[tokio::test]
async fn a_number_is_the_same_however_the_network_writes_it() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    let national = twinpath_e2e::pdu::Text::new("07400000001", &attempt.text);
    rig.text(&number(1), &attempt).await;
    rig.deliver(&national.with("source_addr_ton", 2)).await.ok();
    let unknown = twinpath_e2e::pdu::Text::new(&number(1), &attempt.text);
    rig.deliver(&unknown.with("source_addr_ton", 0).with("source_addr_npi", 0)).await.ok();
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn a_route_of_lower_trust_never_touches_a_record_from_a_higher_one() {
    let (operator, aggregator) = (Centre::start().await, Centre::start().await);
    let binds = [
        Bind::new("operator", operator.port),
        Bind::new("aggregator", aggregator.port).trust("aggregator"),
    ];
    let platform = Platform::start(&Settings::binds(&binds)).await;
    operator.bound(1).await;
    aggregator.bound(1).await;
    let app = platform.register(&Registration::new("weather")).await;
    let weather = twinpath_e2e::app::Instance::new(&app, &platform.place);
    let attempt = weather.attempt();
    operator.text(&number(1), &attempt.text).await.ok();
    aggregator.text(&number(2), &attempt.text).await.ok();
    let tokens = weather.redeem(&attempt).await.accepts();
    assert_eq!(tokens["terminal_hint"], "+44••••••••01");
    aggregator.text(&number(3), &attempt.text).await.ok();
    weather.refresh(tokens["refresh_token"].as_str().unwrap()).await.accepts();
    // The other way round it counts.
    let attempt = weather.attempt();
    aggregator.text(&number(2), &attempt.text).await.ok();
    operator.text(&number(1), &attempt.text).await.ok();
    weather.redeem(&attempt).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn a_number_texts_twenty_different_codes_an_hour() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempts: Vec<_> = (0..21).map(|_| weather.attempt()).collect();
    for attempt in &attempts {
        rig.text(&number(1), attempt).await;
    }
    // The first ones again: redeliveries do not count, and are acknowledged like everything.
    rig.text(&number(1), &attempts[0]).await;
    weather.redeem(&attempts[20]).await.refuses(400, "authorization_pending");
    weather.redeem(&attempts[19]).await.accepts();
    weather.redeem(&attempts[0]).await.accepts();
    rig.still_works(&weather.app).await;
}
