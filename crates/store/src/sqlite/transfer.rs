//! This backend as one side of a copy.
//!
//! It holds the file to itself: nothing can be using it when the copy begins, nor until it ends.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params, params};
use twinpath_core::ids::ClientId;

use super::connection::{Database, begin, commit, roll_back};
use super::fault::Fault;
use super::flush::flush;
use super::schema;
use crate::audit::AuditLine;
use crate::columns::select;
use crate::error::StoreError;
use crate::options::Options;
use crate::transfer::{
    Bounds, Cursor, Mark, PAGE_ROWS, Row, SOURCE, Side, Standing, Table, TransferError, Which,
    overtaken, standing, unfinished,
};
use crate::writes::WriteSet;

const COPYING: &str = "
CREATE TABLE copying (
    part TEXT PRIMARY KEY,
    mark BLOB NOT NULL,
    rows INTEGER NOT NULL,
    done INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// A file, open for a copy.
pub(crate) struct SqliteSide {
    database: Database,
    connection: Connection,
    identity: String,
}

/// A file's own name, however it was called.
pub(crate) fn identity(path: &Path) -> String {
    let file = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    format!("sqlite {}", file.display())
}

/// Refuses a database that is the destination of an unfinished copy.
pub(super) fn refuse_unfinished(connection: &Connection) -> Result<(), StoreError> {
    if is_copied_into(connection)? { Err(unfinished()) } else { Ok(()) }
}

fn is_copied_into(connection: &Connection) -> Result<bool, Fault> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'copying')";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

impl SqliteSide {
    /// Opens the file. A destination is made and gets its tables; a source is taken as it is.
    pub(crate) fn open(
        path: PathBuf,
        options: Options,
        which: Which,
    ) -> Result<Self, TransferError> {
        let failed = |error: StoreError| TransferError::Store(which, error);
        let database = Database { path, options };
        match which {
            Which::To => database.create_file().map_err(failed)?,
            Which::From if database.path.is_file() => {}
            Which::From => {
                let why = format!("there is no file {}", database.path.display());
                return Err(failed(StoreError::Unavailable(why)));
            }
        }
        let mut connection = database.alone().map_err(|fault| match fault {
            Fault::Busy => TransferError::InUse(which),
            fault => failed(fault.into()),
        })?;
        let newest = schema::newest();
        if which == Which::To {
            schema::migrate(&mut connection, schema::MIGRATIONS).map_err(failed)?;
        } else {
            let present = schema::present(&connection).map_err(|fault| failed(fault.into()))?;
            if present != newest {
                return Err(TransferError::Version { present, newest });
            }
        }
        let identity = identity(&database.path);
        Ok(Self { database, connection, identity })
    }

    fn transact(
        &mut self,
        body: impl FnOnce(&Connection) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        let patience = self.database.options.busy_timeout;
        let connection = &self.connection;
        let result = begin(connection, patience)
            .and_then(|()| body(connection))
            .and_then(|()| commit(connection, patience));
        if result.is_err() {
            roll_back(connection);
        }
        result.map(drop).map_err(StoreError::from)
    }

    fn ask(&self, sql: &str) -> Result<i64, StoreError> {
        let asked = self.connection.query_row(sql, [], |row| row.get(0));
        Ok(asked.map_err(Fault::from)?)
    }
}

impl Side for SqliteSide {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn registry_version(&mut self) -> Result<u64, StoreError> {
        let version = self.ask("SELECT value FROM meta WHERE name = 'registry_version'")?;
        Ok(u64::try_from(version).unwrap_or_default())
    }

    fn is_used(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn has_rows(&mut self, table: Table) -> Result<bool, StoreError> {
        Ok(self.ask(&format!("SELECT EXISTS (SELECT 1 FROM {table})"))? != 0)
    }

    fn count(&mut self, table: Table) -> Result<u64, StoreError> {
        let count = self.ask(&format!("SELECT count(*) FROM {table}"))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    fn page(&mut self, table: Table, after: &Cursor) -> Result<Vec<Row>, StoreError> {
        let (sql, most) = (select(table), PAGE_ROWS);
        Ok(match table.bounds(after)? {
            Bounds::Key(key) => many(&self.connection, table, sql, params![key, most]),
            Bounds::Pair(first, second) => {
                many(&self.connection, table, sql, params![first, second, most])
            }
            Bounds::Named(key, name) => {
                many(&self.connection, table, sql, params![key, name, most])
            }
            Bounds::Text(text) => many(&self.connection, table, sql, params![text, most]),
            Bounds::Number(number) => many(&self.connection, table, sql, params![number, most]),
        }?)
    }

    fn standing(&mut self) -> Result<Option<Standing>, StoreError> {
        if !is_copied_into(&self.connection)? {
            return Ok(None);
        }
        let read = || -> Result<_, rusqlite::Error> {
            let sql = "SELECT part, mark, rows, done FROM copying";
            let mut statement = self.connection.prepare(sql)?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect()
        };
        standing(read().map_err(Fault::from)?).map(Some)
    }

    fn begin(&mut self, source: &str) -> Result<(), StoreError> {
        self.transact(|connection| {
            connection.execute_batch(COPYING)?;
            let mut insert = connection.prepare("INSERT INTO copying VALUES (?1, ?2, 0, 0)")?;
            insert.execute(params![SOURCE, source.as_bytes()])?;
            for table in Table::ALL {
                insert.execute(params![table.name(), [0u8; 0]])?;
            }
            Ok(())
        })
    }

    fn put(
        &mut self,
        table: Table,
        rows: Vec<Row>,
        before: &Mark,
        after: &Mark,
    ) -> Result<(), StoreError> {
        const MOVE: &str = "UPDATE copying SET mark = ?2, rows = ?3, done = ?4 WHERE part = ?1 AND \
            mark = ?5 AND rows = ?6 AND done = ?7";
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        self.transact(|connection| {
            let mut writes = WriteSet::default();
            for row in rows {
                match row {
                    Row::Put(write) => writes.push(write),
                    Row::Line(line) => append(connection, &line)?,
                }
            }
            flush(connection, &writes)?;
            let moved = connection.prepare_cached(MOVE)?.execute(params![
                table.name(),
                after.cursor.0,
                count(after.rows),
                after.done,
                before.cursor.0,
                count(before.rows),
                before.done
            ])?;
            if moved == 1 { Ok(()) } else { Err(overtaken().into()) }
        })
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.transact(|connection| Ok(connection.execute_batch("DROP TABLE copying")?))
    }
}

fn many(
    connection: &Connection,
    table: Table,
    sql: &str,
    params: impl Params,
) -> Result<Vec<Row>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(table.parse(row)?);
    }
    Ok(all)
}

/// Lines are numbered anew, in the order in which they come.
fn append(connection: &Connection, line: &AuditLine) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO audit (at, kind, client_id, account, grant_id, route, reason, \
        instance, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let client_id = line.client_id.as_ref().map(ClientId::as_str);
    connection.prepare_cached(SQL)?.execute(params![
        line.at.0,
        line.kind,
        client_id,
        line.account,
        line.grant,
        line.route,
        line.reason,
        line.instance,
        line.evidence
    ])?;
    Ok(())
}

/// The columns are those of the parsers in `columns`.
fn select(table: Table) -> &'static str {
    match table {
        Table::SigningKeys => {
            select!(signing_key, "WHERE kid > ?1 ORDER BY kid LIMIT ?2")
        }
        Table::Instances => "SELECT id, document FROM instance WHERE id > ?1 ORDER BY id LIMIT ?2",
        Table::Apps => {
            "SELECT client_id, document FROM app WHERE client_id > ?1 ORDER BY client_id LIMIT ?2"
        }
        Table::Terminals => {
            "SELECT key, number, account, created_at, proven_at FROM terminal WHERE key > ?1 \
            ORDER BY key LIMIT ?2"
        }
        Table::Accounts => {
            select!(account, "WHERE (terminal, id) > (?1, ?2) ORDER BY terminal, id LIMIT ?3")
        }
        Table::Grants => {
            select!(grants, "WHERE (terminal, id) > (?1, ?2) ORDER BY terminal, id LIMIT ?3")
        }
        Table::Sessions => {
            select!(session, "WHERE (terminal, id) > (?1, ?2) ORDER BY terminal, id LIMIT ?3")
        }
        Table::Codes => {
            select!(code, "WHERE key > ?1 ORDER BY key LIMIT ?2")
        }
        Table::Quotas => {
            "SELECT terminal, route, texts FROM quota WHERE (terminal, route) > (?1, ?2) \
            ORDER BY terminal, route LIMIT ?3"
        }
        Table::Jtis => "SELECT key, purge_at FROM jti WHERE key > ?1 ORDER BY key LIMIT ?2",
        Table::Notes => select!(note, "WHERE key > ?1 ORDER BY key LIMIT ?2"),
        Table::Interactions => {
            "SELECT key, document FROM interaction WHERE key > ?1 ORDER BY key LIMIT ?2"
        }
        Table::Audit => {
            select!(audit, "WHERE id > ?1 ORDER BY id LIMIT ?2")
        }
    }
}
