//! What a database server can answer, sorted by what has to follow.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::StoreError;

/// A failure below the store.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another transaction was first. Nothing of this one is left: decide again.
    Conflict,
    /// A row's partition is not there yet, or may go too early.
    Partition,
    /// The connection ended before a commit was asked for: nothing became durable.
    Disconnected(String),
    /// The server cannot now: no space, no connection to spare, shutting down, too slow.
    Unavailable(String),
    /// A commit was asked for and its answer is lost, or the server warned about it.
    Unknown(String),
    /// The server does not take a value or a statement. It never will.
    Refused(String),
    /// A row is not what this program writes.
    Row(StoreError),
}

impl Fault {
    /// Whether the connection may not be used again.
    pub(super) fn breaks(&self) -> bool {
        matches!(self, Self::Disconnected(_) | Self::Unavailable(_) | Self::Unknown(_))
    }

    /// The same failure after a commit was asked for.
    pub(super) fn while_committing(self) -> Self {
        match self {
            Self::Disconnected(why) => Self::Unknown(why),
            other => other,
        }
    }
}

/// Only codes and the driver's words: the server's own messages can repeat values.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let Some(state) = error.code() else {
            return Self::Disconnected(format!("no connection to the database: {}", why(&error)));
        };
        let code = state.code();
        let told = |what: &str| format!("{what} (SQLSTATE {code})");
        match *state {
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::UNIQUE_VIOLATION
            | SqlState::LOCK_NOT_AVAILABLE => Self::Conflict,
            // The only checks there are: those of partitions.
            SqlState::CHECK_VIOLATION => Self::Partition,
            SqlState::DISK_FULL => Self::Unavailable("no space is left".to_owned()),
            SqlState::TOO_MANY_CONNECTIONS => {
                Self::Unavailable(told("the database has no connection to spare"))
            }
            SqlState::QUERY_CANCELED => Self::Unavailable(told("the database took too long")),
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
                Self::Disconnected(told("the database gave the connection up"))
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Disconnected(told("the database is a standby"))
            }
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
                Self::Disconnected(told("the database is not running"))
            }
            _ => match code.get(..2) {
                Some("08") => Self::Disconnected(told("the connection failed")),
                Some("53" | "57" | "58" | "XX" | "28" | "3D" | "42") => {
                    Self::Unavailable(told("the database refused"))
                }
                _ => Self::Refused(told("the database does not take this")),
            },
        }
    }
}

/// The causes of an error that did not come from the server, the outermost first.
fn why(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Row(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict => Self::Conflict,
            Fault::Partition => Self::unavailable("a partition is missing"),
            Fault::Disconnected(why) | Fault::Unavailable(why) => Self::Unavailable(why),
            Fault::Unknown(why) => Self::Unavailable(format!("a commit's answer was lost: {why}")),
            Fault::Refused(why) => Self::Inconsistent(why),
            Fault::Row(error) => error,
        }
    }
}
