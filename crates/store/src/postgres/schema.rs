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

mod tables;

use self::tables::{NEXT, V1, V2, V3, V4};
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
    Migration { number: 3, oldest_program: 1, sql: V3 },
    Migration { number: 4, oldest_program: 1, sql: V4 },
    Migration { number: 5, oldest_program: 1, sql: NEXT },
];

/// The migrations of this program.
fn migrations(options: &Options) -> &'static [Migration] {
    let rehearsed = usize::from(options.next_schema);
    MIGRATIONS.split_at(MIGRATIONS.len() - 1 + rehearsed).0
}

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
    // An empty database is set up in one go: nodes that start together see it empty or whole.
    let at_once = if present == 0 { migrations.len() } else { 1 };
    for step in migrations.chunks(at_once) {
        let mut tries = 0;
        loop {
            match apply(&session, step).await {
                Ok(()) => break,
                Err(Fault::Conflict | Fault::Locked) if tries < TRIES => {
                    tries += 1;
                    tracing::info!("waiting for a lock to migrate");
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

/// Applies what is not applied yet of these, together.
async fn apply(session: &Session, migrations: &[Migration]) -> Result<(), Fault> {
    session.batch("BEGIN").await?;
    session.ask("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await?;
    // Another process may have been faster.
    let present = version(session).await?.0;
    let set = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
    for migration in migrations.iter().filter(|migration| migration.number > present) {
        session.batch(migration.sql).await?;
        session.ask(set, &[&"schema_version", &i64::from(migration.number)]).await?;
        session.ask(set, &[&"oldest_program", &i64::from(migration.oldest_program)]).await?;
        tracing::info!(version = migration.number, "migrated the database");
    }
    session.batch("COMMIT").await
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
