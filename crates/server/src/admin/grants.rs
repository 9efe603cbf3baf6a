//! `/accounts/{account}/grants`: what an account allowed. A grant's rows lie with its account's, so it
//! is named together with it.

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::input::{Json, Path, gone};
use super::problem::{Problem, Refusals, WriteRefusals};
use crate::operator::{Grant, Grants};

/// The live grants of an account
#[utoipa::path(get, path = "/accounts/{account}/grants", tag = "grants", operation_id = "list_grants",
    params(("account" = String, Path)),
    responses((status = 200, description = "The grants", body = Grants), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Grants>, Problem> {
    Ok(Json(admin.operator().grants(&account).await?))
}

/// A live grant
#[utoipa::path(get, path = "/accounts/{account}/grants/{grant}", tag = "grants", operation_id = "show_grant",
    params(("account" = String, Path), ("grant" = String, Path, description = "grant_...")),
    responses((status = 200, description = "The grant", body = Grant), Refusals))]
pub(super) async fn show(
    State(admin): State<Shared>,
    Path((account, grant)): Path<(String, String)>,
) -> Result<Json<Grant>, Problem> {
    Ok(Json(admin.operator().grant(&account, &grant).await?))
}

/// Revoke a grant
///
/// With its refresh and access tokens. An API that checks JWTs by itself sees an access token live to
/// its `exp`.
#[utoipa::path(delete, path = "/accounts/{account}/grants/{grant}", tag = "grants", operation_id = "revoke_grant",
    params(("account" = String, Path), ("grant" = String, Path, description = "grant_...")),
    responses((status = 204, description = "Revoked"), WriteRefusals))]
pub(super) async fn revoke(
    State(admin): State<Shared>,
    Path((account, grant)): Path<(String, String)>,
) -> Result<Response, Problem> {
    admin.operator().revoke_grant(&account, &grant).await?;
    Ok(gone())
}
