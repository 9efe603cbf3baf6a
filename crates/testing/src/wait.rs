//! Waiting for a condition, with a deadline far beyond what it should take.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives it up.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How often a condition is looked at that nothing announces.
const LOOK: Duration = Duration::from_millis(5);

/// Looks until there is something, and gives it back; `None` when the deadline has passed.
pub fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + DEADLINE;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        sleep(LOOK);
    }
}

/// Looks until there is something, and fails the test at the deadline.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    patiently(look).unwrap_or_else(|| panic!("not within {DEADLINE:?}: {what}"))
}
