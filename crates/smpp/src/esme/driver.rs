//! Owns one session of a bind: events to handlers, handlers' results to answers.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use futures_util::stream::FuturesUnordered;
use tokio::{io, net::TcpStream};

use crate::{
    connection::{Connection, now},
    handling::{Handled, Incoming, finished, handle},
    session::{CloseReason, Event, Session, Unanswered},
};

use super::{
    BindState, Counters, Deliveries, Delivery, EsmeConfig, Supervisor, Undecodable, stopped,
};

impl<D: Deliveries> Supervisor<D> {
    /// Holds one session: why it ended, and for how long it was bound.
    pub(super) async fn converse(&mut self, stream: TcpStream) -> (CloseReason, Option<Duration>) {
        let Ok(session) = open(&self.config, &stream) else {
            return (CloseReason::Disconnected, None);
        };
        let (counters, deliveries) = (&*self.counters, &*self.deliveries);
        let mut connection = Connection::new(stream, session, &mut self.requests);
        let mut talk = Talk { name: &self.name, config: &self.config, counters, bound_at: None };
        let (mut handlers, mut handled) = (FuturesUnordered::new(), Vec::new());
        let mut stopping = false;
        let reason = loop {
            tokio::select! {
                biased;
                () = stopped(&mut self.stop), if !stopping => {
                    stopping = true;
                    counters.enter(BindState::Draining);
                    deliveries.state(&self.name, BindState::Draining);
                    connection.session.unbind(now());
                }
                () = finished(&mut handlers, &mut handled) => {
                    talk.acknowledge(&mut connection.session, &mut handled);
                }
                event = connection.event() => {
                    let mut next = Some(event);
                    let mut ended = None;
                    while let Some(event) = next {
                        match talk.event(event, deliveries) {
                            Heard::Message(unanswered, incoming) => {
                                handlers.push(handle(deliveries, unanswered, incoming));
                            }
                            Heard::Closed(reason) => ended = Some(reason),
                            Heard::Nothing => {}
                        }
                        next = connection.ready_event();
                    }
                    talk.measure(&connection.session);
                    if let Some(reason) = ended {
                        break reason;
                    }
                }
            }
        };
        counters.in_flight.store(0, Relaxed);
        let bound = talk.bound_at.map(|at| at.elapsed());
        connection.hang_up().await;
        (reason, bound)
    }
}

/// A session about to bind.
fn open(config: &EsmeConfig, stream: &TcpStream) -> io::Result<Session> {
    stream.set_nodelay(true)?;
    Session::esme(config.session, config.bind(), now()).map_err(io::Error::other)
}

/// What an event asks of the driver.
enum Heard {
    Message(Unanswered, Incoming),
    Closed(CloseReason),
    Nothing,
}

/// What a session's events and answers are noted down in.
struct Talk<'a> {
    name: &'a Arc<str>,
    config: &'a EsmeConfig,
    counters: &'a Counters,
    bound_at: Option<Instant>,
}

impl Talk<'_> {
    fn event<D: Deliveries>(&mut self, event: Event, deliveries: &D) -> Heard {
        match event {
            Event::Bound { mode } => {
                self.bound_at = Some(Instant::now());
                self.counters.bound();
                self.counters.enter(BindState::Bound);
                deliveries.state(self.name, BindState::Bound);
                tracing::info!(bind = %self.name, ?mode, "bound");
                Heard::Nothing
            }
            Event::Message { unanswered, message } => {
                self.counters.received.fetch_add(1, Relaxed);
                let delivery = Delivery {
                    bind: Arc::clone(self.name),
                    sequence: unanswered.sequence(),
                    message,
                    default_alphabet: self.config.default_alphabet,
                    received: Instant::now(),
                };
                Heard::Message(unanswered, Incoming::Delivery(Box::new(delivery)))
            }
            Event::Undecodable { unanswered, raw, reason } => {
                self.counters.received.fetch_add(1, Relaxed);
                self.counters.undecodable.fetch_add(1, Relaxed);
                tracing::warn!(bind = %self.name, %reason, octets = raw.len(), "undecodable");
                let bind = Arc::clone(self.name);
                let undecodable = Undecodable { bind, raw, reason };
                Heard::Message(unanswered, Incoming::Undecodable(undecodable))
            }
            Event::Overflowed => {
                self.counters.received.fetch_add(1, Relaxed);
                self.counters.throttled.fetch_add(1, Relaxed);
                Heard::Nothing
            }
            Event::Alive { round_trip } => {
                self.counters.round_trip(round_trip);
                Heard::Nothing
            }
            Event::Closed(reason) => Heard::Closed(reason),
            // Responses go to whom they belong; nobody binds to an ESME.
            Event::Response { .. } | Event::TimedOut { .. } | Event::BindRequested(_) => {
                Heard::Nothing
            }
        }
    }

    fn acknowledge(&self, session: &mut Session, handled: &mut Vec<Handled>) {
        let now = now();
        for Handled { unanswered, status, .. } in handled.drain(..) {
            self.counters.answered(status);
            session.acknowledge(unanswered, status, now);
        }
        self.measure(session);
    }

    fn measure(&self, session: &Session) {
        let in_flight = u64::try_from(session.in_flight()).unwrap_or(u64::MAX);
        self.counters.in_flight.store(in_flight, Relaxed);
    }
}
