//! Owns what a server asks the program: who may connect, who may bind, and who takes their messages.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{self, AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};

use crate::{
    esme::Deliveries,
    pdu::{Bind, CommandStatus},
    text::DefaultAlphabet,
};

use super::PeerCounters;

/// A connection as the session speaks over it: TCP, or TLS over it.
pub trait Octets: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Octets for S {}

/// An opened connection.
pub struct Opened {
    /// What the session speaks over.
    pub stream: Box<dyn Octets>,
    /// The fingerprint of the client's certificate, if it showed one that was verified.
    pub certificate: Option<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// A bind to be decided on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What it says: `system_id`, password and mode among it.
    pub bind: &'a Bind,
    /// Where it comes from.
    pub address: SocketAddr,
    /// See [`Opened::certificate`].
    pub certificate: Option<&'a str>,
}

/// A bind that is granted.
pub struct Granted<D> {
    /// The peer's name.
    pub name: Arc<str>,
    /// Who takes its messages.
    pub deliveries: Arc<D>,
    /// What `data_coding` 0 means in them.
    pub default_alphabet: DefaultAlphabet,
    /// Messages that may be unanswered in this session.
    pub window: usize,
    /// What the peer's sessions are noted down in.
    pub counters: Arc<PeerCounters>,
    /// The session's place among those the peer may have; given back with its end.
    pub place: OwnedSemaphorePermit,
}

impl<D> std::fmt::Debug for Granted<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Granted").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The program behind a server. Its calls must not block.
pub trait Peers: Send + Sync + 'static {
    /// Who takes messages.
    type Deliveries: Deliveries;

    /// Whether this address may connect at all. Asked before anything is read.
    fn admits(&self, address: IpAddr) -> bool;

    /// Opens a connection: shakes hands where it is to be TLS. Bounded by `session_init`.
    fn open(&self, stream: TcpStream) -> impl Future<Output = io::Result<Opened>> + Send;

    /// Grants a bind, or refuses it with a status that is not `ESME_ROK`.
    fn authorize(&self, asked: Asked<'_>) -> Result<Granted<Self::Deliveries>, CommandStatus>;
}
