//! Tables, and how older ones become the present ones.
//!
//! Version `n` of a database is what the first `n` migrations made. Each runs in a transaction of its
//! own together with the new version number. A published migration is never edited: add another.
//!
//! Why the tables look like this:
//! * `STRICT`: a column holds its type or nothing. `WITHOUT ROWID` where the key is random bytes: the
//!   row lies in the one b-tree that is searched anyway, so a put dirties one page, not two;
//! * the only indexes serve `purge`, on `due`. A row's `due` is its `purge_at` *when it was inserted*,
//!   and later puts leave it alone (but for a grant that is revoked and a session
//!   that ended), so that consuming a code or rotating a token never touches the index; `purge` looks
//!   at the real `purge_at` and moves rows that have been extended. `due` keeps its milliseconds: with a constant time to live entries arrive in order and go to the right edge
//!   of the index. Rounded to ten minutes, they would be spread by their random key over every page
//!   of the present interval;
//! * columns are typed where rows are hot; an app, rarely read and often extended, is a document, and
//!   so are an authorization request and an app's installation, which nothing but their keys find.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::fault::Fault;
use crate::error::StoreError;

/// Every migration, in order, numbered from 1 without gaps.
pub(super) const MIGRATIONS: &[(u32, &str)] = &[(1, V1), (2, V2), (3, V3), (4, V4)];

const V1: &str = "
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('schema_version', 0), ('registry_version', 0), ('probe', 0);

CREATE TABLE code (
    key         BLOB PRIMARY KEY,
    terminal    BLOB NOT NULL,
    number      BLOB NOT NULL,
    route       TEXT NOT NULL,
    trust       INTEGER NOT NULL,
    words       BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    grant_id    BLOB,
    frozen      BLOB,
    purge_at    INTEGER NOT NULL,
    due         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX code_due ON code (due);

CREATE TABLE terminal (
    key        BLOB PRIMARY KEY,
    number     BLOB NOT NULL,
    account    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    proven_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    terminal   BLOB NOT NULL,
    id         BLOB NOT NULL,
    status     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (terminal, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    terminal   BLOB NOT NULL,
    id         BLOB NOT NULL,
    account    BLOB NOT NULL,
    client_id  TEXT NOT NULL,
    jkt        TEXT NOT NULL,
    scope      TEXT NOT NULL,
    resources  TEXT NOT NULL,
    auth_time  INTEGER NOT NULL,
    route      TEXT NOT NULL,
    trust      INTEGER NOT NULL,
    revoked_at INTEGER,
    sequence   INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    previous   BLOB,
    first      INTEGER NOT NULL,
    used       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    purge_at   INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    PRIMARY KEY (terminal, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_due ON grants (due);

CREATE TABLE quota (
    terminal BLOB NOT NULL,
    route    TEXT NOT NULL,
    texts    BLOB NOT NULL,
    purge_at INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    PRIMARY KEY (terminal, route)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_due ON quota (due);

CREATE TABLE jti (
    key      BLOB PRIMARY KEY,
    purge_at INTEGER NOT NULL,
    due      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jti_due ON jti (due);

CREATE TABLE app (
    client_id TEXT PRIMARY KEY,
    document  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_key (
    kid        TEXT PRIMARY KEY,
    private    BLOB NOT NULL,
    public     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    client_id TEXT,
    account   TEXT,
    grant_id  TEXT,
    route     TEXT,
    reason    TEXT
) STRICT;
";

/// Authorization requests on their way, sessions; what only some grants have; keys that are published
/// before they sign.
const V2: &str = "
ALTER TABLE grants ADD COLUMN terms TEXT;

ALTER TABLE signing_key ADD COLUMN signs_at INTEGER;

CREATE TABLE interaction (
    key      BLOB PRIMARY KEY,
    document TEXT NOT NULL,
    purge_at INTEGER NOT NULL,
    due      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX interaction_due ON interaction (due);

CREATE TABLE session (
    terminal   BLOB NOT NULL,
    id         BLOB NOT NULL,
    account    BLOB NOT NULL,
    cookie     BLOB NOT NULL,
    auth_time  INTEGER NOT NULL,
    route      TEXT NOT NULL,
    trust      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    expires_at INTEGER NOT NULL,
    purge_at   INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    PRIMARY KEY (terminal, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_due ON session (due);
";

const V3: &str = "
ALTER TABLE audit ADD COLUMN instance TEXT;
ALTER TABLE audit ADD COLUMN evidence TEXT;

CREATE TABLE instance (
    id       TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    purge_at INTEGER NOT NULL,
    due      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX instance_due ON instance (due);
";

/// Codes that wait for a confirmation; short-lived documents, some of them listed by kind and time.
const V4: &str = "
ALTER TABLE code ADD COLUMN confirmation INTEGER;

CREATE TABLE note (
    key       BLOB PRIMARY KEY,
    kind      TEXT NOT NULL,
    listed_at INTEGER,
    document  TEXT NOT NULL,
    purge_at  INTEGER NOT NULL,
    due       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX note_due ON note (due);
CREATE INDEX note_listed ON note (kind, listed_at) WHERE listed_at IS NOT NULL;
";

/// The version of this program's tables.
pub(super) fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |(number, _)| *number)
}

/// The version of a database's tables; 0 for an empty one. Changes nothing.
pub(super) fn present(connection: &Connection) -> Result<u32, Fault> {
    let present = version(connection)?;
    u32::try_from(present).map_err(|_| refuse(format!("schema version {present}")))
}

/// Brings a database to the newest version among `migrations`, and returns that. Refuses a newer
/// database, and one that is not ours.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[(u32, &str)],
) -> Result<u32, StoreError> {
    let newest = migrations.last().map_or(0, |(number, _)| *number);
    for (number, sql) in migrations {
        apply(connection, *number, newest, sql).map_err(StoreError::from)?;
    }
    Ok(newest)
}

/// Applies one migration unless it already is. The version is read under the write lock, because
/// another process may be migrating too.
fn apply(connection: &mut Connection, number: u32, newest: u32, sql: &str) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let present = version(&transaction)?;
    if present > i64::from(newest) {
        return Err(refuse(format!(
            "the database has schema version {present}, this program knows up to {newest}: \
             use a newer program"
        )));
    }
    if present >= i64::from(number) {
        return Ok(());
    }
    transaction.execute_batch(sql)?;
    transaction
        .execute("UPDATE meta SET value = ?1 WHERE name = 'schema_version'", [number])
        .map_err(Fault::from)?;
    transaction.commit()?;
    tracing::info!(version = number, "migrated the database");
    Ok(())
}

/// 0 for an empty database.
fn version(transaction: &Connection) -> Result<i64, Fault> {
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(0);
    }
    let foreign = || refuse("the file is a database of another program".to_owned());
    let ours: i64 = transaction.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'",
        [],
        |row| row.get(0),
    )?;
    if ours == 0 {
        return Err(foreign());
    }
    transaction
        .query_row("SELECT value FROM meta WHERE name = 'schema_version'", [], |row| row.get(0))
        .optional()
        .map_err(|_| foreign())?
        .ok_or_else(foreign)
}

fn refuse(why: String) -> Fault {
    Fault::Row(StoreError::Inconsistent(why))
}

#[cfg(test)]
mod tests;
