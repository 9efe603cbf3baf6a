//! The admin listener: operators' commands for whoever holds the master key, metrics for the rest.

use std::fmt::Write as _;
use std::sync::Arc;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ::http::{HeaderMap, StatusCode};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use twinpath_core::vault::same;

use crate::http::{self, MAX_BODY};
use crate::operator::{Command, Operator, OperatorError};
use crate::platform::Platform;

/// The path of operators' commands.
pub const COMMANDS: &str = "/commands";

/// The admin listener's endpoints.
pub fn router(platform: Arc<Platform>) -> Router {
    Router::new()
        .route(COMMANDS, post(command))
        .route("/metrics", get(metrics))
        .with_state(platform)
}

async fn command(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !same(token.as_bytes(), platform.vault.admin_token().as_bytes()) {
        return refuse(StatusCode::UNAUTHORIZED, "this server has another master key");
    }
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the command is too large");
    };
    let command: Command = match serde_json::from_slice(&bytes) {
        Ok(command) => command,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let operator = Operator::of(&platform);
    match operator.perform(command).await {
        Ok(value) => {
            // In force before the command returns.
            if let Err(error) = platform.registry.renew(&platform).await {
                tracing::error!(%error, "the registry could not be renewed");
            }
            http::refusal::json(&value)
        }
        Err(error) => refuse(status(&error), &error.to_string()),
    }
}

fn status(error: &OperatorError) -> StatusCode {
    match error {
        OperatorError::Settings(_) => StatusCode::BAD_REQUEST,
        OperatorError::Subject(_) => StatusCode::NOT_FOUND,
        OperatorError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        OperatorError::Vault(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let mut response = http::refusal::json(&json!({"error": why}));
    *response.status_mut() = status;
    response
}

async fn metrics(State(platform): State<Arc<Platform>>) -> Response {
    let mut out = String::with_capacity(4096);
    platform.counters.expose(&mut out);
    platform.binds.expose(&mut out);
    let stats = platform.store.stats();
    let mut gauge = |name: &str, kind: &str, value: f64| {
        let _ = writeln!(out, "# TYPE {name} {kind}\n{name} {value}");
    };
    #[expect(clippy::cast_precision_loss, reason = "counters below 2^53")]
    let number = |n: u64| n as f64;
    gauge("twinpath_waiting_requests", "gauge", number(platform.waiters.len() as u64));
    gauge("twinpath_store_queue", "gauge", number(stats.write_queue as u64));
    gauge("twinpath_store_operations_total", "counter", number(stats.write_operations));
    gauge("twinpath_store_commits_total", "counter", number(stats.commits));
    gauge("twinpath_store_commit_seconds_total", "counter", stats.commit_sum.as_secs_f64());
    gauge("twinpath_store_failures_total", "counter", number(stats.write_failures));
    gauge("twinpath_store_refused_total", "counter", number(stats.refused));
    gauge("twinpath_store_purged_total", "counter", number(stats.purged));
    gauge("twinpath_store_read_queue", "gauge", number(stats.read_queue as u64));
    gauge("twinpath_store_failed", "gauge", f64::from(u8::from(stats.failed)));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let ahead = stats.clock_ahead_ms as f64 / 1000.0;
    gauge("twinpath_store_clock_ahead_seconds", "gauge", ahead);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}
