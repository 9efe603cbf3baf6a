//! `enquire_link` both ways, and what happens to those that do not answer, or never bind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::net::TcpListener;
use twinpath_smpp::{
    centre::Centre,
    esme::{BackoffConfig, BindState, EsmeConfig},
    pdu::{CommandId, CommandStatus, Pdu},
    session::SessionConfig,
};

use crate::support::{
    Application, Peer, centre, centre_config, esme_config, octets, soon, start, until,
};

const QUICK: Duration = Duration::from_millis(20);

fn enquiring() -> SessionConfig {
    SessionConfig { enquire_link: QUICK, ..SessionConfig::default() }
}

#[tokio::test]
async fn both_sides_enquire_and_answer() {
    let mut config = centre_config();
    config.session = enquiring();
    let (centre, _submitted) = centre(config).await;
    let application = Application::open();
    let config = EsmeConfig { session: enquiring(), ..esme_config(centre.address()) };
    let esme = start(config, &application);
    until("round trip", || esme.counters().enquire_link_round_trip().is_some()).await;
    assert_eq!((esme.counters().state(), centre.bound().len()), (BindState::Bound, 1));
}

#[tokio::test]
async fn an_esme_answers_enquiries_and_leaves_a_peer_that_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let session = SessionConfig { response: 20 * QUICK, ..enquiring() };
    let config = EsmeConfig { session, ..esme_config(listener.local_addr().unwrap()) };
    let esme = start(config, &application);
    let mut peer = Peer::accept_bound(&listener).await;
    peer.write(&octets(&Pdu::EnquireLink, 9)).await;
    let (mut answered, mut enquired) = (false, false);
    while !(answered && enquired) {
        match peer.heard().await {
            (CommandId::EnquireLink, _, sequence) => {
                enquired = true;
                peer.write(&octets(&Pdu::EnquireLinkResp, sequence)).await;
            }
            other => {
                assert_eq!(other, (CommandId::EnquireLinkResp, CommandStatus::Ok, 9));
                answered = true;
            }
        }
    }
    assert_eq!(peer.heard().await.0, CommandId::EnquireLink);
    assert!(peer.read().await.is_none(), "unanswered: the bind is given up");
    drop(peer);
    let _again = Peer::accept_bound(&listener).await;
    until("rebound", || esme.counters().rebinds.load(Relaxed) == 1).await;
}

#[tokio::test]
async fn a_connection_that_never_binds_is_closed() {
    let mut config = centre_config();
    config.session.session_init = QUICK;
    let (centre, _submitted) = centre(config).await;
    assert!(Peer::connect(centre.address()).await.read().await.is_none());
}

/// Refuses the first bind so, and gives how long the next one took to come.
async fn refused_once(status: CommandStatus, backoff: impl Fn(&mut BackoffConfig)) -> Duration {
    let binds = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&binds);
    let (centre, _submitted) = Centre::start(centre_config(), move |_| {
        if counted.fetch_add(1, Relaxed) == 0 { status } else { CommandStatus::Ok }
    })
    .await
    .unwrap();
    let application = Application::open();
    let mut config = esme_config(centre.address());
    backoff(&mut config.backoff);
    let started = Instant::now();
    let esme = start(config, &application);
    application.reaches(BindState::Refused).await;
    soon("bound at last", centre.bound_until(|bound| !bound.is_empty())).await;
    let took = started.elapsed();
    assert_eq!(binds.load(Relaxed), 2);
    application.reaches(BindState::Bound).await;
    let counters = esme.counters();
    assert_eq!((counters.rebinds.load(Relaxed), counters.binds_refused.load(Relaxed)), (0, 1));
    took
}

#[tokio::test]
async fn a_refused_bind_is_tried_again_but_not_soon() {
    let long = Duration::from_millis(300);
    for status in [CommandStatus::InvalidPassword, CommandStatus::InvalidSystemId] {
        assert!(refused_once(status, |backoff| backoff.refused = long).await >= long);
    }
    // The session of before has to end over there.
    let already = |backoff: &mut BackoffConfig| backoff.already_bound = long;
    assert!(refused_once(CommandStatus::AlreadyBound, already).await >= long);
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let (centre, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let config = EsmeConfig { password: "wrong".into(), ..esme_config(centre.address()) };
    let esme = start(config, &application);
    application.reaches(BindState::Refused).await;
    assert!(centre.bound().is_empty());
    soon("shut down", esme.shutdown()).await;
}
