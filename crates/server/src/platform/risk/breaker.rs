//! Keeps from waiting for a provider that is down.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row after which it is not asked for a while.
const FAILURES: u32 = 5;
/// For how long; then one question tries it.
const PAUSE: Duration = Duration::from_secs(15);

/// Counts failures of one provider.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<(u32, Option<Instant>)>);

impl Breaker {
    /// Whether it may be asked. After a pause, one question may until it is answered.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.1 {
            Some(until) if now < until => false,
            Some(_) => {
                state.1 = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// How a question ended.
    pub(super) fn ended(&self, well: bool, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if well {
            *state = (0, None);
            return;
        }
        state.0 = state.0.saturating_add(1);
        if state.0 >= FAILURES {
            state.1 = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_one_trial_closes_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 1..FAILURES {
            breaker.ended(false, at(0));
        }
        breaker.ended(true, at(0));
        for _ in 0..FAILURES {
            assert!(breaker.admits(at(0)));
            breaker.ended(false, at(0));
        }
        assert!(!breaker.admits(at(1)) && !breaker.admits(at(14)));
        assert!(breaker.admits(at(15)) && !breaker.admits(at(16)), "one at a time");
        breaker.ended(false, at(16));
        assert!(!breaker.admits(at(30)) && breaker.admits(at(31)));
        breaker.ended(true, at(31));
        assert!(breaker.admits(at(31)) && breaker.admits(at(31)));
    }
}
