//! Many messages under way at once: nothing stalls, nothing is lost, the window holds.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};
use twinpath_smpp::{
    esme::{BindState, EsmeConfig},
    pdu::{CommandId, CommandStatus, Pdu},
    session::SessionConfig,
};

use crate::support::{
    Application, Peer, centre, centre_config, esme_config, message, octets, soon, start,
};

const WINDOW: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_messages_with_every_answer_delayed() {
    const MESSAGES: usize = 20_000;
    let mut config = centre_config();
    config.session.request_window = WINDOW;
    let (centre, _submitted) = centre(config).await;
    let application = Application::new(MESSAGES, Duration::from_millis(5));
    let esme = start(esme_config(centre.address()), &application);
    soon("bound", centre.bound_until(|bound| !bound.is_empty())).await;

    let (centre, mut senders) = (Arc::new(centre), JoinSet::new());
    for _ in 0..WINDOW {
        let centre = Arc::clone(&centre);
        senders.spawn(async move {
            for _ in 0..MESSAGES / WINDOW {
                let status = centre.deliver(message(0, b"TP1-ABCDE")).await;
                assert_eq!(status, Ok(CommandStatus::Ok));
            }
        });
    }
    soon("all answered", async { while let Some(Ok(())) = senders.join_next().await {} }).await;
    assert_eq!(application.texts().len(), MESSAGES);
    assert!(application.most_at_once.load(Relaxed) <= WINDOW);
    assert_eq!(esme.counters().acknowledged.load(Relaxed), MESSAGES as u64);
    assert_eq!(esme.counters().in_flight.load(Relaxed), 0);
    esme.shutdown().await;
}

/// A peer that ignores windows is slowed down, not refused.
#[tokio::test]
async fn a_peer_without_a_window_is_held_back() {
    const MESSAGES: u32 = 5_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::new(MESSAGES as usize, Duration::from_millis(1));
    let session = SessionConfig { window: 64, ..SessionConfig::default() };
    let config = EsmeConfig { session, ..esme_config(listener.local_addr().unwrap()) };
    let esme = start(config, &application);
    let mut peer = Peer::accept_bound(&listener).await;
    application.reaches(BindState::Bound).await;
    let deliver = Pdu::DeliverSm(message(0, b"x"));
    let stream: Vec<u8> = (1..=MESSAGES).flat_map(|n| octets(&deliver, n)).collect();
    // All at once: neither side's buffers hold it.
    peer.write(&stream).await;
    let mut answered: Vec<u32> = Vec::new();
    for _ in 0..MESSAGES {
        let (command, status, sequence) = peer.heard().await;
        assert_eq!((command, status), (CommandId::DeliverSmResp, CommandStatus::Ok));
        answered.push(sequence);
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(1..=MESSAGES));
    assert!(application.most_at_once.load(Relaxed) <= 64);
    drop(esme);
}

/// An application that does not answer at all must not take the link with it.
#[tokio::test]
async fn a_stuck_application_has_messages_refused_and_the_link_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::new(0, Duration::ZERO);
    let session =
        SessionConfig { window: 2, stall: Duration::from_millis(50), ..SessionConfig::default() };
    let config = EsmeConfig { session, ..esme_config(listener.local_addr().unwrap()) };
    let esme = start(config, &application);
    let mut peer = Peer::accept_bound(&listener).await;
    for sequence in 1..=3 {
        peer.write(&octets(&Pdu::DeliverSm(message(0, b"x")), sequence)).await;
    }
    peer.write(&octets(&Pdu::EnquireLink, 4)).await;
    let full = (CommandId::DeliverSmResp, CommandStatus::QueueFull, 3);
    assert_eq!(peer.heard().await, full);
    assert_eq!(peer.heard().await, (CommandId::EnquireLinkResp, CommandStatus::Ok, 4));
    application.gate.add_permits(2);
    let mut late = [peer.heard().await.2, peer.heard().await.2];
    late.sort_unstable();
    assert_eq!(late, [1, 2]);
    assert_eq!(esme.counters().throttled.load(Relaxed), 1);
}
