//! The handle that callers hold.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, oneshot};
use twinpath_core::ids::{AccountId, ClientId, CodeKey, Digest, Timestamp};
use twinpath_core::records::{Account, App, Instance, Note, NoteKind};
use twinpath_core::transaction::Operation;

use crate::audit::AuditLine;
use crate::error::StoreError;
use crate::job::{Reply, Ticket};
use crate::lane::Lane;
use crate::nodes::{Hint, NodeWork, Nodes, Standing};
use crate::options::Options;
use crate::postgres;
use crate::sqlite;
use crate::stats::{Counters, Stats, add};
use crate::work::{Chore, Listing, ReadWork, WriteWork};

/// Rows that one purge transaction deletes: small, so that an authorization waits for a few
/// milliseconds at most.
const PURGE_BATCH: usize = 256;

/// A database. Clones share it; dropping the last one finishes what was accepted, and blocks for
/// that long: on an async thread prefer [`Store::close`] before.
///
/// What was accepted is carried out even if the caller stops waiting for it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Versions of tables; see [`Store::versions`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Versions {
    /// The database's. 0: it has no tables yet.
    pub present: u32,
    /// What this program would make of it.
    pub newest: u32,
}

/// Fields are dropped in this order: readers first, so that the writer can empty the log.
struct Inner {
    reads: Lane<ReadWork>,
    writes: Lane<WriteWork>,
    nodes: Option<Nodes>,
    counters: Arc<Counters>,
    schema_version: u32,
}

impl Store {
    /// Opens a database, makes it if there is none, and migrates an older one.
    ///
    /// `sqlite:///absolute/path.db` or `sqlite://relative/path.db`; the path is taken literally. Or
    /// `postgres://user:password@host:port/database`, with the parameters that `docs/operations.md`
    /// lists. Blocks for the time it takes.
    pub fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let counters = Arc::new(Counters::default());
        if postgres::serves(url) {
            let postgres::Opened { reads, writes, nodes, schema_version } =
                in_thread(|| postgres::open(url, options, &counters))?;
            let nodes = Some(nodes);
            let inner = Inner { reads, writes, nodes, counters, schema_version };
            return Ok(Self { inner: Arc::new(inner) });
        }
        let path = sqlite_path(url)?;
        let sqlite::Opened { reads, writes, schema_version } =
            sqlite::open(path, options, &counters)?;
        Ok(Self { inner: Arc::new(Inner { reads, writes, nodes: None, counters, schema_version }) })
    }

    /// The version of a database's tables, 0 if it has none, and the version that this program makes.
    /// Changes nothing.
    pub fn versions(url: &str, options: &Options) -> Result<Versions, StoreError> {
        let (present, newest) = if postgres::serves(url) {
            in_thread(|| postgres::versions(url, options))?
        } else {
            sqlite::versions(&sqlite_path(url)?)?
        };
        Ok(Versions { present, newest })
    }

    /// Copies an embedded database, as it is at one moment, into a new file, while its server goes on.
    /// Blocks for the time it takes. A database server has tools of its own for this.
    pub fn back_up(url: &str, to: &Path) -> Result<(), StoreError> {
        if postgres::serves(url) {
            return Err(StoreError::unavailable("PostgreSQL is backed up by its own pg_dump"));
        }
        sqlite::back_up(&sqlite_path(url)?, to)
    }

    /// Runs an operation, together with others that wait. Answers when all it led to is durable.
    pub async fn run<O: Operation>(&self, operation: O) -> Result<O::Outcome, StoreError> {
        self.write(|reply| WriteWork::Operation(Box::new(Ticket::new(operation, reply)))).await
    }

    /// Runs an operation that only reads, on a snapshot that has everything acknowledged before.
    /// One that wants to write is [`StoreError::Inconsistent`].
    pub async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StoreError> {
        self.query(|reply| ReadWork::Operation(Box::new(Ticket::new(operation, reply)))).await
    }

    /// Registered apps by `client_id`, after the one given; at most `limit`, at most 1000.
    pub async fn apps(
        &self,
        after: Option<ClientId>,
        limit: usize,
    ) -> Result<Vec<App>, StoreError> {
        self.list(|reply| Listing::Apps { after, limit, reply }).await
    }

    /// The installations of an app by their thumbprints, after the one given; at most `limit`, at most
    /// 1000.
    pub async fn instances(
        &self,
        client_id: ClientId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Instance>, StoreError> {
        self.list(|reply| Listing::Instances { client_id, after, limit, reply }).await
    }

    /// The notes of a kind in the order of their `listed_at` and keys: after the time and key given, up to
    /// `until`; at most `limit`, at most 1000.
    pub async fn notes(
        &self,
        kind: NoteKind,
        after: (Timestamp, Digest),
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Note>, StoreError> {
        self.list(|reply| Listing::Notes { kind, after, until, limit, reply }).await
    }

    /// The audit trail in order, after the line given (0: from its beginning); at most `limit`, at
    /// most 1000.
    pub async fn audit(&self, after: i64, limit: usize) -> Result<Vec<AuditLine>, StoreError> {
        self.list(|reply| Listing::Audit { after, limit, reply }).await
    }

    /// The end of the audit trail, in order; at most `limit`, at most 1000.
    pub async fn audit_newest(&self, limit: usize) -> Result<Vec<AuditLine>, StoreError> {
        self.list(|reply| Listing::AuditNewest { limit, reply }).await
    }

    /// An account by its id alone.
    pub async fn find_account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.list(|reply| Listing::FindAccount { id, reply }).await
    }

    /// A number that grows with every change of apps or signing keys, by whichever process: cheaper
    /// to ask than to read them again.
    pub async fn registry_version(&self) -> Result<u64, StoreError> {
        self.list(Listing::RegistryVersion).await
    }

    /// Deletes up to `limit` rows that need not be kept at `now`; returns how many. Goes through the
    /// writer in small transactions, each behind the operations that wait.
    pub async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut purged = 0;
        while purged < limit {
            let limit = (limit - purged).min(PURGE_BATCH);
            let work = |reply| WriteWork::Other(Chore::Purge { now, limit, reply });
            let (count, more) = self.write(work).await?;
            purged += count;
            if !more {
                break;
            }
        }
        Ok(purged)
    }

    /// Makes a small write durable: whether operations would be acknowledged now.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.write(|reply| WriteWork::Other(Chore::Ping(reply))).await
    }

    /// Whether other nodes may use the same database at the same time.
    pub fn is_shared(&self) -> bool {
        self.inner.nodes.is_some()
    }

    /// What nodes did, this one included, as they tell it. `None` if the database is not shared, and
    /// for all but the first caller. Hints may be lost; see [`Store::look`].
    pub fn hints(&self) -> Option<mpsc::Receiver<Hint>> {
        let nodes = self.inner.nodes.as_ref()?;
        nodes.hints.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says that a request waits for a code here, until a time; tells how other nodes stand to it.
    /// From now on, and if the code is recorded already, a [`Hint::Code`] comes.
    pub async fn wait_for(&self, code: CodeKey, until: Timestamp) -> Result<Standing, StoreError> {
        match &self.inner.nodes {
            Some(nodes) => nodes.ask(|reply| NodeWork::Wait { code, until, reply }).await,
            None => Ok(Standing::default()),
        }
    }

    /// Says that a poll for a code was answered here, with which interval: nobody waits any more.
    pub fn answered(&self, code: CodeKey, at: Timestamp, interval_s: u64) {
        if let Some(nodes) = &self.inner.nodes {
            nodes.tell(NodeWork::Answered { code, at, interval_s });
        }
    }

    /// The safety net under [`Store::hints`]: looks for codes that are waited for here, each until a
    /// time. A [`Hint::Code`] comes for those that are recorded. To be called every second or so.
    pub fn look(&self, codes: Vec<(CodeKey, Timestamp)>) {
        if let Some(nodes) = &self.inner.nodes
            && !codes.is_empty()
        {
            nodes.tell(NodeWork::Look(codes));
        }
    }

    /// Publishes this node's counts, replacing those published before, and returns the sums of what
    /// the other nodes published in the last few seconds.
    pub async fn tally(&self, mine: Vec<(Digest, u32)>) -> Result<Vec<(Digest, u32)>, StoreError> {
        match &self.inner.nodes {
            Some(nodes) => nodes.ask(|reply| NodeWork::Tally { mine, reply }).await,
            None => Ok(Vec::new()),
        }
    }

    /// Figures for metrics.
    pub fn stats(&self) -> Stats {
        let Inner { reads, writes, counters, .. } = &*self.inner;
        counters.snapshot(writes.depth(), reads.depth())
    }

    /// The version of the tables.
    pub fn schema_version(&self) -> u32 {
        self.inner.schema_version
    }

    /// Accepts nothing more from any handle, finishes what was accepted, empties the log into the
    /// database and ends the threads.
    pub async fn close(&self) {
        self.inner.reads.close().await;
        self.inner.writes.close().await;
    }

    async fn list<T>(&self, listing: impl FnOnce(Reply<T>) -> Listing) -> Result<T, StoreError> {
        self.query(|reply| ReadWork::Other(listing(reply))).await
    }

    async fn query<T>(&self, work: impl FnOnce(Reply<T>) -> ReadWork) -> Result<T, StoreError> {
        self.submit(&self.inner.reads, work).await
    }

    async fn write<T>(&self, work: impl FnOnce(Reply<T>) -> WriteWork) -> Result<T, StoreError> {
        self.submit(&self.inner.writes, work).await
    }

    async fn submit<W: Send + 'static, T>(
        &self,
        lane: &Lane<W>,
        work: impl FnOnce(Reply<T>) -> W,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        lane.submit(work(reply)).inspect_err(|_| add(&self.inner.counters.refused, 1))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("it stopped")))
    }
}

/// On a thread of its own, because the caller's may belong to an async runtime.
fn in_thread<T: Send>(
    work: impl FnOnce() -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    std::thread::scope(|scope| {
        let stopped = |_| Err(StoreError::unavailable("opening it panicked"));
        scope.spawn(work).join().unwrap_or_else(stopped)
    })
}

/// The file that a URL names. The message repeats no more than the scheme: a URL may hold a password.
pub(crate) fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
    let supported = "supported are sqlite:///absolute/path.db, sqlite://relative/path.db and \
        postgres://user@host/database";
    let refuse = |why: &str| Err(StoreError::Unavailable(format!("{why}; {supported}")));
    let Some((scheme, path)) = url.split_once("://") else {
        return refuse("the store's URL has no scheme");
    };
    if scheme != "sqlite" {
        return refuse(&format!("the store's URL has the unknown scheme {scheme:?}"));
    }
    if path.is_empty() || path.ends_with('/') {
        return refuse("the store's URL names no file");
    }
    if path.contains(['?', '#']) {
        return refuse("the store's URL has parameters");
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_files() {
        assert_eq!(sqlite_path("sqlite:///var/lib/t.db"), Ok(PathBuf::from("/var/lib/t.db")));
        assert_eq!(sqlite_path("sqlite://data/t.db"), Ok(PathBuf::from("data/t.db")));
    }

    #[test]
    fn other_urls_are_refused_without_repeating_them() {
        let bad = ["mysql://me:hunter2@db/x", "t.db", "sqlite://", "sqlite:///d/", "sqlite://a?b"];
        for url in bad {
            let message = sqlite_path(url).unwrap_err().to_string();
            assert!(message.contains("sqlite:///absolute/path.db"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
