//! Owns a message centre over TCP: what the simulator, the bench and the tests bind to.
//!
//! Invariants: a bind is granted only as the authorizer says; a message delivered while its session
//! ends fails as [`SendError::Lost`], so that the program can deliver it again; nothing is logged
//! but binds and their ends.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

pub use crate::connection::{Answer, SendError};
use crate::{
    connection::{Connection, Request, now},
    esme::stopped,
    pdu::{Bind, BindMode, CommandStatus, DeliverSm, Pdu, SubmitSm},
    session::{CloseReason, Event, Session, SessionConfig, Unanswered},
};

/// Submitted messages that may wait for the program; beyond, an ESME is throttled.
const SUBMISSIONS: usize = 1024;

/// Decides on a bind: `ESME_ROK` grants it, any other status refuses it.
pub type Authorize = dyn Fn(&Bind) -> CommandStatus + Send + Sync;

/// What a message centre is configured with.
#[derive(Clone, Debug)]
pub struct CentreConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who it is.
    pub system_id: String,
    /// Timers and windows of its sessions; `request_window` bounds deliveries under way.
    pub session: SessionConfig,
    /// Connections at once.
    pub max_connections: usize,
}

impl CentreConfig {
    /// Everything but the address at its default.
    pub fn new(listen: SocketAddr) -> Self {
        let system_id = "centre".to_owned();
        Self { listen, system_id, session: SessionConfig::default(), max_connections: 64 }
    }
}

/// A message an ESME submitted.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who.
    pub system_id: Bytes,
    /// The identifier it was answered with.
    pub message_id: Bytes,
    /// The message.
    pub message: SubmitSm,
}

/// An ESME that is bound.
#[derive(Clone, Debug)]
pub struct BoundEsme {
    /// Tells sessions apart, also those of one ESME.
    pub id: u64,
    /// Who.
    pub system_id: Bytes,
    /// How.
    pub mode: BindMode,
    /// From where.
    pub peer: SocketAddr,
    requests: mpsc::Sender<Request>,
}

impl BoundEsme {
    /// Delivers a message and waits for its answer; waits before that while the window is full.
    pub async fn deliver(&self, message: DeliverSm) -> Result<CommandStatus, SendError> {
        let answer = Request::send(Pdu::DeliverSm(message), &self.requests).await?;
        Ok(answer.status)
    }

    /// Delivers a message as a `data_sm`.
    pub async fn data(&self, message: crate::pdu::DataSm) -> Result<CommandStatus, SendError> {
        let answer = Request::send(Pdu::DataSm(message), &self.requests).await?;
        Ok(answer.status)
    }
}

struct Shared {
    config: CentreConfig,
    authorize: Box<Authorize>,
    bound: watch::Sender<Vec<BoundEsme>>,
    submissions: mpsc::Sender<Submission>,
    numbers: AtomicU64,
}

/// A running message centre. Dropping it cuts every connection, as a crash would.
pub struct Centre {
    address: SocketAddr,
    shared: Arc<Shared>,
    turn: AtomicUsize,
    stop: watch::Sender<bool>,
    acceptor: JoinHandle<()>,
}

impl std::fmt::Debug for Centre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Centre").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Centre {
    /// Starts a message centre on the current tokio runtime, with the channel of what is submitted
    /// to it.
    pub async fn start(
        config: CentreConfig,
        authorize: impl Fn(&Bind) -> CommandStatus + Send + Sync + 'static,
    ) -> io::Result<(Self, mpsc::Receiver<Submission>)> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (submissions, submitted) = mpsc::channel(SUBMISSIONS);
        let shared = Arc::new(Shared {
            config,
            authorize: Box::new(authorize),
            bound: watch::Sender::new(Vec::new()),
            submissions,
            numbers: AtomicU64::new(1),
        });
        let (stop, stopping) = watch::channel(false);
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&shared), stopping));
        Ok((Self { address, shared, turn: AtomicUsize::new(0), stop, acceptor }, submitted))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who is bound.
    pub fn bound(&self) -> Vec<BoundEsme> {
        self.shared.bound.borrow().clone()
    }

    /// Waits until who is bound satisfies the program.
    pub async fn bound_until(&self, mut enough: impl FnMut(&[BoundEsme]) -> bool) {
        let mut bound = self.shared.bound.subscribe();
        // The sender lives as long as `self`.
        let _ = bound.wait_for(|bound| enough(bound)).await;
    }

    /// Delivers a message to the ESMEs bound to receive, each in turn, and waits for its answer.
    pub async fn deliver(&self, message: DeliverSm) -> Result<CommandStatus, SendError> {
        let esme = self.receiver().ok_or(SendError::NotBound)?;
        esme.deliver(message).await
    }

    fn receiver(&self) -> Option<BoundEsme> {
        let bound = self.shared.bound.borrow();
        let receivers = || bound.iter().filter(|esme| esme.mode.receives());
        let turn = self.turn.fetch_add(1, Relaxed);
        let turn = turn.checked_rem(receivers().count())?;
        receivers().nth(turn).cloned()
    }

    /// Unbinds every ESME and stops listening. Bounded by the sessions' `drain` and `response`.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.acceptor).await;
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut sessions = JoinSet::new();
    loop {
        let room = sessions.len() < shared.config.max_connections;
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = sessions.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, peer)) => {
                    sessions.spawn(serve(Arc::clone(&shared), stream, peer, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    while sessions.join_next().await.is_some() {}
}

/// One connection, from its bind to its end.
async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let (requests, mut received) = mpsc::channel(shared.config.session.request_window.max(1));
    let session = Session::message_centre(shared.config.session, now());
    let mut connection = Connection::new(stream, session, &mut received);
    let mut served = Served { shared: &shared, peer, requests, esme: None };
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                connection.session.unbind(now());
            }
            event = connection.event() => {
                if let Some(reason) = served.event(event, &mut connection.session) {
                    tracing::info!(%peer, %reason, "session ended");
                    break;
                }
            }
        }
    }
    drop(served);
    connection.hang_up().await;
}

/// A connection's place among the bound; gone with it.
struct Served<'a> {
    shared: &'a Shared,
    peer: SocketAddr,
    requests: mpsc::Sender<Request>,
    esme: Option<BoundEsme>,
}

impl Served<'_> {
    fn event(&mut self, event: Event, session: &mut Session) -> Option<CloseReason> {
        match event {
            Event::BindRequested(bind) => self.decide(bind, session),
            Event::Bound { mode } => self.enter(mode),
            Event::Message { unanswered, message } => self.submitted(unanswered, message, session),
            // A centre answers what it cannot read by itself; nothing is left to do.
            Event::Undecodable { unanswered, reason, .. } => {
                session.acknowledge(unanswered, reason.status(), now());
            }
            Event::Closed(reason) => return Some(reason),
            Event::Overflowed
            | Event::Alive { .. }
            | Event::Response { .. }
            | Event::TimedOut { .. } => {}
        }
        None
    }

    fn decide(&mut self, bind: Bind, session: &mut Session) {
        let mut status = (self.shared.authorize)(&bind);
        if status.is_ok() {
            let system_id = Bytes::copy_from_slice(self.shared.config.system_id.as_bytes());
            if session.accept_bind(system_id, now()).is_ok() {
                self.esme = Some(BoundEsme {
                    id: self.shared.numbers.fetch_add(1, Relaxed),
                    system_id: bind.system_id,
                    mode: bind.mode,
                    peer: self.peer,
                    requests: self.requests.clone(),
                });
                return;
            }
            status = CommandStatus::SystemError;
        }
        session.refuse_bind(status);
    }

    fn enter(&self, mode: BindMode) {
        let Some(esme) = self.esme.clone() else { return };
        tracing::info!(peer = %self.peer, ?mode, "bound");
        self.shared.bound.send_modify(|bound| bound.push(esme));
    }

    fn submitted(&self, unanswered: Unanswered, message: SubmitSm, session: &mut Session) {
        let Some(esme) = &self.esme else { return };
        let number = self.shared.numbers.fetch_add(1, Relaxed);
        let message_id = Bytes::from(format!("{number:08x}"));
        let system_id = esme.system_id.clone();
        let submission = Submission { system_id, message_id: message_id.clone(), message };
        let status = match self.shared.submissions.try_send(submission) {
            Err(mpsc::error::TrySendError::Full(_)) => CommandStatus::Throttled,
            // A program that does not listen does not mind.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => CommandStatus::Ok,
        };
        session.acknowledge_as(unanswered, status, message_id, now());
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if let Some(esme) = self.esme.take() {
            self.shared.bound.send_modify(|bound| bound.retain(|other| other.id != esme.id));
        }
    }
}
