//! Documents that anyone may keep for a while, and ask about again without having them sent.

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use twinpath_wire::b64;

/// For 300 s. A key is announced for a day at least (`announce_days`) before it signs: 86,400 s against
/// 300 s in caches, 1 s until every node has read it, and the seconds by which clocks differ. It stays
/// published for two days at least (`retire_days`), and no token lives longer than one. And a key that
/// is withdrawn is believed for at most as long as this says.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The document, or 304 if the client has it (RFC 9110 13.1.2).
pub(super) fn kept(asked: &HeaderMap, body: &impl Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = format!("\"{}\"", b64::encode(digest(&SHA256, &bytes)));
    let mut response = if has(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(bytes.into());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    };
    response.headers_mut().insert(CACHE_CONTROL, KEEP);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Whether the client names this tag. The comparison is weak, as that section asks: a proxy that
/// compresses marks tags as weak. Our tags hold no commas, so lists come apart at them.
fn has(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|said| said == "*" || said.strip_prefix("W/").unwrap_or(said) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(said: &[&'static str]) -> Response {
        let mut headers = HeaderMap::new();
        for said in said {
            headers.append(IF_NONE_MATCH, HeaderValue::from_static(said));
        }
        kept(&headers, &["a"])
    }

    #[test]
    fn a_client_that_has_the_document_is_told_so() {
        let first = ask(&[]);
        assert_eq!(first.status(), StatusCode::OK);
        // SHA-256 of ["a"].
        let tag = "\"DrW41vgbxnfaighWfMT6mgalfp7I2oXtc6f2JyeZYAI\"";
        let weak = "W/\"DrW41vgbxnfaighWfMT6mgalfp7I2oXtc6f2JyeZYAI\"";
        assert_eq!(first.headers()[ETAG], tag);
        for said in
            [&[tag][..], &[weak], &["*"], &["\"x\"", tag], &["\"x\" , \"y\"", "W/\"z\"", weak]]
        {
            let again = ask(said);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{said:?}");
            assert_eq!(again.headers()[ETAG], tag);
            assert_eq!(again.headers()[CACHE_CONTROL], "public, max-age=300");
            assert!(!again.headers().contains_key(CONTENT_TYPE));
        }
        for said in ["\"x\"", "", "DrW41vgbxnfaighWfMT6mgalfp7I2oXtc6f2JyeZYAI", "W/*", "w/\"x\""] {
            assert_eq!(ask(&[said]).status(), StatusCode::OK, "{said:?}");
        }
    }
}
