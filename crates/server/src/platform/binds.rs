//! What the binds to message centres do, for `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use twinpath_smpp::esme::{
    ANSWER_BOUNDS, AnswerTimes, BindState, Counters as BindCounters, Submits,
};

/// The counters of each bind.
#[derive(Debug, Default)]
pub struct Binds {
    counters: Mutex<Vec<(String, Arc<BindCounters>)>>,
}

impl Binds {
    /// Adds a bind that was started.
    pub fn add(&self, name: &str, counters: &Arc<BindCounters>) {
        let mut known = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        known.push((name.to_owned(), Arc::clone(counters)));
    }

    /// Whether texts may be expected by this bind: it is bound, or about to be.
    pub fn up(&self, name: &str) -> bool {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let state = counters.iter().find(|(known, _)| known == name).map(|(_, c)| c.state());
        matches!(state, None | Some(BindState::Connecting | BindState::Bound))
    }

    /// Each bind's state by name.
    pub fn states(&self) -> BTreeMap<String, &'static str> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(name, c)| (name.clone(), c.state().as_str())).collect()
    }

    /// In the text format of Prometheus.
    pub fn expose(&self, out: &mut String) {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        for (metric, kind, read) in METRICS {
            let _ = writeln!(out, "# TYPE {metric} {kind}");
            for (name, counters) in counters.iter() {
                let _ = writeln!(out, "{metric}{{bind=\"{name}\"}} {}", read(counters));
            }
        }
        for (metric, read) in SECONDS {
            let _ = writeln!(out, "# TYPE {metric} gauge");
            for (name, counters) in counters.iter() {
                let seconds = seconds(read(counters));
                let _ = writeln!(out, "{metric}{{bind=\"{name}\"}} {seconds}");
            }
        }
        let _ = writeln!(out, "# TYPE {SUBMITS} counter");
        for (name, counters) in counters.iter() {
            expose_submits(name, &counters.submits, out);
        }
        let _ = writeln!(out, "# TYPE {ANSWERS} histogram");
        for (name, counters) in counters.iter() {
            expose_answers((ANSWERS, "bind", name), &counters.answers, out);
        }
    }
}

/// What became of texts to phones that a bind submitted.
const SUBMITS: &str = "twinpath_smpp_submits_total";
/// From a text's record being durable to its answer on the way.
const ANSWERS: &str = "twinpath_smpp_answer_seconds";

fn expose_submits(bind: &str, submits: &Submits, out: &mut String) {
    for (outcome, counter) in [
        ("accepted", &submits.accepted),
        ("throttled", &submits.throttled),
        ("refused", &submits.refused),
        ("unanswered", &submits.unanswered),
        ("unsent", &submits.unsent),
    ] {
        let count = counter.load(Relaxed);
        let _ = writeln!(out, "{SUBMITS}{{bind=\"{bind}\",outcome=\"{outcome}\"}} {count}");
    }
}

/// A histogram of `metric`, of what `label` names.
pub(super) fn expose_answers(
    (metric, label, name): (&str, &str, &str),
    answers: &AnswerTimes,
    out: &mut String,
) {
    let of = format!("{label}=\"{name}\"");
    for (bucket, bound) in answers.buckets.iter().zip(ANSWER_BOUNDS) {
        let (bound, count) = (seconds(bound), bucket.load(Relaxed));
        let _ = writeln!(out, "{metric}_bucket{{{of},le=\"{bound}\"}} {count}");
    }
    let (count, sum) = (answers.count.load(Relaxed), seconds(answers.sum_us.load(Relaxed)));
    let _ = writeln!(
        out,
        "{metric}_bucket{{{of},le=\"+Inf\"}} {count}\n{metric}_sum{{{of}}} {sum}\n\
         {metric}_count{{{of}}} {count}"
    );
}

#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

type ReadCounter = fn(&BindCounters) -> u64;

const METRICS: [(&str, &str, ReadCounter); 10] = [
    ("twinpath_smpp_bound", "gauge", |c| u64::from(c.state() == BindState::Bound)),
    ("twinpath_smpp_received_total", "counter", |c| c.received.load(Relaxed)),
    ("twinpath_smpp_acknowledged_total", "counter", |c| c.acknowledged.load(Relaxed)),
    ("twinpath_smpp_throttled_total", "counter", |c| c.throttled.load(Relaxed)),
    ("twinpath_smpp_refused_total", "counter", |c| c.refused.load(Relaxed)),
    ("twinpath_smpp_undecodable_total", "counter", |c| c.undecodable.load(Relaxed)),
    ("twinpath_smpp_in_flight", "gauge", |c| c.in_flight.load(Relaxed)),
    ("twinpath_smpp_connects_total", "counter", |c| c.connects.load(Relaxed)),
    ("twinpath_smpp_binds_refused_total", "counter", |c| c.binds_refused.load(Relaxed)),
    ("twinpath_smpp_rebinds_total", "counter", |c| c.rebinds.load(Relaxed)),
];

/// Kept in microseconds, told in seconds.
const SECONDS: [(&str, ReadCounter); 1] =
    [("twinpath_smpp_enquire_link_seconds", |c| c.enquire_link_us.load(Relaxed))];
