//! The figures of passes, their medians, and how they are shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::load::{Harvest, Times};
use crate::options::Options;
use crate::process::Usage;

/// What was read at both ends of a measured window.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) authorizations: u64,
    pub(crate) elapsed: Duration,
    pub(crate) usage: (Usage, Usage),
    pub(crate) own: (Usage, Usage),
    pub(crate) metrics: Option<(Metrics, Metrics)>,
}

/// The server's own counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Metrics {
    operations: f64,
    commits: f64,
    commit_seconds: f64,
}

impl Metrics {
    /// From the text format of Prometheus.
    pub(crate) fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
        };
        Self {
            operations: value("twinpath_store_operations_total"),
            commits: value("twinpath_store_commits_total"),
            commit_seconds: value("twinpath_store_commit_seconds_total"),
        }
    }
}

/// Milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "percentiles")]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Latency {
    /// Of at least one time; all zero otherwise.
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let at = |percent: usize| {
            let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }

    fn median(passes: &[Self]) -> Self {
        Self {
            p50: median(passes.iter().map(|pass| pass.p50)),
            p90: median(passes.iter().map(|pass| pass.p90)),
            p99: median(passes.iter().map(|pass| pass.p99)),
            max: passes.iter().map(|pass| pass.max).fold(0.0, f64::max),
        }
    }
}

/// What the store did.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct StoreFigures {
    /// Commits a second.
    pub commits_per_second: f64,
    /// Operations in a commit, on average.
    pub batch: f64,
    /// Milliseconds that a commit took, on average.
    pub commit_ms: f64,
}

/// The figures of one pass, or medians of several.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Figures {
    /// Whole authorizations in the measured window.
    pub authorizations: f64,
    /// How long it was.
    pub seconds: f64,
    /// Whole authorizations a second.
    pub per_second: f64,
    /// The measured process's CPU time for one authorization, in microseconds.
    pub cpu_us: f64,
    /// Of it, in user space.
    pub cpu_user_us: f64,
    /// Of it, in the kernel.
    pub cpu_system_us: f64,
    /// How many CPUs the measured process kept busy.
    pub cpus: f64,
    /// The load generator's own CPU time for one authorization.
    pub load_cpu_us: f64,
    /// From a text to its acknowledgement.
    pub text_ms: Option<Latency>,
    /// From a token request to its answer.
    pub request_ms: Latency,
    /// From the start of an authorization to its tokens.
    pub whole_ms: Latency,
    /// What the store did.
    pub store: Option<StoreFigures>,
    /// The most memory that the measured process ever held.
    pub peak_rss_mb: f64,
    /// Answers that were checked and right, those of the warm-up included.
    pub checked: u64,
    /// What was said again as the protocol foresees, by kind.
    pub retries: BTreeMap<String, u64>,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

fn divided(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    f64::midpoint(lower, upper)
}

impl Figures {
    pub(crate) fn new(window: &Window, harvest: &Harvest, checked: u64) -> Self {
        let authorizations = float(window.authorizations);
        let seconds = window.elapsed.as_secs_f64();
        let each_us = |time: Duration| divided(time.as_secs_f64() * 1e6, authorizations);
        let (before, after) = window.usage;
        let user = after.user.saturating_sub(before.user);
        let system = after.system.saturating_sub(before.system);
        let (own_before, own) = window.own;
        let own = (own.user + own.system).saturating_sub(own_before.user + own_before.system);
        let times = &harvest.times;
        let texts = || times.iter().filter_map(|t| t.text);
        let store = window.metrics.map(|(before, after)| {
            let commits = after.commits - before.commits;
            StoreFigures {
                commits_per_second: divided(commits, seconds),
                batch: divided(after.operations - before.operations, commits),
                commit_ms: divided((after.commit_seconds - before.commit_seconds) * 1e3, commits),
            }
        });
        let of = |part: fn(&Times) -> Duration| Latency::of(times.iter().map(part));
        Self {
            authorizations,
            seconds,
            per_second: divided(authorizations, seconds),
            cpu_us: each_us(user + system),
            cpu_user_us: each_us(user),
            cpu_system_us: each_us(system),
            cpus: divided((user + system).as_secs_f64(), seconds),
            load_cpu_us: each_us(own),
            text_ms: texts().next().map(|_| Latency::of(texts())),
            request_ms: of(|times| times.request),
            whole_ms: of(|times| times.whole),
            store,
            peak_rss_mb: float(after.peak_rss_kb) / 1024.0,
            checked,
            retries: harvest.retries.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect(),
            errors: harvest.errors.clone(),
        }
    }

    fn median(passes: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| median(passes.iter().map(part));
        let latency = |part: fn(&Self) -> Latency| {
            Latency::median(&passes.iter().map(part).collect::<Vec<_>>())
        };
        let texts: Vec<_> = passes.iter().filter_map(|pass| pass.text_ms).collect();
        let stores: Vec<_> = passes.iter().filter_map(|pass| pass.store).collect();
        let store = |part: fn(&StoreFigures) -> f64| median(stores.iter().map(part));
        let sum = |part: fn(&Self) -> &BTreeMap<String, u64>| {
            let mut all = BTreeMap::new();
            for (kind, count) in passes.iter().flat_map(part) {
                *all.entry(kind.clone()).or_default() += count;
            }
            all
        };
        Self {
            authorizations: of(|pass| pass.authorizations),
            seconds: of(|pass| pass.seconds),
            per_second: of(|pass| pass.per_second),
            cpu_us: of(|pass| pass.cpu_us),
            cpu_user_us: of(|pass| pass.cpu_user_us),
            cpu_system_us: of(|pass| pass.cpu_system_us),
            cpus: of(|pass| pass.cpus),
            load_cpu_us: of(|pass| pass.load_cpu_us),
            text_ms: (!texts.is_empty()).then(|| Latency::median(&texts)),
            request_ms: latency(|pass| pass.request_ms),
            whole_ms: latency(|pass| pass.whole_ms),
            store: (!stores.is_empty()).then(|| StoreFigures {
                commits_per_second: store(|s| s.commits_per_second),
                batch: store(|s| s.batch),
                commit_ms: store(|s| s.commit_ms),
            }),
            peak_rss_mb: of(|pass| pass.peak_rss_mb),
            checked: passes.iter().map(|pass| pass.checked).sum(),
            retries: sum(|pass| &pass.retries),
            errors: sum(|pass| &pass.errors),
        }
    }

    /// One line, for whoever watches.
    pub(crate) fn line(&self) -> String {
        let errors: u64 = self.errors.values().sum();
        format!(
            "{:.0}/s, {:.0} us of CPU each, {errors} errors, {} checked",
            self.per_second, self.cpu_us, self.checked
        )
    }
}

/// Server and floor beside each other.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Ratio {
    /// CPU time for one authorization: the server's over the floor's.
    pub cpu: f64,
    /// Authorizations a second: the server's over the floor's.
    pub throughput: f64,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How.
    pub options: Options,
    /// Medians.
    pub server: Figures,
    /// Medians.
    pub floor: Figures,
    /// Of the medians.
    pub ratio: Ratio,
    /// Each pass.
    pub server_passes: Vec<Figures>,
    /// Each pass.
    pub floor_passes: Vec<Figures>,
}

impl Report {
    pub(crate) fn new(options: Options, floors: Vec<Figures>, servers: Vec<Figures>) -> Self {
        let (server, floor) = (Figures::median(&servers), Figures::median(&floors));
        let ratio = Ratio {
            cpu: divided(server.cpu_us, floor.cpu_us),
            throughput: divided(server.per_second, floor.per_second),
        };
        Self { options, server, floor, ratio, server_passes: servers, floor_passes: floors }
    }

    /// How many authorizations went wrong, and one kind of it.
    pub fn wrong(&self) -> Option<(u64, String)> {
        let errors = || self.server.errors.iter().chain(&self.floor.errors);
        let first = errors().next().map(|(kind, _)| kind.clone());
        if self.server.authorizations == 0.0 || self.floor.authorizations == 0.0 {
            return Some((0, first.unwrap_or_else(|| "nothing was authorized".to_owned())));
        }
        first.map(|first| (errors().map(|(_, count)| count).sum(), first))
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people.
    pub fn text(&self) -> String {
        let (server, floor) = (&self.server, &self.floor);
        let mut out = String::new();
        let mut row = |what: &str, left: String, right: String| {
            let _ = writeln!(out, "{what:<34}{left:>26}{right:>26}");
        };
        row("medians of all passes", "server".into(), "floor".into());
        let mut number = |what: &str, part: fn(&Figures) -> f64, digits: usize| {
            row(what, format!("{:.digits$}", part(server)), format!("{:.digits$}", part(floor)));
        };
        number("authorizations/s", |f| f.per_second, 0);
        number("CPU us/authorization", |f| f.cpu_us, 1);
        number("  user", |f| f.cpu_user_us, 1);
        number("  system", |f| f.cpu_system_us, 1);
        number("CPUs kept busy", |f| f.cpus, 2);
        number("load's CPU us/authorization", |f| f.load_cpu_us, 1);
        number("peak RSS, MB", |f| f.peak_rss_mb, 1);
        number("answers checked", |f| float(f.checked), 0);
        let times = |latency: Option<Latency>| {
            latency.map_or_else(
                || "-".to_owned(),
                |l| format!("{:.1}/{:.1}/{:.1}/{:.1}", l.p50, l.p90, l.p99, l.max),
            )
        };
        row("p50/p90/p99/max ms: text", times(server.text_ms), times(floor.text_ms));
        row("  token request", times(Some(server.request_ms)), times(Some(floor.request_ms)));
        row("  whole authorization", times(Some(server.whole_ms)), times(Some(floor.whole_ms)));
        if let Some(store) = server.store {
            row("store: commits/s", format!("{:.0}", store.commits_per_second), "-".into());
            row("  operations a commit", format!("{:.1}", store.batch), "-".into());
            row("  ms a commit", format!("{:.2}", store.commit_ms), "-".into());
        }
        let _ = writeln!(
            out,
            "server/floor: CPU {:.2}, throughput {:.2}",
            self.ratio.cpu, self.ratio.throughput
        );
        for (what, figures) in [("server", server), ("floor", floor)] {
            for (kind, count) in &figures.retries {
                let _ = writeln!(out, "{what}, said again: {kind}: {count}");
            }
            for (kind, count) in &figures.errors {
                let _ = writeln!(out, "{what}, ERROR: {kind}: {count}");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([3.0, 1.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!(median(std::iter::empty()).abs() < 1e-9);
        let latency = Latency::of((1..=100).rev().map(Duration::from_millis));
        assert_eq!(latency, Latency { p50: 51.0, p90: 91.0, p99: 100.0, max: 100.0 });
        assert_eq!(Latency::of(std::iter::empty()), Latency::default());
    }

    #[test]
    fn metrics_are_read() {
        let text = "# TYPE twinpath_store_commits_total counter\ntwinpath_store_commits_total 7\n";
        let metrics = Metrics::parse(text);
        assert!((metrics.commits - 7.0).abs() < 1e-9 && metrics.operations.abs() < 1e-9);
    }
}
