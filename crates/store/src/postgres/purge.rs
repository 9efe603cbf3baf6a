//! Forgetting. Hygiene only: whoever reads a row checks its times itself.
//!
//! One node does it at a time; the others find the lock taken and leave. Partitions that are over are
//! dropped; `grants` and terminals without content are deleted in small batches that pass over rows
//! in use.

use twinpath_core::ids::Timestamp;

use super::connection::{COMMIT, Session};
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

/// Deletes up to `limit` rows, and drops every partition that is over. How many of both, and whether
/// there may be more.
pub(super) async fn purge(
    session: &Session,
    now: Timestamp,
    limit: usize,
) -> Result<(usize, bool), Fault> {
    let dropped = drop_over(session, now).await?;
    session.batch("BEGIN").await?;
    let rows = session.ask("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK]).await?;
    if rows.first().and_then(|row| row.try_get(0).ok()) != Some(true) {
        session.batch(COMMIT).await?;
        return Ok((dropped, false));
    }
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    session.ask(EXTEND, &[&now.0, &most]).await?;
    let mut deleted = 0;
    for sql in [GRANTS, TERMINALS] {
        let rows = session.ask(sql, &[&now.0, &most]).await?;
        let count = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok()).unwrap_or(0);
        deleted += usize::try_from(count).unwrap_or(0);
    }
    session.ask(WAITING, &[&now.0]).await?;
    session.ask(TALLY, &[&now.0]).await?;
    session.batch(COMMIT).await?;
    Ok((dropped + deleted, deleted > 0))
}
