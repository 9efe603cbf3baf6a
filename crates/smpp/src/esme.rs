//! Owns one bind as an ESME (SMPP 3.4 2.1): connects, binds, hands messages to [`Deliveries`],
//! answers them as those finish, and binds again for ever.
//!
//! Invariants: a message is answered with what its handler returned, after it returned; at most
//! `window` handlers run at once; logs carry no number, no text and no password; shutting down
//! answers what is under way before it unbinds.

mod backoff;
mod config;
mod counters;
mod delivery;
mod driver;

use std::sync::Arc;

use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

pub use backoff::BackoffConfig;
pub use config::EsmeConfig;
pub use counters::{BindState, Counters};
pub use delivery::{Deliveries, Delivery, Undecodable};

pub use crate::connection::{Answer, SendError};
use crate::{
    connection::Request,
    pdu::{EncodeError, Pdu, SubmitSm},
    session::{CloseReason, Session},
};
use backoff::Backoff;

/// A running bind. Dropping it shuts the bind down as [`shutdown`](Self::shutdown) does, without
/// waiting.
#[derive(Debug)]
pub struct Esme {
    name: Arc<str>,
    counters: Arc<Counters>,
    requests: mpsc::Sender<Request>,
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

impl Esme {
    /// Starts a bind on the current tokio runtime. Fails if its configuration does not fit a bind
    /// request.
    pub fn start<D: Deliveries>(
        config: EsmeConfig,
        deliveries: Arc<D>,
    ) -> Result<Self, EncodeError> {
        Session::esme(config.session, config.bind(), crate::connection::now())?;
        let (requests, received) = mpsc::channel(config.session.request_window.max(1));
        let (stop, stopped) = watch::channel(false);
        let name = Arc::from(config.name.as_str());
        let counters = Arc::new(Counters::default());
        let supervisor = Supervisor {
            name: Arc::clone(&name),
            backoff: Backoff::new(config.backoff, config.seed),
            counters: Arc::clone(&counters),
            config,
            deliveries,
            requests: received,
            stop: stopped,
        };
        let supervisor = tokio::spawn(supervisor.run());
        Ok(Self { name, counters, requests, stop, supervisor })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Submits a message over the bind, and waits for its response. Waits while the window is
    /// full; fails at once while not bound.
    pub async fn submit(&self, message: SubmitSm) -> Result<Answer, SendError> {
        if self.counters.state() != BindState::Bound {
            return Err(SendError::NotBound);
        }
        Request::send(Pdu::SubmitSm(message), &self.requests).await
    }

    /// Takes no new messages, lets handlers finish and answers them, unbinds and closes. Bounded by
    /// the session's `drain` and `response`.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        // The supervisor ends by itself; a panic in it has been reported by then.
        let _ = self.supervisor.await;
    }
}

/// Keeps a bind bound.
struct Supervisor<D> {
    name: Arc<str>,
    config: EsmeConfig,
    deliveries: Arc<D>,
    counters: Arc<Counters>,
    backoff: Backoff,
    requests: mpsc::Receiver<Request>,
    stop: watch::Receiver<bool>,
}

/// Waits until a bind or centre is to stop: told so, or its handle gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl<D: Deliveries> Supervisor<D> {
    async fn run(mut self) {
        while let Some(stream) = self.connect().await {
            let (reason, bound) = match stream {
                Some(stream) => self.converse(stream).await,
                None => (CloseReason::Disconnected, None),
            };
            if self.is_stopped() {
                break;
            }
            // What was not sent yet must not wait for another session.
            while self.requests.try_recv().is_ok() {}
            let pause = self.backoff.pause(reason, bound);
            let refused = matches!(reason, CloseReason::Refused(_));
            self.enter(if refused { BindState::Refused } else { BindState::Waiting });
            tracing::warn!(bind = %self.name, %reason, ?pause, "not bound");
            tokio::select! {
                () = sleep(pause) => {}
                () = stopped(&mut self.stop) => break,
            }
        }
        self.enter(BindState::Stopped);
        tracing::info!(bind = %self.name, "stopped");
    }

    /// A connection, or none where connecting failed; nothing at all once stopped.
    async fn connect(&mut self) -> Option<Option<TcpStream>> {
        self.enter(BindState::Connecting);
        let connect =
            timeout(self.config.connect_timeout, TcpStream::connect(&self.config.address));
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => None,
            stream = connect => {
                let stream = stream.map_err(std::io::Error::from).flatten();
                if let Err(error) = &stream {
                    tracing::warn!(bind = %self.name, %error, "cannot connect");
                }
                Some(stream.ok())
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.has_changed().is_err() || *self.stop.borrow()
    }

    fn enter(&self, state: BindState) {
        self.counters.enter(state);
        self.deliveries.state(&self.name, state);
    }
}
