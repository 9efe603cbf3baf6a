//! The outbox: errors that pass and errors that stay, limits, receipts, restarts.

use std::sync::Arc;

use serde_json::json;
use twinpath_e2e::app::Instance;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::process::fixed_address;
use twinpath_e2e::rig::{ROUTE, Rig};
use twinpath_e2e::wait::until;
use twinpath_server::outbound::{Receipt, ReceiptState, received};

use crate::confirmation::texts::{Mobile, OUT, digits, inward, outward, said};
use crate::confirmation::{ALWAYS, awaits, claims};

/// `ESME_RTHROTTLED`, `ESME_RINVDSTADR`.
const THROTTLED: u64 = 0x58;
const INVALID_DESTINATION: u64 = 0x0b;

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_is_not() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    let attempt = weather.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    mobile.out.set("submitStatus", THROTTLED).await;
    awaits(&weather.redeem(&attempt).await);
    mobile.ended(OUT, "throttled", 1.0).await;
    mobile.out.set("submitStatus", 0).await;
    mobile.ended(OUT, "accepted", 1.0).await;
    let tried = mobile.texts();
    assert!(tried >= 2);
    let right = digits(&mobile.text(tried).await.1);
    assert_eq!(right, digits(&mobile.text(1).await.1), "the same text each time");
    weather.redeem_with(&attempt, &[("confirmation_code", &right)]).await.accepts();

    mobile.out.set("submitStatus", INVALID_DESTINATION).await;
    let refused = weather.attempt();
    mobile.rig.text(&number(2), &refused).await;
    awaits(&weather.redeem(&refused).await);
    mobile.ended(OUT, "destination_address", 1.0).await;
    mobile.out.set("submitStatus", 0).await;
    // A later text overtakes it: it is not in the queue any more.
    let later = weather.attempt();
    mobile.rig.text(&number(3), &later).await;
    awaits(&weather.redeem(&later).await);
    let (to, _) = mobile.text(tried + 2).await;
    assert_eq!(to, number(3));
}

#[tokio::test]
async fn over_a_limit_nothing_changes() {
    let sections = format!("{ALWAYS}\n[sms.outbound]\nconfirmations_per_number_per_hour = 1");
    let mobile = Mobile::with(&sections).await;
    let weather = mobile.rig.instance("weather").await;
    let (first, second) = (weather.attempt(), weather.attempt());
    for attempt in [&first, &second] {
        mobile.rig.text(&number(1), attempt).await;
    }
    awaits(&weather.redeem(&first).await);
    let over = weather.redeem(&second).await;
    over.refuses(429, "temporarily_unavailable");
    let wait: u64 = over.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    // It is as it was: asked with a login_hint that is wrong, it is used up as any code.
    let other = format!("tel:{}", number(2));
    let hinted = weather.redeem_with(&second, &[("login_hint", &other)]).await;
    hinted.refuses(400, "invalid_grant");
    let other_number = weather.attempt();
    mobile.rig.text(&number(2), &other_number).await;
    awaits(&weather.redeem(&other_number).await);
    mobile.text(2).await;
    assert_eq!(mobile.texts(), 2);
}

#[tokio::test]
async fn no_text_goes_where_none_is_allowed() {
    let sections = format!("{ALWAYS}\n[sms.outbound]\ncountries = [\"FR\"]");
    let mobile = Mobile::with(&sections).await;
    let weather = mobile.rig.instance("weather").await;
    let attempt = weather.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "access_denied");
    assert_eq!(mobile.texts(), 0);
}

#[tokio::test]
async fn a_receipt_finds_its_text() {
    let mobile = Mobile::with(ALWAYS).await;
    let weather = mobile.rig.instance("weather").await;
    let attempt = weather.attempt();
    mobile.rig.text(&number(1), &attempt).await;
    let platform = &mobile.rig.platform.server.platform;
    let receipt = |id: &str, state| Receipt {
        route: OUT.to_owned(),
        message_id: id.to_owned(),
        state,
        error: None,
    };
    received(platform, &receipt("ffffffff", ReceiptState::Delivered));
    // As one that is faster than the answer to its submission: it waits for its text.
    received(platform, &receipt("00000001", ReceiptState::Delivered));
    awaits(&weather.redeem(&attempt).await);
    mobile.ended(OUT, "accepted", 1.0).await;
    mobile.ended(OUT, "receipt_of_nothing", 1.0).await;
    received(platform, &receipt("00000001", ReceiptState::Pending));
    received(platform, &receipt("00000001", ReceiptState::Delivered));
    mobile.ended(OUT, "delivered", 3.0).await;
    assert!(mobile.outcome(OUT, "receipt_of_nothing").await < 1.5);
}

/// What became of a text comes back as a text, by the bind that took it, sometimes before it has said so.
#[tokio::test]
async fn receipts_come_back_by_the_bind() {
    let rig = Rig::with(Settings::default().with(ALWAYS)).await;
    let mobile = Mobile { out: Arc::clone(&rig.centre), rig };
    let weather = mobile.rig.instance("weather").await;
    let states = [
        ("DELIVRD", "delivered"),
        ("UNDELIV", "undelivered"),
        ("EXPIRED", "expired_on_the_way"),
        ("REJECTD", "rejected_on_the_way"),
    ];
    let begin = async |n: u32| {
        let attempt = weather.attempt();
        mobile.rig.text(&number(n), &attempt).await;
        awaits(&weather.redeem(&attempt).await);
        mobile.ended(ROUTE, "accepted", n.into()).await;
    };
    for (n, (state, outcome)) in (1..).zip(states) {
        begin(n).await;
        let receipt = format!("id:{n:08x} sub:001 dlvrd:000 stat:{state} err:000 text:");
        let receipt = Text::new(&number(n), &receipt).with("esm_class", 4);
        mobile.rig.deliver(&receipt).await.ok();
        mobile.ended(ROUTE, outcome, 1.0).await;
    }
    mobile.rig.centre.set("earlyReceipt", "DELIVRD").await;
    begin(5).await;
    mobile.ended(ROUTE, "delivered", 2.0).await;
    assert!(mobile.outcome(ROUTE, "receipt_of_nothing").await < 0.5);
    assert_eq!(mobile.texts(), 5, "a text that a network gave up is not sent again");
}

#[tokio::test]
async fn another_bind_takes_what_the_preferred_one_cannot() {
    let (first, spare) = (Centre::start().await, Centre::start().await);
    let bind = |name: &str, port, priority: u32| {
        let lines = format!("countries = [\"GB\"]\npriority = {priority}");
        outward(port).named(name).with(&lines)
    };
    let binds = vec![bind("spare", spare.port, 1), bind("first", first.port, 0)];
    let settings = Settings { binds, ..Settings::default() }.with(ALWAYS);
    let rig = Rig::bound_with(settings, inward).await;
    first.bound(1).await;
    spare.bound(1).await;
    let weather = rig.instance("weather").await;
    let begin = async |from: &str| {
        let attempt = weather.attempt();
        rig.text(from, &attempt).await;
        awaits(&weather.redeem(&attempt).await);
        attempt
    };
    let to = async |centre: &Centre, nth| said(&centre.event("submit_sm", nth).await);
    begin(&number(1)).await;
    assert_eq!(to(&first, 1).await.0, number(1));
    assert!(spare.events("submit_sm").is_empty());
    // Refused for a moment, it goes by the other one at once.
    first.set("submitStatus", THROTTLED).await;
    let attempt = begin(&number(2)).await;
    let (phone, text) = to(&spare, 1).await;
    assert_eq!(phone, number(2));
    weather.redeem_with(&attempt, &[("confirmation_code", &digits(&text))]).await.accepts();
    // Down, it is not asked at all.
    first.set("bindSilent", true).await;
    first.drop_sessions().await;
    let up = "twinpath_smpp_bound{bind=\"first\"}";
    until("it is down", async || (rig.platform.metric(up).await < 0.5).then_some(())).await;
    begin(&number(3)).await;
    assert_eq!(to(&spare, 2).await.0, number(3));
    assert_eq!(first.events("submit_sm").len(), 2);
    // A country that no bind is for.
    begin("+33612345678").await;
    let none = "twinpath_outbound_texts_total{of=\"confirmation\",outcome=\"no_sender\"}";
    until("nobody sends it", async || (rig.platform.metric(none).await > 0.5).then_some(())).await;
    assert_eq!(spare.events("submit_sm").len(), 2);
}

#[tokio::test]
async fn a_restart_between_text_and_digits_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (centre, out) = (Centre::start().await, Centre::start().await);
    let settings = Settings {
        issuer: Some("http://127.0.0.1:9".to_owned()),
        store: Some(format!("sqlite://{}/t.db", folder.path().display())),
        ..Settings::binds(&[inward(Bind::new(ROUTE, centre.port)), outward(fixed_address().port())])
    };
    let settings = settings.with(ALWAYS).with("[sms.outbound]");
    let before = Platform::start(&settings).await;
    centre.bound(1).await;
    let app = before.register(&Registration::new("weather")).await;
    let weather = Instance::new(&app, &before.place);
    let attempt = weather.attempt();
    centre.text(&number(1), &attempt.text).await.ok();
    // Nobody is there who would send it: the text stays in the queue.
    awaits(&weather.redeem(&attempt).await);
    before.stop().await;

    let mut settings = settings;
    settings.binds[1] = outward(out.port);
    let after = Platform::start(&settings).await;
    let weather = weather.at(after.place.address);
    assert_eq!(awaits(&weather.redeem(&attempt).await), 3);
    let metric = json!(after.metric("twinpath_outbound_texts_total").await);
    let (to, text) = said(&out.event("submit_sm", 1).await);
    assert_eq!(to, number(1), "{metric}");
    let answer = weather.redeem_with(&attempt, &[("confirmation_code", &digits(&text))]).await;
    assert_eq!(claims(&answer.accepts())["acr"], "urn:twinpath:acr:terminal-confirmed");
    assert_eq!(out.events("submit_sm").len(), 1);
    after.stop().await;
}
