//! Who calls: a bearer token (RFC 6750) that is the deployment's own, derived from its master key, or
//! a named one with a role.

use ::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ::http::{HeaderMap, HeaderValue, Method};
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use twinpath_core::admin_token::{AdminToken, AdminTokenRevoked, Role};
use twinpath_core::vault::same;

use super::problem::{Kind, Problem};
use super::{Admin, Shared};
use crate::platform::now;

pub(super) const READ: Role = Role::Read;
pub(super) const WRITE: Role = Role::Write;
pub(super) const OWNER: Role = Role::Owner;

struct Caller {
    name: String,
    /// By which its token can be revoked; empty for the deployment's own.
    id: String,
    role: Role,
}

/// Lets through who has the role. What was changed is in force at this node before the answer goes
/// out, and logged with the caller's name.
pub(super) async fn guard(
    State((admin, need)): State<(Shared, Role)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let caller = match Caller::of(&admin, request.headers()).await {
        Ok(caller) if caller.role >= need => caller,
        Ok(_) => {
            let why = "this token's role does not allow it";
            return Problem::new(Kind::Forbidden, why).into_response();
        }
        Err(problem) => return problem.into_response(),
    };
    if need == Role::Read {
        return next.run(request).await;
    }
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    log(&caller, &method, path.as_ref(), &response);
    if let (true, Some(platform)) = (response.status().is_success(), &admin.platform)
        && let Err(error) = platform.registry.renew(platform).await
    {
        tracing::error!(%error, "the registry could not be renewed");
    }
    response
}

/// The path as it is routed: without ids.
fn log(caller: &Caller, method: &Method, path: Option<&MatchedPath>, response: &Response) {
    let path = path.map_or("", MatchedPath::as_str);
    let status = response.status().as_u16();
    let Caller { name, id, .. } = caller;
    tracing::info!(by = name, token = id, %method, path, status, "an operator's request");
}

impl Caller {
    async fn of(admin: &Admin, headers: &HeaderMap) -> Result<Self, Problem> {
        let token = bearer(headers).ok_or_else(unauthorized)?;
        if same(token.as_bytes(), admin.vault.admin_token().as_bytes()) {
            return Ok(Self { name: "owner".to_owned(), id: String::new(), role: Role::Owner });
        }
        let token = AdminToken::open(&admin.vault, token, now()).ok_or_else(unauthorized)?;
        if admin.store.read(AdminTokenRevoked::new(&admin.vault, &token)).await? {
            return Err(unauthorized());
        }
        Ok(Self { name: token.name, id: token.id, role: token.role })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized() -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"twinpath admin\"");
    Problem::new(Kind::Unauthorized, "this needs a valid admin token of this server")
        .header(WWW_AUTHENTICATE, challenge)
}
