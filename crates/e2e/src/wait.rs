//! Waiting for a condition, with a deadline far beyond what it should take.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before a test gives it up.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is looked at that nothing announces.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until there is something, and gives it back.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        sleep(LOOK).await;
    }
}

/// Fails the test if this takes too long.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = tokio::time::timeout(DEADLINE, future).await;
    output.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

/// Carries all of these out together, in this task.
pub async fn all<F: Future<Output = ()>>(work: impl Iterator<Item = F>) {
    let mut left: Vec<_> = work.map(Box::pin).collect();
    poll_fn(|cx| {
        left.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if left.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
