//! The time all nodes share: the database server's. A node measures how far its own clock is off, and
//! never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use twinpath_core::ids::Timestamp;

use crate::options::{Clock, Options, system_time};

/// Beyond this a database's clock that went back is followed: it was set, or it is another machine's.
const STEP_MS: i64 = 5_000;

/// The clock of one node. Between two measurements it runs by the machine's steady clock, so that
/// whatever happens to its calendar makes no difference.
#[derive(Clone)]
pub(super) struct NodeClock {
    /// Told by whoever opened the store; the database is not asked then.
    told: Option<Clock>,
    begun: Instant,
    /// The database's time when `begun` was, in milliseconds.
    at_begin: Arc<AtomicI64>,
    /// The database's time minus this machine's calendar, in milliseconds: to be told only.
    ahead: Arc<AtomicI64>,
    latest: Arc<AtomicI64>,
}

impl NodeClock {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            told: options.clock.clone(),
            begun: Instant::now(),
            at_begin: Arc::new(AtomicI64::new(system_time().0)),
            ahead: Arc::default(),
            latest: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        if let Some(told) = &self.told {
            return told();
        }
        let now = self.at_begin.load(Ordering::Relaxed).saturating_add(self.running());
        Timestamp(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    fn running(&self) -> i64 {
        i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Takes in what the database just said its time was; `took` is how long it took to ask.
    pub(super) fn measured(&self, database: i64, took: Duration) {
        // Beyond this the middle says little.
        const SLOW: Duration = Duration::from_millis(200);
        if took > SLOW {
            return;
        }
        let since = i64::try_from(took.as_millis()).unwrap_or(0) / 2;
        let now = database.saturating_add(since);
        self.at_begin.store(now.saturating_sub(self.running()), Ordering::Relaxed);
        self.ahead.store(now.saturating_sub(system_time().0), Ordering::Relaxed);
        let latest = self.latest.load(Ordering::Relaxed);
        if latest > now.saturating_add(STEP_MS) {
            tracing::warn!(by_ms = latest.saturating_sub(now), "the database's clock went back");
            self.latest.store(now, Ordering::Relaxed);
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
    fn follows_the_database_and_goes_back_only_if_it_was_set() {
        let clock = NodeClock::new(&Options::default());
        let ours = system_time();
        clock.measured(ours.0 + 60_000, Duration::ZERO);
        assert!(clock.now() >= ours.plus_seconds(60));
        clock.measured(ours.0 + 58_000, Duration::ZERO);
        assert!(clock.now() >= ours.plus_seconds(60), "a little is waited out");
        clock.measured(ours.0 - 60_000, Duration::ZERO);
        assert!(clock.now() < ours, "it was set");
        assert!((-61_000..=-60_000).contains(&clock.ahead()));
        clock.measured(ours.0 + 60_000, Duration::from_secs(1));
        assert!(clock.now() < ours, "too slow a reading to learn from");
    }

    #[test]
    fn a_clock_that_was_told_is_followed() {
        let told: Clock = Arc::new(|| Timestamp(7));
        let clock = NodeClock::new(&Options { clock: Some(told), ..Options::default() });
        assert_eq!(clock.now(), Timestamp(7));
    }
}
