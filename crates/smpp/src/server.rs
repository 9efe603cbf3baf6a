//! Owns the server role: gateways and aggregators bind to us as ESMEs and submit what phones sent.
//! In such a message the source is the phone, and the destination our number.
//!
//! Invariants: an address that may not connect is hung up on before a byte of it is read; so many
//! connections, in all and of an address, and a connection that does not bind soon is closed; a
//! message is answered with what its handler returned, after it returned; at most the peer's window
//! of handlers run for a session; logs carry no number, no text and no password; shutting down
//! answers what is under way before it unbinds.

mod counters;
mod driver;
mod peers;
mod seats;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{esme::stopped, session::SessionConfig};

pub use counters::{PeerCounters, ServerCounters};
pub use peers::{Asked, Granted, Octets, Opened, Peers};
use seats::Seats;
pub use seats::source;

/// What a server is configured with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Who it says it is, at most 15 octets.
    pub system_id: String,
    /// Timers of its sessions; the window is the peer's.
    pub session: SessionConfig,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once of an IPv4 address or an IPv6 /64.
    pub max_connections_per_address: usize,
    /// The first message's identifier; the others follow. Choose another one at each start.
    pub first_message_id: u64,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            system_id: "twinpath".to_owned(),
            session: SessionConfig::default(),
            max_connections: 256,
            max_connections_per_address: 16,
            first_message_id: 1,
        }
    }
}

/// What a server's sessions share.
struct Shared<P> {
    config: ServerConfig,
    peers: Arc<P>,
    seats: Arc<Seats>,
    counters: Arc<ServerCounters>,
    message_ids: AtomicU64,
}

/// A running server. Dropping it cuts every connection, as a crash would.
#[derive(Debug)]
pub struct SmppServer {
    address: SocketAddr,
    counters: Arc<ServerCounters>,
    stop: watch::Sender<bool>,
    acceptor: JoinHandle<()>,
}

impl SmppServer {
    /// Serves a bound port on the current tokio runtime.
    pub fn start<P: Peers>(
        config: ServerConfig,
        listener: TcpListener,
        peers: Arc<P>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let counters = Arc::new(ServerCounters::default());
        let shared = Arc::new(Shared {
            seats: Seats::new(config.max_connections, config.max_connections_per_address),
            message_ids: AtomicU64::new(config.first_message_id),
            counters: Arc::clone(&counters),
            peers,
            config,
        });
        let (stop, stopping) = watch::channel(false);
        let acceptor = tokio::spawn(accept(listener, shared, stopping));
        Ok(Self { address, counters, stop, acceptor })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Arc<ServerCounters> {
        &self.counters
    }

    /// Stops listening, lets handlers finish and answers them, unbinds and closes. Bounded by the
    /// sessions' `drain` and `response`.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // The acceptor ends by itself; a panic in it has been reported by then.
        let _ = (&mut self.acceptor).await;
    }
}

impl Drop for SmppServer {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept<P: Peers>(
    listener: TcpListener,
    shared: Arc<Shared<P>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    shared.admit(stream, address, &mut sessions, &stop);
                }
                Err(error) => {
                    // Out of descriptors: give those that are open time to end.
                    tracing::warn!(%error, "cannot accept");
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    while sessions.join_next().await.is_some() {}
}

impl<P: Peers> Shared<P> {
    /// Gives a connection a session, or hangs up on it.
    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        sessions: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) {
        let ip = address.ip().to_canonical();
        if !self.peers.admits(ip) {
            self.counters.unwelcome.fetch_add(1, Relaxed);
            return tracing::debug!(%ip, "an address that may not connect");
        }
        let Some(seat) = self.seats.take(ip) else {
            self.counters.surplus.fetch_add(1, Relaxed);
            return tracing::warn!(%ip, "too many connections");
        };
        let (shared, stop) = (Arc::clone(self), stop.clone());
        sessions.spawn(async move {
            driver::serve(&shared, stream, address, stop).await;
            drop(seat);
        });
    }
}
