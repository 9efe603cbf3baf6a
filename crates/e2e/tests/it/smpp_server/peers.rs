//! What three libraries submit is redeemable; what we say to them, they understand.

use std::sync::Arc;

use serde_json::json;
use twinpath_e2e::number;
use twinpath_e2e::peer::Peer;

use super::{Esme, PASSWORD, ROUTE, Rig, message, redeems_once};

const STATUS_QUEUE_FULL: u64 = 0x14;
const STATUS_THROTTLED: u64 = 0x58;

#[tokio::test]
async fn a_text_over_node_smpp_is_redeemable_and_known_as_this_routes() {
    let rig = Rig::start().await;
    let weather = Arc::new(rig.instance().await);
    let mut esme = Esme::bound(rig.port).await;
    let attempt = weather.attempt();
    let answer = esme.submit(&number(1), &attempt.text).await;
    assert_eq!((&answer["status"], &answer["command"]), (&json!(0), &json!("submit_sm_resp")));
    assert_eq!(answer["message_id"].as_str().unwrap().len(), 16, "{answer}");
    // The same again, as after a lost answer, changes nothing.
    assert_eq!(esme.submit(&number(1), &attempt.text).await["status"], 0);
    redeems_once(&weather, &attempt).await;
    // As data_sm, its text in message_payload.
    let attempt = weather.attempt();
    let mut data = message(&number(2), "");
    data.as_object_mut().unwrap().remove("short_message");
    data["message_payload"] = attempt.text.as_str().into();
    let answer = esme.ask("data_sm", data).await;
    assert_eq!((&answer["status"], &answer["command"]), (&json!(0), &json!("data_sm_resp")));
    redeems_once(&weather, &attempt).await;
    // What is no text to act upon is acknowledged, or the gateway would send it for ever.
    let mut part = message(&number(3), &weather.attempt().text);
    part["sar_total_segments"] = 2.into();
    part["sar_segment_seqnum"] = 1.into();
    part["sar_msg_ref_num"] = 1.into();
    assert_eq!(esme.ask("submit_sm", part).await["status"], 0);
    for (outcome, count) in [("recorded", 2.0), ("duplicate", 1.0), ("multipart", 1.0)] {
        assert!((rig.platform.texts(ROUTE, outcome).await - count).abs() < 0.1, "{outcome}");
    }
    assert!((rig.metric("sessions").await - 1.0).abs() < 0.1);
    assert!((rig.metric("acknowledged_total").await - 4.0).abs() < 0.1);
    assert!((rig.metric("answer_seconds_count").await - 4.0).abs() < 0.1);
    assert_eq!(esme.ask("unbind", json!({})).await["status"], 0);
    assert_eq!(esme.does("closed", json!({"as": "one"})).await, "closed");
}

#[tokio::test]
async fn numbers_are_offered_while_the_peer_is_bound() {
    let other = "[[sms.smpp_server.peer]]\nname = \"other\"\nsystem_id = \"other\"\n\
                 password = \"secret\"\nallow = [\"127.0.0.1\"]\nnumbers = [\"+8610690002\"]\n";
    let rig = Rig::with("", other).await;
    let offered = || rig.platform.server.platform.numbers.all();
    assert_eq!(offered().len(), 2, "all are down: any may come back");
    let mut esme = Esme::bound(rig.port).await;
    assert_eq!(offered(), ["+8610690001"]);
    esme.ask("unbind", json!({})).await;
    twinpath_e2e::wait::until("the peer is gone", async || (offered().len() == 2).then_some(()))
        .await;
}

#[tokio::test]
async fn a_flood_beyond_window_and_rate_is_put_off_and_nothing_acknowledged_is_lost() {
    let rig = Rig::with("", "window = 4\nrate_per_s = 40").await;
    let weather = Arc::new(rig.instance().await);
    let mut esme = Esme::bound(rig.port).await;
    let attempts: Vec<_> = (0..120).map(|n| (number(n), weather.attempt())).collect();
    let pdus: Vec<_> = attempts.iter().map(|(from, one)| message(from, &one.text)).collect();
    let answers = esme.does("flood", json!({"as": "one", "pdus": pdus})).await;
    let answers = answers.as_array().unwrap();
    let (mut taken, mut put_off) = (0, 0);
    for (answer, (_, attempt)) in answers.iter().zip(&attempts) {
        match answer["status"].as_u64().unwrap() {
            0 => {
                taken += 1;
                weather.redeem(attempt).await.accepts();
            }
            STATUS_THROTTLED | STATUS_QUEUE_FULL => {
                put_off += 1;
                weather.redeem(attempt).await.refuses(400, "authorization_pending");
            }
            other => panic!("{other}"),
        }
    }
    assert!(taken >= 40 && put_off > 0, "{taken} taken, {put_off} put off");
    assert!(rig.metric("throttled_total").await > 0.5);
    assert!(rig.metric("in_flight").await < 0.5);
}

#[tokio::test]
async fn smpplib_submits_ascii_and_ucs2() {
    let rig = Rig::start().await;
    let weather = Arc::new(rig.instance().await);
    let (one, two) = (weather.attempt(), weather.attempt());
    let mut peer = Peer::python("esme_smpplib.py");
    let messages = json!([
        {"from": number(1), "text": one.text, "coding": 0},
        {"from": number(2), "text": two.text, "coding": 8},
    ]);
    let setup = json!({"port": rig.port, "system_id": ROUTE, "password": PASSWORD,
                       "messages": messages});
    peer.tell(&setup).await;
    assert_eq!(peer.hear("bound").await, true);
    for _ in 0..2 {
        let said = peer.hear("answered").await;
        assert_eq!(said, json!({"command": "submit_sm_resp", "status": 0}));
    }
    assert_eq!(peer.hear("unbound").await, true);
    redeems_once(&weather, &one).await;
    redeems_once(&weather, &two).await;
    let mut peer = Peer::python("esme_smpplib.py");
    peer.tell(&json!({"port": rig.port, "system_id": ROUTE, "password": "no"})).await;
    assert_eq!(peer.hear("bound").await, 0x0E);
}

#[tokio::test]
async fn net_smpp_submits() {
    let rig = Rig::start().await;
    let weather = Arc::new(rig.instance().await);
    let attempt = weather.attempt();
    let mut peer = Peer::perl("esme.pl");
    let messages = json!([{"from": number(1), "text": attempt.text, "coding": 0}]);
    let setup = json!({"port": rig.port, "system_id": ROUTE, "password": PASSWORD,
                       "messages": messages});
    peer.tell(&setup).await;
    assert_eq!(peer.hear("bound").await, 0);
    let answered = peer.hear("answered").await;
    assert_eq!(answered["status"], 0, "{answered}");
    assert_eq!((peer.hear("enquired").await, peer.hear("unbound").await), (json!(0), json!(0)));
    redeems_once(&weather, &attempt).await;
}
