//! A bounded queue that its consumers empty in batches.
//!
//! Invariants: a push never waits (a full queue refuses: back-pressure); a take blocks on a condition
//! variable, never polls, and takes all there is up to its limit; what was accepted before `close` is
//! still taken, in order.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Why an item was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    Full,
    Closed,
}

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    limit: usize,
}

struct State<T> {
    items: VecDeque<T>,
    open: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(limit: usize) -> Self {
        let state = State { items: VecDeque::new(), open: true };
        Self { state: Mutex::new(state), filled: Condvar::new(), limit }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if !state.open {
            return Err(Refused::Closed);
        }
        if state.items.len() >= self.limit {
            return Err(Refused::Full);
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for items and takes up to `most`. `None` once closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<T>> {
        let mut state = self
            .filled
            .wait_while(self.lock(), |state| state.open && state.items.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let count = state.items.len().min(most.max(1));
        let taken: Vec<T> = state.items.drain(..count).collect();
        let more = !state.items.is_empty();
        drop(state);
        if more {
            // One wake-up may stand for several pushes: pass it on to another consumer.
            self.filled.notify_one();
        }
        (!taken.is_empty()).then_some(taken)
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Accepts nothing more.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.filled.notify_all();
    }

    /// Accepts nothing more and drops what waits: nobody is left to take it.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.open = false;
        let items = std::mem::take(&mut state.items);
        drop(state);
        drop(items);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_beyond_its_limit_and_after_closing() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Ok(()));
        assert_eq!(queue.push(3), Err(Refused::Full));
        queue.close();
        assert_eq!(queue.push(4), Err(Refused::Closed));
        assert_eq!(queue.take(1), Some(vec![1]));
        assert_eq!(queue.take(9), Some(vec![2]));
        assert_eq!(queue.take(9), None);
    }

    #[test]
    fn an_abandoned_queue_drops_what_waits() {
        let queue = Queue::new(2);
        assert_eq!(queue.push(1), Ok(()));
        queue.abandon();
        assert_eq!(queue.take(1), None);
    }
}
