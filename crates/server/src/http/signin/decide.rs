//! What a person decides at the page, and how the app is told.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Request};
use twinpath_core::authorization::{
    Approve, Approved, AuthorizationCode, CookieSecret, Deny, FindSession, SessionCookie,
};
use twinpath_core::ids::{Digest, SessionId, TerminalKey};
use twinpath_core::records::{AuthorizationRequest, ProvenTerminal, Stage};
use twinpath_core::token::pairwise;
use twinpath_pages::Language;
use twinpath_wire::oauth::ErrorCode;

use super::{Trouble, Visit, lost, told};
use crate::http::Refusal;
use crate::http::authorize::{accepted, error_uri};
use crate::http::browser::{keep_session, redirect, session_cookie, with_query};
use crate::http::logout::end;
use crate::http::request::Form;
use crate::platform::{Platform, SystemRandom};

/// A button of the page.
#[derive(Clone, Copy)]
enum Decision {
    Approve,
    Cancel,
}

/// `POST /signin/{id}/approve`
pub(in crate::http) async fn approved(
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    decided(&platform, &id, request, Decision::Approve).await
}

/// `POST /signin/{id}/cancel`
pub(in crate::http) async fn cancelled(
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    decided(&platform, &id, request, Decision::Cancel).await
}

async fn decided(
    platform: &Platform,
    id: &str,
    request: Request<Body>,
    decision: Decision,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let result = decide(platform, (id, headers, body), decision).await;
    let language = Language::choose(None, accepted(headers));
    result.unwrap_or_else(|trouble| told(platform, trouble, language))
}

async fn decide(
    platform: &Platform,
    (id, headers, body): (&str, &HeaderMap, Body),
    decision: Decision,
) -> Result<Response, Trouble> {
    let visit = Visit::find(platform, headers, id).await?;
    let form = Form::read(headers, body).await?;
    // The form must be the one that this browser was shown.
    if !visit.browser.sent(platform, headers, &form, &visit.id.text()) {
        return Err(lost());
    }
    match decision {
        Decision::Approve => Ok(approve(platform, headers, &visit).await?),
        Decision::Cancel => {
            let denied = platform.run(Deny(visit.look(platform))).await?;
            let request = denied.ok_or_else(lost)?;
            Ok(refusal_to_app(platform, &request))
        }
    }
}

/// The same words whatever the reason: that an account is blocked is nothing for an app to know.
pub(super) fn refusal_to_app(platform: &Platform, request: &AuthorizationRequest) -> Response {
    let why = match request.expected_sub {
        Some(_) => "nobody approved the sign-in, or not who was asked for",
        None => "nobody approved the sign-in",
    };
    error_to_app(platform, request, (ErrorCode::AccessDenied, why))
}

fn error_to_app(
    platform: &Platform,
    request: &AuthorizationRequest,
    error: (ErrorCode, &str),
) -> Response {
    let uri = request.redirect_uri.as_deref().unwrap_or_default();
    redirect(&error_uri(&platform.config.issuer, uri, request.state.as_deref(), error))
}

fn gone() -> Refusal {
    Refusal::request("this sign-in is over: start again in the app")
}

/// Hands out the code for a request whose person is proven. A proof that was made for it begins a session,
/// or has the browser's go on.
pub(in crate::http) async fn approve(
    platform: &Platform,
    headers: &HeaderMap,
    visit: &Visit,
) -> Result<Response, Refusal> {
    let by = proven(visit).ok_or_else(gone)?;
    let (vault, ttl_s) = (&platform.vault, platform.config.session_ttl_s);
    let code = AuthorizationCode::of(visit.id, by.grant, vault);
    let secret = CookieSecret::of(by.grant, vault);
    let shown = session_cookie(platform, headers);
    let sub = pairwise(&visit.registered.app, by.account, vault);
    let cookie = (ttl_s > 0).then(|| secret.hash(vault));
    let approve = Approve::new(visit.look(platform), code.hash(vault), cookie, ttl_s)
        .known_as(by.account, sub);
    let approve = match renewed(platform, visit, by, shown.as_ref()).await? {
        Some((session, shown)) => approve.renewing(session, shown),
        None => approve,
    };
    match platform.run(approve).await? {
        Approved::Yes(request, session) => {
            platform.pending.arrived(visit.code(platform, 0));
            let response = handed_out(platform, &request, &code);
            let Some(session) = session else {
                return Ok(response);
            };
            let session = (by.terminal, session);
            end_other(platform, shown.as_ref(), session).await?;
            let cookie =
                SessionCookie::new(vault, session, (secret, by.confirmed), &mut SystemRandom);
            Ok(keep_session(&platform.config, response, Some(&cookie)))
        }
        Approved::Again => Ok(redirect(&visit.path(platform))),
        Approved::LoginRequired(request) => {
            let error = (ErrorCode::LoginRequired, "prompt=none, but a person has to be asked");
            Ok(error_to_app(platform, &request, error))
        }
        Approved::Denied(request) => Ok(refusal_to_app(platform, &request)),
        Approved::Gone => Err(gone()),
    }
}

/// Who was proven; of a request that was approved already, too: the person may have clicked twice.
fn proven(visit: &Visit) -> Option<&ProvenTerminal> {
    match &visit.row.stage {
        Stage::Proven { by, .. } => Some(by),
        Stage::Approved(approval) => Some(&approval.by),
        _ => None,
    }
}

/// The browser's session, with the hash of its cookie, if it is the same account's and goes on.
async fn renewed(
    platform: &Platform,
    visit: &Visit,
    by: &ProvenTerminal,
    shown: Option<&SessionCookie>,
) -> Result<Option<(SessionId, Digest)>, Refusal> {
    let Some(shown) = shown.filter(|shown| shown.terminal() == by.terminal) else {
        return Ok(None);
    };
    let cookie = shown.hash(&platform.vault);
    if by.session.is_some() {
        let own = by.session == Some(shown.id());
        return Ok(own.then(|| (shown.id(), cookie)));
    }
    let (client_id, confirmed) = (visit.row.client_id.clone(), shown.confirmed());
    let find = FindSession { terminal: by.terminal, id: shown.id(), cookie, confirmed, client_id };
    let found = platform.store.read(find).await?;
    let same = found.filter(|found| found.session.account == by.account);
    Ok(same.map(|found| (found.session.id, cookie)))
}

/// A browser has one session: another person's ends, and its apps are told, as nobody could end it later.
async fn end_other(
    platform: &Platform,
    shown: Option<&SessionCookie>,
    session: (TerminalKey, SessionId),
) -> Result<(), Refusal> {
    match shown {
        Some(other) if (other.terminal(), other.id()) != session => end(platform, other).await,
        _ => Ok(()),
    }
}

fn handed_out(
    platform: &Platform,
    request: &AuthorizationRequest,
    code: &AuthorizationCode,
) -> Response {
    let uri = request.redirect_uri.as_deref().unwrap_or_default();
    let mut answer = vec![("code", code.as_str())];
    answer.extend(request.state.as_deref().map(|state| ("state", state)));
    answer.push(("iss", &platform.config.issuer));
    redirect(&with_query(uri, &answer))
}
