//! `/tokens`: named admin tokens. Only the holder of the master key makes and revokes them.

use ::http::StatusCode;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::input::{Json, Path, gone};
use super::problem::{BodyRefusals, Problem, WriteRefusals};
use crate::operator::{IssuedToken, NewToken};

/// Make an admin token
///
/// It is shown once, and not kept.
#[utoipa::path(post, path = "/tokens", tag = "tokens", operation_id = "create_token", request_body = NewToken,
    responses((status = 201, description = "The token", body = IssuedToken), BodyRefusals))]
pub(super) async fn issue(
    State(admin): State<Shared>,
    Json(new): Json<NewToken>,
) -> Result<Response, Problem> {
    let token = admin.operator().issue_token(new).await?;
    Ok((StatusCode::CREATED, Json(token)).into_response())
}

/// Revoke an admin token
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", operation_id = "revoke_token", params(("id" = String, Path)),
    responses((status = 204, description = "Revoked"), WriteRefusals))]
pub(super) async fn revoke(
    State(admin): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    admin.operator().revoke_token(&id).await?;
    Ok(gone())
}
