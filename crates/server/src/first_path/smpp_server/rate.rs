//! How many texts a second a peer may hand over: a bucket that holds one second's.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The rate of one peer's sessions together.
#[derive(Debug)]
pub(super) struct Rate {
    each: Duration,
    /// When the bucket would be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Rate {
    /// So many a second; 0 is taken for 1.
    pub(super) fn new(per_s: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_s.max(1), full_at: Mutex::default() }
    }

    /// Takes one, if there is one.
    pub(super) fn admit(&self, now: Instant) -> bool {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.map_or(now, |at| at.max(now)) + self.each;
        // A little more than a second, for what rounding takes from `each`.
        let fits =
            next.saturating_duration_since(now) <= Duration::from_millis(1001).max(self.each);
        if fits {
            *full_at = Some(next);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_as_many_as_it_may() {
        for per_s in [1_u32, 3, 10, 1000] {
            let (rate, begin) = (Rate::new(per_s), Instant::now());
            let admitted = |at| (0..5000).filter(|_| rate.admit(at)).count();
            let limit = usize::try_from(per_s).unwrap();
            let burst = admitted(begin);
            assert!((limit..=limit + 1).contains(&burst), "{burst} of {per_s}");
            assert_eq!(admitted(begin), 0);
            let later = admitted(begin + Duration::from_millis(2500));
            assert!((limit..=limit + 1).contains(&later), "no more is saved up than a second's");
        }
    }
}
