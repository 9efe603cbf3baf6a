//! Tables, and how older ones become the present ones.
//!
//! Version `n` of a database is what the first `n` migrations made. Each runs in a transaction of its
//! own, together with the new version number, under a lock that only migrations take. A published
//! migration is never edited: add another. Two neighbouring versions of the program run side by side
//! on one database, so a migration only adds (a nullable column, a table, an index of a table that is
//! small), and what it replaces goes with a later one; `oldest_program` says from which
//! version on a program can still use the tables. No statement here may wait long for a lock.
//!
//! Why the tables look like this:
//! * every primary key begins with the column by which rows would be spread over machines: `terminal`
//!   for all that belongs to an account, the key itself for codes and identifiers. Nothing refers from
//!   one to the other, and there is no sequence;
//! * every write to rows of a terminal also writes its row in `terminal`. Two transactions that touch
//!   the same account therefore always meet in one row, and the later one is refused (SQLSTATE
//!   40001): snapshot isolation is enough. After an erasure the row stays for a while without content;
//! * what lives for hours is partitioned by time and dropped whole: deleting rows one by one leaves
//!   holes for VACUUM to find. `grants`, which live for months, keep an index on `due`: `purge_at` when
//!   the row was inserted. Later puts leave `due` alone unless the row goes earlier (it was revoked), so
//!   rotating a token touches no index;
//! * `waiting` and `tally` are courtesies between nodes: unlogged, lost with a crash, soon made again.

use super::connection::Session;
use super::fault::Fault;
use super::target::Target;
use crate::error::StoreError;
use crate::options::{Migrate, Options};

/// One step from a version to the next.
struct Migration {
    /// Numbered from 1 without gaps.
    number: u32,
    /// The oldest version of the program that can use the tables after this step.
    oldest_program: u32,
    sql: &'static str,
}

/// Every migration, in order; the last is the one that comes next, for rehearsals only.
const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, oldest_program: 1, sql: V1 },
    Migration { number: 2, oldest_program: 1, sql: V2 },
    Migration { number: 3, oldest_program: 1, sql: NEXT },
];

/// An addition of the kind that every later migration has to be.
const NEXT: &str = "
ALTER TABLE grants ADD COLUMN rehearsed_at bigint;
CREATE TABLE rehearsal (id bigint PRIMARY KEY);
";

/// The migrations of this program.
fn migrations(options: &Options) -> &'static [Migration] {
    let rehearsed = usize::from(options.next_schema);
    MIGRATIONS.split_at(MIGRATIONS.len() - 1 + rehearsed).0
}

const V1: &str = "
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO meta VALUES ('schema_version', 0), ('oldest_program', 0), ('registry_version', 0);

CREATE TABLE partition_use (
    parent     text NOT NULL,
    period     integer NOT NULL,
    keep_until bigint NOT NULL,
    PRIMARY KEY (parent, period)
);

CREATE TABLE code (
    key         bytea NOT NULL,
    period      integer NOT NULL,
    terminal    bytea NOT NULL,
    number      bytea NOT NULL,
    route       text NOT NULL,
    trust       smallint NOT NULL,
    words       bytea NOT NULL,
    received_at bigint NOT NULL,
    expires_at  bigint NOT NULL,
    state       smallint NOT NULL,
    grant_id    bytea,
    frozen      bytea,
    purge_at    bigint NOT NULL,
    PRIMARY KEY (key, period)
) PARTITION BY LIST (period);

CREATE TABLE jti (
    key      bytea NOT NULL,
    period   integer NOT NULL,
    purge_at bigint NOT NULL,
    PRIMARY KEY (key, period)
) PARTITION BY LIST (period);

CREATE TABLE quota (
    terminal bytea NOT NULL,
    route    text NOT NULL,
    period   integer NOT NULL,
    texts    bytea NOT NULL,
    purge_at bigint NOT NULL,
    PRIMARY KEY (terminal, route, period)
) PARTITION BY LIST (period);

CREATE TABLE audit (
    id        bigint NOT NULL,
    period    integer NOT NULL,
    at        bigint NOT NULL,
    kind      text NOT NULL,
    client_id text,
    account   text,
    grant_id  text,
    route     text,
    reason    text
) PARTITION BY LIST (period);
CREATE INDEX audit_id ON audit (id);

CREATE TABLE terminal (
    terminal   bytea PRIMARY KEY,
    touched    bigint NOT NULL,
    number     bytea,
    account    bytea,
    created_at bigint,
    proven_at  bigint,
    due        bigint
) WITH (fillfactor = 80);
CREATE INDEX terminal_due ON terminal (due) WHERE due IS NOT NULL;

CREATE TABLE account (
    terminal   bytea NOT NULL,
    id         bytea NOT NULL,
    status     smallint NOT NULL,
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    PRIMARY KEY (terminal, id)
);

CREATE TABLE grants (
    terminal   bytea NOT NULL,
    id         bytea NOT NULL,
    account    bytea NOT NULL,
    client_id  text NOT NULL,
    jkt        text NOT NULL,
    scope      text NOT NULL,
    resources  text NOT NULL,
    auth_time  bigint NOT NULL,
    route      text NOT NULL,
    trust      smallint NOT NULL,
    revoked_at bigint,
    sequence   bigint NOT NULL,
    hash       bytea NOT NULL,
    previous   bytea,
    first      bigint NOT NULL,
    used       smallint NOT NULL,
    expires_at bigint NOT NULL,
    purge_at   bigint NOT NULL,
    due        bigint NOT NULL,
    PRIMARY KEY (terminal, id)
) WITH (fillfactor = 80);
CREATE INDEX grants_due ON grants (due);

CREATE TABLE app (
    client_id text COLLATE \"C\" PRIMARY KEY,
    document  text NOT NULL
);

CREATE TABLE signing_key (
    kid        text COLLATE \"C\" PRIMARY KEY,
    private    bytea NOT NULL,
    public     text NOT NULL,
    created_at bigint NOT NULL,
    retired_at bigint
);

CREATE UNLOGGED TABLE waiting (
    code        bytea PRIMARY KEY,
    node        text NOT NULL,
    until       bigint NOT NULL,
    answered_at bigint,
    interval_s  bigint,
    due         bigint NOT NULL
);
CREATE INDEX waiting_due ON waiting (due);

CREATE UNLOGGED TABLE tally (
    node    text NOT NULL,
    subject bytea NOT NULL,
    count   bigint NOT NULL,
    until   bigint NOT NULL,
    PRIMARY KEY (node, subject)
);
";

/// Authorization requests on their way, sessions; what only some grants have; keys that are published
/// before they sign. A program of version 1 reads and writes none of it.
const V2: &str = "
ALTER TABLE grants ADD COLUMN terms text;

ALTER TABLE signing_key ADD COLUMN signs_at bigint;

CREATE TABLE interaction (
    key      bytea NOT NULL,
    period   integer NOT NULL,
    document text NOT NULL,
    purge_at bigint NOT NULL,
    PRIMARY KEY (key, period)
) PARTITION BY LIST (period);

CREATE TABLE session (
    terminal   bytea NOT NULL,
    id         bytea NOT NULL,
    account    bytea NOT NULL,
    cookie     bytea NOT NULL,
    auth_time  bigint NOT NULL,
    route      text NOT NULL,
    trust      smallint NOT NULL,
    created_at bigint NOT NULL,
    ended_at   bigint,
    expires_at bigint NOT NULL,
    purge_at   bigint NOT NULL,
    due        bigint NOT NULL,
    PRIMARY KEY (terminal, id)
) WITH (fillfactor = 80);
CREATE INDEX session_due ON session (due);
";

/// A lock that all programs of ours take for one purpose; any fixed number will do.
pub(super) const MIGRATION_LOCK: i64 = 0x7477_696e_0001;

/// How long one migration may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3600);

/// How often a migration tries for its locks, each time for `lock_timeout`.
const TRIES: u32 = 30;

/// Brings the database to where this program can use it, as far as `options` allow. Returns the
/// version of its tables.
pub(super) async fn migrate(target: &Target, options: &Options) -> Result<u32, StoreError> {
    let session = Session::connect(target, options).await?;
    let migrations = migrations(options);
    let newest = newest(options);
    let (present, oldest_program) = version(&session).await?;
    if present >= newest {
        return usable(present, oldest_program, newest);
    }
    let allowed = match options.migrate {
        Migrate::Always => true,
        Migrate::IfEmpty => present == 0,
    };
    if !allowed {
        return Err(StoreError::Inconsistent(format!(
            "the database has schema version {present}, this program needs {newest}: run \
             `twinpath migrate` first (programs of the version before go on meanwhile)"
        )));
    }
    // Small and seldom contended locks: it is better to try again than to make everyone wait.
    let session = session.with_patience(PATIENCE);
    session.batch("SET lock_timeout = '500ms'; SET statement_timeout = 0").await?;
    for migration in migrations {
        let mut tries = 0;
        loop {
            match apply(&session, migration).await {
                Ok(()) => break,
                Err(Fault::Conflict | Fault::Locked) if tries < TRIES => {
                    tries += 1;
                    tracing::info!(version = migration.number, "waiting for a lock to migrate");
                    if !session.roll_back().await {
                        return Err(StoreError::unavailable("the connection was lost"));
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }
    Ok(version(&session).await?.0)
}

/// The version of this program's tables.
pub(super) fn newest(options: &Options) -> u32 {
    migrations(options).last().map_or(0, |migration| migration.number)
}

/// A newer database may still be used, if what made it newer allows this program.
fn usable(present: u32, oldest_program: u32, program: u32) -> Result<u32, StoreError> {
    if program >= oldest_program {
        return Ok(present);
    }
    Err(StoreError::Inconsistent(format!(
        "the database has schema version {present}, for programs from version {oldest_program} \
         on; this one knows up to {program}: use a newer program"
    )))
}

async fn apply(session: &Session, migration: &Migration) -> Result<(), Fault> {
    session.batch("BEGIN").await?;
    session.ask("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await?;
    // Another process may have been faster.
    if version(session).await?.0 >= migration.number {
        return session.batch("COMMIT").await;
    }
    session.batch(migration.sql).await?;
    let set = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
    session.ask(set, &[&"schema_version", &i64::from(migration.number)]).await?;
    session.ask(set, &[&"oldest_program", &i64::from(migration.oldest_program)]).await?;
    session.batch("COMMIT").await?;
    tracing::info!(version = migration.number, "migrated the database");
    Ok(())
}

/// The version of the tables and the oldest program for them; 0 for an empty database.
pub(super) async fn version(session: &Session) -> Result<(u32, u32), Fault> {
    let tables = "SELECT to_regclass('meta') IS NOT NULL, \
        EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
        AND relkind IN ('r', 'p'))";
    let rows = session.ask(tables, &[]).await?;
    let foreign = || {
        let why = "the database holds another program's tables; use a database of its own";
        Fault::Row(StoreError::inconsistent(why))
    };
    let known = rows.first().map(|row| (row.try_get(0).ok(), row.try_get(1).ok()));
    match known {
        Some((Some(false), Some(false))) => return Ok((0, 0)),
        Some((Some(true), _)) => {}
        _ => return Err(foreign()),
    }
    let sql = "SELECT name, value FROM meta WHERE name IN ('schema_version', 'oldest_program')";
    let rows = session.ask(sql, &[]).await.map_err(|fault| match fault {
        Fault::Unavailable(_) | Fault::Refused(_) => foreign(),
        other => other,
    })?;
    let value = |name: &str| {
        let found = rows.iter().find(|row| row.try_get::<_, &str>(0).is_ok_and(|n| n == name));
        found.and_then(|row| u32::try_from(row.try_get::<_, i64>(1).ok()?).ok())
    };
    let version = value("schema_version").ok_or_else(foreign)?;
    Ok((version, value("oldest_program").unwrap_or(version)))
}
