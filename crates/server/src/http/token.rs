//! The token endpoint: reads, authenticates, and hands over to the grant's own file.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, request};
use twinpath_core::records::GrantType;
use twinpath_core::token::Bound;
use twinpath_wire::oauth::ErrorCode;

use crate::http::authentication::{Caller, with_next_nonce};
use crate::http::request::{Form, base, source};
use crate::http::sender::TokenRequest;
use crate::http::{
    Refusal, client_credentials_grant, code_grant, device, path, refresh_grant, terminal_grant,
    token_exchange_grant,
};
use crate::platform::{Platform, now};

/// `POST /token`
pub(super) async fn token(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = answer(&platform, parts, body).await;
    let outcome = match &result {
        Ok(_) => "issued",
        Err(refusal) => refusal.code.as_str(),
    };
    platform.counters.count("twinpath_token_requests_total", "token", outcome);
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    platform: &Platform,
    parts: request::Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let form = Form::read(&parts.headers, body).await?;
    let grant_type = GrantType::parse(form.require("grant_type")?).ok_or_else(|| {
        Refusal::new(ErrorCode::UnsupportedGrantType, "this grant_type is not known")
    })?;
    let now = now();
    let caller = Caller::authenticate(platform, &parts, &form, now).await?;
    if !caller.registered.app.grant_types.contains(&grant_type) {
        let why = "this app is not registered for this grant_type";
        return Err(Refusal::new(ErrorCode::UnauthorizedClient, why));
    }
    let url = format!("{}{}", base(platform, &parts.headers), path::TOKEN);
    let proven = caller.instance_key(platform, &parts.headers, &url, now)?;
    let bound = matches!(Bound::of(&proven.jkt), Bound::Key(_));
    let (source, headers) = (source(&parts, &platform.config), parts.headers);
    let request = TokenRequest { form, headers, source, caller, proven, now };
    let result = match grant_type {
        GrantType::Terminal => terminal_grant::redeem(platform, request).await,
        GrantType::RefreshToken => refresh_grant::refresh(platform, request).await,
        GrantType::AuthorizationCode => code_grant::exchange(platform, request).await,
        GrantType::ClientCredentials => client_credentials_grant::issue(platform, request).await,
        GrantType::TokenExchange => token_exchange_grant::exchange(platform, request).await,
        GrantType::DeviceCode => device::redeem(platform, request).await,
    };
    if bound { with_next_nonce(platform, result) } else { result }
}
