//! `/apps`: the registry (RFC 7591 names).

use ::http::header::LOCATION;
use ::http::{HeaderValue, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::input::{Json, Page, Path, Query, gone};
use super::problem::{BodyRefusals, Problem, Refusals, WriteRefusals};
use super::{API, Shared};
use crate::operator::{AppInformation, AppSettings, Apps};

/// Apps, by `client_id`
#[utoipa::path(get, path = "/apps", tag = "apps", operation_id = "list_apps", params(Page),
    responses((status = 200, description = "A page", body = Apps), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Apps>, Problem> {
    let limit = page.limit()?;
    Ok(Json(admin.operator().apps(page.after.as_deref(), limit).await?))
}

/// Register an app
///
/// The answer has its secret, if its method has one: the only time it is shown.
#[utoipa::path(post, path = "/apps", tag = "apps", operation_id = "register_app", request_body = AppSettings,
    responses((status = 201, description = "Registered", body = AppInformation,
        headers(("Location" = String, description = "The app"))), BodyRefusals))]
pub(super) async fn register(
    State(admin): State<Shared>,
    Json(AppSettings(said)): Json<AppSettings>,
) -> Result<Response, Problem> {
    let app = admin.operator().register(said).await?;
    // A client_id needs no escaping.
    let at = HeaderValue::try_from(format!("{API}/apps/{}", app.text("client_id")));
    let mut response = (StatusCode::CREATED, Json(app)).into_response();
    if let Ok(at) = at {
        response.headers_mut().insert(LOCATION, at);
    }
    Ok(response)
}

/// An app
#[utoipa::path(get, path = "/apps/{client_id}", tag = "apps", operation_id = "show_app", params(("client_id" = String, Path)),
    responses((status = 200, description = "The app", body = AppInformation), Refusals))]
pub(super) async fn show(
    State(admin): State<Shared>,
    Path(client_id): Path<String>,
) -> Result<Json<AppInformation>, Problem> {
    Ok(Json(admin.operator().app(&client_id).await?))
}

/// Change an app
///
/// What is not said stays. A change of its method to one with a secret makes a new secret.
#[utoipa::path(patch, path = "/apps/{client_id}", tag = "apps", operation_id = "update_app", request_body = AppSettings,
    params(("client_id" = String, Path)),
    responses((status = 200, description = "Changed", body = AppInformation), BodyRefusals))]
pub(super) async fn update(
    State(admin): State<Shared>,
    Path(client_id): Path<String>,
    Json(AppSettings(said)): Json<AppSettings>,
) -> Result<Json<AppInformation>, Problem> {
    Ok(Json(admin.operator().update(&client_id, said).await?))
}

/// Delete an app
///
/// Its tokens can no longer be refreshed or introspected.
#[utoipa::path(delete, path = "/apps/{client_id}", tag = "apps", operation_id = "delete_app",
    params(("client_id" = String, Path)),
    responses((status = 204, description = "Deleted"), WriteRefusals))]
pub(super) async fn delete(
    State(admin): State<Shared>,
    Path(client_id): Path<String>,
) -> Result<Response, Problem> {
    admin.operator().delete(&client_id).await?;
    Ok(gone())
}

/// Give an app a new secret
///
/// The old one ends at once.
#[utoipa::path(post, path = "/apps/{client_id}/rotate-secret", tag = "apps", operation_id = "rotate_app_secret",
    params(("client_id" = String, Path)),
    responses((status = 200, description = "With the new secret", body = AppInformation),
        WriteRefusals))]
pub(super) async fn rotate_secret(
    State(admin): State<Shared>,
    Path(client_id): Path<String>,
) -> Result<Json<AppInformation>, Problem> {
    Ok(Json(admin.operator().rotate_secret(&client_id).await?))
}
