//! The farming block: one holder that proves many numbers, or one block of numbers that makes many
//! accounts, as farms of SIMs do. In memory, bounded, at each node.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use twinpath_core::ids::{TerminalKey, Timestamp};
use twinpath_core::number::E164;
use twinpath_core::risk::{RiskFinding, RiskQuestion, RiskReason, RiskVerdict};

use crate::config;
use crate::platform::abuse::block;

/// Keys watched at most; beyond that all are forgotten but those that are blocked.
const WATCHED: usize = 20_000;

#[derive(Debug)]
struct Seen {
    since: Timestamp,
    terminals: HashSet<TerminalKey>,
    blocked_until: Option<Timestamp>,
}

/// The different terminals of each key. A key with one too many is blocked for a time, for terminals that
/// it did not have before: who is known stays.
#[derive(Debug)]
struct Distinct {
    /// 0 for none.
    limit: usize,
    window_s: i64,
    block_s: i64,
    seen: Mutex<HashMap<Box<str>, Seen>>,
}

impl Distinct {
    fn new(limit: u32, config: &config::Farming) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            window_s: config.window_s,
            block_s: config.block_s,
            seen: Mutex::default(),
        }
    }

    /// Notes a terminal; whether it is one too many.
    fn too_many(&self, key: &str, terminal: TerminalKey, now: Timestamp) -> bool {
        if self.limit == 0 {
            return false;
        }
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WATCHED && !all.contains_key(key) {
            let blocked = |seen: &Seen| seen.blocked_until.is_some_and(|until| now < until);
            all.retain(|_, seen| now < seen.since.plus_seconds(self.window_s) || blocked(seen));
            if all.len() >= WATCHED {
                all.retain(|_, seen| blocked(seen));
            }
            if all.len() >= WATCHED {
                all.clear();
            }
        }
        let fresh = || Seen { since: now, terminals: HashSet::new(), blocked_until: None };
        let seen = all.entry(key.into()).or_insert_with(fresh);
        let over = match seen.blocked_until {
            Some(until) => now >= until,
            None => now >= seen.since.plus_seconds(self.window_s),
        };
        if over {
            *seen = fresh();
        }
        if seen.terminals.contains(&terminal) {
            return false;
        }
        if seen.terminals.len() >= self.limit {
            seen.blocked_until.get_or_insert(now.plus_seconds(self.block_s));
            return true;
        }
        seen.terminals.insert(terminal);
        false
    }
}

/// Both rules.
#[derive(Debug)]
pub(super) struct Farming {
    holders: Distinct,
    blocks: Distinct,
    digits: usize,
}

impl Farming {
    pub(super) fn new(config: &config::Abuse) -> Self {
        let farming = &config.farming;
        Self {
            holders: Distinct::new(farming.numbers_per_instance, farming),
            blocks: Distinct::new(farming.accounts_per_prefix, farming),
            digits: config.prefix_digits,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.holders.limit > 0 || self.blocks.limit > 0
    }

    /// Of a proof by `holder`, if it is known who that is.
    pub(super) fn judge(
        &self,
        question: &RiskQuestion,
        (number, holder): (&E164, Option<&str>),
        now: Timestamp,
    ) -> RiskFinding {
        let deny = |reason| RiskFinding::because(RiskVerdict::Deny, reason);
        let terminal = question.terminal;
        if holder.is_some_and(|holder| self.holders.too_many(holder, terminal, now)) {
            return deny(RiskReason::ManyNumbers);
        }
        let new = question.known.is_none();
        if new && self.blocks.too_many(&block(number, self.digits), terminal, now) {
            return deny(RiskReason::ManyAccounts);
        }
        RiskFinding::CLEAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn distinct(limit: u32) -> Distinct {
        let farming =
            config::Farming { window_s: 100, block_s: 1000, ..config::Farming::default() };
        Distinct::new(limit, &farming)
    }

    fn terminal(n: u32) -> TerminalKey {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        TerminalKey(bytes)
    }

    #[test]
    fn one_too_many_blocks_the_key_but_not_those_it_had() {
        let distinct = distinct(2);
        let many = |key, n, seconds| distinct.too_many(key, terminal(n), NOW.plus_seconds(seconds));
        assert!(!many("a", 1, 0) && !many("a", 2, 1) && !many("a", 1, 2));
        assert!(many("a", 3, 3) && !many("a", 2, 4) && !many("b", 3, 4));
        // The block outlives the window, then all begins anew.
        assert!(many("a", 3, 150) && many("a", 4, 1002));
        assert!(!many("a", 3, 1003) && !many("a", 4, 1003) && many("a", 5, 1003));
    }

    #[test]
    fn slow_proofs_are_no_farm() {
        let distinct = distinct(1);
        for n in 0..5 {
            let at = NOW.plus_seconds(i64::from(n) * 100);
            assert!(!distinct.too_many("a", terminal(n), at));
        }
    }

    #[test]
    fn memory_is_bounded_and_a_block_survives_the_shedding() {
        let distinct = distinct(1);
        assert!(!distinct.too_many("farm", terminal(1), NOW));
        assert!(distinct.too_many("farm", terminal(2), NOW));
        for n in 0..u32::try_from(WATCHED).unwrap() + 10 {
            distinct.too_many(&n.to_string(), terminal(n), NOW);
        }
        assert!(distinct.seen.lock().unwrap().len() <= WATCHED);
        assert!(distinct.too_many("farm", terminal(3), NOW));
    }
}
