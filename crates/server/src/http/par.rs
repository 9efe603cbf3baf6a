//! Pushed authorization requests (RFC 9126).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;
use twinpath_core::authorization::{InteractionId, PUSHED_S, Push, check_request};
use twinpath_core::records::AuthorizationRequest;
use twinpath_wire::oauth::ErrorCode;

use crate::http::authentication::{Caller, Proven, replayed, with_next_nonce};
use crate::http::authorize::rules;
use crate::http::refusal::json;
use crate::http::request::Form;
use crate::http::{Refusal, path};
use crate::platform::{Platform, SystemRandom, now};

/// `POST /par`
pub(super) async fn push(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = answer(&platform, &parts, body).await;
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| "pushed");
    platform.counters.count("twinpath_token_requests_total", "par", outcome);
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    platform: &Platform,
    parts: &http::request::Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let headers = &parts.headers;
    let form = Form::read(headers, body).await?;
    if form.get("request_uri").is_some() {
        return Err(Refusal::request("a pushed request cannot name a request_uri (RFC 9126 2.1)"));
    }
    let caller = Caller::authenticate(platform, parts, &form, now()).await?;
    let dpop = caller.registered.app.dpop;
    let result = pushed(platform, headers, &form, &caller).await;
    if dpop { with_next_nonce(platform, result) } else { result }
}

async fn pushed(
    platform: &Platform,
    headers: &HeaderMap,
    form: &Form,
    caller: &Caller,
) -> Result<Response, Refusal> {
    let registered = &caller.registered;
    let mut request = check_request(form, registered, &rules(platform))
        .map_err(|rejection| Refusal::from(rejection.error()))?;
    if !request.redirect_uri_said {
        let why = "redirect_uri is missing: a pushed request names it (FAPI 2.0 5.3.2.2)";
        return Err(Refusal::request(why));
    }
    // RFC 9449 10.1: a proof says what dpop_jkt would, and better.
    let proven = caller.shown_key(platform, headers, path::PAR, now())?;
    bind(&mut request, &proven)?;
    let id = InteractionId::new(&mut SystemRandom);
    let push = Push {
        key: id.key(&platform.vault),
        client_id: registered.app.client_id.clone(),
        request: Arc::new(request),
        spends: caller.spends(proven.proof),
    };
    if let Some(replay) = platform.run(push).await? {
        return Err(replayed(replay));
    }
    let mut response = json(&json!({"request_uri": id.request_uri(), "expires_in": PUSHED_S}));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// RFC 9449 10.1: the code is for the key that was proven.
pub(super) fn bind(request: &mut AuthorizationRequest, proven: &Proven) -> Result<(), Refusal> {
    if proven.jkt.is_empty() || request.jkt == proven.jkt {
        return Ok(());
    }
    if !request.jkt.is_empty() {
        let why = "dpop_jkt is not the key of the DPoP proof (RFC 9449 10.1)";
        return Err(Refusal::new(ErrorCode::InvalidDpopProof, why));
    }
    request.jkt.clone_from(&proven.jkt);
    Ok(())
}
