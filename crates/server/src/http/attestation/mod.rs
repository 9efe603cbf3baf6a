//! The built-in attester's endpoints (PROTOCOL 11).
//!
//! | file | |
//! |---|---|
//! | `input` | JSON bodies, base64, the app that is named |
//! | `evidence` | evidence judged, remembered, answered with a client attestation |
//! | `renewal` | the same of evidence that is stored |
//!
//! Nothing here is authenticated but by the evidence itself: what is looked at before the challenge's MAC
//! costs little, and each source address has so many looks an hour.

mod evidence;
mod input;
mod renewal;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use serde_json::json as object;
use twinpath_core::attester::Refusal as Reason;
use twinpath_core::ids::ClientId;
use twinpath_core::proof::issue_challenge;
use twinpath_wire::oauth::ErrorCode;

use crate::http::Refusal;
use crate::http::refusal::json;
use crate::http::request::{Form, is_of_type, source};
use crate::platform::{Platform, SystemRandom, now};

/// Why there is no client attestation.
#[derive(Debug)]
enum Refused {
    /// The request.
    Request(Refusal),
    /// The evidence, with every reason there is.
    Evidence(Vec<Reason>),
}

impl<E: Into<Refusal>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Request(error.into())
    }
}

impl Refused {
    fn reason(reason: &'static str, detail: &str) -> Self {
        Self::Evidence(vec![Reason::new(reason, detail)])
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Request(refusal) => refusal.code,
            Self::Evidence(_) => ErrorCode::InvalidClientAttestation,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let reasons = match self {
            Self::Request(refusal) => return refusal.into_response(),
            Self::Evidence(reasons) => reasons,
        };
        let mut words: Vec<_> = reasons.iter().map(|refusal| refusal.reason).collect();
        words.dedup();
        let details: Vec<_> = reasons.iter().map(|refusal| refusal.detail.as_str()).collect();
        let mut response = json(&object!({
            "error": ErrorCode::InvalidClientAttestation.as_str(),
            "error_description": details.join("; "),
            "reasons": words,
        }));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }
}

/// `POST /attestation/challenge`
pub(super) async fn challenge(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    // The draft's request has no body at all.
    let form = if is_of_type(&parts.headers, "application/x-www-form-urlencoded") {
        Form::read(&parts.headers, body).await
    } else {
        Ok(Form::default())
    };
    let answer = form.and_then(|form| {
        let named = form
            .get("client_id")
            .map(|id| ClientId::new(id).ok_or_else(|| Refusal::request("client_id is malformed")));
        let client_id = named.transpose()?;
        let issued = issue_challenge(&platform.vault, client_id.as_ref(), now(), &mut SystemRandom);
        Ok(json(&object!({"attestation_challenge": issued})))
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /attestation/android`
pub(super) async fn android(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    told(&platform, "android", evidence::android(&platform, &parts, body).await)
}

/// `POST /attestation/apple`
pub(super) async fn apple(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    told(&platform, "apple", evidence::apple(&platform, &parts, body).await)
}

/// `POST /attestation/play-integrity`
pub(super) async fn play_integrity(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    told(&platform, "play_integrity", evidence::play_integrity(&platform, &parts, body).await)
}

/// `POST /attestation/renew`
pub(super) async fn renew(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    told(&platform, "renew", renewal::renew(&platform, &parts, body).await)
}

fn told(platform: &Platform, what: &str, answer: Result<Response, Refused>) -> Response {
    let outcome = answer.as_ref().map_or_else(|refused| refused.code().as_str(), |_| "attested");
    platform.counters.count("twinpath_attestations_total", what, outcome);
    if let Err(Refused::Evidence(reasons)) = &answer {
        let words: Vec<_> = reasons.iter().map(|refusal| refusal.reason).collect();
        tracing::info!(what, reasons = words.join(" "), "evidence was refused");
    }
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// Counts a request for evidence to be judged.
fn admit(platform: &Platform, parts: &http::request::Parts) -> Result<(), Refusal> {
    let from = source(parts, &platform.config);
    platform.attestations.admit(from, now()).map_err(Refusal::too_many)
}
