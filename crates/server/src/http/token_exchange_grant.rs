//! The token exchange grant (RFC 8693): an API's token for the next API.

use axum::response::Response;
use twinpath_core::grant::{ExchangeRequest, unusable};
use twinpath_core::token::AccessClaims;
use twinpath_wire::oauth::TOKEN_TYPE_ACCESS_TOKEN;

use crate::http::Refusal;
use crate::http::authentication::use_up;
use crate::http::sender::{TokenRequest, respond_alone};
use crate::platform::{Live, Platform, SystemRandom, now};

pub(super) async fn exchange(
    platform: &Platform,
    request: TokenRequest,
) -> Result<Response, Refusal> {
    let claims = match delegated(platform, &request).await {
        Ok(claims) => claims,
        Err(refusal) => return Err(request.refuse(platform, refusal).await),
    };
    use_up(platform, request.spends()).await?;
    let app = &request.caller.registered.app;
    respond_alone(platform, app, &claims, Some(TOKEN_TYPE_ACCESS_TOKEN))
}

/// What the new token says.
async fn delegated(platform: &Platform, request: &TokenRequest) -> Result<AccessClaims, Refusal> {
    let registered = &request.caller.registered;
    let tokens = &platform.config.tokens;
    let known = |uri: &str| {
        tokens.resources.iter().any(|known| known == uri) || platform.registry.serves(uri)
    };
    let asked = ExchangeRequest::check(&request.form, &registered.app, &known)?;
    let shown = platform.presented(asked.subject_token(), now()).ok_or_else(unusable)?;
    let delegated = asked.delegate(&shown, &registered.app)?;
    let Some(Live::Grant(_)) = platform.live(&shown).await? else {
        return Err(unusable().into());
    };
    let claims = shown.exchange(
        registered,
        delegated,
        (now(), tokens.access_ttl_s),
        &request.proven.jkt,
        (&platform.vault, &mut SystemRandom),
    );
    claims.ok_or_else(|| unusable().into())
}
