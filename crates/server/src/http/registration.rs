//! Apps that register themselves (RFC 7591), with an initial access token, and manage what they
//! registered (RFC 7592), with the token they got for it.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode, request};
use serde_json::{Map, Value, json};
use twinpath_core::app::{
    Configure, Configured, InitialToken, MetadataError, SelfRegister, SelfRegistered, Wish,
    client_metadata,
};
use twinpath_core::ids::ClientId;
use twinpath_core::records::App;
use twinpath_wire::oauth::ErrorCode;

use crate::http::refusal::{fault, json};
use crate::http::request::{is_of_type, read_body, single, source};
use crate::http::{Refusal, path};
use crate::platform::{Platform, SystemRandom, now};

type Answer = Result<Response, Refusal>;
type Id = Result<Path<String>, PathRejection>;

/// `POST /register`
pub(super) async fn register(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    told(&platform, "register", new_app(&platform, &parts, body).await)
}

/// `GET /register/{client_id}`
pub(super) async fn read(
    State(platform): State<Arc<Platform>>,
    id: Id,
    request: Request<Body>,
) -> Response {
    let (parts, _) = request.into_parts();
    told(&platform, "registration_read", reading(&platform, id, &parts).await)
}

/// `PUT /register/{client_id}`
pub(super) async fn replace(
    State(platform): State<Arc<Platform>>,
    id: Id,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    told(&platform, "registration_replace", replacing(&platform, id, &parts, body).await)
}

/// `DELETE /register/{client_id}`
pub(super) async fn delete(
    State(platform): State<Arc<Platform>>,
    id: Id,
    request: Request<Body>,
) -> Response {
    let (parts, _) = request.into_parts();
    told(&platform, "registration_delete", deleting(&platform, id, &parts).await)
}

fn told(platform: &Platform, what: &str, answer: Answer) -> Response {
    let outcome = answer.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| "done");
    platform.counters.count("twinpath_token_requests_total", what, outcome);
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn new_app(platform: &Platform, parts: &request::Parts, body: Body) -> Answer {
    admit(platform, parts)?;
    let now = now();
    let shown = bearer(&parts.headers)?;
    let token = InitialToken::open(&platform.vault, shown, now).ok_or_else(unusable)?;
    let said = metadata(&parts.headers, body).await?;
    let vault = &platform.vault;
    let made = token.register(&said, platform.config.development, vault, now, &mut SystemRandom)?;
    let register = SelfRegister::new(Arc::clone(vault), token, made.app.clone());
    match platform.run(register).await? {
        SelfRegistered::Done => {}
        SelfRegistered::Unusable => return Err(unusable()),
        SelfRegistered::Taken => return Err(fault("a random client_id is taken")),
    }
    renew(platform).await;
    let secret = made.secret.as_deref();
    let mut response = information(platform, &made.app, secret, &made.access_token);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn reading(platform: &Platform, id: Id, parts: &request::Parts) -> Answer {
    admit(platform, parts)?;
    let (client_id, token) = manager(id, &parts.headers)?;
    let request = configure(platform, client_id, token, Wish::Read);
    answer(platform, token, platform.store.read(request).await?)
}

async fn replacing(platform: &Platform, id: Id, parts: &request::Parts, body: Body) -> Answer {
    admit(platform, parts)?;
    let (client_id, token) = manager(id, &parts.headers)?;
    let said = Arc::new(metadata(&parts.headers, body).await?);
    let wish = Wish::Replace { said, development: platform.config.development };
    changed(platform, token, configure(platform, client_id, token, wish)).await
}

async fn deleting(platform: &Platform, id: Id, parts: &request::Parts) -> Answer {
    admit(platform, parts)?;
    let (client_id, token) = manager(id, &parts.headers)?;
    changed(platform, token, configure(platform, client_id, token, Wish::Delete)).await
}

fn configure(platform: &Platform, client_id: ClientId, token: &str, wish: Wish) -> Configure {
    Configure { vault: Arc::clone(&platform.vault), client_id, token: token.to_owned(), wish }
}

async fn changed(platform: &Platform, token: &str, request: Configure) -> Answer {
    let outcome = platform.run(request).await?;
    if matches!(outcome, Configured::Is(..) | Configured::Deleted) {
        renew(platform).await;
    }
    answer(platform, token, outcome)
}

fn answer(platform: &Platform, token: &str, outcome: Configured) -> Answer {
    match outcome {
        Configured::Unauthorized => Err(unauthorized()),
        Configured::Refused(error) => Err(error.into()),
        Configured::Is(app, secret) => Ok(information(platform, &app, secret.as_deref(), token)),
        Configured::Deleted => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// The client information response (RFC 7591 3.2.1, RFC 7592 3). The token is the one that was shown: it
/// is not kept.
fn information(platform: &Platform, app: &App, secret: Option<&str>, token: &str) -> Response {
    let uri = format!("{}{}/{}", platform.config.issuer, path::REGISTER, app.client_id);
    let mut shown = client_metadata(app, secret);
    if let Value::Object(members) = &mut shown {
        members.insert("registration_client_uri".to_owned(), json!(uri));
        members.insert("registration_access_token".to_owned(), json!(token));
    }
    json(&shown)
}

/// In force at this node before the answer goes out.
async fn renew(platform: &Platform) {
    if let Err(error) = platform.registry.renew_since(platform, Instant::now()).await {
        tracing::error!(%error, "the registry could not be renewed");
    }
}

fn admit(platform: &Platform, parts: &request::Parts) -> Result<(), Refusal> {
    let source = source(parts, &platform.config);
    platform.registrations.admit(source, now()).map_err(Refusal::too_many)
}

/// RFC 6750 2.1. Who shows nothing is told the scheme and no error (RFC 6750 3.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let shown = single(headers, AUTHORIZATION.as_str()).ok().flatten();
    let token = shown.and_then(|shown| shown.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| token.trim()).ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidToken, "this needs a token, in Authorization: Bearer")
            .status(StatusCode::UNAUTHORIZED)
            .header(WWW_AUTHENTICATE, "Bearer realm=\"registration\"")
    })
}

/// Whose registration is meant, and the token that is shown for it.
fn manager(id: Id, headers: &HeaderMap) -> Result<(ClientId, &str), Refusal> {
    let token = bearer(headers)?;
    let client_id = id.ok().and_then(|Path(id)| ClientId::new(&id)).ok_or_else(unauthorized)?;
    Ok((client_id, token))
}

fn refused(why: &str) -> Refusal {
    Refusal::resource(StatusCode::UNAUTHORIZED, ErrorCode::InvalidToken, why, false)
}

fn unusable() -> Refusal {
    refused("the initial access token is malformed, expired, revoked, used or another server's")
}

fn unauthorized() -> Refusal {
    refused("there is no such app, or the registration access token is not its own")
}

impl From<MetadataError> for Refusal {
    fn from(error: MetadataError) -> Self {
        Self::new(error.code, error.description)
    }
}

/// The members of a JSON object.
async fn metadata(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    if !is_of_type(headers, "application/json") {
        let why = "the body must be application/json, said once in Content-Type";
        return Err(Refusal::request(why));
    }
    let bytes = read_body(headers, body).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let why = format!("the body must be a JSON object: {error}");
        Refusal::new(ErrorCode::InvalidClientMetadata, why)
    })
}
