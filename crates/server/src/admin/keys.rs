//! `/keys`: the keys that sign tokens.

use axum::extract::State;

use super::Shared;
use super::input::{Json, Nothing, Query};
use super::problem::{Problem, Refusals, WriteRefusals};
use crate::operator::{NewSigningKey, SigningKeys};

/// The keys, the newest first
#[utoipa::path(get, path = "/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, description = "The keys", body = SigningKeys), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<SigningKeys>, Problem> {
    Ok(Json(admin.operator().keys().await?))
}

/// Make a new key that signs from now on
///
/// The old one stays published.
#[utoipa::path(post, path = "/keys/rotate", tag = "keys", operation_id = "rotate_key",
    responses((status = 200, description = "The new key", body = NewSigningKey), WriteRefusals))]
pub(super) async fn rotate(
    State(admin): State<Shared>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<NewSigningKey>, Problem> {
    Ok(Json(admin.operator().rotate_key().await?))
}
