//! Revocation (RFC 7009). A refresh token takes its grant along; an access token goes alone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{Request, StatusCode};
use twinpath_core::grant::{Handle, RevokeAccessToken, RevokeGrant, Spend};
use twinpath_core::ids::Timestamp;

use crate::http::Refusal;
use crate::http::authentication::Caller;
use crate::http::request::Form;
use crate::platform::{Platform, now};

/// `POST /revoke`
pub(super) async fn revoke(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = answer(&platform, &parts, body).await;
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.as_str(), |()| "done");
    platform.counters.count("twinpath_token_requests_total", "revoke", outcome);
    match result {
        Ok(()) => ([(CACHE_CONTROL, "no-store")], StatusCode::OK).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(
    platform: &Platform,
    parts: &http::request::Parts,
    body: Body,
) -> Result<(), Refusal> {
    let form = Form::read(&parts.headers, body).await?;
    let now = now();
    let caller = Caller::authenticate(platform, parts, &form, now).await?;
    caller.spend(platform).await?;
    let token = form.require("token")?;
    let client_id = &caller.registered.app.client_id;
    if let Some(handle) = Handle::read(&platform.vault, client_id, token) {
        let (terminal, grant) = (handle.terminal, handle.grant);
        platform.run(RevokeGrant { terminal, grant, reason: "revoked_by_app" }).await?;
        return Ok(());
    }
    // RFC 7009 2.2: what is unknown, or another app's, is answered like what was revoked.
    let claims = platform.presented(token, now);
    if let Some(claims) = claims.filter(|claims| claims.client_id == client_id.as_str()) {
        let key = platform.vault.identifier("access", &claims.client_id, &claims.jti);
        let until = Timestamp(claims.exp.saturating_mul(1000)).plus_seconds(60);
        platform.run(RevokeAccessToken(Spend { key, until })).await?;
    }
    Ok(())
}
