//! `/apps/{client_id}/instances`: the attested installations of an app, by the thumbprints of their keys.

use axum::extract::State;
use serde::Deserialize;
use twinpath_core::instance::InstanceAction;
use utoipa::ToSchema;

use super::Shared;
use super::input::{Json, Page, Path, Query};
use super::problem::{BodyRefusals, Problem, Refusals, WriteRefusals};
use crate::operator::{Instance, Instances};

/// The attested installations of an app, by thumbprint
#[utoipa::path(get, path = "/apps/{client_id}/instances", tag = "instances",
    operation_id = "list_instances", params(("client_id" = String, Path), Page),
    responses((status = 200, description = "A page", body = Instances), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Path(client_id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Instances>, Problem> {
    let limit = page.limit()?;
    let after = page.after.as_deref();
    Ok(Json(admin.operator().instances(&client_id, after, limit).await?))
}

/// An attested installation
#[utoipa::path(get, path = "/apps/{client_id}/instances/{jkt}", tag = "instances",
    operation_id = "show_instance",
    params(("client_id" = String, Path), ("jkt" = String, Path, description = "The thumbprint of its key")),
    responses((status = 200, description = "The installation", body = Instance), Refusals))]
pub(super) async fn show(
    State(admin): State<Shared>,
    Path((client_id, jkt)): Path<(String, String)>,
) -> Result<Json<Instance>, Problem> {
    Ok(Json(admin.operator().instance(&client_id, &jkt).await?))
}

/// What an installation is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceName {
    /// At most 64 characters; an empty text takes the name away.
    name: String,
}

/// Name an installation
#[utoipa::path(patch, path = "/apps/{client_id}/instances/{jkt}", tag = "instances",
    operation_id = "name_instance", request_body = InstanceName,
    params(("client_id" = String, Path), ("jkt" = String, Path)),
    responses((status = 200, description = "Named", body = Instance), BodyRefusals))]
pub(super) async fn name(
    State(admin): State<Shared>,
    Path(id): Path<(String, String)>,
    Json(said): Json<InstanceName>,
) -> Result<Json<Instance>, Problem> {
    operate(&admin, id, InstanceAction::Name(Some(said.name))).await
}

/// Refuse an installation's key until it is unblocked
///
/// Its tokens can no longer be refreshed or introspected. An API that checks JWTs by itself sees an
/// access token live to its `exp`.
#[utoipa::path(post, path = "/apps/{client_id}/instances/{jkt}/block", tag = "instances",
    operation_id = "block_instance", params(("client_id" = String, Path), ("jkt" = String, Path)),
    responses((status = 200, description = "The installation", body = Instance), WriteRefusals))]
pub(super) async fn block(
    State(admin): State<Shared>,
    Path(id): Path<(String, String)>,
) -> Result<Json<Instance>, Problem> {
    operate(&admin, id, InstanceAction::Block).await
}

/// Take a block back
#[utoipa::path(post, path = "/apps/{client_id}/instances/{jkt}/unblock", tag = "instances",
    operation_id = "unblock_instance", params(("client_id" = String, Path), ("jkt" = String, Path)),
    responses((status = 200, description = "The installation", body = Instance), WriteRefusals))]
pub(super) async fn unblock(
    State(admin): State<Shared>,
    Path(id): Path<(String, String)>,
) -> Result<Json<Instance>, Problem> {
    operate(&admin, id, InstanceAction::Unblock).await
}

/// Refuse an installation's key for good
///
/// The installation has to make another key and be attested anew.
#[utoipa::path(post, path = "/apps/{client_id}/instances/{jkt}/revoke", tag = "instances",
    operation_id = "revoke_instance", params(("client_id" = String, Path), ("jkt" = String, Path)),
    responses((status = 200, description = "The installation", body = Instance), WriteRefusals))]
pub(super) async fn revoke(
    State(admin): State<Shared>,
    Path(id): Path<(String, String)>,
) -> Result<Json<Instance>, Problem> {
    operate(&admin, id, InstanceAction::Revoke).await
}

async fn operate(
    admin: &Shared,
    (client_id, jkt): (String, String),
    action: InstanceAction,
) -> Result<Json<Instance>, Problem> {
    Ok(Json(admin.operator().operate_instance(&client_id, &jkt, action).await?))
}
