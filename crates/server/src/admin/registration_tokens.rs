//! `/registration-tokens`: initial access tokens (RFC 7591 1.2).

use ::http::StatusCode;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::input::{Json, Path, gone};
use super::problem::{BodyRefusals, Problem, WriteRefusals};
use crate::operator::{IssuedInitialToken, NewInitialToken};

/// Make an initial access token
///
/// With it an app registers itself (RFC 7591). It is shown once, and not kept.
#[utoipa::path(post, path = "/registration-tokens", tag = "registration-tokens",
    operation_id = "create_registration_token", request_body = NewInitialToken,
    responses((status = 201, description = "The token", body = IssuedInitialToken), BodyRefusals))]
pub(super) async fn issue(
    State(admin): State<Shared>,
    Json(new): Json<NewInitialToken>,
) -> Result<Response, Problem> {
    let token = admin.operator().issue_initial_token(new).await?;
    Ok((StatusCode::CREATED, Json(token)).into_response())
}

/// Revoke an initial access token
///
/// Apps that registered with it stay.
#[utoipa::path(delete, path = "/registration-tokens/{id}", tag = "registration-tokens",
    operation_id = "revoke_registration_token", params(("id" = String, Path)),
    responses((status = 204, description = "Revoked"), WriteRefusals))]
pub(super) async fn revoke(
    State(admin): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    admin.operator().revoke_initial_token(&id).await?;
    Ok(gone())
}
