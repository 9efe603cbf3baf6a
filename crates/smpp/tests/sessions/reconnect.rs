//! A message centre that dies is bound to again, and what it was not answered is sent again.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::net::TcpListener;
use twinpath_smpp::{
    esme::{BindState, SendError},
    pdu::CommandStatus,
};

use crate::support::{
    Application, Peer, centre, centre_config, esme_config, message, soon, start, until,
};

#[tokio::test]
async fn a_killed_centre_is_found_again_and_redelivers() {
    let (first, _submitted) = centre(centre_config()).await;
    let application = Application::new(0, Duration::ZERO);
    let esme = start(esme_config(first.address()), &application);
    soon("bound", first.bound_until(|bound| !bound.is_empty())).await;
    let mut config = centre_config();
    config.listen = first.address();
    let bound = first.bound().remove(0);
    let lost = tokio::spawn(async move { bound.deliver(message(0, b"once")).await });
    until("under way", || esme.counters().in_flight.load(Relaxed) == 1).await;
    drop(first);
    assert_eq!(soon("lost", lost).await.unwrap(), Err(SendError::Lost));
    application.reaches(BindState::Waiting).await;

    application.gate.add_permits(1);
    let (second, _submitted) = centre(config).await;
    soon("bound again", second.bound_until(|bound| !bound.is_empty())).await;
    assert_eq!(second.deliver(message(0, b"once")).await, Ok(CommandStatus::Ok));
    assert_eq!(application.texts(), ["once"], "the first call was dropped with its session");
    assert_eq!(esme.counters().rebinds.load(Relaxed), 1);
    assert_eq!(esme.counters().in_flight.load(Relaxed), 0);
}

#[tokio::test]
async fn a_peer_that_hangs_up_at_once_is_tried_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let esme = start(esme_config(listener.local_addr().unwrap()), &application);
    for _ in 0..8 {
        drop(Peer::accept(&listener).await);
    }
    let _peer = Peer::accept_bound(&listener).await;
    application.reaches(BindState::Bound).await;
    assert_eq!(esme.counters().rebinds.load(Relaxed), 0);
}

#[tokio::test]
async fn shutting_down_while_nobody_listens_is_quick() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let application = Application::open();
    let mut config = esme_config(address);
    config.backoff.first = Duration::from_secs(3600);
    config.backoff.max = Duration::from_secs(3600);
    let esme = start(config, &application);
    application.reaches(BindState::Waiting).await;
    soon("shut down", esme.shutdown()).await;
    application.reaches(BindState::Stopped).await;
}
