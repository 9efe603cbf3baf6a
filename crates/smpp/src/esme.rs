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
mod dial;
mod driver;
mod pace;
mod tls;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};

pub use backoff::BackoffConfig;
pub use config::EsmeConfig;
pub use counters::{ANSWER_BOUNDS, AnswerTimes, BindState, Counters, Submits};
pub use delivery::{Deliveries, Delivery, Undecodable};
pub use tls::{TlsError, TlsFiles};

pub use crate::connection::{Answer, SendError};
use crate::{
    connection::Request,
    pdu::{EncodeError, Pdu, SubmitSm},
    session::{CloseReason, Session},
};
use backoff::Backoff;
use dial::Stream;
use pace::Pace;

/// How long a message waits for its turn at the configured rate.
const TURN: Duration = Duration::from_secs(5);

/// A running bind. Dropping it shuts the bind down as [`shutdown`](Self::shutdown) does, without
/// waiting.
#[derive(Debug)]
pub struct Esme {
    name: Arc<str>,
    counters: Arc<Counters>,
    pace: Pace,
    requests: mpsc::Sender<Request>,
    stop: watch::Sender<bool>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
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
        let pace = Pace::new(config.rate_per_s, TURN);
        let supervisor = Supervisor {
            name: Arc::clone(&name),
            backoff: Backoff::new(config.backoff, config.seed),
            counters: Arc::clone(&counters),
            config,
            deliveries,
            requests: received,
            stop: stopped,
        };
        let supervisor = Mutex::new(Some(tokio::spawn(supervisor.run())));
        Ok(Self { name, counters, pace, requests, stop, supervisor })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Whether a message submitted now is sent soon: the bind is bound, and the message centre has
    /// not asked for a pause.
    pub fn takes_submits(&self) -> bool {
        self.counters.state() == BindState::Bound && !self.pace.is_paused()
    }

    /// Submits a message over the bind, and waits for its response. Waits while the window is
    /// full and for the configured rate; fails at once while not bound, and while the message
    /// centre has asked for a pause.
    pub async fn submit(&self, message: SubmitSm) -> Result<Answer, SendError> {
        let answer = self.submit_in_turn(message).await;
        self.counters.submits.count(&answer);
        answer
    }

    async fn submit_in_turn(&self, message: SubmitSm) -> Result<Answer, SendError> {
        if self.counters.state() != BindState::Bound {
            return Err(SendError::NotBound);
        }
        self.pace.turn().await?;
        let answer = Request::send(Pdu::SubmitSm(message), &self.requests).await;
        if let Ok(answer) = &answer
            && let Some(pause) = self.pace.answered(answer.status)
        {
            let status = answer.status.as_str();
            tracing::warn!(bind = %self.name, status, ?pause, "submits pause");
        }
        answer
    }

    /// Takes no new messages, lets handlers finish and answers them, unbinds and closes. Bounded by
    /// the session's `drain` and `response`. Returns at once if it was called before.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(supervisor) = supervisor {
            // The supervisor ends by itself; a panic in it has been reported by then.
            let _ = supervisor.await;
        }
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
            self.fail_unsent();
            if self.is_stopped() {
                break;
            }
            if matches!(reason, CloseReason::Refused(_)) {
                self.counters.binds_refused.fetch_add(1, Relaxed);
            }
            let pause = self.backoff.pause(reason, bound);
            let refused = matches!(reason, CloseReason::Refused(_));
            self.enter(if refused { BindState::Refused } else { BindState::Waiting });
            tracing::warn!(bind = %self.name, %reason, ?pause, "not bound");
            tokio::select! {
                () = sleep(pause) => {}
                () = stopped(&mut self.stop) => break,
            }
        }
        self.requests.close();
        self.fail_unsent();
        self.enter(BindState::Stopped);
        tracing::info!(bind = %self.name, "stopped");
    }

    /// What was not sent yet must not wait for another session, nor count as perhaps sent.
    fn fail_unsent(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            request.fail(SendError::NotBound);
        }
    }

    /// A connection, or none where connecting failed; nothing at all once stopped.
    async fn connect(&mut self) -> Option<Option<Stream>> {
        self.enter(BindState::Connecting);
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => None,
            stream = dial::connect(&self.config) => {
                match &stream {
                    Ok(_) => {
                        self.counters.connects.fetch_add(1, Relaxed);
                    }
                    Err(error) => {
                        tracing::warn!(bind = %self.name, %error, "cannot connect");
                        self.deliveries.unreachable(&self.name, error);
                    }
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
