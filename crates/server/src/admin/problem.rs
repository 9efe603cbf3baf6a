//! How requests are refused: problem details (RFC 9457). `type` is stable, `detail` is for people.

use std::collections::BTreeMap;

use ::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use twinpath_store::StoreError;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::operator::OperatorError;

/// Why a request was refused (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// A URN that stays: `urn:twinpath:problem:...`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What kind of problem it is.
    title: &'static str,
    /// The status.
    status: u16,
    /// What was wrong, for people.
    detail: String,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $kind:literal, $title:literal;)*) => {
        /// A kind of problem: status, last word of its URN, title.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            const ALL: &[Self] = &[$(Self::$name,)*];

            fn parts(self) -> (StatusCode, &'static str, &'static str) {
                match self {
                    $(Self::$name => (
                        StatusCode::$status,
                        concat!("urn:twinpath:problem:", $kind),
                        $title,
                    ),)*
                }
            }
        }
    };
}

kinds! {
    Malformed = BAD_REQUEST, "malformed-request", "The request is malformed";
    Settings = BAD_REQUEST, "invalid-settings", "The settings are not allowed";
    Unauthorized = UNAUTHORIZED, "unauthorized", "No valid admin token";
    Forbidden = FORBIDDEN, "forbidden", "The token's role does not allow this";
    Unknown = NOT_FOUND, "unknown", "There is no such thing";
    NoEndpoint = NOT_FOUND, "no-endpoint", "There is no such endpoint";
    NoMethod = METHOD_NOT_ALLOWED, "no-method", "The endpoint does not take this method";
    Timeout = REQUEST_TIMEOUT, "timeout", "The body did not arrive in time";
    Conflict = CONFLICT, "conflict", "It stands against what there is";
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    MediaType = UNSUPPORTED_MEDIA_TYPE, "media-type", "The body is not JSON";
    Fault = INTERNAL_SERVER_ERROR, "fault", "A fault of the server";
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The store cannot answer now";
}

impl Problem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, kind, title) = kind.parts();
        Self { kind, title, status: status.as_u16(), detail: detail.into(), headers: Vec::new() }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        let kind = match &error {
            OperatorError::Settings(_) | OperatorError::Token(_) => Kind::Settings,
            OperatorError::Malformed(_) => Kind::Malformed,
            OperatorError::Unknown(_) => Kind::Unknown,
            OperatorError::Conflict(_) => Kind::Conflict,
            OperatorError::Store(_) => return unavailable(&error),
            OperatorError::Vault(_) | OperatorError::Json(_) => {
                tracing::error!(%error, "an operator's request failed");
                Kind::Fault
            }
        };
        Self::new(kind, error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        unavailable(&error)
    }
}

/// What was asked may have become durable all the same.
fn unavailable(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "the store cannot answer");
    Problem::new(Kind::Unavailable, error.to_string())
        .header(RETRY_AFTER, HeaderValue::from_static("1"))
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        let mut response = match serde_json::to_vec(&self) {
            Ok(body) => (status, body).into_response(),
            Err(_) => status.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response
    }
}

pub(super) async fn no_endpoint() -> Problem {
    Problem::new(Kind::NoEndpoint, "there is no such endpoint")
}

pub(super) async fn no_method() -> Problem {
    Problem::new(Kind::NoMethod, "this endpoint does not take this method")
}

/// What the document says of each status, once for all requests.
pub(super) fn responses() -> BTreeMap<String, Response> {
    let mut responses = BTreeMap::new();
    for kind in Kind::ALL {
        let (status, _, title) = kind.parts();
        let problem = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new()
            .description(title)
            .content("application/problem+json", content)
            .build();
        responses.entry(name_of(status.as_u16())).or_insert(response);
    }
    responses
}

fn name_of(status: u16) -> String {
    format!("Problem{status}")
}

fn refusals(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let response = |status: u16| RefOr::Ref(Ref::from_response_name(name_of(status)));
    statuses.iter().map(|&status| (status.to_string(), response(status))).collect()
}

/// How every request can be refused.
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[400, 401, 403, 404, 500, 503])
    }
}

/// How a request can be refused that changes something.
pub(super) struct WriteRefusals;

impl IntoResponses for WriteRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[400, 401, 403, 404, 409, 500, 503])
    }
}

/// How a request can be refused that brings a body.
pub(super) struct BodyRefusals;

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals(&[400, 401, 403, 404, 408, 409, 413, 415, 500, 503])
    }
}
