//! What the gateways bound to us do, for `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use twinpath_smpp::server::{PeerCounters, ServerCounters};

use crate::config::SmppServer;
use crate::platform::binds::{expose_answers, seconds};

/// What one peer does, and what it is refused.
#[derive(Debug, Default)]
pub struct PeerState {
    /// Of its sessions.
    pub sessions: Arc<PeerCounters>,
    /// Binds refused, lockouts included.
    pub refused_binds: AtomicU64,
    /// Times that its name was locked out at an address.
    pub lockouts: AtomicU64,
}

/// Each peer's counters, and the listener's once it runs.
#[derive(Debug, Default)]
pub struct PeerStates {
    peers: BTreeMap<Arc<str>, PeerState>,
    /// Binds refused under names of no peer.
    pub unknown: AtomicU64,
    /// Times that an address was locked out.
    pub lockouts: AtomicU64,
    listener: OnceLock<Arc<ServerCounters>>,
}

impl PeerStates {
    /// One for each peer configured.
    pub fn new(server: Option<&SmppServer>) -> Self {
        let peers = server.into_iter().flat_map(|server| &server.peers);
        let peers = peers.map(|peer| (Arc::clone(&peer.route.name.0), PeerState::default()));
        Self { peers: peers.collect(), ..Self::default() }
    }

    /// Takes in that the listener was started.
    pub fn listens(&self, counters: &Arc<ServerCounters>) {
        let _ = self.listener.set(Arc::clone(counters));
    }

    /// A peer by its name.
    pub fn of(&self, name: &str) -> Option<&PeerState> {
        self.peers.get(name)
    }

    /// Whether a peer is bound in a mode in which it can hand over texts.
    pub fn up(&self, name: &str) -> bool {
        self.of(name).is_some_and(|peer| peer.sessions.senders.load(Relaxed) > 0)
    }

    /// Each peer's state by name.
    pub fn states(&self) -> BTreeMap<String, &'static str> {
        let state = |name: &str| if self.up(name) { "bound" } else { "waiting" };
        self.peers.keys().map(|name| (name.to_string(), state(name))).collect()
    }

    /// In the text format of Prometheus.
    pub fn expose(&self, out: &mut String) {
        let Some(listener) = self.listener.get() else { return };
        for (metric, kind, read) in METRICS {
            let _ = writeln!(out, "# TYPE {metric} {kind}");
            for (name, state) in &self.peers {
                let _ = writeln!(out, "{metric}{{peer=\"{name}\"}} {}", read(state));
            }
        }
        let _ = writeln!(out, "# TYPE {ENQUIRE_LINK} gauge");
        for (name, state) in &self.peers {
            let took = seconds(state.sessions.enquire_link_us.load(Relaxed));
            let _ = writeln!(out, "{ENQUIRE_LINK}{{peer=\"{name}\"}} {took}");
        }
        let _ = writeln!(out, "# TYPE {ANSWERS} histogram");
        for (name, state) in &self.peers {
            expose_answers((ANSWERS, "peer", name), &state.sessions.answers, out);
        }
        for (metric, kind, counter) in [
            ("twinpath_smpp_server_connections", "gauge", &listener.connections),
            ("twinpath_smpp_server_unwelcome_total", "counter", &listener.unwelcome),
            ("twinpath_smpp_server_surplus_total", "counter", &listener.surplus),
            ("twinpath_smpp_server_unbound_total", "counter", &listener.unbound),
            ("twinpath_smpp_server_unknown_binds_total", "counter", &self.unknown),
            ("twinpath_smpp_server_lockouts_total", "counter", &self.lockouts),
        ] {
            let _ = writeln!(out, "# TYPE {metric} {kind}\n{metric} {}", counter.load(Relaxed));
        }
    }
}

/// How long the last `enquire_link` of ours took.
const ENQUIRE_LINK: &str = "twinpath_smpp_peer_enquire_link_seconds";
/// From a text's record being durable to its answer on the way.
const ANSWERS: &str = "twinpath_smpp_peer_answer_seconds";

type Read = fn(&PeerState) -> u64;

const METRICS: [(&str, &str, Read); 10] = [
    ("twinpath_smpp_peer_sessions", "gauge", |p| p.sessions.sessions.load(Relaxed)),
    ("twinpath_smpp_peer_binds_total", "counter", |p| p.sessions.binds.load(Relaxed)),
    ("twinpath_smpp_peer_received_total", "counter", |p| p.sessions.received.load(Relaxed)),
    ("twinpath_smpp_peer_acknowledged_total", "counter", |p| p.sessions.acknowledged.load(Relaxed)),
    ("twinpath_smpp_peer_throttled_total", "counter", |p| p.sessions.throttled.load(Relaxed)),
    ("twinpath_smpp_peer_refused_total", "counter", |p| p.sessions.refused.load(Relaxed)),
    ("twinpath_smpp_peer_undecodable_total", "counter", |p| p.sessions.undecodable.load(Relaxed)),
    ("twinpath_smpp_peer_in_flight", "gauge", |p| p.sessions.in_flight.load(Relaxed)),
    ("twinpath_smpp_peer_refused_binds_total", "counter", |p| p.refused_binds.load(Relaxed)),
    ("twinpath_smpp_peer_lockouts_total", "counter", |p| p.lockouts.load(Relaxed)),
];
