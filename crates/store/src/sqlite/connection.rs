//! Opening the file, and transactions on it.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use crate::error::StoreError;
use crate::options::Options;

/// Prepared statements kept by each connection; there are about thirty.
const STATEMENTS: usize = 64;

/// How long one try for the write lock lasts. `SQLite` asks again after 1, 2, 5, 10 ... 100 ms; a
/// fresh try begins with the short waits again. So the lock is asked for every few milliseconds, and
/// a command-line process finds its gap between the batches of a busy server.
const TRY: Duration = Duration::from_millis(10);

/// Where the database is and how connections to it are set up.
#[derive(Clone)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    pub(super) options: Options,
}

impl Database {
    /// Makes the file, readable by its owner only, unless it exists. `SQLite` gives the log and the
    /// shared index beside it the same permissions.
    pub(super) fn create_file(&self) -> Result<(), StoreError> {
        match self.create_new() {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                let path = self.path.display();
                Err(StoreError::unavailable(format!("cannot create {path}: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Makes the file, readable by its owner only. An error if it exists.
    pub(super) fn create_new(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)?;
        sync_directory(&self.path)
    }

    /// Makes durable what another connection wrote.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        sync_directory(&self.path)
    }

    pub(super) fn writer(&self) -> Result<Connection, Fault> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        logged(&connection)?;
        Ok(connection)
    }

    /// A writer that has the file to itself as long as it is open. [`Fault::Busy`] if anyone else has
    /// it open.
    pub(super) fn alone(&self) -> Result<Connection, Fault> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Before the file is looked at: in write-ahead mode it counts from the first look on.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        logged(&connection)?;
        begin(&connection, self.options.busy_timeout)?;
        commit(&connection, self.options.busy_timeout)?;
        Ok(connection)
    }

    pub(super) fn reader(&self) -> Result<Connection, Fault> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Applies the simulated size of the disk.
    pub(super) fn limit_pages(&self, connection: &Connection) -> Result<(), Fault> {
        if let Some(limit) = &self.options.page_limit {
            let limit = limit.load(Ordering::Relaxed);
            connection.pragma_update(None, "max_page_count", limit)?;
        }
        Ok(())
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, Fault> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(self.options.busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "cache_size", -i64::from(self.options.cache_kib))?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        let mapped = i64::try_from(self.options.mmap_bytes).unwrap_or(i64::MAX);
        connection.pragma_update(None, "mmap_size", mapped)?;
        Ok(connection)
    }
}

/// Has commits go through a write-ahead log, and reach the disk.
fn logged(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Fault::Broken(format!(
            "the file system allows no write-ahead log (journal mode {mode})"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 1000)?;
    Ok(())
}

/// Makes a new file's name durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Takes the write lock before anything is read: nothing read can be stale when it is written, and
/// no lock has to be upgraded halfway.
pub(super) fn begin(connection: &Connection, patience: Duration) -> Result<(), Fault> {
    connection.busy_timeout(TRY.min(patience))?;
    patiently(patience, || statement(connection, "BEGIN IMMEDIATE"))
}

/// Commits, and tells how long that took.
pub(super) fn commit(connection: &Connection, patience: Duration) -> Result<Duration, Fault> {
    let started = Instant::now();
    patiently(patience, || statement(connection, "COMMIT"))?;
    Ok(started.elapsed())
}

/// Ends a transaction without effect. `false` if even that failed.
pub(super) fn roll_back(connection: &Connection) -> bool {
    connection.is_autocommit() || statement(connection, "ROLLBACK").is_ok()
}

pub(super) fn statement(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Moves the whole log into the database and empties it.
pub(super) fn checkpoint(connection: &Connection, patience: Duration) -> Result<(), Fault> {
    patiently(patience, || {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        if busy == 0 { Ok(()) } else { Err(Fault::Busy) }
    })
}

/// Repeats what another process keeps from happening. Each try waits for the connection's own busy
/// timeout.
fn patiently<T>(patience: Duration, mut act: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    let started = Instant::now();
    loop {
        match act() {
            Err(Fault::Busy) if started.elapsed() < patience => {}
            other => return other,
        }
    }
}
