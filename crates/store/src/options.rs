//! How a store is set up. Time and randomness come in here, so that tests and simulations own both.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twinpath_core::ids::Timestamp;
use twinpath_core::transaction::Random;

/// Tells the time of each decision.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Makes one random source for each thread that decides.
pub type RandomFactory = Arc<dyn Fn() -> Box<dyn Random + Send> + Send + Sync>;

/// When tables are brought to this program's version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Migrate {
    /// Whenever they are older.
    Always,
    /// Only where there are none yet; older ones are refused.
    IfEmpty,
}

/// How a store is set up. Start from [`Options::default`].
#[derive(Clone)]
pub struct Options {
    /// The clock of decisions. `None`: the database server's, so that all nodes share one; for an
    /// embedded database the system's.
    pub clock: Option<Clock>,
    /// Randomness; the operating system's unless told otherwise.
    pub random: RandomFactory,
    /// Connections that write, each with a thread, at least 1. `SQLite` has one whatever this says.
    pub writers: usize,
    /// Connections that read, each with a thread, at least 1.
    pub readers: usize,
    /// Most operations in one transaction, at least 1.
    pub max_batch: usize,
    /// Most operations waiting in each of the two queues; one more is refused at once.
    pub queue_limit: usize,
    /// How long a batch waits for another process that writes to the same database, or for a
    /// database server that does not answer, before it is given up.
    pub busy_timeout: Duration,
    /// How long one statement may take on a database server, before the server cancels it.
    pub statement_timeout: Duration,
    /// Whether tables of an older version are brought up to date when a database server's are opened.
    /// `SQLite`'s always are: it has no other users.
    pub migrate: Migrate,
    /// For how many days lines of the audit trail are kept.
    pub audit_days: u32,
    /// Page cache of each connection, in KiB.
    pub cache_kib: u32,
    /// Bytes of the database that are memory-mapped; 0 for none.
    pub mmap_bytes: u64,
    /// For rehearsals of a rolling upgrade: be the next version of the program, whose tables have one
    /// more column. PostgreSQL only.
    #[doc(hidden)]
    pub next_schema: bool,
    /// For tests of a full disk: the most pages the database may have, read before each write.
    #[doc(hidden)]
    pub page_limit: Option<Arc<AtomicU32>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: None,
            random: Arc::new(|| Box::new(SystemRandom)),
            writers: 4,
            readers: 2,
            max_batch: 512,
            queue_limit: 8192,
            busy_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            migrate: Migrate::Always,
            audit_days: 400,
            cache_kib: 64 * 1024,
            // Measured: no gain, and an I/O error on a mapped page is a signal, not an error code.
            mmap_bytes: 0,
            next_schema: false,
            page_limit: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("readers", &self.readers)
            .field("max_batch", &self.max_batch)
            .field("queue_limit", &self.queue_limit)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The clock told, or the system's.
    pub(crate) fn local_clock(&self) -> Clock {
        self.clock.clone().unwrap_or_else(|| Arc::new(system_time))
    }
}

pub(crate) fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The operating system's random source.
struct SystemRandom;

impl Random for SystemRandom {
    /// Predictable bytes would be worse than a panic; the executor fails the operation alone.
    fn fill(&mut self, bytes: &mut [u8]) {
        let filled = aws_lc_rs::rand::fill(bytes);
        assert!(filled.is_ok(), "no randomness from the operating system");
    }
}
