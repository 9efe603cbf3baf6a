//! PROTOCOL 12, `[[sms.smpp]]`: how a bind is made, kept, lost and made again.

use std::time::Duration;

use tokio::time::Instant;
use twinpath_e2e::app::Instance;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::rig::{ROUTE, Rig};
use twinpath_e2e::wait::until;

#[tokio::test]
async fn the_bind_says_what_is_configured() {
    let rig = Rig::bound_with(Settings::default(), |bind| {
        bind.with("system_type = \"OTP\"\naddress_range = \"^8610\"")
    })
    .await;
    let bind = &rig.centre.events("bind")[0];
    assert_eq!(bind["command"], "bind_transceiver");
    assert_eq!(bind["system_id"], "twinpath");
    assert_eq!(bind["password"], "secret");
    assert_eq!(bind["system_type"], "OTP");
    assert_eq!(bind["address_range"], "^8610");
    assert_eq!(bind["interface_version"], 0x34);
}

#[tokio::test]
async fn a_receiver_bind_takes_texts() {
    let rig = Rig::bound_with(Settings::default(), |bind| bind.with("mode = \"receiver\"")).await;
    assert_eq!(rig.centre.events("bind")[0]["command"], "bind_receiver");
    let weather = rig.instance("weather").await;
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn several_binds_serve_one_platform() {
    let (one, two) = (Centre::start().await, Centre::start().await);
    let binds =
        [Bind::new("one", one.port), Bind::new("two", two.port).with("mode = \"receiver\"")];
    let platform = Platform::start(&Settings::binds(&binds)).await;
    one.bound(1).await;
    two.bound(1).await;
    let app = platform.register(&Registration::new("weather")).await;
    let weather = Instance::new(&app, &platform.place);
    for centre in [&one, &two] {
        let attempt = weather.attempt();
        centre.text(&number(1), &attempt.text).await.ok();
        weather.redeem(&attempt).await.accepts();
    }
    // A text that both deliver counts once; one that is down does not trouble the other.
    let attempt = weather.attempt();
    one.text(&number(1), &attempt.text).await.ok();
    two.text(&number(1), &attempt.text).await.ok();
    weather.redeem(&attempt).await.accepts();
    two.set("bindSilent", true).await;
    two.drop_sessions().await;
    let attempt = weather.attempt();
    one.text(&number(1), &attempt.text).await.ok();
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn the_server_answers_enquire_link() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        let answer = rig.centre.ask("enquire_link").await;
        answer.ok();
        assert!(format!("{answer:?}").contains("enquire_link_resp"));
    }
}

#[tokio::test]
async fn an_idle_bind_is_kept_alive() {
    let rig = Rig::bound_with(Settings::default(), |bind| bind.with("enquire_link_s = 1")).await;
    rig.centre.event("enquire_link", 3).await;
    assert_eq!(rig.centre.events("bind").len(), 1);
}

#[tokio::test]
async fn an_unanswered_enquire_link_ends_the_session_and_it_binds_again() {
    let rig = Rig::bound_with(Settings::default(), |bind| {
        bind.with("enquire_link_s = 1\nresponse_timeout_s = 1")
    })
    .await;
    let weather = rig.instance("weather").await;
    rig.centre.set("answerEnquireLink", false).await;
    rig.centre.event("close", 1).await;
    rig.centre.set("answerEnquireLink", true).await;
    rig.centre.bound(2).await;
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn a_lost_connection_is_made_again_after_about_a_second() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    rig.centre.drop_sessions().await;
    let closed = rig.centre.event("close", 1).await["at"].as_f64().unwrap();
    let again = rig.centre.event("bind", 2).await["at"].as_f64().unwrap();
    assert!((400.0..10_000.0).contains(&(again - closed)), "{} ms", again - closed);
    rig.centre.bound(2).await;
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn a_centre_that_unbinds_is_answered_and_bound_to_again() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    rig.centre.ask("unbind").await.ok();
    rig.centre.event("close", 1).await;
    rig.centre.bound(2).await;
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn a_refused_bind_is_tried_again_but_not_in_a_hot_loop() {
    // 0x0D is ESME_RBINDFAIL: credentials, for which the pause is long; 0x08 is ESME_RSYSERR.
    let (busy, strict) = (Centre::start().await, Centre::start().await);
    busy.set("bindStatus", 0x08).await;
    strict.set("bindStatus", 0x0D).await;
    let binds = [Bind::new("busy", busy.port), Bind::new("strict", strict.port)];
    let begun = Instant::now();
    let platform = Platform::start(&Settings::binds(&binds)).await;
    strict.event("bind", 1).await;
    busy.event("bind", 3).await;
    let spent = begun.elapsed();
    assert!(spent >= Duration::from_millis(1400), "three attempts in {spent:?}");
    assert_eq!(strict.events("bind").len(), 1, "a refused password waits for a minute");
    // Apps are served meanwhile, and told that the first path is down.
    let ready = platform.place.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("refused"), "{}", ready.text());
    busy.set("bindStatus", 0).await;
    busy.bound(1).await;
    let app = platform.register(&Registration::new("weather")).await;
    let weather = Instance::new(&app, &platform.place);
    let attempt = weather.attempt();
    busy.text(&number(1), &attempt.text).await.ok();
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn a_slow_bind_is_waited_for_and_a_silent_one_given_up() {
    let (slow, silent) = (Centre::start().await, Centre::start().await);
    slow.set("bindDelayMs", 700).await;
    silent.set("bindSilent", true).await;
    let binds = [
        Bind::new("slow", slow.port),
        Bind::new("silent", silent.port).with("response_timeout_s = 1"),
    ];
    let platform = Platform::start(&Settings::binds(&binds)).await;
    slow.bound(1).await;
    silent.event("bind", 2).await;
    silent.set("bindSilent", false).await;
    silent.bound(1).await;
    assert_eq!(slow.events("bind").len(), 1);
    platform.stop().await;
    slow.event("unbind", 1).await;
    silent.event("unbind", 1).await;
}

#[tokio::test]
async fn a_centre_that_is_not_there_yet_is_bound_to_when_it_is() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let platform = Platform::start(&Settings::binds(&[Bind::new(ROUTE, port)])).await;
    let state = until("the bind waits", async || {
        let text = platform.place.get("/readyz").await.text();
        text.contains("waiting").then_some(text)
    })
    .await;
    assert!(state.contains(ROUTE), "{state}");
    let bound = "twinpath_smpp_bound{bind=\"operator-a\"}";
    assert!(platform.metric(bound).await < 0.5);
    platform.stop().await;
}
