//! Requests that wait for a text. One for each code: a second is told to slow down.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use twinpath_core::ids::{CodeKey, Timestamp};

/// The requests that wait.
#[derive(Debug)]
pub struct Waiters {
    limit: usize,
    stopping: AtomicBool,
    /// Each until a time.
    waiting: Mutex<HashMap<CodeKey, (Arc<Notify>, Timestamp)>>,
}

/// Why a request cannot wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Busy {
    /// Another request waits for this code.
    Taken,
    /// Too many wait.
    Full,
}

/// A place among the waiters, given up when it is dropped.
#[derive(Debug)]
pub struct Waiter {
    waiters: Arc<Waiters>,
    code: CodeKey,
    until: Timestamp,
    notify: Arc<Notify>,
}

impl Waiters {
    /// At most `limit` wait at the same time.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, stopping: AtomicBool::new(false), waiting: Mutex::default() })
    }

    /// Takes the place for `code`, to wait until a time. A text that is recorded from now on wakes it.
    pub fn wait_for(self: &Arc<Self>, code: CodeKey, until: Timestamp) -> Result<Waiter, Busy> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.limit {
            return Err(Busy::Full);
        }
        match waiting.entry(code) {
            Entry::Occupied(_) => Err(Busy::Taken),
            Entry::Vacant(place) => {
                let notify = Arc::new(Notify::new());
                place.insert((Arc::clone(&notify), until));
                Ok(Waiter { waiters: Arc::clone(self), code, until, notify })
            }
        }
    }

    /// Wakes whoever waits for `code`.
    pub fn wake(&self, code: CodeKey) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((notify, _)) = waiting.get(&code) {
            notify.notify_one();
        }
    }

    /// Wakes all, so that they can be answered before the server stops.
    pub fn wake_all(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().for_each(|(notify, _)| notify.notify_one());
    }

    /// Whether all were woken for the server's stop.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether a request waits for `code`.
    pub fn waits_for(&self, code: CodeKey) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&code)
    }

    /// Every code that is waited for, each until a time.
    pub fn waiting(&self) -> Vec<(CodeKey, Timestamp)> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|(code, (_, until))| (*code, *until)).collect()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Waiter {
    /// Until when it waits.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Returns when the text was recorded, also if that was before the call.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(&self.code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: Timestamp = Timestamp(1_800_000_000_000);

    #[tokio::test]
    async fn one_waits_and_is_woken_even_early() {
        let waiters = Waiters::new(2);
        let code = CodeKey([1; 16]);
        let waiter = waiters.wait_for(code, UNTIL).unwrap();
        assert_eq!(waiters.wait_for(code, UNTIL).unwrap_err(), Busy::Taken);
        let _other = waiters.wait_for(CodeKey([2; 16]), UNTIL).unwrap();
        assert_eq!(waiters.wait_for(CodeKey([3; 16]), UNTIL).unwrap_err(), Busy::Full);
        waiters.wake(code);
        waiter.woken().await;
        drop(waiter);
        assert_eq!(waiters.len(), 1);
        waiters.wait_for(code, UNTIL).unwrap();
    }

    #[test]
    fn who_waits_is_listed_with_the_end_of_its_wait() {
        let waiters = Waiters::new(2);
        let code = CodeKey([1; 16]);
        assert!(waiters.waiting().is_empty() && !waiters.waits_for(code));
        let waiter = waiters.wait_for(code, UNTIL).unwrap();
        assert_eq!((waiters.waiting(), waiter.until()), (vec![(code, UNTIL)], UNTIL));
        assert!(waiters.waits_for(code));
        drop(waiter);
        assert!(waiters.waiting().is_empty());
    }
}
