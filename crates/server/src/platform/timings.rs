//! How long things take, as histograms for `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets, in seconds; the last one is all there is.
const BOUNDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

#[derive(Clone, Copy, Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

/// Times by metric and by what took them, such as a route.
#[derive(Debug, Default)]
pub struct Timings {
    histograms: Mutex<BTreeMap<(&'static str, String), Histogram>>,
}

impl Timings {
    /// Adds one.
    pub fn observe(&self, metric: &'static str, subject: &str, took: Duration) {
        let mut known = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = known.entry((metric, subject.to_owned())).or_default();
        for (bucket, bound) in histogram.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(took.as_secs_f64() <= bound);
        }
        histogram.count += 1;
        histogram.sum += took;
    }

    /// In the text format of Prometheus.
    pub fn expose(&self, out: &mut String) {
        let known = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = "";
        for ((metric, subject), histogram) in known.iter() {
            if *metric != last {
                let _ = writeln!(out, "# TYPE {metric} histogram");
                last = metric;
            }
            for (count, bound) in histogram.buckets.iter().zip(BOUNDS) {
                let _ = writeln!(out, "{metric}_bucket{{of=\"{subject}\",le=\"{bound}\"}} {count}");
            }
            let (count, sum) = (histogram.count, histogram.sum.as_secs_f64());
            let _ = writeln!(
                out,
                "{metric}_bucket{{of=\"{subject}\",le=\"+Inf\"}} {count}\n\
                 {metric}_sum{{of=\"{subject}\"}} {sum}\n{metric}_count{{of=\"{subject}\"}} {count}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let timings = Timings::default();
        for millis in [0, 3, 30, 60_000] {
            timings.observe("t_seconds", "a", Duration::from_millis(millis));
        }
        let mut out = String::new();
        timings.expose(&mut out);
        for line in [
            "# TYPE t_seconds histogram",
            "t_seconds_bucket{of=\"a\",le=\"0.001\"} 1",
            "t_seconds_bucket{of=\"a\",le=\"0.005\"} 2",
            "t_seconds_bucket{of=\"a\",le=\"10\"} 3",
            "t_seconds_bucket{of=\"a\",le=\"+Inf\"} 4",
            "t_seconds_sum{of=\"a\"} 60.033",
            "t_seconds_count{of=\"a\"} 4",
        ] {
            assert!(out.lines().any(|known| known == line), "{line} in\n{out}");
        }
    }
}
