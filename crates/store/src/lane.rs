//! A queue with the threads that serve it: started together, drained and joined together.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use crate::error::StoreError;
use crate::queue::{Queue, Refused};

/// Dropping a lane closes its queue, lets its threads finish what was accepted, and joins them.
pub(crate) struct Lane<T> {
    queue: Arc<Queue<T>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Every thread holds a sender, so this ends when the last thread has.
    ended: watch::Receiver<()>,
}

/// What one thread of a lane does until its queue is closed and empty.
pub(crate) type Worker<T> = Box<dyn FnOnce(&Queue<T>) + Send>;

impl<T: Send + 'static> Lane<T> {
    pub(crate) fn start(
        name: &str,
        limit: usize,
        workers: Vec<Worker<T>>,
    ) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::new(limit));
        let (alive, ended) = watch::channel(());
        let lane = Self { queue, threads: Mutex::default(), ended };
        for worker in workers {
            let queue = Arc::clone(&lane.queue);
            let alive = alive.clone();
            let thread = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    let _alive = alive;
                    let served = Served(&queue);
                    worker(served.0);
                })
                .map_err(|e| StoreError::unavailable(format!("no thread: {e}")))?;
            lane.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(lane)
    }

    pub(crate) fn submit(&self, item: T) -> Result<(), StoreError> {
        self.queue.push(item).map_err(|refused| match refused {
            Refused::Full => StoreError::unavailable("its queue is full"),
            Refused::Closed => StoreError::unavailable("it is closed"),
        })
    }

    pub(crate) fn depth(&self) -> usize {
        self.queue.len()
    }

    /// Accepts nothing more and waits until everything accepted is done.
    pub(crate) async fn close(&self) {
        self.queue.close();
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

impl<T> Drop for Lane<T> {
    fn drop(&mut self) {
        self.queue.close();
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // An operation may own the last handle and be dropped by the very thread that ran it.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a store thread had panicked");
            }
        }
    }
}

/// If the last thread ends, however it ends, nobody may wait for it. With several threads the others
/// lose nothing: a thread ends in order only when the queue is closed and empty.
struct Served<'q, T>(&'q Queue<T>);

impl<T> Drop for Served<'_, T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
