//! Logging out (OIDC RP-Initiated Logout 1.0).
//!
//! A link must not log anybody out: without an ID token of this very session the person is asked. And
//! it must not redirect anywhere but to what the app registered.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use twinpath_core::app::Registered;
use twinpath_core::authorization::{EndSession, SessionCookie};
use twinpath_core::ids::ClientId;
use twinpath_core::token::IdClaims;
use twinpath_pages::{Frame, Language, LoggedOut, LogoutAsk, PostForm, Problem, ProblemKind};

use crate::http::authorize::{accepted, query};
use crate::http::browser::{Browser, keep_session, page, redirect, session_cookie, with_query};
use crate::http::request::Form;
use crate::http::signin::{app_view, problem};
use crate::http::{Refusal, issuer_path, path};
use crate::platform::Platform;

/// What a form about logging out is about.
const SUBJECT: &str = "logout";

/// The parameter by which the person stays.
const STAY: &str = "stay";

/// A checked logout request.
struct Asked {
    /// The app, if it is said who asks.
    registered: Option<Arc<Registered>>,
    /// What its ID token says.
    claims: Option<IdClaims>,
    /// Where to go afterwards.
    redirect_uri: Option<String>,
    state: Option<String>,
}

/// `GET /logout` and `POST /logout`
pub(super) async fn logout(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let headers = std::mem::take(&mut parts.headers);
    let result = read(&parts, &headers, body).await;
    let said = result.as_ref().ok().and_then(|(form, _)| form.get("ui_locales"));
    let language = Language::choose(said, accepted(&headers));
    let result = match result {
        Ok((form, sent)) if sent_by_an_app(&parts, &sent) => {
            Asked::read(&platform, &form).map(|_| again_by_get(&platform, &form))
        }
        Ok((form, sent)) => answer(&platform, &headers, (&form, &sent), language).await,
        Err(refusal) => Err(refusal),
    };
    match result {
        Ok(response) => response,
        Err(refusal) => problem(&platform, &refusal, language),
    }
}

/// The request's parameters, and the form that our page sent: that one repeats the parameters in its
/// action's query.
async fn read(parts: &Parts, headers: &HeaderMap, body: Body) -> Result<(Form, Form), Refusal> {
    let in_query = query(&parts.uri)?;
    if parts.method != Method::POST {
        return Ok((in_query, Form::default()));
    }
    let posted = Form::read(headers, body).await?;
    let own = posted.get(twinpath_pages::CSRF_FIELD).is_some();
    Ok(if own { (in_query, posted) } else { (posted, Form::default()) })
}

/// Whether an app's own form sent the browser here: it comes without our cookies, as they are
/// `SameSite=Lax`. So the browser comes again by GET, with them.
fn sent_by_an_app(parts: &Parts, sent: &Form) -> bool {
    parts.method == Method::POST && sent.get(twinpath_pages::CSRF_FIELD).is_none()
}

fn again_by_get(platform: &Platform, form: &Form) -> Response {
    let endpoint = format!("{}{}", platform.config.issuer, path::LOGOUT);
    let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
    let said: Vec<_> =
        names.iter().filter_map(|name| form.get(name).map(|value| (*name, value))).collect();
    redirect(&with_query(&endpoint, &said))
}

async fn answer(
    platform: &Platform,
    headers: &HeaderMap,
    (form, sent): (&Form, &Form),
    language: Language,
) -> Result<Response, Refusal> {
    let asked = Asked::read(platform, form)?;
    let Some(cookie) = session_cookie(platform, headers) else {
        return Ok(over(platform, &asked, language));
    };
    let mut known = Browser::all(&platform.config, headers).into_iter();
    let confirmed = known.any(|browser| browser.sent(platform, headers, sent, SUBJECT));
    if confirmed && form.get(STAY).is_some() {
        return Ok(stayed(platform, language));
    }
    if confirmed || asked.own_session(platform, &cookie) {
        end(platform, &cookie).await?;
        let response = over(platform, &asked, language);
        return Ok(keep_session(&platform.config, response, None));
    }
    let browser = Browser::of(&platform.config, headers);
    let response = ask(platform, &browser, &asked, language);
    Ok(browser.tell(&platform.config, response))
}

/// Ends the session of a cookie and has its apps told.
pub(super) async fn end(platform: &Platform, cookie: &SessionCookie) -> Result<(), Refusal> {
    let end = EndSession {
        terminal: cookie.terminal(),
        id: cookie.id(),
        cookie: cookie.hash(&platform.vault),
    };
    if let Some(ended) = platform.run(end).await? {
        platform.counters.count("twinpath_token_requests_total", "logout", "ended");
        platform.tell_apps(&ended);
    }
    Ok(())
}

impl Asked {
    fn read(platform: &Platform, form: &Form) -> Result<Self, Refusal> {
        let keys = platform.keys();
        let hint = form.get("id_token_hint");
        // An app may keep an ID token for longer than its key is published: nothing is believed of it, and
        // the person is asked.
        let gone = hint.is_some_and(|hint| keys.is_of_no_key(hint));
        let claims: Option<IdClaims> = match hint.filter(|_| !gone) {
            // It may have expired (OIDC RP-Initiated Logout 2).
            Some(hint) => Some(keys.verify(hint, "JWT").ok_or_else(|| {
                Refusal::request("id_token_hint is not an ID token of this platform")
            })?),
            None => None,
        };
        let said = form.get("client_id");
        if let (Some(claims), Some(said)) = (&claims, said)
            && claims.aud != said
        {
            return Err(Refusal::request("id_token_hint is not for this client_id"));
        }
        let id = said.or(claims.as_ref().map(|claims| claims.aud.as_str()));
        let registered = id.and_then(ClientId::new).and_then(|id| platform.app(&id));
        let nobodys = said.is_none() && gone;
        let redirect_uri = form.get("post_logout_redirect_uri").filter(|_| !nobodys);
        if let Some(uri) = redirect_uri {
            let uris = registered.as_ref().map(|known| &known.app.post_logout_redirect_uris);
            if !uris.is_some_and(|uris| uris.iter().any(|known| known == uri)) {
                return Err(Refusal::request(
                    "post_logout_redirect_uri is not registered for the app of client_id or \
                     id_token_hint",
                ));
            }
        }
        Ok(Self {
            registered,
            claims,
            redirect_uri: redirect_uri.map(str::to_owned),
            state: form.get("state").filter(|state| state.len() <= 2048).map(str::to_owned),
        })
    }

    /// Whether the app showed that it was told of this very session.
    fn own_session(&self, platform: &Platform, cookie: &SessionCookie) -> bool {
        let (Some(registered), Some(claims)) = (&self.registered, &self.claims) else {
            return false;
        };
        let sid = cookie.id().claim(&platform.vault, &registered.app.client_id);
        claims.iss == platform.config.issuer && claims.sid.as_deref() == Some(sid.as_str())
    }

    /// Where the app wants the person to be afterwards.
    fn location(&self) -> Option<String> {
        let uri = self.redirect_uri.as_deref()?;
        Some(match &self.state {
            Some(state) => with_query(uri, &[("state", state)]),
            None => uri.to_owned(),
        })
    }
}

fn over(platform: &Platform, asked: &Asked, language: Language) -> Response {
    if let Some(location) = asked.location() {
        return redirect(&location);
    }
    let frame = Frame { site: &platform.config.site, language };
    page(StatusCode::OK, LoggedOut.render(&frame), None)
}

fn stayed(platform: &Platform, language: Language) -> Response {
    let frame = Frame { site: &platform.config.site, language };
    page(StatusCode::OK, Problem::of(ProblemKind::Cancelled).render(&frame), None)
}

fn ask(platform: &Platform, browser: &Browser, asked: &Asked, language: Language) -> Response {
    let endpoint = format!("{}{}", issuer_path(&platform.config.issuer), path::LOGOUT);
    let mut said = vec![("ui_locales", language.tag())];
    let client_id = asked.registered.as_ref().map(|known| known.app.client_id.as_str());
    said.extend(client_id.map(|id| ("client_id", id)));
    said.extend(asked.redirect_uri.as_deref().map(|uri| ("post_logout_redirect_uri", uri)));
    said.extend(asked.state.as_deref().map(|state| ("state", state)));
    let csrf = browser.form_token(&platform.vault, SUBJECT);
    let proceed = PostForm { action: with_query(&endpoint, &said), csrf: csrf.clone() };
    said.push((STAY, "1"));
    let stay = PostForm { action: with_query(&endpoint, &said), csrf };
    let view = LogoutAsk { app: asked.registered.as_deref().map(app_view), proceed, stay };
    let frame = Frame { site: &platform.config.site, language };
    page(StatusCode::OK, view.render(&frame), asked.redirect_uri.as_deref())
}
