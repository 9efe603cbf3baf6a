//! Owns what can be read about a bind at any time, from any thread.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    connection::{Answer, SendError},
    pdu::CommandStatus,
};

/// Where a bind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BindState {
    /// Connecting or waiting for the bind's response.
    Connecting = 0,
    /// Bound.
    Bound = 1,
    /// Ending in order.
    Draining = 2,
    /// Waiting to try again.
    Waiting = 3,
    /// Waiting to try again, longer: the message centre refused the bind.
    Refused = 4,
    /// Shut down.
    Stopped = 5,
}

impl BindState {
    const ALL: [Self; 6] = [
        Self::Connecting,
        Self::Bound,
        Self::Draining,
        Self::Waiting,
        Self::Refused,
        Self::Stopped,
    ];

    /// A stable label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Bound => "bound",
            Self::Draining => "draining",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// What a bind has done since it was started. The fields are `AtomicU64`s, read one by one.
#[derive(Debug, Default)]
pub struct Counters {
    state: AtomicU8,
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
    /// Connections made, TLS included.
    pub connects: AtomicU64,
    /// Binds refused.
    pub binds_refused: AtomicU64,
    /// Binds granted.
    pub binds: AtomicU64,
    /// Binds granted after the first.
    pub rebinds: AtomicU64,
    /// Microseconds the last `enquire_link` of ours took; 0 before the first.
    pub enquire_link_us: AtomicU64,
    /// From a handler's return, when what it promises is durable, to the answer on its way.
    pub answers: AnswerTimes,
    /// Messages submitted, by how that ended.
    pub submits: Submits,
}

/// Upper bounds of the buckets of [`AnswerTimes`], in microseconds.
pub const ANSWER_BOUNDS: [u64; 8] = [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 1_000_000];

/// How long answers took.
#[derive(Debug, Default)]
pub struct AnswerTimes {
    /// How many took no longer than the bound of the same place in [`ANSWER_BOUNDS`].
    pub buckets: [AtomicU64; ANSWER_BOUNDS.len()],
    /// All of them.
    pub count: AtomicU64,
    /// Microseconds they took together.
    pub sum_us: AtomicU64,
}

impl AnswerTimes {
    pub(crate) fn add(&self, took: Duration) {
        let micros = micros(took);
        for (bucket, bound) in self.buckets.iter().zip(ANSWER_BOUNDS) {
            bucket.fetch_add(u64::from(micros <= bound), Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(micros, Relaxed);
    }
}

/// How messages of ours ended.
#[derive(Debug, Default)]
pub struct Submits {
    /// Taken.
    pub accepted: AtomicU64,
    /// Answered `ESME_RTHROTTLED` or `ESME_RMSGQFUL`.
    pub throttled: AtomicU64,
    /// Answered with any other status.
    pub refused: AtomicU64,
    /// Without an answer: too late, or the session ended.
    pub unanswered: AtomicU64,
    /// Not sent: not bound, no room, paused, or not to be written.
    pub unsent: AtomicU64,
}

impl Submits {
    pub(super) fn count(&self, answer: &Result<Answer, SendError>) {
        let counter = match answer {
            Ok(answer) if answer.status.is_ok() => &self.accepted,
            Ok(answer) if answer.status.is_throttle() => &self.throttled,
            Ok(_) => &self.refused,
            Err(SendError::Lost | SendError::TimedOut) => &self.unanswered,
            Err(_) => &self.unsent,
        };
        counter.fetch_add(1, Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Counters {
    /// Where the bind is.
    pub fn state(&self) -> BindState {
        let state = self.state.load(Relaxed);
        let of = |known: &BindState| *known as u8 == state;
        BindState::ALL.into_iter().find(of).unwrap_or(BindState::Connecting)
    }

    /// How long the last `enquire_link` of ours took.
    pub fn enquire_link_round_trip(&self) -> Option<Duration> {
        let micros = self.enquire_link_us.load(Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    pub(super) fn enter(&self, state: BindState) {
        self.state.store(state as u8, Relaxed);
    }

    pub(super) fn bound(&self) {
        if self.binds.fetch_add(1, Relaxed) > 0 {
            self.rebinds.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn answered(&self, status: CommandStatus, took: Duration) {
        self.answers.add(took);
        let counter = match status {
            status if status.is_ok() => &self.acknowledged,
            status if status.is_throttle() => &self.throttled,
            _ => &self.refused,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn round_trip(&self, round_trip: Duration) {
        self.enquire_link_us.store(micros(round_trip).max(1), Relaxed);
    }
}
