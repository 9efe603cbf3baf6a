//! Introspection (RFC 7662), in JSON or as a signed JWT (RFC 9701). A token that is not the caller's and
//! not addressed to it is inactive.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Request;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use twinpath_core::grant::{Handle, Inspect};
use twinpath_core::records::App;
use twinpath_core::token::{Bound, acr_of, amr_of, pairwise};
use twinpath_core::vault::same;
use twinpath_wire::oauth::{
    INTROSPECTION_MEDIA_TYPE, INTROSPECTION_TYP, IntrospectionResponse, TOKEN_TYPE_BEARER,
    TOKEN_TYPE_DPOP,
};

use crate::http::Refusal;
use crate::http::authentication::Caller;
use crate::http::refusal::{fault, json};
use crate::http::request::Form;
use crate::platform::{Platform, now};

/// `POST /introspect`
pub(super) async fn introspect(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = answer(&platform, &parts, body).await;
    let outcome = match &result {
        Ok((_, answer)) if answer.active => "active",
        Ok(_) => "inactive",
        Err(refusal) => refusal.code.as_str(),
    };
    platform.counters.count("twinpath_token_requests_total", "introspect", outcome);
    let response = result.and_then(|(caller, answer)| {
        let app = &caller.registered.app;
        if app.introspection_signed_response_alg.is_some() || wants_jwt(&parts.headers) {
            signed(&platform, app, answer)
        } else {
            Ok(json(&answer))
        }
    });
    response.unwrap_or_else(IntoResponse::into_response)
}

/// RFC 9701 4. What is preferred to what is not weighed: who can take a JWT gets one.
fn wants_jwt(headers: &http::HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.any(|one| {
        let kind = one.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(INTROSPECTION_MEDIA_TYPE)
    })
}

/// The claims of a signed answer (RFC 9701 5). There is no `sub` and no `exp`, so that it cannot be
/// taken for a token.
#[derive(Serialize)]
struct SignedAnswer<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: IntrospectionResponse,
}

fn signed(
    platform: &Platform,
    caller: &App,
    answer: IntrospectionResponse,
) -> Result<Response, Refusal> {
    let claims = SignedAnswer {
        iss: &platform.config.issuer,
        aud: caller.client_id.as_str(),
        iat: now().seconds(),
        token_introspection: answer,
    };
    let keys = platform.keys();
    let signer = keys.signer_for(caller.introspection_signed_response_alg.as_deref());
    let jwt = signer.sign(INTROSPECTION_TYP, &claims);
    let jwt = jwt.map_err(|_| fault("an answer could not be signed"))?;
    let headers = [(CONTENT_TYPE, INTROSPECTION_MEDIA_TYPE), (CACHE_CONTROL, "no-store")];
    Ok((headers, jwt).into_response())
}

async fn answer(
    platform: &Platform,
    parts: &http::request::Parts,
    body: Body,
) -> Result<(Caller, IntrospectionResponse), Refusal> {
    let form = Form::read(&parts.headers, body).await?;
    let caller = Caller::authenticate_confidential(platform, parts, &form, now()).await?;
    caller.spend(platform).await?;
    let token = form.require("token")?;
    let known = match refresh_token(platform, &caller.registered.app, token).await? {
        Some(answer) => Some(answer),
        None => access_token(platform, &caller.registered.app, token).await?,
    };
    Ok((caller, known.unwrap_or_default()))
}

async fn access_token(
    platform: &Platform,
    caller: &App,
    token: &str,
) -> Result<Option<IntrospectionResponse>, Refusal> {
    let claims = platform.presented(token, now());
    let addressed = claims.filter(|claims| {
        claims.client_id == caller.client_id.as_str()
            || caller.serves.iter().any(|resource| claims.is_for(resource))
    });
    let Some(claims) = addressed else {
        return Ok(None);
    };
    if platform.live(&claims).await?.is_none() {
        return Ok(None);
    }
    let jkt = claims.cnf.as_ref().and_then(|cnf| cnf.jkt.as_ref());
    let token_type = if jkt.is_some() { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
    Ok(Some(IntrospectionResponse {
        active: true,
        scope: Some(claims.scope),
        client_id: Some(claims.client_id),
        token_type: Some(token_type.to_owned()),
        exp: Some(claims.exp),
        iat: Some(claims.iat),
        sub: Some(claims.sub),
        aud: Some(claims.aud),
        iss: Some(claims.iss),
        jti: Some(claims.jti),
        cnf: claims.cnf,
        acr: claims.acr,
        auth_time: claims.auth_time,
        amr: claims.amr,
        act: claims.act,
        app_attestation: claims.app_attestation.map(|it| serde_json::json!(it)),
        terminal_trust: claims.terminal_trust.map(|it| it.as_str().to_owned()),
        authorization_details: (!claims.authorization_details.is_empty())
            .then(|| claims.authorization_details.into()),
    }))
}

/// A refresh token says nothing to anyone but its own app.
async fn refresh_token(
    platform: &Platform,
    caller: &App,
    token: &str,
) -> Result<Option<IntrospectionResponse>, Refusal> {
    let Some(handle) = Handle::read(&platform.vault, &caller.client_id, token) else {
        return Ok(None);
    };
    let inspect = Inspect { terminal: handle.terminal, grant: handle.grant, token: None };
    let Some(inspected) = platform.store.read(inspect).await? else {
        return Ok(None);
    };
    let grant = inspected.grant;
    if !same(&grant.refresh.hash.0, &platform.vault.token(token).0) {
        return Ok(None);
    }
    Ok(Some(IntrospectionResponse {
        active: true,
        client_id: Some(grant.client_id.to_string()),
        exp: Some(grant.expires_at.seconds()),
        sub: Some(pairwise(caller, grant.account, &platform.vault)),
        iss: Some(platform.config.issuer.clone()),
        acr: Some(acr_of(&grant).to_owned()),
        amr: amr_of(&grant),
        auth_time: Some(grant.auth_time.seconds()),
        cnf: Bound::of(&grant.jkt).confirmation(),
        app_attestation: grant.attestation().map(|it| serde_json::json!(it)),
        terminal_trust: Some(grant.trust.as_str().to_owned()),
        scope: Some(grant.scope),
        ..IntrospectionResponse::default()
    }))
}
