//! What a browser brings and takes: cookies, forms that only our pages can send, pages with their
//! security headers, redirects.
//!
//! The browser's cookie ties a request to the browser in which it began: nobody finishes in one browser
//! what was begun in another. Both kinds of cookie are `HttpOnly` and `SameSite=Lax`, and `__Host-` over https,
//! so that no neighbouring host can set them.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use twinpath_core::authorization::SessionCookie;
use twinpath_core::ids::Digest;
use twinpath_core::transaction::random_bytes;
use twinpath_core::vault::{Vault, same};
use twinpath_wire::b64;

use crate::config::Config;
use crate::http::request::{Form, single};
use crate::platform::{Platform, SystemRandom};

/// The names of the cookies, which say over what they go.
fn cookie_name(config: &Config, name: &str) -> String {
    let host = if config.issuer.starts_with("https://") { "__Host-" } else { "" };
    format!("{host}twinpath_{name}")
}

/// The attributes of a cookie that a page sets.
fn cookie(config: &Config, name: &str, value: &str, max_age_s: Option<i64>) -> String {
    let secure = if config.issuer.starts_with("https://") { "; Secure" } else { "" };
    let life = max_age_s.map_or(String::new(), |seconds| format!("; Max-Age={seconds}"));
    let name = cookie_name(config, name);
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{life}")
}

/// One cookie of a request; `None` if it stands more than once with different values.
fn read_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    });
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// A browser, by one of its cookies.
#[derive(Clone)]
pub(super) struct Browser {
    secret: String,
    /// Whether it has to be told its cookie.
    new: bool,
}

/// How many cookies of a browser are read. It has one; and one for each first tab, where several were
/// opened at once.
const MAX_BROWSER_COOKIES: usize = 4;

impl Browser {
    /// What a browser calls itself: by each of its cookies, in no order.
    pub(super) fn all(config: &Config, headers: &HeaderMap) -> Vec<Self> {
        let prefix = cookie_name(config, "browser_");
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs =
            lines.flat_map(|line| line.split(';')).filter_map(|it| it.trim().split_once('='));
        let own = pairs.filter(|(name, secret)| {
            // A name that another value stands behind is nobody's.
            name.strip_prefix(&prefix).is_some_and(|tag| tag == tag_of(secret))
                && b64::decode(secret).is_ok_and(|raw| raw.len() == 32)
        });
        let browser = |(_, secret): (&str, &str)| Self { secret: secret.to_owned(), new: false };
        own.take(MAX_BROWSER_COOKIES).map(browser).collect()
    }

    /// The browser of a request; a new one if it has no cookie of ours.
    pub(super) fn of(config: &Config, headers: &HeaderMap) -> Self {
        Self::all(config, headers).pop().unwrap_or_else(|| {
            let secret = b64::encode(random_bytes::<32>(&mut SystemRandom));
            Self { secret, new: true }
        })
    }

    /// What is kept of it.
    pub(super) fn hash(&self, vault: &Vault) -> Digest {
        vault.identifier("browser", "", &self.secret)
    }

    /// What a form about `subject` must carry.
    pub(super) fn form_token(&self, vault: &Vault, subject: &str) -> String {
        vault.form_token(&self.secret, subject)
    }

    /// Whether a form was sent by the page that this browser was shown.
    pub(super) fn sent(
        &self,
        platform: &Platform,
        headers: &HeaderMap,
        form: &Form,
        subject: &str,
    ) -> bool {
        let token = self.form_token(&platform.vault, subject);
        let shown = form.get(twinpath_pages::CSRF_FIELD).unwrap_or_default();
        same_origin(&platform.config, headers) && same(token.as_bytes(), shown.as_bytes())
    }

    /// Tells a new browser its cookie.
    pub(super) fn tell(&self, config: &Config, mut response: Response) -> Response {
        if self.new {
            // No life of its own: it ends with the browser.
            let name = format!("browser_{}", tag_of(&self.secret));
            set_cookie(&mut response, &cookie(config, &name, &self.secret, None));
        }
        response
    }
}

/// What a browser's cookie has in its name, so that first tabs do not take each other's.
fn tag_of(secret: &str) -> String {
    let Ok(digest) = b64::decode(secret).map(|raw| digest(&SHA256, &raw)) else {
        return String::new();
    };
    b64::encode(digest).get(..8).unwrap_or_default().to_owned()
}

/// What browsers say of where a form was sent from. Those that say nothing are held to the token.
fn same_origin(config: &Config, headers: &HeaderMap) -> bool {
    let site = single(headers, "sec-fetch-site").ok().flatten();
    let origin = single(headers, ORIGIN.as_str()).ok().flatten();
    site.is_none_or(|site| site == "same-origin")
        && origin.is_none_or(|origin| origin == origin_of(&config.issuer))
}

/// Scheme, host and port of a URL.
pub(super) fn origin_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(after..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| after + at);
    url.get(..end).unwrap_or(url)
}

fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(value) = HeaderValue::from_str(line) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The session's cookie of a request, if it is one of ours.
pub(super) fn session_cookie(platform: &Platform, headers: &HeaderMap) -> Option<SessionCookie> {
    let text = read_cookie(headers, &cookie_name(&platform.config, "session"))?;
    SessionCookie::parse(&platform.vault, text)
}

/// Keeps a session in the browser, or forgets it.
pub(super) fn keep_session(
    config: &Config,
    mut response: Response,
    session: Option<&SessionCookie>,
) -> Response {
    let line = match session {
        Some(session) => cookie(config, "session", session.as_str(), Some(config.session_ttl_s)),
        None => cookie(config, "session", "", Some(0)),
    };
    set_cookie(&mut response, &line);
    response
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const CSP: HeaderName = HeaderName::from_static("content-security-policy");
const PAGE_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
    // Not `no-referrer`: browsers would send our own forms with `Origin: null`.
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, NO_STORE),
];

/// A page. `redirects_to` is where its forms may lead in the end.
pub(super) fn page(status: StatusCode, html: String, redirects_to: Option<&str>) -> Response {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(twinpath_pages::CONTENT_TYPE));
    headers.extend(PAGE_HEADERS);
    let policy = twinpath_pages::content_security_policy(redirects_to.is_some());
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CSP, policy);
    }
    response
}

/// 303: whatever the method was, go there by GET.
pub(super) fn redirect(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.extend(PAGE_HEADERS);
    response
}

/// A URI with more parameters in its query. Those it is registered with stay.
pub(super) fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let joint = match uri.find('?') {
        None => "?",
        Some(at) if at + 1 == uri.len() => "",
        Some(_) => "&",
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{uri}{joint}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_queries_stay() {
        let with = |uri| with_query(uri, &[("code", "a b"), ("iss", "https://x")]);
        assert_eq!(with("app:/cb"), "app:/cb?code=a+b&iss=https%3A%2F%2Fx");
        assert_eq!(with("https://a/cb?x=1"), "https://a/cb?x=1&code=a+b&iss=https%3A%2F%2Fx");
        assert_eq!(with("https://a/cb?"), "https://a/cb?code=a+b&iss=https%3A%2F%2Fx");
    }

    #[test]
    fn a_cookie_that_stands_twice_is_none() {
        let headers = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            headers
        };
        let read = |lines: &[&str]| read_cookie(&headers(lines), "a").map(str::to_owned);
        assert_eq!(read(&["b=2; a=1"]), Some("1".to_owned()));
        assert_eq!(read(&["a=1", "a=1"]), Some("1".to_owned()));
        assert_eq!(read(&["a=1; a=2"]), None);
        assert_eq!(read(&["a=1", "a=2"]), None);
        assert_eq!(read(&["aa=1"]), None);
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin_of("https://id.example:8443/a/b"), "https://id.example:8443");
        assert_eq!(origin_of("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    }
}
