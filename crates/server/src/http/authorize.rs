//! The authorization endpoint (RFC 6749 3.1, OIDC Core 3.1.2): a browser arrives.
//!
//! The order of checks is what keeps it from being an open redirector: first the app and its redirect
//! URI, told to the person if they are wrong; only then what can be told to the app.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, Request, Uri};
use twinpath_core::app::Registered;
use twinpath_core::authorization::{
    Arrive, Arrived, FindSession, FoundSession, InteractionId, Push, Rejection, Rules,
    check_request,
};
use twinpath_core::grant::Spends;
use twinpath_core::ids::ClientId;
use twinpath_core::records::{AuthMethod, AuthorizationRequest};
use twinpath_core::token::pairwise;
use twinpath_pages::Language;
use twinpath_wire::oauth::ErrorCode;

use crate::http::browser::{Browser, redirect, session_cookie, with_query};
use crate::http::request::{Form, source};
use crate::http::signin::{Visit, approve, problem};
use crate::http::{Refusal, path};
use crate::platform::{Platform, SystemRandom, now};

/// What authorization requests are held against.
pub(super) fn rules(platform: &Platform) -> Rules<'_> {
    Rules {
        resources: &platform.config.tokens.resources,
        details: &platform.config.details,
        vault: &platform.vault,
        keys: platform.keys(),
        confirm: &platform.config.confirm,
        confirmable: platform.config.outbound.is_some(),
    }
}

/// `GET /authorize` and `POST /authorize`
pub(super) async fn authorize(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let from = source(&parts, &platform.config);
    let headers = std::mem::take(&mut parts.headers);
    let posted = parts.method == Method::POST;
    let form = if posted { Form::read(&headers, body).await } else { query(&parts.uri) };
    let language = |form: Option<&Form>| {
        Language::choose(form.and_then(|form| form.get("ui_locales")), accepted(&headers))
    };
    let form = match form {
        Ok(form) => form,
        Err(refusal) => return problem(&platform, &refusal, language(None)),
    };
    let language = language(Some(&form));
    let outcome = if posted {
        pushed_by_form(&platform, &form, from).await
    } else {
        arrive(&platform, &headers, &form, from).await
    };
    let word = match &outcome {
        Ok(_) => "arrived",
        Err(Failure::Page(refusal)) => refusal.code.as_str(),
        Err(Failure::Redirect(_, code)) => code.as_str(),
    };
    platform.counters.count("twinpath_token_requests_total", "authorize", word);
    match outcome {
        Ok(response) => response,
        Err(Failure::Page(refusal)) => problem(&platform, &refusal, language),
        Err(Failure::Redirect(location, _)) => redirect(&location),
    }
}

/// The query as a form.
pub(super) fn query(uri: &Uri) -> Result<Form, Refusal> {
    Form::parse(uri.query().unwrap_or_default().as_bytes())
}

/// RFC 9110 12.5.4.
pub(super) fn accepted(headers: &HeaderMap) -> Option<&str> {
    headers.get(http::header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok())
}

/// An authorization request that goes no further.
enum Failure {
    /// Told to the person.
    Page(Refusal),
    /// Told to the app.
    Redirect(String, ErrorCode),
}

impl<E: Into<Refusal>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Page(error.into())
    }
}

/// An answer to the app with an error (RFC 6749 4.1.2.1, RFC 9207 2).
pub(super) fn error_uri(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    (code, description): (ErrorCode, &str),
) -> String {
    let mut parameters = vec![("error", code.as_str()), ("error_description", description)];
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    with_query(redirect_uri, &parameters)
}

fn refused(
    platform: &Platform,
    request: &AuthorizationRequest,
    error: (ErrorCode, &str),
) -> Failure {
    let redirect_uri = request.redirect_uri.as_deref().unwrap_or_default();
    let issuer = &platform.config.issuer;
    let location = error_uri(issuer, redirect_uri, request.state.as_deref(), error);
    Failure::Redirect(location, error.0)
}

fn rejected(platform: &Platform, rejection: Rejection) -> Failure {
    match rejection {
        Rejection::Page(code, description) => Failure::Page(Refusal::new(code, description)),
        Rejection::Redirect { redirect_uri, state, code, description } => {
            let issuer = &platform.config.issuer;
            let error = (code, description.as_str());
            let location = error_uri(issuer, &redirect_uri, state.as_deref(), error);
            Failure::Redirect(location, code)
        }
    }
}

/// The app that a request names: nothing is believed of it here.
async fn named(platform: &Platform, form: &Form) -> Result<Arc<Registered>, Refusal> {
    let unknown = || Refusal::request("this client_id is not registered here");
    let id = ClientId::new(form.require("client_id")?).ok_or_else(unknown)?;
    if let Some(registered) = platform.app(&id) {
        return Ok(registered);
    }
    // It may have been registered a moment ago, by another process.
    let begun = std::time::Instant::now();
    if let Err(error) = platform.registry.renew_since(platform, begun).await {
        tracing::error!(%error, "the registry could not be renewed");
    }
    platform.app(&id).ok_or_else(unknown)
}

/// A request that is posted comes without the browser's cookies where another site sends it. So it is
/// kept, and the browser comes again by GET.
async fn pushed_by_form(
    platform: &Platform,
    form: &Form,
    from: IpAddr,
) -> Result<Response, Failure> {
    let registered = named(platform, form).await?;
    let client_id = registered.app.client_id.clone();
    let uri = if let Some(uri) = form.get("request_uri") {
        uri.to_owned()
    } else {
        let request = checked(platform, form, &registered)?;
        let id = InteractionId::new(&mut SystemRandom);
        counted(platform, id, (from, &client_id))?;
        let (key, spends) = (id.key(&platform.vault), Spends::default());
        let request = Arc::new(request);
        platform.run(Push { key, client_id: client_id.clone(), request, spends }).await?;
        id.request_uri()
    };
    let endpoint = format!("{}{}", platform.config.issuer, path::AUTHORIZE);
    let query = [("client_id", client_id.as_str()), ("request_uri", uri.as_str())];
    Ok(redirect(&with_query(&endpoint, &query)))
}

/// A request that came with its browser.
fn checked(
    platform: &Platform,
    form: &Form,
    registered: &Registered,
) -> Result<AuthorizationRequest, Failure> {
    let request = check_request(form, registered, &rules(platform))
        .map_err(|rejection| rejected(platform, rejection))?;
    if registered.app.require_pushed {
        let error = (ErrorCode::InvalidRequest, "this app must push its requests (RFC 9126)");
        return Err(refused(platform, &request, error));
    }
    Ok(request)
}

async fn arrive(
    platform: &Platform,
    headers: &HeaderMap,
    form: &Form,
    from: IpAddr,
) -> Result<Response, Failure> {
    let registered = named(platform, form).await?;
    let client_id = &registered.app.client_id;
    let (id, request) = if let Some(uri) = form.get("request_uri") {
        let unknown = "this request_uri is not one that was pushed here";
        let id = InteractionId::of_request_uri(uri)
            .ok_or_else(|| Refusal::new(ErrorCode::InvalidRequestUri, unknown))?;
        (id, None)
    } else {
        let request = checked(platform, form, &registered)?;
        (InteractionId::new(&mut SystemRandom), Some(Arc::new(request)))
    };
    counted(platform, id, (from, client_id))?;
    let browser = Browser::of(&platform.config, headers);
    let mut session = find_session(platform, headers, client_id).await?;
    if let Some(found) = session.as_mut().filter(|_| !identified(&registered)) {
        // What was granted to whoever used this client_id says nothing of who asks now.
        found.granted.clear();
    }
    let arrive = Arrive {
        key: id.key(&platform.vault),
        client_id: client_id.clone(),
        request,
        browser: browser.hash(&platform.vault),
        session: session.map(|found| {
            let sub = pairwise(&registered.app, found.session.account, &platform.vault);
            (Arc::new(found), sub)
        }),
        trusted: registered.app.first_party && identified(&registered),
    };
    let response = match platform.run(arrive).await? {
        Arrived::Unknown => {
            let why = "this request_uri was used, or its time is over: start again in the app";
            return Err(Refusal::new(ErrorCode::InvalidRequestUri, why).into());
        }
        Arrived::Refused(request, error) => {
            let why = "prompt=none, but a person has to be asked";
            return Err(refused(platform, &request, (error, why)));
        }
        Arrived::Page(_) => {
            redirect(&format!("{}{}/{}", platform.config.issuer, path::SIGNIN, id.text()))
        }
        Arrived::Silent(arrival) => {
            let visit = Visit { id, browser: browser.clone(), row: arrival.0, registered };
            approve(platform, headers, &visit).await?
        }
    };
    Ok(browser.tell(&platform.config, response))
}

/// Whether a code can only be used by the app itself: it authenticates. For another, anybody may have
/// sent the browser here (RFC 6749 10.2, RFC 8252 8.6), so the person is always asked.
fn identified(registered: &Registered) -> bool {
    registered.app.auth_method != AuthMethod::None
}

/// Every request that is kept counts towards what its source may have pending: a row is written for
/// anybody who comes. What is approved counts no more.
fn counted(
    platform: &Platform,
    id: InteractionId,
    source: (IpAddr, &ClientId),
) -> Result<(), Refusal> {
    let now = now();
    let code = id.code_key(&platform.vault, &platform.config.issuer, source.1, 0);
    platform.pending.admit(source, code, now).map_err(Refusal::too_many)?;
    platform.pending.asked(source, code, now, None);
    Ok(())
}

async fn find_session(
    platform: &Platform,
    headers: &HeaderMap,
    client_id: &ClientId,
) -> Result<Option<FoundSession>, Refusal> {
    let Some(cookie) = session_cookie(platform, headers) else {
        return Ok(None);
    };
    let find = FindSession {
        terminal: cookie.terminal(),
        id: cookie.id(),
        cookie: cookie.hash(&platform.vault),
        confirmed: cookie.confirmed(),
        client_id: client_id.clone(),
    };
    Ok(platform.store.read(find).await?)
}
