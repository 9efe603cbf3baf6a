//! Counters for `/metrics` and for whoever asks what became of the texts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Counts by metric, by what it happened to (a route, an endpoint), and by how it ended.
#[derive(Debug, Default)]
pub struct Counters {
    counts: Mutex<BTreeMap<(&'static str, String, &'static str), u64>>,
}

impl Counters {
    /// Adds one.
    pub fn count(&self, metric: &'static str, subject: &str, outcome: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((metric, subject.to_owned(), outcome)).or_default() += 1;
    }

    /// How often this happened.
    pub fn of(&self, metric: &'static str, subject: &str, outcome: &'static str) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&(metric, subject.to_owned(), outcome)).copied().unwrap_or(0)
    }

    /// In the text format of Prometheus.
    pub fn expose(&self, out: &mut String) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = "";
        for ((metric, subject, outcome), count) in counts.iter() {
            if *metric != last {
                let _ = writeln!(out, "# TYPE {metric} counter");
                last = metric;
            }
            let _ = writeln!(out, "{metric}{{of=\"{subject}\",outcome=\"{outcome}\"}} {count}");
        }
    }
}
