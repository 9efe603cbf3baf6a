//! Owns one session of a peer: its bind, events to handlers, handlers' results to answers.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::timeout_at,
};

use crate::{
    connection::{Connection, now},
    esme::{Delivery, Undecodable, stopped},
    handling::{Handled, Incoming, finished, handle},
    pdu::{Bind, BindMode, CommandStatus},
    session::{CloseReason, Event, Session, Unanswered},
};

use super::{Asked, Granted, Opened, Peers, Shared, counters::One};

/// One connection, from its first byte to its end.
pub(super) async fn serve<P: Peers>(
    shared: &Shared<P>,
    stream: TcpStream,
    address: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let _one = One::of(&shared.counters.connections);
    // What the handshake took is no longer there for the bind.
    let begun = now();
    let _ = stream.set_nodelay(true);
    let until = tokio::time::Instant::from_std(begun + shared.config.session.session_init);
    let opened = tokio::select! {
        () = stopped(&mut stop) => return,
        opened = timeout_at(until, shared.peers.open(stream)) => opened,
    };
    let Opened { stream, certificate } = match opened.map_err(std::io::Error::from).flatten() {
        Ok(opened) => opened,
        Err(error) => {
            shared.counters.unbound.fetch_add(1, Relaxed);
            return tracing::info!(%address, %error, "a connection could not be opened");
        }
    };
    let session = Session::message_centre(shared.config.session, begun);
    // Nothing is requested of peers.
    let (_, mut requests) = mpsc::channel(1);
    let connection = Connection::new(stream, session, &mut requests);
    converse(shared, connection, (address, certificate), stop).await;
}

async fn converse<P: Peers>(
    shared: &Shared<P>,
    mut connection: Connection<'_, Box<dyn super::Octets>>,
    (address, certificate): (SocketAddr, Option<String>),
    mut stop: watch::Receiver<bool>,
) {
    let mut talk = Talk { shared, address, certificate, bound: None };
    let (mut handlers, mut handled) = (FuturesUnordered::new(), Vec::new());
    let mut stopping = false;
    let reason = loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                connection.session.unbind(now());
            }
            () = finished(&mut handlers, &mut handled) => {
                talk.acknowledge(&mut connection.session, &mut handled);
            }
            event = connection.event() => {
                let mut next = Some(event);
                let mut ended = None;
                while let Some(event) = next {
                    match talk.event(event, &mut connection.session) {
                        Heard::Message(deliveries, unanswered, incoming) => {
                            handlers.push(async move {
                                handle(&*deliveries, unanswered, incoming).await
                            });
                        }
                        Heard::Closed(reason) => ended = Some(reason),
                        Heard::Nothing => {}
                    }
                    next = connection.ready_event();
                }
                if let Some(reason) = ended {
                    break reason;
                }
            }
        }
    };
    drop(handlers);
    talk.end(reason, connection.session.in_flight());
    connection.hang_up().await;
}

/// What an event asks of the driver.
enum Heard<D> {
    Message(Arc<D>, Unanswered, Incoming),
    Closed(CloseReason),
    Nothing,
}

/// A session's peer, once it is known.
struct Talk<'a, P: Peers> {
    shared: &'a Shared<P>,
    address: SocketAddr,
    certificate: Option<String>,
    bound: Option<(Granted<P::Deliveries>, BindMode)>,
}

impl<P: Peers> Talk<'_, P> {
    fn event(&mut self, event: Event, session: &mut Session) -> Heard<P::Deliveries> {
        match event {
            Event::BindRequested(bind) => self.decide(&bind, session),
            Event::Message { unanswered, message } => {
                return self.received(unanswered, |name, alphabet, sequence| {
                    let (bind, received) = (Arc::clone(name), Instant::now());
                    Incoming::Delivery(Box::new(Delivery {
                        bind,
                        sequence,
                        message,
                        default_alphabet: alphabet,
                        received,
                    }))
                });
            }
            Event::Undecodable { unanswered, raw, reason } => {
                if let Some((granted, _)) = &self.bound {
                    granted.counters.undecodable.fetch_add(1, Relaxed);
                    tracing::warn!(peer = %granted.name, %reason, octets = raw.len(), "undecodable");
                }
                return self.received(unanswered, |name, _, _| {
                    Incoming::Undecodable(Undecodable { bind: Arc::clone(name), raw, reason })
                });
            }
            Event::Overflowed => {
                if let Some((granted, _)) = &self.bound {
                    granted.counters.received.fetch_add(1, Relaxed);
                    granted.counters.throttled.fetch_add(1, Relaxed);
                }
            }
            Event::Alive { round_trip } => {
                if let Some((granted, _)) = &self.bound {
                    granted.counters.round_trip(round_trip);
                }
            }
            Event::Closed(reason) => return Heard::Closed(reason),
            // Responses go to whom they belong; a bind was noted when it was granted.
            Event::Bound { .. } | Event::Response { .. } | Event::TimedOut { .. } => {}
        }
        Heard::Nothing
    }

    fn decide(&mut self, bind: &Bind, session: &mut Session) {
        let certificate = self.certificate.as_deref();
        let asked = Asked { bind, address: self.address, certificate };
        let granted = match self.shared.peers.authorize(asked) {
            Ok(granted) => granted,
            Err(status) => return session.refuse_bind(status),
        };
        session.set_window(granted.window);
        let system_id = Bytes::copy_from_slice(self.shared.config.system_id.as_bytes());
        if session.accept_bind(system_id, now()).is_err() {
            return session.refuse_bind(CommandStatus::SystemError);
        }
        let (counters, mode) = (&granted.counters, bind.mode);
        counters.binds.fetch_add(1, Relaxed);
        counters.sessions.fetch_add(1, Relaxed);
        counters.senders.fetch_add(u64::from(mode.transmits()), Relaxed);
        tracing::info!(peer = %granted.name, address = %self.address, ?mode, "bound");
        self.bound = Some((granted, mode));
    }

    fn received(
        &self,
        unanswered: Unanswered,
        incoming: impl FnOnce(&Arc<str>, crate::text::DefaultAlphabet, u32) -> Incoming,
    ) -> Heard<P::Deliveries> {
        // A session takes no message before its bind.
        let Some((granted, _)) = &self.bound else { return Heard::Nothing };
        granted.counters.received.fetch_add(1, Relaxed);
        granted.counters.in_flight.fetch_add(1, Relaxed);
        let incoming = incoming(&granted.name, granted.default_alphabet, unanswered.sequence());
        Heard::Message(Arc::clone(&granted.deliveries), unanswered, incoming)
    }

    fn acknowledge(&self, session: &mut Session, handled: &mut Vec<Handled>) {
        let now = now();
        for Handled { unanswered, status, at } in handled.drain(..) {
            let id = self.shared.message_ids.fetch_add(1, Relaxed);
            session.acknowledge_as(unanswered, status, Bytes::from(format!("{id:016x}")), now);
            if let Some((granted, _)) = &self.bound {
                granted.counters.answered(status, at.elapsed());
            }
        }
    }

    /// Notes the end. What is in flight is given up: the peer sends it again.
    fn end(&self, reason: CloseReason, in_flight: usize) {
        let address = self.address;
        let Some((granted, mode)) = &self.bound else {
            self.shared.counters.unbound.fetch_add(1, Relaxed);
            return tracing::info!(%address, %reason, "not bound");
        };
        let in_flight = u64::try_from(in_flight).unwrap_or(0);
        granted.counters.in_flight.fetch_sub(in_flight, Relaxed);
        granted.counters.senders.fetch_sub(u64::from(mode.transmits()), Relaxed);
        granted.counters.sessions.fetch_sub(1, Relaxed);
        tracing::info!(peer = %granted.name, %address, %reason, "session ended");
    }
}
