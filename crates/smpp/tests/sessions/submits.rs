//! Messages of ours: at what pace they go, and what is known of them when a bind ends.

use std::{num::NonZeroU32, sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::Bytes;
use tokio::{net::TcpListener, time::Instant};
use twinpath_smpp::{
    esme::{BindState, EsmeConfig, SendError},
    pdu::{CommandStatus, MessageResp, Pdu},
};

use crate::support::{Application, Peer, centre, centre_config, esme_config, message, soon, start};

async fn answer(peer: &mut Peer, status: CommandStatus) {
    let (header, pdu) = peer.read().await.unwrap();
    assert!(matches!(pdu, Pdu::SubmitSm(_)), "{pdu:?}");
    let message_id = status.is_ok().then(|| Bytes::from_static(b"1"));
    let resp = Pdu::SubmitSmResp(MessageResp { message_id, ..MessageResp::default() });
    let mut out = bytes::BytesMut::new();
    resp.encode(status, header.sequence_number, &mut out).unwrap();
    peer.write(&out).await;
}

#[tokio::test]
async fn a_throttled_submit_holds_the_next_ones_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let esme = start(esme_config(listener.local_addr().unwrap()), &application);
    let mut peer = Peer::accept_bound(&listener).await;
    application.reaches(BindState::Bound).await;
    assert!(esme.takes_submits());
    for status in [CommandStatus::Throttled, CommandStatus::QueueFull] {
        let (submitted, ()) =
            tokio::join!(esme.submit(message(0, b"x")), answer(&mut peer, status));
        assert_eq!(submitted.unwrap().status, status);
        assert!(!esme.takes_submits());
        assert_eq!(esme.submit(message(0, b"x")).await, Err(SendError::Paused));
        // A second, then two.
        soon("the pause ends", async {
            while !esme.takes_submits() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
    let (submitted, ()) =
        tokio::join!(esme.submit(message(0, b"x")), answer(&mut peer, CommandStatus::Ok));
    assert_eq!(submitted.unwrap().message_id, Some(Bytes::from_static(b"1")));
    let submits = &esme.counters().submits;
    let counted = [&submits.throttled, &submits.unsent, &submits.accepted, &submits.refused];
    assert_eq!(counted.map(|counter| counter.load(Relaxed)), [2, 2, 1, 0]);
}

#[tokio::test]
async fn submits_keep_to_their_rate() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let rate_per_s = NonZeroU32::new(50);
    let esme = start(EsmeConfig { rate_per_s, ..esme_config(centre.address()) }, &application);
    application.reaches(BindState::Bound).await;
    let begun = Instant::now();
    let submits = (0..11).map(|_| esme.submit(message(0, b"x")));
    let answers = futures_util::future::join_all(submits).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status.is_ok()), "{answers:?}");
    assert!(begun.elapsed() >= Duration::from_millis(200), "ten intervals of 20 ms");
}

#[tokio::test]
async fn a_lost_session_leaves_what_was_sent_in_doubt_and_the_rest_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let mut config = esme_config(listener.local_addr().unwrap());
    config.session.request_window = 1;
    let esme = start(config, &application);
    let mut peer = Peer::accept_bound(&listener).await;
    application.reaches(BindState::Bound).await;
    let hang_up = async {
        peer.read().await.unwrap();
        drop(peer);
    };
    let (first, second, ()) =
        tokio::join!(esme.submit(message(0, b"1")), esme.submit(message(0, b"2")), hang_up);
    assert_eq!(first, Err(SendError::Lost));
    assert_eq!(second, Err(SendError::NotBound), "the window had no room for it");
    let submits = &esme.counters().submits;
    assert_eq!((submits.unanswered.load(Relaxed), submits.unsent.load(Relaxed)), (1, 1));
}

#[tokio::test]
async fn a_submit_nobody_answers_is_given_up_and_the_bind_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let mut config = esme_config(listener.local_addr().unwrap());
    config.session.response = Duration::from_millis(50);
    let esme = start(config, &application);
    let mut peer = Peer::accept_bound(&listener).await;
    application.reaches(BindState::Bound).await;
    assert_eq!(esme.submit(message(0, b"1")).await, Err(SendError::TimedOut));
    peer.read().await.unwrap();
    let (submitted, ()) = tokio::join!(
        esme.submit(message(0, b"x")),
        answer(&mut peer, CommandStatus::InvalidDestination)
    );
    assert_eq!(submitted.unwrap().status, CommandStatus::InvalidDestination);
    assert_eq!(esme.counters().submits.refused.load(Relaxed), 1);
}

#[tokio::test]
async fn a_bind_that_stops_leaves_what_it_has_not_sent_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let mut config = esme_config(listener.local_addr().unwrap());
    config.session.request_window = 1;
    let esme = start(config, &application);
    let mut peer = Peer::accept_bound(&listener).await;
    application.reaches(BindState::Bound).await;
    let stop = async {
        peer.read().await.unwrap();
        let hang_up = async {
            // The unbind, which nobody answers.
            peer.read().await.unwrap();
            drop(peer);
        };
        tokio::join!(esme.shutdown(), hang_up);
    };
    let (first, second, third, ()) = tokio::join!(
        esme.submit(message(0, b"1")),
        esme.submit(message(0, b"2")),
        esme.submit(message(0, b"3")),
        stop
    );
    assert!(matches!(first, Err(SendError::Lost | SendError::TimedOut)), "in doubt: {first:?}");
    assert_eq!([second, third], [Err(SendError::NotBound), Err(SendError::NotBound)]);
}
