//! The stream by which the page goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use twinpath_core::authorization::ProvenOutcome;
use twinpath_core::records::Stage;
use twinpath_pages::Language;

use super::{Trouble, Visit, prove};
use crate::http::Refusal;
use crate::platform::{Platform, now};

/// How long a stream of events is held: shorter than proxies' patience.
const EVENTS_S: Duration = Duration::from_secs(25);

/// `GET /signin/{id}/events`: held until there is something to tell, then ended; the browser comes
/// again by itself.
pub(in crate::http) async fn events(
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let told = match Visit::find(&platform, request.headers(), &id).await {
        Ok(visit) => {
            let language = visit.language(request.headers());
            event(&platform, &visit, language).await
        }
        Err(Trouble::Problem(..)) => "event: ended\ndata:\n\n",
        Err(Trouble::Refusal(_)) => "retry: 5000\n\n",
    };
    let mut response = Response::new(Body::from(told));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn event(platform: &Platform, visit: &Visit, language: Language) -> &'static str {
    let Stage::Asking { attempt, .. } = visit.row.stage else {
        return "event: proven\ndata:\n\n";
    };
    let waited = tokio::time::timeout(EVENTS_S, wait(platform, visit, attempt, language)).await;
    match waited {
        // The page goes on, if to a form for digits.
        Ok(Ok(ProvenOutcome::Proven(_) | ProvenOutcome::Unconfirmed(_))) => {
            "event: proven\ndata:\n\n"
        }
        Ok(Ok(ProvenOutcome::Waiting)) | Err(_) => "retry: 500\n\n",
        Ok(Ok(_)) => "event: ended\ndata:\n\n",
        Ok(Err(_)) => "retry: 5000\n\n",
    }
}

/// Waits for the text, here or at another node, as a token request does.
async fn wait(
    platform: &Platform,
    visit: &Visit,
    attempt: u32,
    language: Language,
) -> Result<ProvenOutcome, Refusal> {
    let code = visit.code(platform, attempt);
    let until = now().plus_seconds(i64::try_from(EVENTS_S.as_secs()).unwrap_or(0));
    // Taken before the first look, so that no text slips between look and wait. One stream for each
    // code waits: others are told to come again.
    let Ok(place) = platform.waiters.wait_for(code, until) else {
        return Err(Refusal::too_many(1));
    };
    loop {
        let outcome = prove(platform, visit, attempt, (language, None)).await?;
        if outcome != ProvenOutcome::Waiting || platform.waiters.stopping() {
            return Ok(outcome);
        }
        let line = platform.line(code, Some(until)).await;
        if line.taken {
            return Err(Refusal::too_many(1));
        }
        place.woken().await;
    }
}
