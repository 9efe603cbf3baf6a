//! Forgetting. Hygiene only: whoever reads a row checks its times itself.
//!
//! One node does it at a time; the others find the lock taken and leave. Partitions that are over are
//! dropped; `grants` and terminals without content are deleted in small batches that pass over rows
//! in use.

use twinpath_core::ids::Timestamp;

use super::connection::Session;
use super::fault::Fault;
use super::partitions::drop_over;

const LOCK: i64 = 0x7477_696e_0003;

/// Rows found by `due` that have been extended since: moved to where they belong now.
const EXTEND: &str = "UPDATE grants SET due = purge_at WHERE purge_at > $1 AND (terminal, id) IN \
    (SELECT terminal, id FROM grants WHERE due <= $1 ORDER BY due LIMIT $2 \
    FOR UPDATE SKIP LOCKED)";
const GRANTS: &str = "WITH gone AS (DELETE FROM grants WHERE purge_at <= $1 AND (terminal, id) IN \
    (SELECT terminal, id FROM grants WHERE due <= $1 ORDER BY due LIMIT $2 \
    FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone";
const TERMINALS: &str = "WITH gone AS (DELETE FROM terminal WHERE account IS NULL AND terminal IN \
    (SELECT terminal FROM terminal WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT $2 \
    FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone";
const WAITING: &str = "DELETE FROM waiting WHERE due <= $1";
const TALLY: &str = "DELETE FROM tally WHERE until <= $1";

/// Deletes up to `limit` rows; when there are no more, drops every partition that is over. How many of
/// both, and whether there may be more.
pub(super) async fn purge(
    session: &Session,
    now: Timestamp,
    limit: usize,
) -> Result<(usize, bool), Fault> {
    let rows = session.ask("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?;
    if rows.first().and_then(|row| row.try_get(0).ok()) != Some(true) {
        return Ok((0, false));
    }
    let purged = purge_alone(session, now, limit).await;
    session.ask("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    purged
}

async fn purge_alone(
    session: &Session,
    now: Timestamp,
    limit: usize,
) -> Result<(usize, bool), Fault> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut deleted = 0;
    session.ask(EXTEND, &[&now.0, &most]).await?;
    for sql in [GRANTS, TERMINALS] {
        let rows = session.ask(sql, &[&now.0, &most]).await?;
        let count = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()).unwrap_or(0);
        deleted += usize::try_from(count).unwrap_or(0);
    }
    if deleted > 0 {
        return Ok((deleted, true));
    }
    session.ask(WAITING, &[&now.0]).await?;
    session.ask(TALLY, &[&now.0]).await?;
    Ok((drop_over(session, now).await?, false))
}
