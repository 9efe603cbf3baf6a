//! PROTOCOL 5 and 7.4: waits, polls and their limits, and the end of a text's life.

use std::time::Duration;

use tokio::time::Instant;
use twinpath_e2e::config::Settings;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;

#[tokio::test]
async fn polling_too_fast_costs_five_seconds_and_never_the_result() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    let first = weather.redeem(&attempt).await;
    first.refuses(400, "authorization_pending");
    assert_eq!(first.json()["interval"], 5);
    for interval in [10, 15] {
        let fast = weather.redeem(&attempt).await;
        fast.refuses(400, "slow_down");
        assert_eq!(fast.json()["interval"], interval, "RFC 8628 3.5: five seconds more");
    }
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn polling_at_the_interval_stays_pending() {
    let rig = Rig::with(Settings::default().with("[terminal]\ninterval_s = 1")).await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    for _ in 0..2 {
        let answer = weather.redeem(&attempt).await;
        answer.refuses(400, "authorization_pending");
        assert_eq!(answer.json()["interval"], 1);
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_waits_for_a_code_and_a_second_is_told_to_slow_down() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    let second = async {
        until("the first waits", async || {
            (rig.platform.metric("twinpath_waiting_requests").await >= 1.0).then_some(())
        })
        .await;
        let answer = weather.wait(&attempt, 30).await;
        rig.text(&number(1), &attempt).await;
        answer
    };
    let (first, second) = tokio::join!(weather.wait(&attempt, 30), second);
    second.refuses(400, "slow_down");
    first.accepts();
}

#[tokio::test]
async fn a_wait_ends_pending_when_its_time_is_over() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    let begun = Instant::now();
    let answer = weather.wait(&attempt, 1).await;
    answer.refuses(400, "authorization_pending");
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // The interval runs from that answer.
    weather.redeem(&attempt).await.refuses(400, "slow_down");
    // A request that is refused does not wait.
    let spoilt = weather.token_draft(&attempt).header("Prefer", "wait=30").set("scope", "admin");
    weather.send(&spoilt).await.refuses(400, "invalid_scope");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_longer_than_thirty_seconds() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    let text = async {
        until("it waits", async || {
            (rig.platform.metric("twinpath_waiting_requests").await >= 1.0).then_some(())
        })
        .await;
        rig.text(&number(1), &attempt).await
    };
    let (answer, _) = tokio::join!(weather.wait(&attempt, 600), text);
    answer.accepts();
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
}

#[tokio::test]
async fn a_preference_that_cannot_be_read_is_ignored() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    for prefer in ["wait", "wait=", "wait=x", "wait=-1", "wait=0", "respond-async", ";;,=,"] {
        let draft = weather.token_draft(&weather.attempt()).header("Prefer", prefer);
        let answer = weather.send(&draft).await;
        answer.refuses(400, "authorization_pending");
        assert_eq!(answer.header("preference-applied"), None, "{prefer}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_gives_its_place_back() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    weather.warm().await;
    let attempt = weather.attempt();
    let draft = weather.token_draft(&attempt).header("Prefer", "wait=30");
    let address = rig.platform.place.address;
    let gone =
        tokio::spawn(async move { twinpath_e2e::http::send(address, &draft.request()).await });
    let waits = async || rig.platform.metric("twinpath_waiting_requests").await > 0.5;
    until("it waits", async || waits().await.then_some(())).await;
    gone.abort();
    until("it waits no more", async || (!waits().await).then_some(())).await;
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn a_text_whose_time_is_over_is_expired() {
    let rig = Rig::with(Settings::default().with("[terminal]\nttl_s = 10")).await;
    let weather = rig.instance("weather").await;
    let (late, redeemed) = (weather.attempt(), weather.attempt());
    rig.text(&number(1), &late).await;
    rig.text(&number(1), &redeemed).await;
    let received = Instant::now();
    let tokens = weather.redeem(&redeemed).await.accepts();
    weather.redeem(&redeemed).await.accepts();
    // The server's own clock has to pass.
    tokio::time::sleep_until(received + Duration::from_millis(10_200)).await;
    weather.redeem(&late).await.refuses(400, "expired_token");
    weather.redeem(&redeemed).await.refuses(400, "invalid_grant");
    // A text that carries an expired code creates nothing, whoever sends it.
    for n in [1, 2] {
        rig.text(&number(n), &late).await;
        weather.redeem(&late).await.refuses(400, "expired_token");
    }
    // The first refresh token died with the answer that was given again; the grant did not.
    let account = rig.platform.account(&number(1), "show").await;
    assert_eq!(account["grants"].as_array().unwrap().len(), 1, "{account}, {tokens}");
}

#[tokio::test]
async fn a_source_leaves_only_so_many_codes_unredeemed() {
    let limits = "[limits]\npending_codes_per_address = 3";
    let rig = Rig::with(Settings::default().with(limits)).await;
    let app = rig.platform.register(&Registration::new("weather")).await;
    let instances: Vec<_> = (0..4).map(|_| rig.again(&app)).collect();
    let attempts: Vec<_> = instances.iter().map(twinpath_e2e::app::Instance::attempt).collect();
    for (instance, attempt) in instances.iter().zip(&attempts).take(3) {
        instance.redeem(attempt).await.refuses(400, "authorization_pending");
    }
    let answer = instances[3].redeem(&attempts[3]).await;
    answer.refuses(429, "temporarily_unavailable");
    let seconds: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=600).contains(&seconds));
    // One that is redeemed makes room.
    rig.text(&number(1), &attempts[0]).await;
    instances[0].redeem(&attempts[0]).await.accepts();
    instances[3].redeem(&attempts[3]).await.refuses(400, "authorization_pending");
    let other = rig.instance("maps").await;
    other.redeem(&other.attempt()).await.refuses(400, "authorization_pending");
}
