//! Risk: what is asked of others about a proven terminal before a grant is made, what they answer, and
//! what follows. Asking is the server's; here is what stays when nobody need be asked twice.
//!
//! A proof has gaps that the text alone cannot close: the SIM may be in a thief's phone since yesterday
//! (*SIM swap*), or the number another person's since last year (*recycled*). Operators know, and tell
//! by APIs such as CAMARA's.

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, TerminalKey, Timestamp};
use crate::number::E164;
use crate::records::{Sealed, Trust};

/// What is known of a proof when others are asked about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RiskQuestion {
    /// The terminal.
    pub terminal: TerminalKey,
    /// Its number.
    pub number: Sealed,
    /// The app that wants a grant.
    pub client_id: ClientId,
    /// How far the text's route is believed.
    pub trust: Trust,
    /// When the text came.
    pub received_at: Timestamp,
    /// First and latest proof of the terminal before this one; `None` if this one makes an account.
    pub known: Option<(Timestamp, Timestamp)>,
}

/// What is to happen. Ordered: more is stricter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskVerdict {
    /// The grant may be made.
    Allow,
    /// The person must confirm by digits that are texted to the number.
    Confirm,
    /// No grant.
    Deny,
}

/// Why: for counters and the audit trail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RiskReason {
    /// The number's SIM was changed lately.
    SimSwap,
    /// Nobody who was asked could tell.
    Unavailable,
    /// One installation or address proves many numbers.
    ManyNumbers,
    /// Many accounts of one block of numbers.
    ManyAccounts,
    /// The network sees another number behind the app.
    OtherNumber,
    /// The app brought nothing by which the network could tell.
    Unverified,
}

impl RiskReason {
    /// A stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SimSwap => "risk_sim_swap",
            Self::Unavailable => "risk_unavailable",
            Self::ManyNumbers => "risk_many_numbers",
            Self::ManyAccounts => "risk_many_accounts",
            Self::OtherNumber => "risk_other_number",
            Self::Unverified => "risk_unverified",
        }
    }
}

/// What a hook says of one proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RiskFinding {
    /// What it asks for.
    pub verdict: RiskVerdict,
    /// Why, if there is something to say; also of an [`RiskVerdict::Allow`] that is none of its own.
    pub reason: Option<RiskReason>,
    /// Whether the number is another person's than at its latest proof.
    pub recycled: bool,
}

impl RiskFinding {
    /// Nothing to say.
    pub const CLEAR: Self = Self { verdict: RiskVerdict::Allow, reason: None, recycled: false };

    /// What follows, and why.
    pub const fn because(verdict: RiskVerdict, reason: RiskReason) -> Self {
        Self { verdict, reason: Some(reason), recycled: false }
    }

    /// Both together: the stricter verdict and its reason; recycled if either says so.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let recycled = self.recycled || other.recycled;
        let stricter = other.verdict > self.verdict;
        let silent = other.verdict == self.verdict && self.reason.is_none();
        Self { recycled, ..if stricter || silent { other } else { self } }
    }
}

/// What all hooks together say of one terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RiskAnswer {
    /// Whose answer it is: good for no other.
    pub terminal: TerminalKey,
    /// What they say.
    pub finding: RiskFinding,
}

/// Whether others are asked before a grant is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RiskRule {
    /// Nobody is.
    #[default]
    Off,
    /// They are, and were not yet.
    Unasked,
    /// They were.
    Answered(RiskAnswer),
}

/// A [`RiskHook`]'s answer on its way.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Someone who is asked about a proof: of what became of its number, or for a proof of its own. The text
/// is the method's own proof of a terminal; an operator that sees the phone on its network gives another,
/// from `evidence` that the app brought. What a hook cannot find out, it turns into a finding by its own
/// policy: an answer always comes, in bounded time.
pub trait RiskHook: std::fmt::Debug + Send + Sync {
    /// For counters.
    fn name(&self) -> &str;

    /// What it says of this proof of `number`.
    fn ask<'a>(
        &'a self,
        question: &'a RiskQuestion,
        number: &'a E164,
        evidence: Option<&'a str>,
    ) -> Asking<'a, RiskFinding>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_findings_the_strictest_counts_and_a_recycled_number_stays_so() {
        let all = [
            RiskFinding::CLEAR,
            RiskFinding { reason: Some(RiskReason::Unavailable), ..RiskFinding::CLEAR },
            RiskFinding { recycled: true, ..RiskFinding::CLEAR },
            RiskFinding {
                verdict: RiskVerdict::Confirm,
                reason: Some(RiskReason::SimSwap),
                recycled: false,
            },
            RiskFinding {
                verdict: RiskVerdict::Deny,
                reason: Some(RiskReason::ManyNumbers),
                recycled: false,
            },
        ];
        for one in all {
            for other in all {
                let both = one.and(other);
                assert_eq!(both.verdict, one.verdict.max(other.verdict));
                assert_eq!(both.recycled, one.recycled || other.recycled);
                // What is not plainly allowed always says why.
                assert!(both.verdict == RiskVerdict::Allow || both.reason.is_some());
                let reasons = [one.reason, other.reason];
                assert!(reasons.contains(&both.reason));
            }
        }
    }
}
