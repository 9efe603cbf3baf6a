//! `/metrics`, in Prometheus' format.

use std::fmt::Write as _;
use std::sync::Arc;

use ::http::header::CONTENT_TYPE;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::platform::Platform;

pub(super) async fn metrics(State(platform): State<Arc<Platform>>) -> Response {
    let mut out = String::with_capacity(4096);
    platform.counters.expose(&mut out);
    platform.timings.expose(&mut out);
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
