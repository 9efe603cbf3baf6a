//! Forgetting. Hygiene only: whoever reads a row checks its times itself.
//!
//! `due` is when a row was first thought to end (see `schema`): rows found there are deleted, or, if
//! they have been extended since, moved to where they now belong.

use rusqlite::{Connection, params};
use twinpath_core::ids::Timestamp;

use super::fault::Fault;

/// What one purge transaction came to.
pub(super) struct Purged {
    pub(super) deleted: usize,
    /// Rows that were not past their time after all.
    pub(super) moved: usize,
}

/// How to purge one table. Both statements look at no more than `?2` rows.
struct Table {
    /// Goes first: what is left among the first `?2` rows then can be deleted.
    extend: &'static str,
    delete: &'static str,
}

macro_rules! table {
    ($name:literal, $key:literal, $columns:literal) => {
        Table {
            extend: concat!(
                "UPDATE ",
                $name,
                " SET due = purge_at WHERE purge_at > ?1 AND ",
                $key,
                " IN (SELECT ",
                $columns,
                " FROM ",
                $name,
                " WHERE due <= ?1 ORDER BY due LIMIT ?2)"
            ),
            delete: concat!(
                "DELETE FROM ",
                $name,
                " WHERE purge_at <= ?1 AND ",
                $key,
                " IN (SELECT ",
                $columns,
                " FROM ",
                $name,
                " WHERE due <= ?1 ORDER BY due LIMIT ?2)"
            ),
        }
    };
}

const TABLES: [Table; 8] = [
    table!("code", "key", "key"),
    table!("jti", "key", "key"),
    table!("quota", "(terminal, route)", "terminal, route"),
    table!("grants", "(terminal, id)", "terminal, id"),
    table!("session", "(terminal, id)", "terminal, id"),
    table!("interaction", "key", "key"),
    table!("instance", "id", "id"),
    table!("note", "key", "key"),
];

/// Lines are in the order of their time, more or less, so the first of them are looked at. The newest
/// stays, so that numbers go on from it.
const AUDIT: &str = "DELETE FROM audit WHERE at <= ?1 AND id IN (SELECT id FROM audit ORDER BY id \
    LIMIT ?2) AND id < (SELECT max(id) FROM audit)";

/// Deletes up to `limit` rows, and lines of the audit trail older than `audit_days`.
pub(super) fn purge(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
    audit_days: u32,
) -> Result<Purged, Fault> {
    let mut purged = Purged { deleted: 0, moved: 0 };
    for table in &TABLES {
        let most = i64::try_from(limit - purged.deleted.min(limit)).unwrap_or(i64::MAX);
        let bounds = params![now.0, most];
        purged.moved += connection.prepare_cached(table.extend)?.execute(bounds)?;
        purged.deleted += connection.prepare_cached(table.delete)?.execute(bounds)?;
    }
    let horizon = now.plus_seconds(-i64::from(audit_days) * 24 * 3600);
    let most = i64::try_from(limit - purged.deleted.min(limit)).unwrap_or(i64::MAX);
    purged.deleted += connection.prepare_cached(AUDIT)?.execute(params![horizon.0, most])?;
    Ok(purged)
}
