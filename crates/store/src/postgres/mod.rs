//! The shared backend: any number of nodes on one PostgreSQL. Writers and readers are threads, each
//! with a connection; one more connection is the line to the other nodes. Only this room sees the
//! driver.

mod clock;
mod connection;
mod fault;
mod flush;
mod list;
mod load;
mod nodes;
mod partitions;
mod purge;
mod reader;
mod rows;
mod schema;
mod target;
mod transfer;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use self::clock::NodeClock;
use self::connection::Session;
use self::fault::Fault;
use self::reader::Reader;
use self::target::Target;
pub(crate) use self::transfer::PostgresSide;
use self::writer::Writer;
use crate::error::StoreError;
use crate::lane::{Lane, Worker};
use crate::nodes::Nodes;
use crate::options::Options;
use crate::stats::Counters;
use crate::work::{ReadWork, WriteWork};

/// What waits to be told to other nodes at most.
const TOLD_LIMIT: usize = 8192;
/// Beyond this many milliseconds a node's own clock is worth a warning.
const SKEW_MS: i64 = 2_000;

/// Everything that serves one database.
pub(crate) struct Opened {
    pub(crate) reads: Lane<ReadWork>,
    pub(crate) writes: Lane<WriteWork>,
    pub(crate) nodes: Nodes,
    pub(crate) schema_version: u32,
}

/// What all threads of one store share.
struct Shared {
    target: Target,
    options: Options,
    clock: NodeClock,
    counters: Arc<Counters>,
    /// A commit's fate is unknown, and nothing behind it is known to be durable yet.
    unsure: AtomicBool,
}

impl Shared {
    /// Whether a commit that the server just reported can be believed: it warns if someone ended its
    /// wait for a standby.
    fn confirmed(&self, session: &Session) -> Result<(), Fault> {
        if session.warned() {
            return Err(Fault::Unknown("the database warned while it committed".to_owned()));
        }
        self.unsure.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn connect(&self) -> Result<Session, Fault> {
        let session = Session::connect(&self.target, &self.options).await?;
        session.read_clock(&self.clock).await?;
        Ok(session)
    }

    fn is_failed(&self) -> bool {
        self.counters.failed.load(Ordering::Relaxed)
    }

    fn failed(&self, fault: &Fault) {
        if !self.counters.failed.swap(true, Ordering::Relaxed) {
            tracing::error!(?fault, "the store failed");
        }
    }

    /// Decisions use the database's time; whatever else this node stamps uses its own.
    fn note_skew(&self) {
        let ahead = self.clock.ahead();
        let before = self.counters.clock_ahead_ms.swap(ahead, Ordering::Relaxed);
        if ahead.abs() > SKEW_MS && before.abs() <= SKEW_MS {
            tracing::warn!(ahead_ms = ahead, "the database's clock and ours differ: check NTP");
        }
    }
}

/// Whether a URL is for this backend.
pub(crate) fn serves(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Opens the database, makes or migrates its tables as far as the options say, and starts threads.
/// Blocks; not to be called on an async thread.
pub(crate) fn open(
    url: &str,
    options: Options,
    counters: &Arc<Counters>,
) -> Result<Opened, StoreError> {
    let target = Target::parse(url)?;
    let schema_version = new_runtime()?.block_on(schema::migrate(&target, &options))?;
    let (clock, unsure) = (NodeClock::new(&options), AtomicBool::new(false));
    let shared =
        Arc::new(Shared { target, options, clock, counters: Arc::clone(counters), unsure });
    new_runtime()?.block_on(prepare(&shared))?;
    let (work, told) = mpsc::channel(TOLD_LIMIT);
    let (heard, hints) = mpsc::channel(TOLD_LIMIT);
    let (line, runtime) = (Arc::clone(&shared), new_runtime()?);
    thread::Builder::new()
        .name("store-nodes".to_owned())
        .spawn(move || runtime.block_on(nodes::run(line, told, heard)))
        .map_err(|error| StoreError::unavailable(format!("no thread: {error}")))?;
    let writers = (0..shared.options.writers.max(1)).map(|_| {
        let (writer, runtime) = (Writer::new(&shared, work.clone()), new_runtime()?);
        Ok(Box::new(move |queue: &_| writer.run(&runtime, queue)) as Worker<WriteWork>)
    });
    let writers = writers.collect::<Result<Vec<_>, StoreError>>()?;
    let readers = (0..shared.options.readers.max(1)).map(|_| {
        let (reader, runtime) = (Reader::new(&shared), new_runtime()?);
        Ok(Box::new(move |queue: &_| reader.run(&runtime, queue)) as Worker<ReadWork>)
    });
    let readers = readers.collect::<Result<Vec<_>, StoreError>>()?;
    let limit = shared.options.queue_limit;
    Ok(Opened {
        writes: Lane::start("store-writer", limit, writers)?,
        reads: Lane::start("store-reader", limit, readers)?,
        nodes: Nodes { work, hints: std::sync::Mutex::new(Some(hints)) },
        schema_version,
    })
}

/// The version of the database's tables, 0 if there are none; and this program's. Changes nothing.
/// Blocks; not to be called on an async thread.
pub(crate) fn versions(url: &str, options: &Options) -> Result<(u32, u32), StoreError> {
    let target = Target::parse(url)?;
    new_runtime()?.block_on(async {
        let session = Session::connect(&target, options).await?;
        Ok((schema::version(&session).await?.0, schema::newest(options)))
    })
}

/// Makes the partitions of today and tells what an operator should know.
async fn prepare(shared: &Shared) -> Result<(), StoreError> {
    let session = shared.connect().await?;
    let wanted = partitions::ahead(shared.clock.now(), shared.options.audit_days);
    partitions::ensure(&session, &wanted).await?;
    transfer::refuse_unfinished(&session).await?;
    let settings = "SELECT current_setting('fsync') = 'on', \
        current_setting('full_page_writes') = 'on', \
        current_setting('synchronous_standby_names') <> ''";
    let rows = session.ask(settings, &[]).await?;
    if let Some(row) = rows.first() {
        let on = |column: usize| row.try_get(column).unwrap_or(false);
        if !on(0) || !on(1) {
            tracing::warn!("fsync or full_page_writes is off: a power cut loses what was answered");
        }
        if !on(2) {
            tracing::info!("no synchronous standby: the database's disk is the only copy");
        }
    }
    Ok(())
}

/// For one thread's connection.
fn new_runtime() -> Result<Runtime, StoreError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::unavailable(format!("no runtime: {error}")))
}
