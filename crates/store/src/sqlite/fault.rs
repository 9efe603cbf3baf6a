//! What `SQLite` can answer, sorted by what has to follow.

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// A failure below the store.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another process holds the lock.
    Busy,
    /// No space. Nothing is damaged: the next transaction may find space again.
    Full,
    /// A row is not what this program writes.
    Row(StoreError),
    /// Anything else. What the file holds is uncertain until a new connection has proved itself.
    Broken(String),
}

impl Fault {
    /// Whether the connection may not be used again.
    pub(super) fn breaks(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            // These messages carry names of tables and columns and error codes, never values.
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Row(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::unavailable("another process is writing"),
            Fault::Full => Self::unavailable("no space is left"),
            Fault::Row(error) => error,
            Fault::Broken(why) => Self::Unavailable(why),
        }
    }
}
