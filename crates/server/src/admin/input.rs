//! Reads what came: each extractor refuses with a [`Problem`] what does not fit its type.

use std::time::Duration;

use ::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::problem::{Kind, Problem};
use crate::http::MAX_BODY;
use crate::operator::MAX_PAGE;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The members of a path.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let wrong = |why: PathRejection| Problem::malformed(why.body_text());
        path.map(|axum::extract::Path(value)| Self(value)).map_err(wrong)
    }
}

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let wrong = |why: QueryRejection| Problem::malformed(why.body_text());
        query.map(|axum::extract::Query(value)| Self(value)).map_err(wrong)
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many at most; 1 to 500, 100 if it is not said.
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: usize,
    /// The `next` of the page before.
    pub(super) after: Option<String>,
}

pub(super) fn hundred() -> usize {
    100
}

impl Page {
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        within(self.limit)
    }
}

pub(super) fn within(limit: usize) -> Result<usize, Problem> {
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::malformed(format!("limit must be 1 to {MAX_PAGE}")))
    }
}

/// Refuses what would be passed over in silence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A JSON body: read from a request that says so, of at most 64 KiB; told to nobody who keeps it.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            let why = "the body must be application/json, said once in Content-Type";
            return Err(Problem::new(Kind::MediaType, why));
        }
        let bytes = read(&parts.headers, body).await?;
        // Else serde would take an array's items for the members, in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::malformed("the body must be a JSON object"));
        }
        let wrong = |error: serde_json::Error| Problem::malformed(format!("the body: {error}"));
        serde_json::from_slice(&bytes).map(Self).map_err(wrong)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Ok(bytes) = serde_json::to_vec(&self.0) else {
            return Problem::new(Kind::Fault, "an answer has no JSON form").into_response();
        };
        let json = HeaderValue::from_static("application/json");
        let no_store = HeaderValue::from_static("no-store");
        ([(CONTENT_TYPE, json), (CACHE_CONTROL, no_store)], bytes).into_response()
    }
}

/// The answer to what is gone now.
pub(super) fn gone() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

async fn read(headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, Problem> {
    let too_large = || Problem::new(Kind::TooLarge, "the body is larger than 64 KiB");
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|n| n > MAX_BODY) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(Kind::Timeout, "the body did not arrive in time")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let kind = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}
