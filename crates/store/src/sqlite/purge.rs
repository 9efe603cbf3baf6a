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

const TABLES: [Table; 4] = [
    table!("code", "key", "key"),
    table!("jti", "key", "key"),
    table!("quota", "(terminal, route)", "terminal, route"),
    table!("grants", "(terminal, id)", "terminal, id"),
];

/// Deletes up to `limit` rows.
pub(super) fn purge(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Purged, Fault> {
    let mut purged = Purged { deleted: 0, moved: 0 };
    for table in &TABLES {
        let most = i64::try_from(limit - purged.deleted.min(limit)).unwrap_or(i64::MAX);
        let bounds = params![now.0, most];
        purged.moved += connection.prepare_cached(table.extend)?.execute(bounds)?;
        purged.deleted += connection.prepare_cached(table.delete)?.execute(bounds)?;
    }
    Ok(purged)
}
