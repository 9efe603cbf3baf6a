//! How requests are refused: RFC 6749 5.2 in JSON, RFC 6750 3 and RFC 9449 7.1 in a header.
//!
//! What the client may know is in `code` and `description`; why we know it better is logged where it
//! is decided, never sent.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use twinpath_core::app::AuthError;
use twinpath_core::grant::ParameterError;
use twinpath_core::proof::DpopError;
use twinpath_store::StoreError;
use twinpath_wire::oauth::{ErrorBody, ErrorCode};

/// What comes with `confirmation_required`.
#[derive(Clone, Copy, Debug)]
pub struct Confirmation {
    /// By what the digits went.
    pub channel: &'static str,
    /// Seconds for which they live.
    pub expires_in: u64,
    /// How often they may be tried.
    pub attempts_left: u32,
}

/// A refused request.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// RFC 6749 5.2 and its extensions.
    pub code: ErrorCode,
    /// For developers.
    pub description: String,
    /// Seconds between polls.
    pub interval: Option<u64>,
    /// How the terminal is confirmed (PROTOCOL 6).
    pub confirmation: Option<Confirmation>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// `DPoP-Nonce` (RFC 9449 8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

impl Refusal {
    /// A 400 with this code.
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code,
            description: description.into(),
            interval: None,
            confirmation: None,
            headers: Vec::new(),
        }
    }

    /// A malformed request.
    pub fn request(description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With a header, if its value can be one.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The same, unless it has one of this name: clients read a header that stands twice as another value.
    #[must_use]
    pub fn header_once(self, name: HeaderName, value: &str) -> Self {
        let has = self.headers.iter().any(|(known, _)| *known == name);
        if has { self } else { self.header(name, value) }
    }

    /// Over a limit: 429 with `Retry-After`.
    pub fn too_many(retry_after_s: u64) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "over a limit, see Retry-After")
            .status(StatusCode::TOO_MANY_REQUESTS)
            .header(RETRY_AFTER, &retry_after_s.to_string())
    }

    /// At a protected resource: the challenge of RFC 6750 3 or RFC 9449 7.1.
    pub fn resource(status: StatusCode, code: ErrorCode, description: &str, dpop: bool) -> Self {
        let scheme = if dpop { "DPoP" } else { "Bearer" };
        let mut challenge =
            format!("{scheme} error=\"{}\", error_description=\"{description}\"", code.as_str());
        if dpop {
            challenge.push_str(", algs=\"");
            challenge.push_str(&twinpath_core::proof::Algorithm::NAMES.join(" "));
            challenge.push('"');
        }
        Self::new(code, description).status(status).header(WWW_AUTHENTICATE, &challenge)
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Request(why) => Self::request(why),
            AuthError::Client(why) => Self::new(ErrorCode::InvalidClient, why)
                .status(StatusCode::UNAUTHORIZED)
                .header(WWW_AUTHENTICATE, "Basic realm=\"twinpath\", charset=\"UTF-8\""),
        }
    }
}

impl From<ParameterError> for Refusal {
    fn from(error: ParameterError) -> Self {
        Self::new(error.code, error.description)
    }
}

impl From<DpopError> for Refusal {
    fn from(error: DpopError) -> Self {
        let code = match error {
            DpopError::UseNonce => ErrorCode::UseDpopNonce,
            _ => ErrorCode::InvalidDpopProof,
        };
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    /// Nothing was decided: the client may ask again.
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store cannot answer");
        Self::new(ErrorCode::TemporarilyUnavailable, "the server cannot answer now, try again")
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .header(RETRY_AFTER, "1")
    }
}

/// A fault of ours.
pub(super) fn fault(what: &'static str) -> Refusal {
    tracing::error!(what, "internal error");
    Refusal::new(ErrorCode::ServerError, "internal error").status(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = ErrorBody::described(self.code, self.description);
        body.interval = self.interval;
        if let Some(confirmation) = self.confirmation {
            body.channel = Some(confirmation.channel.to_owned());
            body.expires_in = Some(confirmation.expires_in);
            body.attempts_left = Some(confirmation.attempts_left);
        }
        let mut response = json(&body);
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

/// An answer that no one may keep (RFC 6749 5.1).
pub(crate) fn json(body: &impl serde::Serialize) -> Response {
    let Ok(bytes) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// No such path.
pub(crate) async fn not_found() -> Refusal {
    Refusal::request("there is no such endpoint").status(StatusCode::NOT_FOUND)
}

/// No such method.
pub(super) async fn method_not_allowed() -> Refusal {
    Refusal::request("this endpoint does not take this method")
        .status(StatusCode::METHOD_NOT_ALLOWED)
}
