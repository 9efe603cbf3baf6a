//! Owns what can be read about the server and its peers at any time, from any thread.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{esme::AnswerTimes, pdu::CommandStatus};

/// What a listener has done. The fields are `AtomicU64`s, read one by one.
#[derive(Debug, Default)]
pub struct ServerCounters {
    /// Connections open now.
    pub connections: AtomicU64,
    /// Connections closed unread: of an address that may not connect.
    pub unwelcome: AtomicU64,
    /// Connections closed unread: too many, in all or of their address.
    pub surplus: AtomicU64,
    /// Connections whose TLS handshake failed, or that never bound.
    pub unbound: AtomicU64,
}

/// What a peer's sessions have done, all together. The fields are `AtomicU64`s, read one by one.
#[derive(Debug, Default)]
pub struct PeerCounters {
    /// Sessions bound now.
    pub sessions: AtomicU64,
    /// Those of them that may submit.
    pub senders: AtomicU64,
    /// Binds granted.
    pub binds: AtomicU64,
    /// Messages received, readable or not.
    pub received: AtomicU64,
    /// Messages answered `ESME_ROK`.
    pub acknowledged: AtomicU64,
    /// Messages answered `ESME_RTHROTTLED` or `ESME_RMSGQFUL`.
    pub throttled: AtomicU64,
    /// Messages answered with any other status.
    pub refused: AtomicU64,
    /// Messages that could not be read.
    pub undecodable: AtomicU64,
    /// Messages not yet answered.
    pub in_flight: AtomicU64,
    /// From handlers' results to answers on their way.
    pub answers: AnswerTimes,
    /// Microseconds the last `enquire_link` of ours took; 0 before the first.
    pub enquire_link_us: AtomicU64,
}

impl PeerCounters {
    pub(super) fn answered(&self, status: CommandStatus, took: Duration) {
        let counter = match status {
            status if status.is_ok() => &self.acknowledged,
            status if status.is_throttle() => &self.throttled,
            _ => &self.refused,
        };
        counter.fetch_add(1, Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
        self.answers.add(took);
    }

    pub(super) fn round_trip(&self, round_trip: Duration) {
        self.enquire_link_us.store(micros(round_trip).max(1), Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// One more of something, for as long as it lives.
pub(super) struct One<'a>(&'a AtomicU64);

impl<'a> One<'a> {
    pub(super) fn of(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Relaxed);
        Self(counter)
    }
}

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
