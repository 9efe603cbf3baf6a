//! `/audit`: the audit trail.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Shared;
use super::input::{Json, Query, hundred, within};
use super::problem::{Problem, Refusals};
use crate::operator::{AuditFilter, AuditTrail};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Lines {
    /// How many lines are looked at; 1 to 500, 100 if it is not said.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: usize,
    /// The `next` of the page before; without it from the beginning.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
    /// Whether to look at the last lines instead. Not together with `after`.
    #[serde(default)]
    newest: bool,
    /// Of this kind (`grant.issued`), or of all that begin so (`grant`).
    kind: Option<String>,
    /// Of this app.
    client_id: Option<String>,
    /// Of this account, `acc_...`.
    account: Option<String>,
}

/// The audit trail, the oldest line first
///
/// The filters apply to the lines of one page: `events` may be empty although `next` is there.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit", params(Lines),
    responses((status = 200, description = "A page", body = AuditTrail), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Query(lines): Query<Lines>,
) -> Result<Json<AuditTrail>, Problem> {
    let limit = within(lines.limit)?;
    let Lines { kind, client_id, account, .. } = lines;
    let filter = AuditFilter { kind, client_id, account };
    let trail = match (lines.newest, lines.after) {
        (true, Some(_)) => return Err(Problem::malformed("newest and after exclude each other")),
        (true, None) => admin.operator().audit_newest(limit, &filter).await?,
        (false, after) => {
            let after = after.map_or(Ok(0), |text| text.parse());
            let after = after.map_err(|_| Problem::malformed("after is no id of a line"))?;
            admin.operator().audit(after, limit, &filter).await?
        }
    };
    Ok(Json(trail))
}
