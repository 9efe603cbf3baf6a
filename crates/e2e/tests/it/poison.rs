//! SMPP that is malformed: each PDU is answered, the bind survives, or ends and comes back by itself.

use std::sync::Arc;

use tokio::task::JoinSet;
use twinpath_e2e::centre::{ROK, Receipt};
use twinpath_e2e::number;
use twinpath_e2e::pdu::{DELIVER_SM, deliver_body, frame, framed};
use twinpath_e2e::rig::{ROUTE, Rig};

const ROUTE_METRIC: &str = "{bind=\"operator-a\"}";

#[tokio::test]
async fn pdus_cut_short_are_acknowledged_so_that_they_are_not_sent_for_ever() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let whole = deliver_body(1, 1, b"447400000001", 0, 0, weather.attempt().text.as_bytes());
    // The frame's length is right; the body ends wherever it ends.
    for length in 0..whole.len() {
        let receipt = rig.centre.frame(&frame(DELIVER_SM, 0, &whole[..length])).await;
        assert_eq!(receipt.status(), Some(ROK), "cut at {length}: {receipt:?}");
    }
    assert!(rig.platform.texts(ROUTE, "undecodable").await >= 60.0);
    assert_eq!(rig.centre.events("bind").len(), 1, "the bind survived");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn octets_that_belong_nowhere_are_acknowledged() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let text = || weather.attempt().text.into_bytes();
    let mut long_source = deliver_body(1, 1, &[b'4'; 60], 0, 0, &text());
    long_source.extend([0; 10]);
    let tlv = |tag: u16, length: u16, value: &[u8]| {
        let head = [tag.to_be_bytes(), length.to_be_bytes()].concat();
        [deliver_body(1, 1, b"447400000001", 0, 0, b""), head, value.to_vec()].concat()
    };
    let bodies = [
        deliver_body(1, 1, b"4474\xff\xfe000001", 0, 0, &text()),
        deliver_body(1, 1, "４４７４００".as_bytes(), 0, 0, &text()),
        deliver_body(1, 1, b"\x01\x02\x03\x7f", 0, 0, &text()),
        deliver_body(5, 0, "Погода".as_bytes(), 0, 0, &text()),
        long_source,
        deliver_body(255, 255, b"447400000001", 255, 255, &[0xff; 255]),
        tlv(0x0424, 100, b"short"),
        tlv(0x0424, 0, b""),
        tlv(0xffff, 3, b"abc"),
        tlv(0x020e, 9, b"123456789"),
        [deliver_body(1, 1, b"447400000001", 0, 0, b"x"), b"\x04".to_vec()].concat(),
        vec![0xff; 2000],
        vec![0; 2000],
        vec![],
    ];
    for (n, body) in bodies.iter().enumerate() {
        let receipt = rig.centre.frame(&frame(DELIVER_SM, 0, body)).await;
        assert_eq!(receipt.status(), Some(ROK), "body {n}: {receipt:?}");
    }
    // A request with a status of its own is odd, not wrong.
    let body = deliver_body(1, 1, b"447400000001", 0, 0, &text());
    rig.centre.frame(&frame(DELIVER_SM, 8, &body)).await.ok();
    assert_eq!(rig.centre.events("bind").len(), 1, "the bind survived");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn octets_behind_a_text_do_not_cost_it() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let empty_tlvs = [0x14, 0x00, 0, 0].repeat(70);
    for (n, tail) in [&b"\0"[..], b"\x04\x24\0\x63abc", &empty_tlvs].iter().enumerate() {
        let attempt = weather.attempt();
        let mut body = deliver_body(1, 1, b"447400000001", 0, 0, attempt.text.as_bytes());
        body.extend_from_slice(tail);
        let receipt = rig.centre.frame(&frame(DELIVER_SM, 0, &body)).await;
        assert_eq!(receipt.status(), Some(ROK), "tail {n}: {receipt:?}");
        weather.redeem(&attempt).await.accepts();
    }
}

#[tokio::test]
async fn commands_that_a_bind_does_not_take_are_answered() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    // Unknown: generic_nack with ESME_RINVCMDID (4.3.1).
    for command in [0x0000_0000, 0x0000_0099, 0x0fff_ffff, 0x0001_0200, 0x7fff_ffff] {
        let Receipt::Answered { status, command: name, .. } =
            rig.centre.frame(&frame(command, 0, b"")).await
        else {
            panic!("{command:#x}: no answer");
        };
        assert_eq!((status, name.as_str()), (0x03, "generic_nack"), "{command:#x}");
    }
    // Known, but not from a message centre: refused with a status (2.3).
    for command in [0x04, 0x01, 0x02, 0x09] {
        let receipt = rig.centre.frame(&frame(command, 0, &[0; 40])).await;
        assert!(receipt.status().is_some_and(|status| status != ROK), "{command:#x}: {receipt:?}");
    }
    // Answers to nothing, alert_notification and outbind: ignored (4.12, 4.1.7).
    for command in
        [0x8000_0005, 0x8000_0000, 0x8000_0015, 0x8000_0099, 0xffff_ffff, 0x0000_0102, 0x0000_000b]
    {
        rig.centre.octets(&frame(command, 0, &[0; 30]).replace("$SEQUENCE", "00000007")).await;
    }
    rig.centre.ask("enquire_link").await.ok();
    assert_eq!(rig.centre.events("bind").len(), 1, "the bind survived");
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn an_absurd_length_ends_the_session_and_it_binds_again() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    for (round, length) in [0, 15, 0x7fff_ffff, 0xffff_ffff].into_iter().enumerate() {
        let octets = framed(length, DELIVER_SM, 0, b"").replace("$SEQUENCE", "00000001");
        rig.centre.octets(&octets).await;
        rig.centre.event("close", round + 1).await;
        let nack = &rig.centre.events("response")[round];
        assert_eq!((&nack["command"], &nack["status"]), (&"generic_nack".into(), &2.into()));
        rig.centre.bound(round + 2).await;
    }
    rig.still_works(&weather.app).await;
    let rebinds = rig.platform.metric(&format!("twinpath_smpp_rebinds_total{ROUTE_METRIC}")).await;
    assert!(rebinds >= 4.0, "{rebinds}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_texts_is_all_answered() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let texts: Vec<_> = (0..1500).map(|n| (number(n), weather.attempt())).collect();
    // More than the window holds, all at once.
    let mut answers = JoinSet::new();
    for (from, attempt) in &texts {
        let (centre, from, text) = (Arc::clone(&rig.centre), from.clone(), attempt.text.clone());
        answers.spawn(async move { centre.text(&from, &text).await.status() });
    }
    let statuses = answers.join_all().await;
    // What is not acknowledged was put off (ESME_RMSGQFUL, ESME_RTHROTTLED): none is lost.
    assert!(statuses.iter().all(|status| matches!(status, Some(ROK | 0x14 | 0x58))));
    let acknowledged = statuses.iter().filter(|status| **status == Some(ROK)).count();
    assert!(acknowledged >= 256, "{acknowledged}");
    assert_eq!(rig.centre.events("bind").len(), 1, "the bind survived");
    for (from, attempt) in texts.iter().step_by(500) {
        rig.text(from, attempt).await;
        weather.redeem(attempt).await.accepts();
    }
}
