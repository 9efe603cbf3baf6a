//! Forgetting. Hygiene only: whoever reads a row checks its times itself.
//!
//! One node does it at a time; the others find the lock taken and leave. Partitions that are over are
//! dropped; `grants`, sessions, installations and terminals without content are deleted in small batches that pass over rows
//! in use.

use twinpath_core::ids::Timestamp;

use super::connection::Session;
use super::fault::Fault;
use super::partitions::drop_over;

const LOCK: i64 = 0x7477_696e_0003;

/// How to purge one table with an index on `due`. Both statements pass over rows in use.
macro_rules! due {
    ($table:literal, $key:literal) => {
        Due {
            extend: concat!(
                "UPDATE ",
                $table,
                " SET due = purge_at WHERE purge_at > $1 AND (",
                $key,
                ") IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE due <= $1 ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED)"
            ),
            delete: concat!(
                "WITH gone AS (DELETE FROM ",
                $table,
                " WHERE purge_at <= $1 AND (",
                $key,
                ") IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE due <= $1 ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1) \
                SELECT count(*) FROM gone"
            ),
        }
    };
}

struct Due {
    /// Rows found by `due` that have been extended since: moved to where they belong now.
    extend: &'static str,
    delete: &'static str,
}

const DUE: [Due; 4] = [
    due!("grants", "terminal, id"),
    due!("session", "terminal, id"),
    due!("instance", "id"),
    due!("note", "key"),
];
const TERMINALS: &str = "WITH gone AS (DELETE FROM terminal WHERE account IS NULL AND terminal IN \
    (SELECT terminal FROM terminal WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT $2 \
    FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone";
const WAITING: &str = "DELETE FROM waiting WHERE due <= $1";
const TALLY: &str = "DELETE FROM tally WHERE until <= $1";

/// What one call came to.
#[derive(Default)]
pub(super) struct Purged {
    /// Rows and partitions.
    pub(super) count: usize,
    /// Whether there may be more.
    pub(super) more: bool,
    /// Whether a partition that is over was in use.
    pub(super) in_use: bool,
}

/// Drops every partition that is over, if asked to, and deletes up to `limit` rows.
pub(super) async fn purge(
    session: &Session,
    now: Timestamp,
    limit: usize,
    partitions: bool,
) -> Result<Purged, Fault> {
    let rows = session.ask("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?;
    if rows.first().and_then(|row| row.try_get(0).ok()) != Some(true) {
        return Ok(Purged::default());
    }
    let purged = purge_alone(session, now, limit, partitions).await;
    session.ask("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    purged
}

async fn purge_alone(
    session: &Session,
    now: Timestamp,
    limit: usize,
    partitions: bool,
) -> Result<Purged, Fault> {
    let mut purged = Purged::default();
    if partitions {
        (purged.count, purged.in_use) = drop_over(session, now).await?;
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    for Due { extend, .. } in &DUE {
        session.ask(extend, &[&now.0, &most]).await?;
    }
    for sql in DUE.iter().map(|due| due.delete).chain([TERMINALS]) {
        let rows = session.ask(sql, &[&now.0, &most]).await?;
        let count = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()).unwrap_or(0);
        purged.count += usize::try_from(count).unwrap_or(0);
        purged.more |= count > 0;
    }
    if !purged.more {
        session.ask(WAITING, &[&now.0]).await?;
        session.ask(TALLY, &[&now.0]).await?;
    }
    Ok(purged)
}
