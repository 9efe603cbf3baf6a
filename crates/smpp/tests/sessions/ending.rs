//! Orderly ends, from either side: what is under way is answered first.

use std::time::Duration;

use twinpath_smpp::{
    esme::{BindState, SendError},
    pdu::{CommandId, CommandStatus, Pdu},
};

use crate::support::{
    Application, Peer, centre, centre_config, esme_config, message, octets, soon, start, until,
};

#[tokio::test]
async fn shutting_down_answers_what_is_under_way_then_unbinds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::new(0, Duration::ZERO);
    let esme = start(esme_config(listener.local_addr().unwrap()), &application);
    let mut peer = Peer::accept_bound(&listener).await;
    peer.write(&octets(&Pdu::DeliverSm(message(0, b"first")), 1)).await;
    until("under way", || {
        esme.counters().in_flight.load(std::sync::atomic::Ordering::Relaxed) == 1
    })
    .await;
    let shutdown = tokio::spawn(async move { esme.shutdown().await });
    application.reaches(BindState::Draining).await;
    peer.write(&octets(&Pdu::DeliverSm(message(0, b"second")), 2)).await;
    let put_off = (CommandId::DeliverSmResp, CommandStatus::TemporaryApplicationError, 2);
    assert_eq!(peer.heard().await, put_off);
    application.gate.add_permits(1);
    assert_eq!(peer.heard().await, (CommandId::DeliverSmResp, CommandStatus::Ok, 1));
    let (command, _, sequence) = peer.heard().await;
    assert_eq!(command, CommandId::Unbind);
    peer.write(&octets(&Pdu::UnbindResp, sequence)).await;
    assert!(peer.read().await.is_none());
    drop(peer);
    soon("shut down", shutdown).await.unwrap();
    application.reaches(BindState::Stopped).await;
    assert_eq!(application.texts(), ["first"]);
}

#[tokio::test]
async fn a_centre_that_shuts_down_unbinds_and_the_esme_waits_for_it() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::new(0, Duration::ZERO);
    let _esme = start(esme_config(centre.address()), &application);
    soon("bound", centre.bound_until(|bound| !bound.is_empty())).await;
    let bound = centre.bound().remove(0);
    let delivery = tokio::spawn(async move { bound.deliver(message(0, b"x")).await });
    until("under way", || application.most_at_once.load(std::sync::atomic::Ordering::Relaxed) == 1)
        .await;
    let shutdown = tokio::spawn(centre.shutdown());
    application.gate.add_permits(1);
    assert_eq!(soon("answered", delivery).await.unwrap(), Ok(CommandStatus::Ok));
    soon("shut down", shutdown).await.unwrap();
    application.reaches(BindState::Waiting).await;
}

#[tokio::test]
async fn a_dropped_handle_unbinds_too() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let esme = start(esme_config(centre.address()), &application);
    soon("bound", centre.bound_until(|bound| !bound.is_empty())).await;
    drop(esme);
    application.reaches(BindState::Stopped).await;
    soon("unbound", centre.bound_until(<[_]>::is_empty)).await;
    assert_eq!(centre.deliver(message(0, b"x")).await, Err(SendError::NotBound));
}
