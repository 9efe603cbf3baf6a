//! The time all nodes share: the database server's. A node measures how far its own clock is off, and
//! never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use twinpath_core::ids::Timestamp;

use crate::options::{Clock, Options, system_time};

/// The clock of one node.
#[derive(Clone)]
pub(super) struct NodeClock {
    /// Told by whoever opened the store; the database is not asked then.
    told: Option<Clock>,
    /// The database's time minus ours, in milliseconds.
    ahead: Arc<AtomicI64>,
    latest: Arc<AtomicI64>,
}

impl NodeClock {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            told: options.clock.clone(),
            ahead: Arc::default(),
            latest: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        if let Some(told) = &self.told {
            return told();
        }
        let now = system_time().0.saturating_add(self.ahead.load(Ordering::Relaxed));
        Timestamp(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Takes in what the database said its time was, between two readings of our own clock.
    pub(super) fn measured(&self, before: Timestamp, database: i64, after: Timestamp) {
        // Beyond this the middle of the two readings says little.
        const SLOW_MS: i64 = 200;
        if after.0.saturating_sub(before.0) <= SLOW_MS {
            let middle = before.0.midpoint(after.0);
            self.ahead.store(database.saturating_sub(middle), Ordering::Relaxed);
        }
    }

    /// The database's time minus ours, in milliseconds.
    pub(super) fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    pub(super) fn as_clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_database_and_never_goes_back() {
        let clock = NodeClock::new(&Options::default());
        let ours = system_time();
        clock.measured(ours, ours.0 + 60_000, ours);
        let ahead = clock.now();
        assert!(ahead >= ours.plus_seconds(60));
        clock.measured(ours, ours.0 - 60_000, ours);
        assert_eq!(clock.ahead(), -60_000);
        assert!(clock.now() >= ahead);
        clock.measured(ours, ours.0 + 5_000, ours.plus_seconds(1));
        assert_eq!(clock.ahead(), -60_000, "too slow a reading to learn from");
    }

    #[test]
    fn a_clock_that_was_told_is_followed() {
        let told: Clock = Arc::new(|| Timestamp(7));
        let clock = NodeClock::new(&Options { clock: Some(told), ..Options::default() });
        assert_eq!(clock.now(), Timestamp(7));
    }
}
