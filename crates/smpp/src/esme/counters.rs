//! Owns what can be read about a bind at any time, from any thread.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::pdu::CommandStatus;

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
    /// Binds granted.
    pub binds: AtomicU64,
    /// Binds granted after the first.
    pub rebinds: AtomicU64,
    /// Microseconds the last `enquire_link` of ours took; 0 before the first.
    pub enquire_link_us: AtomicU64,
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

    pub(super) fn answered(&self, status: CommandStatus) {
        let counter = match status {
            status if status.is_ok() => &self.acknowledged,
            status if status.is_throttle() => &self.throttled,
            _ => &self.refused,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn round_trip(&self, round_trip: Duration) {
        let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
        self.enquire_link_us.store(micros.max(1), Relaxed);
    }
}
