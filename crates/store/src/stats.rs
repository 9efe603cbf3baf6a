//! Figures for metrics: atomics inside, a plain snapshot outside.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A snapshot of a store's figures. Counters start at 0 when the store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Operations that wait to be written.
    pub write_queue: usize,
    /// Operations and listings that wait to be read.
    pub read_queue: usize,
    /// Refused because a queue was full or closed.
    pub refused: u64,
    /// Batches of operations that were written.
    pub write_batches: u64,
    /// Operations in them.
    pub write_operations: u64,
    /// Largest of them.
    pub write_batch_max: u64,
    /// Batches that could not be written.
    pub write_failures: u64,
    /// Batches of operations that were read.
    pub read_batches: u64,
    /// Operations in them.
    pub read_operations: u64,
    /// Commits that had something to make durable.
    pub commits: u64,
    /// Time they took together.
    pub commit_sum: Duration,
    /// Longest of them.
    pub commit_max: Duration,
    /// Rows that `purge` deleted.
    pub purged: u64,
    /// Whether storage failed and has to prove itself before anything more is acknowledged.
    pub failed: bool,
    /// The database's clock minus this node's, in milliseconds; 0 for an embedded database.
    pub clock_ahead_ms: i64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) refused: AtomicU64,
    pub(crate) write_batches: AtomicU64,
    pub(crate) write_operations: AtomicU64,
    pub(crate) write_batch_max: AtomicU64,
    pub(crate) write_failures: AtomicU64,
    pub(crate) read_batches: AtomicU64,
    pub(crate) read_operations: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) commit_sum_us: AtomicU64,
    pub(crate) commit_max_us: AtomicU64,
    pub(crate) purged: AtomicU64,
    pub(crate) failed: AtomicBool,
    pub(crate) clock_ahead_ms: AtomicI64,
}

impl Counters {
    pub(crate) fn wrote(&self, operations: usize, ok: bool) {
        let operations = operations as u64;
        add(&self.write_batches, 1);
        add(&self.write_operations, operations);
        self.write_batch_max.fetch_max(operations, Ordering::Relaxed);
        add(&self.write_failures, u64::from(!ok));
    }

    pub(crate) fn read(&self, operations: usize) {
        add(&self.read_batches, 1);
        add(&self.read_operations, operations as u64);
    }

    pub(crate) fn committed(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&self.commits, 1);
        add(&self.commit_sum_us, micros);
        self.commit_max_us.fetch_max(micros, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, write_queue: usize, read_queue: usize) -> Stats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            write_queue,
            read_queue,
            refused: load(&self.refused),
            write_batches: load(&self.write_batches),
            write_operations: load(&self.write_operations),
            write_batch_max: load(&self.write_batch_max),
            write_failures: load(&self.write_failures),
            read_batches: load(&self.read_batches),
            read_operations: load(&self.read_operations),
            commits: load(&self.commits),
            commit_sum: Duration::from_micros(load(&self.commit_sum_us)),
            commit_max: Duration::from_micros(load(&self.commit_max_us)),
            purged: load(&self.purged),
            failed: self.failed.load(Ordering::Relaxed),
            clock_ahead_ms: self.clock_ahead_ms.load(Ordering::Relaxed),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
