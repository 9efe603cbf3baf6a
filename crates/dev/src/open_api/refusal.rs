//! How the API refuses a request: a status, a challenge in `WWW-Authenticate` (RFC 6750 3, RFC 9449
//! 7.1, RFC 9470 3), and the same in JSON.

use std::fmt::Write as _;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use twinpath_core::proof::{Algorithm, DpopError};
use twinpath_wire::oauth::{ACR_TERMINAL, ErrorBody, ErrorCode};

use super::keys::KeysError;

/// Why a request is refused. The words are for the app's developer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no token at all.
    #[error("an access token is needed")]
    NoToken,
    /// The token does not count here.
    #[error("{0}")]
    Token(&'static str),
    /// The proof of the token's key does not hold, or needs our nonce.
    #[error(transparent)]
    Proof(#[from] DpopError),
    /// The proof was seen before.
    #[error("the proof was used before")]
    Replayed,
    /// The token is good for other things.
    #[error("the token's scope lacks {0}")]
    Scope(&'static str),
    /// The terminal was proven too long ago for this (RFC 9470 3).
    #[error("the terminal must have been proven within {max_age_s} s: authorize again")]
    Authentication {
        /// How long ago it may be, in seconds.
        max_age_s: u32,
    },
    /// More requests than can be told apart.
    #[error("too many requests; try again")]
    Busy,
    /// The platform cannot be asked for its keys.
    #[error("the platform cannot be reached; try again")]
    Keys(#[from] KeysError),
}

impl Refusal {
    /// The status, and the error code where a request had anything to be wrong (RFC 6750 3.1).
    fn meaning(&self) -> (StatusCode, Option<ErrorCode>) {
        const NO: StatusCode = StatusCode::UNAUTHORIZED;
        match self {
            Self::NoToken => (NO, None),
            Self::Token(_) => (NO, Some(ErrorCode::InvalidToken)),
            Self::Proof(DpopError::UseNonce) => (NO, Some(ErrorCode::UseDpopNonce)),
            Self::Proof(_) | Self::Replayed => (NO, Some(ErrorCode::InvalidDpopProof)),
            Self::Scope(_) => (StatusCode::FORBIDDEN, Some(ErrorCode::InsufficientScope)),
            Self::Authentication { .. } => (NO, Some(ErrorCode::InsufficientUserAuthentication)),
            Self::Busy | Self::Keys(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, Some(ErrorCode::TemporarilyUnavailable))
            }
        }
    }

    fn challenge(&self, code: Option<ErrorCode>, metadata: Option<&str>) -> String {
        let mut challenge = format!("DPoP algs=\"{}\"", Algorithm::NAMES.join(" "));
        if let Some(code) = code {
            // Writing to a string cannot fail.
            let _ = write!(challenge, ", error=\"{code}\", error_description=\"{self}\"");
        }
        if let Self::Scope(scope) = self {
            let _ = write!(challenge, ", scope=\"{scope}\"");
        }
        if let Self::Authentication { max_age_s } = self {
            let _ = write!(challenge, ", acr_values=\"{ACR_TERMINAL}\", max_age=\"{max_age_s}\"");
        }
        if let Some(url) = metadata {
            let _ = write!(challenge, ", resource_metadata=\"{url}\"");
        }
        challenge
    }

    /// The answer. The challenge tells where the API's metadata is (RFC 9728 5.1).
    pub fn answer(&self, metadata: Option<&str>) -> Response {
        let (status, code) = self.meaning();
        let body =
            ErrorBody::described(code.unwrap_or(ErrorCode::InvalidRequest), self.to_string());
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        } else if let Ok(challenge) = self.challenge(code, metadata).parse() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
