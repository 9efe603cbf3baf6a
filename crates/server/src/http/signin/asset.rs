//! What the pages are drawn with.

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

/// `GET /pages/{name}`: stylesheet and script, under names of their content.
pub(in crate::http) async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = twinpath_pages::asset(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(asset.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    let keep = HeaderValue::from_static(twinpath_pages::asset::CACHE_CONTROL);
    headers.insert(CACHE_CONTROL, keep);
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
