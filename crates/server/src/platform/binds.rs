//! What the binds to message centres do, for `/readyz` and `/metrics`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use twinpath_smpp::esme::{BindState, Counters as BindCounters};

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
    }
}

type ReadCounter = fn(&BindCounters) -> u64;

const METRICS: [(&str, &str, ReadCounter); 7] = [
    ("twinpath_smpp_bound", "gauge", |c| u64::from(c.state() == BindState::Bound)),
    ("twinpath_smpp_received_total", "counter", |c| c.received.load(Relaxed)),
    ("twinpath_smpp_acknowledged_total", "counter", |c| c.acknowledged.load(Relaxed)),
    ("twinpath_smpp_throttled_total", "counter", |c| c.throttled.load(Relaxed)),
    ("twinpath_smpp_undecodable_total", "counter", |c| c.undecodable.load(Relaxed)),
    ("twinpath_smpp_in_flight", "gauge", |c| c.in_flight.load(Relaxed)),
    ("twinpath_smpp_rebinds_total", "counter", |c| c.rebinds.load(Relaxed)),
];
