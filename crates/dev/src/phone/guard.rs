//! Which requests the page's own script may have made. A page of another site that the same browser
//! shows must neither send texts nor read what the phone shows.
//!
//! - `Host` must be this address: a name that was rebound to loopback (DNS rebinding) is not.
//! - A request that a browser says is from elsewhere is refused.
//! - What changes anything must be JSON: no form and no simple request can be, and a preflight is
//!   never granted.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The authorities the page is served at.
#[derive(Clone, Debug)]
pub(super) struct Own([String; 2]);

impl Own {
    /// At this port of loopback.
    pub(super) fn new(port: u16) -> Self {
        Self([format!("127.0.0.1:{port}"), format!("localhost:{port}")])
    }

    fn is(&self, authority: &str) -> bool {
        self.0.iter().any(|own| own == authority)
    }

    fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), (StatusCode, &'static str)> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if !text(header::HOST).is_some_and(|host| self.is(host)) {
            return Err((StatusCode::MISDIRECTED_REQUEST, "Open the page at 127.0.0.1."));
        }
        let foreign = |origin: &str| !origin.strip_prefix("http://").is_some_and(|o| self.is(o));
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        let changes = !matches!(*method, Method::GET | Method::HEAD);
        let cross_site = site.is_some_and(|site| !["same-origin", "none"].contains(&site));
        // Following a link to the page is fine; anything more from elsewhere is not.
        let navigates = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
        if text(header::ORIGIN).is_some_and(foreign) || (cross_site && (changes || !navigates)) {
            return Err((StatusCode::FORBIDDEN, "This request comes from another site."));
        }
        if changes && text(header::CONTENT_TYPE) != Some("application/json") {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send application/json."));
        }
        Ok(())
    }
}

/// The middleware.
pub(super) async fn guard(State(own): State<Own>, request: Request, next: Next) -> Response {
    match own.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => (status, Json(json!({"problem": why}))).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, fields: &[(&'static str, &'static str)]) -> u16 {
        let pairs =
            fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap = pairs.collect();
        Own::new(8081).check(method, &headers).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn only_the_page_itself() {
        let (get, post) = (&Method::GET, &Method::POST);
        let host = ("host", "127.0.0.1:8081");
        let json = ("content-type", "application/json");
        assert_eq!(status(get, &[host]), 200);
        assert_eq!(status(get, &[("host", "localhost:8081")]), 200);
        assert_eq!(status(post, &[host, json, ("origin", "http://localhost:8081")]), 200);
        assert_eq!(status(post, &[host, json, ("sec-fetch-site", "same-origin")]), 200);
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(status(get, &link), 200);

        for other in ["evil.example", "evil.example:8081", "127.0.0.1", "127.0.0.1:80"] {
            assert_eq!(status(get, &[("host", other)]), 421, "{other}");
        }
        assert_eq!(status(get, &[]), 421);
        for origin in
            ["http://evil.example", "null", "https://127.0.0.1:8081", "http://127.0.0.1:1"]
        {
            assert_eq!(status(post, &[host, json, ("origin", origin)]), 403, "{origin}");
        }
        assert_eq!(status(get, &[host, ("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(status(post, &[host, json, ("sec-fetch-site", "same-site")]), 403);
        let form = ("content-type", "application/x-www-form-urlencoded");
        assert_eq!(status(post, &[host, form]), 415);
        assert_eq!(status(post, &[host]), 415);
    }
}
