//! `/accounts`: by id in the path; by number in a body only, because paths end in logs.

use axum::extract::State;
use serde::Deserialize;
use twinpath_core::account::Action;
use utoipa::ToSchema;

use super::Shared;
use super::input::{Json, Path};
use super::problem::{BodyRefusals, Problem, Refusals, WriteRefusals};
use crate::operator::Account;

/// Which account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// Its number in E.164.
    #[schema(pattern = r"^\+[1-9][0-9]{7,14}$", example = "+447911123456")]
    number: String,
}

/// The present account of a number
#[utoipa::path(post, path = "/accounts/search", tag = "accounts", operation_id = "find_account", request_body = Search,
    responses((status = 200, description = "The account", body = Account), BodyRefusals))]
pub(super) async fn search(
    State(admin): State<Shared>,
    Json(search): Json<Search>,
) -> Result<Json<Account>, Problem> {
    Ok(Json(admin.operator().account_of(&search.number).await?))
}

/// An account
#[utoipa::path(get, path = "/accounts/{account}", tag = "accounts", operation_id = "show_account",
    params(("account" = String, Path, description = "Its id, acc_...")),
    responses((status = 200, description = "The account", body = Account), Refusals))]
pub(super) async fn show(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Account>, Problem> {
    manage(&admin, &account, Action::Show).await
}

/// Block an account
///
/// Every authorization and refresh is refused.
#[utoipa::path(post, path = "/accounts/{account}/block", tag = "accounts", operation_id = "block_account",
    params(("account" = String, Path)),
    responses((status = 200, description = "The account", body = Account), WriteRefusals))]
pub(super) async fn block(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Account>, Problem> {
    manage(&admin, &account, Action::Block).await
}

/// Take a block back
#[utoipa::path(post, path = "/accounts/{account}/unblock", tag = "accounts", operation_id = "unblock_account",
    params(("account" = String, Path)),
    responses((status = 200, description = "The account", body = Account), WriteRefusals))]
pub(super) async fn unblock(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Account>, Problem> {
    manage(&admin, &account, Action::Unblock).await
}

/// Revoke all grants of an account
#[utoipa::path(post, path = "/accounts/{account}/revoke", tag = "accounts", operation_id = "revoke_account",
    params(("account" = String, Path)),
    responses((status = 200, description = "The account", body = Account), WriteRefusals))]
pub(super) async fn revoke(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Account>, Problem> {
    manage(&admin, &account, Action::Revoke).await
}

/// Give a number this earlier account back
///
/// After it got a new one for having been dormant.
#[utoipa::path(post, path = "/accounts/{account}/restore", tag = "accounts", operation_id = "restore_account",
    params(("account" = String, Path)),
    responses((status = 200, description = "The account", body = Account), WriteRefusals))]
pub(super) async fn restore(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Account>, Problem> {
    manage(&admin, &account, Action::Restore).await
}

/// Forget an account, its number and its grants
#[utoipa::path(delete, path = "/accounts/{account}", tag = "accounts", operation_id = "erase_account",
    params(("account" = String, Path)),
    responses((status = 200, description = "What was forgotten", body = Account), WriteRefusals))]
pub(super) async fn erase(
    State(admin): State<Shared>,
    Path(account): Path<String>,
) -> Result<Json<Account>, Problem> {
    manage(&admin, &account, Action::Erase).await
}

async fn manage(admin: &Shared, account: &str, action: Action) -> Result<Json<Account>, Problem> {
    Ok(Json(admin.operator().account(account, action).await?))
}
