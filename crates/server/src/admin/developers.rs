//! `/developers`: derived from the apps. A developer cannot be renamed: `union_id` is made from the
//! name, so that every user would become somebody else.

use axum::extract::State;

use super::Shared;
use super::input::{Json, Page, Path, Query};
use super::problem::{Problem, Refusals};
use crate::operator::{Developer, Developers};

/// Developers, by name
#[utoipa::path(get, path = "/developers", tag = "developers", operation_id = "list_developers", params(Page),
    responses((status = 200, description = "A page", body = Developers), Refusals))]
pub(super) async fn list(
    State(admin): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Developers>, Problem> {
    let limit = page.limit()?;
    Ok(Json(admin.operator().developers(page.after.as_deref(), limit).await?))
}

/// A developer
#[utoipa::path(get, path = "/developers/{developer}", tag = "developers", operation_id = "show_developer",
    params(("developer" = String, Path)),
    responses((status = 200, description = "The developer", body = Developer), Refusals))]
pub(super) async fn show(
    State(admin): State<Shared>,
    Path(developer): Path<String>,
) -> Result<Json<Developer>, Problem> {
    Ok(Json(admin.operator().developer(&developer).await?))
}
