//! Copies one store into another, whichever backends they have.
//!
//! The rows travel as types, page by page in the order of their keys, so neither side knows the
//! other's tables. Both sides are a [`Side`]; each backend implements it with its own SQL.
//!
//! Invariants:
//! * the destination's table `copying` says how far each table came, and is written in the transaction
//!   of the rows it speaks of: a copy that ends anywhere goes on there. As long as the table is there
//!   the store does not open: half a store is none;
//! * nothing is overwritten: a copy begins in an empty store only, and rows are inserted, never put;
//! * what was copied is believed only once both sides were read again and their rows agree.
//!
//! | room | what it does |
//! |---|---|
//! | `run` | goes through the tables, then compares |
//! | `table` | the tables: their names, rows, keys |
//! | `checksum` | rows as bytes that do not depend on a backend, and their sums |

mod checksum;
mod run;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::StoreError;
use crate::options::Options;
use crate::{postgres, sqlite, store};

pub use self::run::{Copied, Ended, Progress, Stage};
pub use self::table::Table;
pub(crate) use self::table::{Bounds, Cursor, Row};

/// The most rows of one page, and so of one transaction. (Lines of one number are not torn apart.)
pub(crate) const PAGE_ROWS: i64 = 2000;

/// How long one statement may take: counting the rows of a large table does.
const STATEMENT: Duration = Duration::from_secs(600);

/// The table that says how far a copy came, in the destination. Its row `source` has the identity of
/// the store that is copied.
pub(crate) const SOURCE: &str = "source";

/// How far a table came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) cursor: Cursor,
    pub(crate) rows: u64,
    pub(crate) done: bool,
}

/// Where a copy stands, as its destination knows it.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The identity of the store it comes from.
    pub(crate) source: Vec<u8>,
    /// In the order of [`Table::ALL`].
    pub(crate) marks: Vec<(Table, Mark)>,
}

/// One of the two stores. What it returns in pages is complete: every row after the cursor, in the
/// order of keys, up to the last of the page; an empty page is the end.
pub(crate) trait Side: Send {
    /// Tells this store from every other, whatever name it was found by.
    fn identity(&self) -> String;
    fn registry_version(&mut self) -> Result<u64, StoreError>;
    /// Whether a program of ours uses the store besides us, as far as that can be seen.
    fn is_used(&mut self) -> Result<bool, StoreError>;
    fn has_rows(&mut self, table: Table) -> Result<bool, StoreError>;
    fn count(&mut self, table: Table) -> Result<u64, StoreError>;
    fn page(&mut self, table: Table, after: &Cursor) -> Result<Vec<Row>, StoreError>;

    /// The copy into this store that has not ended, if there is one.
    fn standing(&mut self) -> Result<Option<Standing>, StoreError>;
    fn begin(&mut self, source: &str) -> Result<(), StoreError>;
    /// Inserts a page and moves the table's mark, both or neither. Fails if the mark is not `before`.
    fn put(
        &mut self,
        table: Table,
        rows: Vec<Row>,
        before: &Mark,
        after: &Mark,
    ) -> Result<(), StoreError>;
    /// Forgets that there was a copy.
    fn finish(&mut self) -> Result<(), StoreError>;
}

/// Which of the two stores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// The one that is read.
    From,
    /// The one that is written.
    To,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::From => "the source",
            Self::To => "the destination",
        })
    }
}

/// Why a copy did not come to its end. No message repeats a URL.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the stores failed.
    #[error("{0}: {1}")]
    Store(Which, StoreError),
    /// Nothing can be copied onto itself.
    #[error("source and destination are the same store")]
    Same,
    /// Someone else is there.
    #[error("{0} is in use: stop every server and command that uses it, then try again")]
    InUse(Which),
    /// Nothing is overwritten.
    #[error(
        "the destination has rows already (table {0}) and no copy under way: nothing is \
         overwritten, copy into an empty database or a new file"
    )]
    NotEmpty(Table),
    /// Another copy was begun.
    #[error(
        "the destination holds an unfinished copy of another store: finish that one, or use an \
         empty database or a new file"
    )]
    OtherSource,
    /// Half a store.
    #[error("the source is itself the destination of an unfinished copy: finish that one first")]
    Unfinished,
    /// Tables of another version.
    #[error(
        "the source has schema version {present}, this program {newest}: they have to be the same \
         (`twinpath migrate` brings an older one up to date)"
    )]
    Version {
        /// The source's.
        present: u32,
        /// This program's.
        newest: u32,
    },
    /// The two sides differ at the end.
    #[error(
        "table {table} differs: {from} rows in the source, {to} in the destination{}. Most likely \
         something wrote to one of the stores meanwhile. The destination cannot be used: stop all \
         that uses either store, empty the destination and copy again",
        if from == to { ", of other content" } else { "" }
    )]
    Mismatch {
        /// The first that differs.
        table: Table,
        /// Rows there.
        from: u64,
        /// Rows here.
        to: u64,
    },
    /// Apps or signing keys changed, or a server was started.
    #[error(
        "the source changed while it was copied. The destination cannot be used: stop all that \
         uses the source, empty the destination and copy again"
    )]
    Changed,
}

/// A copy from one store to another. Neither may be used by a server meanwhile.
pub struct Transfer {
    from: Box<dyn Side>,
    to: Box<dyn Side>,
    marks: Vec<(Table, Mark)>,
    registry_version: u64,
    resumed: bool,
}

impl Transfer {
    /// Opens both stores, by URLs as [`crate::Store::open`] takes them, and begins a copy or takes up
    /// the one that was begun. The destination's tables are made if it has none. Blocks, as does
    /// [`Transfer::run`]: neither is to be called on an async thread. Lines of the audit trail are
    /// all copied; a server's destination keeps them for `audit_days` from their time.
    pub fn open(from: &str, to: &str, audit_days: u32) -> Result<Self, TransferError> {
        if let (Some(from), Some(to)) = (file(from), file(to))
            && sqlite::identity(&from) == sqlite::identity(&to)
        {
            return Err(TransferError::Same);
        }
        let mut from = open(Which::From, from, audit_days)?;
        let mut to = open(Which::To, to, audit_days)?;
        if from.identity() == to.identity() {
            return Err(TransferError::Same);
        }
        let of_from = |error| TransferError::Store(Which::From, error);
        let of_to = |error| TransferError::Store(Which::To, error);
        if from.standing().map_err(of_from)?.is_some() {
            return Err(TransferError::Unfinished);
        }
        let source = from.identity();
        let (standing, resumed) = match to.standing().map_err(of_to)? {
            Some(standing) if standing.source == source.as_bytes() => (standing, true),
            Some(_) => return Err(TransferError::OtherSource),
            None => (begin(&mut *to, &source)?, false),
        };
        let registry_version = from.registry_version().map_err(of_from)?;
        Ok(Self { from, to, marks: standing.marks, registry_version, resumed })
    }

    /// Whether an earlier run began this copy.
    pub fn resumed(&self) -> bool {
        self.resumed
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("resumed", &self.resumed).finish_non_exhaustive()
    }
}

/// Begins where nothing is.
fn begin(to: &mut dyn Side, source: &str) -> Result<Standing, TransferError> {
    let failed = |error| TransferError::Store(Which::To, error);
    for table in Table::ALL {
        if to.has_rows(table).map_err(failed)? {
            return Err(TransferError::NotEmpty(table));
        }
    }
    to.begin(source).map_err(failed)?;
    let lost = || failed(StoreError::inconsistent("a copy that began is gone"));
    to.standing().map_err(failed)?.ok_or_else(lost)
}

fn open(which: Which, url: &str, audit_days: u32) -> Result<Box<dyn Side>, TransferError> {
    let options = Options { statement_timeout: STATEMENT, audit_days, ..Options::default() };
    let failed = |error| TransferError::Store(which, error);
    let mut side: Box<dyn Side> = if postgres::serves(url) {
        Box::new(postgres::PostgresSide::open(url, &options, which)?)
    } else {
        let path = store::sqlite_path(url).map_err(failed)?;
        Box::new(sqlite::SqliteSide::open(path, options, which)?)
    };
    if side.is_used().map_err(failed)? {
        return Err(TransferError::InUse(which));
    }
    Ok(side)
}

/// The file of an embedded database.
fn file(url: &str) -> Option<PathBuf> {
    url.strip_prefix("sqlite://").map(|path| Path::new(path).to_owned())
}

/// The rows of `copying` as a backend read them: part, mark, rows, done.
pub(crate) fn standing(parts: Vec<(String, Vec<u8>, i64, bool)>) -> Result<Standing, StoreError> {
    let malformed = || StoreError::inconsistent("malformed row in table copying");
    let (mut source, mut marks) = (None, Vec::new());
    for (part, mark, rows, done) in parts {
        if part == SOURCE {
            source = Some(mark);
            continue;
        }
        let table = Table::named(&part).ok_or_else(malformed)?;
        let rows = u64::try_from(rows).map_err(|_| malformed())?;
        marks.push((table, Mark { cursor: Cursor(mark), rows, done }));
    }
    marks.sort_by_key(|(table, _)| *table);
    let complete = marks.iter().map(|(table, _)| *table).eq(Table::ALL);
    let source = source.filter(|_| complete).ok_or_else(malformed)?;
    Ok(Standing { source, marks })
}

/// Another run took the copy over.
pub(crate) fn overtaken() -> StoreError {
    StoreError::inconsistent("another run of the same copy is under way")
}

/// What [`crate::Store::open`] says of a store that is the destination of a copy.
pub(crate) fn unfinished() -> StoreError {
    StoreError::inconsistent(
        "a copy into this store was begun and has not ended: run `twinpath copy` again to its end",
    )
}
