//! The server role: peers that bind to us, over real sockets.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use twinpath_smpp::{
    pdu::{Bind, BindMode, CommandId, CommandStatus, INTERFACE_VERSION, Pdu, Tlvs, tag},
    server::{Asked, Granted, Opened, PeerCounters, Peers, ServerConfig, SmppServer},
    session::SessionConfig,
    text::DefaultAlphabet,
};

use crate::support::{Application, PASSWORD, Peer, message, octets, raw, until};

/// A program that knows one password.
struct Program {
    application: Arc<Application>,
    counters: Arc<PeerCounters>,
    places: Arc<Semaphore>,
    window: usize,
    welcome: AtomicBool,
    asked: Mutex<Vec<SocketAddr>>,
}

impl Peers for Program {
    type Deliveries = Application;

    fn admits(&self, _: IpAddr) -> bool {
        self.welcome.load(Relaxed)
    }

    async fn open(&self, stream: TcpStream) -> io::Result<Opened> {
        Ok(Opened { stream: Box::new(stream), certificate: None })
    }

    fn authorize(&self, asked: Asked<'_>) -> Result<Granted<Application>, CommandStatus> {
        self.asked.lock().unwrap().push(asked.address);
        if asked.bind.password != PASSWORD {
            return Err(CommandStatus::InvalidPassword);
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        Ok(Granted {
            name: "peer".into(),
            deliveries: Arc::clone(&self.application),
            default_alphabet: DefaultAlphabet::Gsm,
            window: self.window,
            counters: Arc::clone(&self.counters),
            place: place.map_err(|_| CommandStatus::AlreadyBound)?,
        })
    }
}

struct Rig {
    program: Arc<Program>,
    server: SmppServer,
}

impl Rig {
    async fn start(application: Arc<Application>, window: usize, config: ServerConfig) -> Self {
        let program = Arc::new(Program {
            application,
            counters: Arc::default(),
            places: Arc::new(Semaphore::new(3)),
            window,
            welcome: AtomicBool::new(true),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = SmppServer::start(config, listener, Arc::clone(&program)).unwrap();
        Self { program, server }
    }

    async fn open() -> Self {
        Self::start(Application::open(), 16, ServerConfig::default()).await
    }

    async fn peer(&self) -> Peer {
        Peer::connect(self.server.address()).await
    }

    async fn bound(&self) -> Peer {
        let mut peer = self.peer().await;
        peer.write(&bind(BindMode::Transceiver, PASSWORD)).await;
        assert_eq!(peer.heard().await, (CommandId::BindTransceiverResp, CommandStatus::Ok, 1));
        peer
    }

    async fn answered(&self, statuses: u64) {
        let counters = &self.program.counters;
        until("answers", || counters.acknowledged.load(Relaxed) == statuses).await;
    }
}

fn bind(mode: BindMode, password: &str) -> Vec<u8> {
    let bind = Bind {
        mode,
        system_id: "peer".into(),
        password: password.to_owned().into(),
        system_type: "".into(),
        interface_version: INTERFACE_VERSION,
        addr_ton: 0,
        addr_npi: 0,
        address_range: "".into(),
    };
    octets(&Pdu::Bind(bind), 1).to_vec()
}

fn submit(text: &[u8], sequence: u32) -> Vec<u8> {
    octets(&Pdu::SubmitSm(message(0, text)), sequence).to_vec()
}

fn timers(change: impl FnOnce(&mut SessionConfig)) -> ServerConfig {
    let mut config = ServerConfig::default();
    change(&mut config.session);
    config
}

const SUBMITTED: CommandId = CommandId::SubmitSmResp;

#[tokio::test]
async fn what_is_submitted_is_answered_with_an_identifier_of_its_own() {
    let rig = Rig::open().await;
    let mut peer = rig.bound().await;
    let mut ids = Vec::new();
    for sequence in 2..5 {
        peer.write(&submit(b"TP1", sequence)).await;
        let (header, Pdu::SubmitSmResp(resp)) = peer.read().await.unwrap() else { panic!() };
        assert_eq!((header.command_status, header.sequence_number), (CommandStatus::Ok, sequence));
        ids.push(resp.message_id.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    let tlvs = Tlvs::default().with(tag::MESSAGE_PAYLOAD, &b"paid"[..]);
    let data = twinpath_smpp::pdu::DataSm { tlvs, ..<_>::default() };
    peer.write(&octets(&Pdu::DataSm(data), 9)).await;
    assert_eq!(peer.heard().await, (CommandId::DataSmResp, CommandStatus::Ok, 9));
    assert_eq!(rig.program.application.texts(), ["TP1", "TP1", "TP1", "paid"]);
}

#[tokio::test]
async fn no_message_is_taken_before_a_bind_or_against_its_direction() {
    let rig = Rig::open().await;
    let mut peer = rig.peer().await;
    peer.write(&submit(b"early", 1)).await;
    assert_eq!(peer.heard().await, (SUBMITTED, CommandStatus::InvalidBindState, 1));
    peer.write(&bind(BindMode::Receiver, PASSWORD)).await;
    assert_eq!(peer.heard().await.1, CommandStatus::Ok);
    assert_eq!(rig.program.counters.senders.load(Relaxed), 0);
    peer.write(&submit(b"wrong way", 2)).await;
    assert_eq!(peer.heard().await, (SUBMITTED, CommandStatus::InvalidBindState, 2));
    peer.write(&octets(&Pdu::DeliverSm(message(0, b"theirs")), 3)).await;
    assert_eq!(peer.heard().await.1, CommandStatus::InvalidBindState);
    peer.write(&bind(BindMode::Transceiver, PASSWORD)).await;
    assert_eq!(peer.heard().await.1, CommandStatus::AlreadyBound);
    assert!(rig.program.application.texts().is_empty());
}

#[tokio::test]
async fn a_refused_bind_is_told_why_and_hung_up_on() {
    let rig = Rig::open().await;
    let mut peer = rig.peer().await;
    peer.write(&bind(BindMode::Transmitter, "guess")).await;
    let refused = (CommandId::BindTransmitterResp, CommandStatus::InvalidPassword, 1);
    assert_eq!(peer.heard().await, refused);
    assert!(peer.read().await.is_none());
    assert_eq!(rig.program.counters.sessions.load(Relaxed), 0);
}

#[tokio::test]
async fn a_peers_places_are_limited_and_given_back() {
    let rig = Rig::open().await;
    let mut bound = [rig.bound().await, rig.bound().await, rig.bound().await];
    let mut fourth = rig.peer().await;
    fourth.write(&bind(BindMode::Transceiver, PASSWORD)).await;
    assert_eq!(fourth.heard().await.1, CommandStatus::AlreadyBound);
    bound[0].write(&octets(&Pdu::Unbind, 7)).await;
    assert_eq!(bound[0].heard().await, (CommandId::UnbindResp, CommandStatus::Ok, 7));
    assert!(bound[0].read().await.is_none());
    let places = &rig.program.places;
    until("a place", || places.available_permits() == 1).await;
    rig.bound().await;
}

#[tokio::test]
async fn addresses_are_turned_away_before_they_are_heard() {
    let config = ServerConfig { max_connections_per_address: 2, ..ServerConfig::default() };
    let rig = Rig::start(Application::open(), 16, config).await;
    let first = rig.bound().await;
    let _second = rig.bound().await;
    assert!(rig.peer().await.read().await.is_none(), "one too many of its address");
    assert_eq!(rig.server.counters().surplus.load(Relaxed), 1);
    drop(first);
    let connections = &rig.server.counters().connections;
    until("room", || connections.load(Relaxed) == 1).await;
    rig.bound().await;
    rig.program.welcome.store(false, Relaxed);
    assert!(rig.peer().await.read().await.is_none());
    assert_eq!(rig.server.counters().unwelcome.load(Relaxed), 1);
    assert_eq!(rig.program.asked.lock().unwrap().len(), 3, "nobody else was heard");
}

#[tokio::test]
async fn the_window_bounds_handlers_and_what_is_beyond_is_put_off() {
    let application = Application::new(0, Duration::ZERO);
    let config = timers(|timers| timers.stall = Duration::from_millis(50));
    let rig = Rig::start(Arc::clone(&application), 4, config).await;
    let mut peer = rig.bound().await;
    for sequence in 2..12 {
        peer.write(&submit(b"flood", sequence)).await;
    }
    for sequence in 6..12 {
        assert_eq!(peer.heard().await, (SUBMITTED, CommandStatus::QueueFull, sequence));
    }
    assert_eq!(rig.program.counters.in_flight.load(Relaxed), 4);
    application.gate.add_permits(1000);
    let mut answered: Vec<_> = Vec::new();
    for _ in 0..4 {
        answered.push(peer.heard().await);
    }
    answered.sort_by_key(|(_, _, sequence)| *sequence);
    let all: Vec<_> = (2..6).map(|n| (SUBMITTED, CommandStatus::Ok, n)).collect();
    assert_eq!(answered, all);
    assert_eq!(application.most_at_once.load(Relaxed), 4);
    let counters = &rig.program.counters;
    assert_eq!(counters.throttled.load(Relaxed), 6);
    assert_eq!(counters.in_flight.load(Relaxed), 0);
}

#[tokio::test]
async fn shutting_down_answers_what_is_under_way_then_unbinds() {
    let application = Application::new(0, Duration::ZERO);
    let rig = Rig::start(Arc::clone(&application), 4, ServerConfig::default()).await;
    let mut peer = rig.bound().await;
    peer.write(&submit(b"under way", 2)).await;
    let counters = Arc::clone(&rig.program.counters);
    until("under way", || counters.in_flight.load(Relaxed) == 1).await;
    let address = rig.server.address();
    let stopping = tokio::spawn(rig.server.shutdown());
    // While the session drains, further messages are put off.
    let mut sequence = 3;
    loop {
        peer.write(&submit(b"late", sequence)).await;
        let answered = tokio::time::timeout(Duration::from_millis(100), peer.heard()).await;
        match answered {
            Ok((SUBMITTED, CommandStatus::TemporaryApplicationError, _)) => break,
            Ok(other) => panic!("{other:?}"),
            Err(_) => sequence += 1,
        }
    }
    application.gate.add_permits(1000);
    let mut answered = Vec::new();
    let unbind = loop {
        match peer.read().await.unwrap() {
            (header, Pdu::Unbind) => break header.sequence_number,
            (header, _) => answered.push((header.sequence_number, header.command_status)),
        }
    };
    assert!(answered.contains(&(2, CommandStatus::Ok)), "{answered:?}");
    peer.write(&octets(&Pdu::UnbindResp, unbind)).await;
    assert!(peer.read().await.is_none());
    drop(peer);
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    assert_eq!(counters.sessions.load(Relaxed), 0);
}

#[tokio::test]
async fn a_peer_that_stays_silent_is_let_go() {
    let millis = Duration::from_millis;
    let config = timers(|timers| timers.session_init = millis(50));
    let rig = Rig::start(Application::open(), 4, config).await;
    assert!(rig.peer().await.read().await.is_none(), "no bind came");
    assert_eq!(rig.server.counters().unbound.load(Relaxed), 1);
    let config = timers(|timers| {
        (timers.enquire_link, timers.response) = (millis(30), millis(50));
    });
    let rig = Rig::start(Application::open(), 4, config).await;
    let mut peer = rig.bound().await;
    let (command, _, sequence) = peer.heard().await;
    assert_eq!(command, CommandId::EnquireLink);
    peer.write(&octets(&Pdu::EnquireLinkResp, sequence)).await;
    let counters = &rig.program.counters;
    until("alive", || counters.enquire_link_us.load(Relaxed) > 0).await;
    assert_eq!(peer.heard().await.0, CommandId::EnquireLink);
    assert!(peer.read().await.is_none(), "not answered");
    let config = timers(|timers| timers.inactivity = millis(50));
    let rig = Rig::start(Application::open(), 4, config).await;
    assert!(rig.bound().await.read().await.is_none(), "inactive");
}

#[tokio::test]
async fn poison_and_panics_cost_one_message_each() {
    let rig = Rig::open().await;
    let mut peer = rig.bound().await;
    peer.write(&raw(4, 2, b"\0\x01\x01never ends")).await;
    assert_eq!(peer.heard().await, (SUBMITTED, CommandStatus::Ok, 2));
    assert_eq!(rig.program.application.quarantine.lock().unwrap().len(), 1);
    peer.write(&submit(b"panic", 3)).await;
    assert_eq!(peer.heard().await, (SUBMITTED, CommandStatus::TemporaryApplicationError, 3));
    peer.write(&raw(0x0001_0203, 4, b"vendor")).await;
    assert_eq!(peer.heard().await.1, CommandStatus::InvalidCommandId);
    peer.write(&submit(b"fine", 5)).await;
    assert_eq!(peer.heard().await, (SUBMITTED, CommandStatus::Ok, 5));
    rig.answered(2).await;
    let counters = &rig.program.counters;
    assert_eq!((counters.undecodable.load(Relaxed), counters.refused.load(Relaxed)), (1, 1));
}

#[tokio::test]
async fn one_session_that_ends_badly_leaves_the_others_alone() {
    let application = Application::new(0, Duration::ZERO);
    let rig = Rig::start(Arc::clone(&application), 4, ServerConfig::default()).await;
    let (mut bad, mut good) = (rig.bound().await, rig.bound().await);
    bad.write(&submit(b"given up", 2)).await;
    good.write(&submit(b"kept", 2)).await;
    let counters = &rig.program.counters;
    until("both", || counters.in_flight.load(Relaxed) == 2).await;
    drop(bad);
    until("one", || counters.in_flight.load(Relaxed) == 1).await;
    let mut absurd = raw(4, 7, b"");
    absurd[..4].copy_from_slice(&3_u32.to_be_bytes());
    let mut third = rig.bound().await;
    third.write(&absurd).await;
    assert_eq!(third.heard().await.1, CommandStatus::InvalidCommandLength);
    assert!(third.read().await.is_none());
    application.gate.add_permits(1000);
    assert_eq!(good.heard().await, (SUBMITTED, CommandStatus::Ok, 2));
}
