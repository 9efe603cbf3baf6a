//! `/keys`: the keys that sign tokens.

use axum::extract::State;
use serde::Deserialize;
use twinpath_core::token::Rotation;
use utoipa::ToSchema;

use super::Shared;
use super::input::{Json, Nothing, Query};
use super::problem::{BodyRefusals, Problem, Refusals};
use crate::operator::{RotatedKeys, SigningKeys};

/// The keys, the newest first
#[utoipa::path(get, path = "/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, description = "The keys", body = SigningKeys), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<SigningKeys>, Problem> {
    Ok(Json(admin.operator().signing_keys().await?))
}

/// How soon.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateKeys {
    /// `announce` if it is not said.
    #[serde(default)]
    rotation: Rotation,
}

/// Make successors
///
/// They sign after the announce window, or at once.
#[utoipa::path(post, path = "/keys/rotate", tag = "keys", operation_id = "rotate_keys",
    request_body = RotateKeys,
    responses((status = 200, description = "What was made", body = RotatedKeys), BodyRefusals))]
pub(super) async fn rotate(
    State(admin): State<Shared>,
    Json(said): Json<RotateKeys>,
) -> Result<Json<RotatedKeys>, Problem> {
    Ok(Json(admin.operator().rotate_keys(said.rotation).await?))
}
