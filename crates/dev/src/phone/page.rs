//! The page: one file, whose style and script are named by hash in its content security policy, so
//! that nothing else can run or load.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use twinpath_wire::b64;

const PAGE: &str = include_str!("page.html");

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let [style, script] =
        ["style", "script"].map(|name| source(name).map(hash).unwrap_or_default());
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// `GET /`
pub(super) async fn page() -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, POLICY.as_str());
    ([policy], Html(PAGE)).into_response()
}

/// What stands between the tags of this name.
fn source(name: &str) -> Option<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

fn hash(source: &str) -> String {
    let hash = digest::digest(&digest::SHA256, source.as_bytes());
    // CSP takes base64 in either alphabet, but wants the padding: 32 bytes have one.
    format!("'sha256-{}='", b64::encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_what_the_page_holds() {
        assert!(source("style").is_some_and(|css| css.len() > 100));
        assert!(source("script").is_some_and(|js| js.len() > 100));
        assert_eq!(POLICY.matches("'sha256-").count(), 2, "{}", *POLICY);
    }

    #[test]
    fn the_page_loads_nothing_and_styles_nothing_inline() {
        for banned in [" style=\"", " onclick=", " src=", "http://", "https://", "@import", "url("]
        {
            let found = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(banned), "{banned}");
        }
    }
}
