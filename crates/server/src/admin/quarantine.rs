//! `/quarantine`: what came in by the first path and could not be read.

use axum::extract::State;

use super::Shared;
use super::input::{Json, Path};
use super::problem::{Problem, Refusals, WriteRefusals};
use crate::operator::{PurgedQuarantine, QuarantineList, UnreadableContent};

/// What could not be read, the oldest first
///
/// Without what it says, which may hold numbers.
#[utoipa::path(get, path = "/quarantine", tag = "quarantine", operation_id = "list_quarantine",
    responses((status = 200, description = "All of it", body = QuarantineList), Refusals))]
pub(super) async fn list(State(admin): State<Shared>) -> Result<Json<QuarantineList>, Problem> {
    Ok(Json(admin.operator().quarantine().await?))
}

/// One that could not be read, with what it says
///
/// It may hold numbers and a text.
#[utoipa::path(get, path = "/quarantine/{id}", tag = "quarantine",
    operation_id = "show_quarantine", params(("id" = u32, Path)),
    responses((status = 200, description = "What came in", body = UnreadableContent), WriteRefusals))]
pub(super) async fn show(
    State(admin): State<Shared>,
    Path(id): Path<u32>,
) -> Result<Json<UnreadableContent>, Problem> {
    Ok(Json(admin.operator().unreadable(id).await?))
}

/// Take all of it away
#[utoipa::path(delete, path = "/quarantine", tag = "quarantine",
    operation_id = "purge_quarantine",
    responses((status = 200, description = "Taken away", body = PurgedQuarantine), WriteRefusals))]
pub(super) async fn purge(State(admin): State<Shared>) -> Result<Json<PurgedQuarantine>, Problem> {
    Ok(Json(admin.operator().purge_quarantine().await?))
}
