//! `/livez`: the process answers. `/readyz`: its store takes writes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::http::refusal;
use crate::platform::Platform;

pub(super) async fn livez() -> Response {
    refusal::json(&json!({"status": "ok"}))
}

/// The state of the binds is told, but a node whose binds are down still answers requests.
pub(super) async fn readyz(State(platform): State<Arc<Platform>>) -> Response {
    let mut binds = platform.binds.states();
    binds.extend(platform.peers.states());
    match platform.readiness.of(&platform.store).await {
        Ok(()) => refusal::json(&json!({"status": "ok", "store": "ok", "binds": binds})),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let mut response = refusal::json(
                &json!({"status": "unavailable", "store": "unavailable", "binds": binds}),
            )
            .into_response();
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}
