//! Who is asked about a proven terminal before a grant is made.
//!
//! | module | owns |
//! |---|---|
//! | `farming` | one holder with many numbers, one block with many accounts |
//! | `camara` | operators' APIs |
//! | `breaker` | not to wait for one that is down |
//!
//! Nothing of this happens, and nothing is slower, where nothing of it is configured. What was answered
//! about a code is remembered, so that whoever repeats a request does not have it paid for again; and of
//! requests at the same time, one asks and all get its answer.

mod breaker;
pub(super) mod camara;
mod farming;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use twinpath_core::ids::{CodeKey, TerminalKey, Timestamp};
use twinpath_core::number::E164;
use twinpath_core::risk::{RiskAnswer, RiskFinding, RiskHook, RiskQuestion, RiskRule, RiskVerdict};

use crate::config::Config;
use crate::platform::{Counters, now};
use camara::Camara;
use farming::Farming;

/// What became of the questions.
const METRIC: &str = "twinpath_risk_total";
/// Answers remembered at most; beyond that all are forgotten.
const REMEMBERED: usize = 50_000;
/// Seconds for which an answer stands: as long as a code and its confirmation may live.
const REMEMBERED_S: i64 = 900;

type Cell = Arc<OnceCell<RiskFinding>>;

/// All who are asked.
#[derive(Debug)]
pub struct Risk {
    hooks: Vec<Box<dyn RiskHook>>,
    farming: Farming,
    answers: Mutex<HashMap<(CodeKey, TerminalKey), (Timestamp, Cell)>>,
}

impl Risk {
    /// As configured.
    pub fn new(config: &Config) -> Result<Self, reqwest::Error> {
        let local = config.issuer.starts_with("http://");
        let camara = |file| Ok(Box::new(Camara::new(file, local)?) as Box<dyn RiskHook>);
        Ok(Self {
            hooks: config.risk.iter().map(camara).collect::<Result<_, reqwest::Error>>()?,
            farming: Farming::new(&config.abuse),
            answers: Mutex::default(),
        })
    }

    /// Whether anyone is asked.
    pub fn is_on(&self) -> bool {
        !self.hooks.is_empty() || self.farming.is_on()
    }

    /// What they say of the proof that `code` is. `holder` is who asks for the grant, if that is known;
    /// `evidence` what it brought for the network to tell whose phone it is.
    pub async fn ask(
        &self,
        code: CodeKey,
        question: &RiskQuestion,
        (number, holder, evidence): (&E164, Option<&str>, Option<&str>),
        counters: &Counters,
    ) -> RiskRule {
        let cell = self.cell((code, question.terminal), now());
        let asking = async {
            let farmed = self.farming.judge(question, (number, holder), now());
            count(counters, "farming", farmed);
            let mut finding = farmed;
            for hook in &self.hooks {
                // What is refused already need not be paid for.
                if finding.verdict == RiskVerdict::Deny {
                    break;
                }
                let said = hook.ask(question, number, evidence).await;
                count(counters, hook.name(), said);
                finding = finding.and(said);
            }
            finding
        };
        let finding = *cell.get_or_init(|| asking).await;
        RiskRule::Answered(RiskAnswer { terminal: question.terminal, finding })
    }

    fn cell(&self, key: (CodeKey, TerminalKey), now: Timestamp) -> Cell {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: &Timestamp| now < at.plus_seconds(REMEMBERED_S);
        if answers.len() >= REMEMBERED && !answers.contains_key(&key) {
            answers.retain(|_, (at, _)| fresh(at));
            if answers.len() >= REMEMBERED {
                answers.clear();
            }
        }
        let (at, cell) = answers.entry(key).or_insert_with(|| (now, Cell::default()));
        if !fresh(at) {
            (*at, *cell) = (now, Cell::default());
        }
        Arc::clone(cell)
    }
}

fn count(counters: &Counters, of: &str, finding: RiskFinding) {
    let outcome = match finding {
        RiskFinding { reason: Some(reason), .. } => reason.as_str(),
        RiskFinding { recycled: true, .. } => "recycled",
        _ => "clear",
    };
    counters.count(METRIC, of, outcome);
}
