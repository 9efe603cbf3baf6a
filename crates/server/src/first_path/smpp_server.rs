//! The listener that gateways bind to: who may, and how what they submit is answered.
//!
//! Whoever guesses learns nothing from an answer: an unknown `system_id`, a wrong password, a wrong
//! address and a wrong certificate are all `ESME_RINVPASWD`, after the same comparisons.

mod lockout;
mod rate;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use aws_lc_rs::digest::{self, Digest, SHA256};
use tokio::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use twinpath_core::transaction::random_bytes;
use twinpath_core::vault::same;
use twinpath_smpp::esme::{Deliveries, Delivery, Undecodable};
use twinpath_smpp::pdu::CommandStatus;
use twinpath_smpp::server::{Asked, Granted, Opened, Peers, ServerConfig, SmppServer, source};

use self::lockout::{Attempts, Locked};
use self::rate::Rate;
use crate::config::{self, Network};
use crate::first_path::Receiver;
use crate::http::{Shutdown, Tls};
use crate::platform::{PeerState, PeerStates, Platform, StartError, SystemRandom};

/// A peer that may bind.
struct Peer {
    config: config::Peer,
    password: Digest,
    texts: Arc<PeerTexts>,
    places: Arc<Semaphore>,
}

/// A peer's texts: its route's, as fast as it may.
pub(crate) struct PeerTexts {
    receiver: Receiver,
    rate: Option<Rate>,
}

impl Deliveries for PeerTexts {
    async fn deliver(&self, delivery: Delivery) -> CommandStatus {
        if self.rate.as_ref().is_some_and(|rate| !rate.admit(Instant::now())) {
            self.receiver.count("throttled");
            return CommandStatus::Throttled;
        }
        self.receiver.deliver(delivery).await
    }

    async fn undecodable(&self, undecodable: Undecodable) -> CommandStatus {
        self.receiver.undecodable(undecodable).await
    }
}

/// Everybody who may bind, and who tried.
pub(crate) struct KnownPeers {
    peers: Vec<Peer>,
    networks: Vec<Network>,
    attempts: Attempts,
    states: Arc<PeerStates>,
    tls: Option<Arc<Tls>>,
}

fn hashed(secret: &[u8]) -> Digest {
    digest::digest(&SHA256, secret)
}

impl KnownPeers {
    fn new(platform: &Arc<Platform>, config: &config::SmppServer, tls: Option<Arc<Tls>>) -> Self {
        let peer = |config: &config::Peer| Peer {
            password: hashed(config.password.0.as_bytes()),
            texts: Arc::new(PeerTexts {
                receiver: Receiver::new(platform, &config.route),
                rate: config.rate_per_s.map(Rate::new),
            }),
            places: Arc::new(Semaphore::new(config.max_binds)),
            config: config.clone(),
        };
        Self {
            peers: config.peers.iter().map(peer).collect(),
            networks: config.peers.iter().flat_map(|peer| peer.allow.clone()).collect(),
            attempts: Attempts::new(config.lockout),
            states: Arc::clone(&platform.peers),
            tls,
        }
    }

    /// Whose bind this is, if everything about it is right.
    fn recognize(&self, asked: &Asked<'_>) -> Result<&Peer, (Option<&Peer>, &'static str)> {
        let (name, password) = (hashed(&asked.bind.system_id), hashed(&asked.bind.password));
        let mut found = None;
        for peer in &self.peers {
            let known = hashed(peer.config.system_id.as_bytes());
            // Each is compared whole, whether its name fits or not.
            let named = same(name.as_ref(), known.as_ref());
            let right = same(password.as_ref(), peer.password.as_ref());
            if named {
                found = Some((peer, right));
            }
        }
        let Some((peer, right)) = found else { return Err((None, "system_id")) };
        let address = asked.address.ip();
        if !right {
            Err((Some(peer), "password"))
        } else if !peer.config.allow.iter().any(|network| network.contains(address)) {
            Err((Some(peer), "address"))
        } else if !peer.certified(asked.certificate) {
            Err((Some(peer), "certificate"))
        } else {
            Ok(peer)
        }
    }

    fn state(&self, peer: Option<&Peer>) -> Option<&PeerState> {
        self.states.of(&peer?.config.route.name.0)
    }

    /// Counts a refusal and says it in the log. A name that nobody has may be a password in the wrong
    /// place: it is not told.
    fn refused(&self, peer: Option<&Peer>, ip: IpAddr, wrong: &'static str) {
        let counter = self.state(peer).map_or(&self.states.unknown, |state| &state.refused_binds);
        counter.fetch_add(1, Relaxed);
        let peer = peer.map(|peer| &*peer.config.route.name.0);
        tracing::warn!(peer, %ip, wrong, "a bind was refused");
    }

    fn locked(&self, peer: Option<&Peer>, ip: IpAddr, locked: Locked) {
        if locked.name {
            let counter = self.state(peer).map_or(&self.states.unknown, |state| &state.lockouts);
            if peer.is_some() {
                counter.fetch_add(1, Relaxed);
            }
            let peer = peer.map(|peer| &*peer.config.route.name.0);
            tracing::error!(peer, %ip, "locked out: too many failed binds under one system_id");
        }
        if locked.address {
            self.states.lockouts.fetch_add(1, Relaxed);
            tracing::error!(%ip, "locked out: too many failed binds of one address");
        }
    }
}

impl Peer {
    fn certified(&self, certificate: Option<&str>) -> bool {
        let certificates = &self.config.certificates;
        certificates.is_empty()
            || certificate.is_some_and(|shown| certificates.iter().any(|known| known == shown))
    }
}

impl Peers for KnownPeers {
    type Deliveries = PeerTexts;

    fn admits(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    async fn open(&self, stream: TcpStream) -> io::Result<Opened> {
        let Some(tls) = &self.tls else {
            return Ok(Opened { stream: Box::new(stream), certificate: None });
        };
        let (stream, certificate) = tls.accept(stream).await?;
        let certificate = certificate.map(|certificate| certificate.thumbprint().to_owned());
        Ok(Opened { stream: Box::new(stream), certificate })
    }

    fn authorize(&self, asked: Asked<'_>) -> Result<Granted<PeerTexts>, CommandStatus> {
        let (ip, name, now) = (source(asked.address.ip()), &asked.bind.system_id, Instant::now());
        if self.attempts.are_locked(ip, name, now) {
            let peer = self.peers.iter().find(|peer| peer.config.system_id.as_bytes() == name);
            self.refused(peer, ip, "locked out");
            return Err(CommandStatus::BindFailed);
        }
        let peer = self.recognize(&asked).map_err(|(peer, wrong)| {
            self.refused(peer, ip, wrong);
            self.locked(peer, ip, self.attempts.failed(ip, name, now));
            CommandStatus::InvalidPassword
        })?;
        self.attempts.succeeded(ip, name);
        let place = Arc::clone(&peer.places).try_acquire_owned().map_err(|_| {
            self.refused(Some(peer), ip, "max_binds");
            CommandStatus::AlreadyBound
        })?;
        let state = self.state(Some(peer)).ok_or(CommandStatus::SystemError)?;
        Ok(Granted {
            name: Arc::clone(&peer.config.route.name.0),
            deliveries: Arc::clone(&peer.texts),
            default_alphabet: peer.config.default_alphabet,
            window: peer.config.window,
            counters: Arc::clone(&state.sessions),
            place,
        })
    }
}

/// The running listener, if one is configured.
#[derive(Debug, Default)]
pub struct RunningServer {
    server: Option<SmppServer>,
    /// Looks after the certificate.
    _renewal: JoinSet<()>,
}

impl RunningServer {
    /// Listens, where that is configured.
    pub async fn start(platform: &Arc<Platform>, shutdown: Shutdown) -> Result<Self, StartError> {
        let Some(config) = &platform.config.smpp_server else { return Ok(Self::default()) };
        let failed = |error| StartError::Listen(format!("SMPP at {}", config.listen), error);
        let tls = open_tls(config).map_err(failed)?.map(Arc::new);
        let mut renewal = JoinSet::new();
        if let Some(tls) = &tls {
            renewal.spawn(Arc::clone(tls).watch(shutdown));
        }
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let peers = Arc::new(KnownPeers::new(platform, config, tls));
        let server = SmppServer::start(config.driver(), listener, peers).map_err(failed)?;
        platform.peers.listens(server.counters());
        tracing::info!(address = %server.address(), peers = config.peers.len(), "SMPP listens");
        Ok(Self { server: Some(server), _renewal: renewal })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(SmppServer::address)
    }

    /// Answers what is under way, unbinds and closes, all sessions at once.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

/// The listener's TLS, where that is configured.
pub fn open_tls(config: &config::SmppServer) -> io::Result<Option<Tls>> {
    let open = |files| Tls::open_vouched(files, config.client_ca.as_deref());
    config.tls.as_ref().map(open).transpose()
}

impl config::SmppServer {
    /// As the driver takes it.
    fn driver(&self) -> ServerConfig {
        let mut config = ServerConfig {
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            first_message_id: u64::from_le_bytes(random_bytes(&mut SystemRandom)),
            ..ServerConfig::default()
        };
        config.session.session_init = self.session_init;
        config.session.inactivity = self.inactivity;
        config.session.enquire_link = self.enquire_link;
        config
    }
}
