//! Limits kept in memory, bounded, and forgotten with the process: how fast a code is polled, and how
//! many codes a source address leaves unredeemed. Nodes on one store tell each other what they count.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use twinpath_core::ids::{ClientId, CodeKey, Digest, Timestamp};
use twinpath_core::vault::Vault;

/// Codes watched at most; beyond that the oldest generation is forgotten early.
const WATCHED: usize = 200_000;
/// The longest interval a client is asked to keep, in seconds.
const MAX_INTERVAL_S: u64 = 60;
/// Added for each poll that came too early (RFC 8628 3.5).
const SLOW_DOWN_S: u64 = 5;
/// How long an unredeemed code counts.
const UNREDEEMED_S: i64 = 600;
/// A source with this part of the limit is worth telling other nodes of.
const HEAVY_PART: usize = 8;
/// Most sources that other nodes are told of, the heaviest first.
const HEAVY_MAX: usize = 1000;
/// Most codes of heavy sources that are looked for at a time.
const DOUBTFUL_MAX: usize = 10_000;
/// When to try again if it is other nodes that hold a source's codes, in seconds.
const RETRY_S: u64 = 60;

/// How a pending poll is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// In time: ask again after so many seconds.
    Right(u64),
    /// Too early: ask again after so many seconds.
    TooFast(u64),
}

/// When each code was last answered.
#[derive(Debug)]
pub struct Polls {
    interval_s: u64,
    answered: Mutex<HashMap<CodeKey, (Timestamp, u64)>>,
}

impl Polls {
    /// The interval a client keeps from the start.
    pub fn new(interval_s: u64) -> Self {
        Self { interval_s, answered: Mutex::default() }
    }

    /// Judges a poll that is still pending. A poll that came too early costs five seconds.
    pub fn judge(&self, code: CodeKey, now: Timestamp) -> Pace {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match answered.get(&code) {
            Some((at, interval)) if now < at.plus_seconds(signed(*interval)) => {
                Pace::TooFast((interval + SLOW_DOWN_S).min(MAX_INTERVAL_S))
            }
            Some((_, interval)) => Pace::Right(*interval),
            None => Pace::Right(self.interval_s),
        }
    }

    /// Remembers that `code` was answered with this pace: the interval runs from now.
    pub fn answered(&self, code: CodeKey, pace: Pace, now: Timestamp) {
        let (Pace::Right(interval) | Pace::TooFast(interval)) = pace;
        self.remember(code, now, |_| (now, interval));
    }

    fn remember(
        &self,
        code: CodeKey,
        now: Timestamp,
        last: impl FnOnce(Option<(Timestamp, u64)>) -> (Timestamp, u64),
    ) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= WATCHED {
            let minute_ago = now.plus_seconds(-signed(MAX_INTERVAL_S));
            answered.retain(|_, (at, _)| *at > minute_ago);
            if answered.len() >= WATCHED {
                answered.clear();
            }
        }
        let last = last(answered.get(&code).copied());
        answered.insert(code, last);
    }

    /// Takes in that another node answered `code`, and the interval it told. The slower pace stands,
    /// and no clock that is ahead makes it last.
    pub fn heard(&self, code: CodeKey, (at, interval): (Timestamp, u64), now: Timestamp) {
        let (at, interval) = (at.min(now), interval.min(MAX_INTERVAL_S).max(self.interval_s));
        self.remember(code, now, |known| match known {
            Some((last, told)) => (last.max(at), told.max(interval)),
            None => (at, interval),
        });
    }

    /// When `code` was last answered, and the interval that was told, as far as this node knows.
    pub fn last(&self, code: CodeKey) -> Option<(Timestamp, u64)> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).get(&code).copied()
    }

    /// Has `code` asked for less often, and says how often.
    pub fn slow_down(&self, code: CodeKey, now: Timestamp) -> u64 {
        let interval = match self.judge(code, now) {
            Pace::Right(interval) => (interval + SLOW_DOWN_S).min(MAX_INTERVAL_S),
            Pace::TooFast(interval) => interval,
        };
        self.answered(code, Pace::TooFast(interval), now);
        interval
    }

    /// Forgets a code that ended.
    pub fn forget(&self, code: CodeKey) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).remove(&code);
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

type Source = (IpAddr, ClientId);

/// What is asked for, by source, and how much that is.
#[derive(Debug, Default)]
struct Unredeemed {
    sources: HashMap<Source, HashMap<CodeKey, Timestamp>>,
    /// The source that asked for a code last.
    asked_by: HashMap<CodeKey, Source>,
    codes: usize,
}

impl Unredeemed {
    /// Makes room: forgets what no longer counts, and everything if that is not enough.
    fn shed(&mut self, horizon: Timestamp) {
        self.sources.retain(|_, codes| {
            codes.retain(|_, at| *at > horizon);
            !codes.is_empty()
        });
        let sources = &self.sources;
        self.asked_by.retain(|code, source| {
            sources.get(source).is_some_and(|codes| codes.contains_key(code))
        });
        self.codes = self.sources.values().map(HashMap::len).sum();
        if self.codes >= WATCHED {
            *self = Self::default();
        }
    }

    /// Forgets what no longer counts of one source.
    fn expire(&mut self, source: &Source, horizon: Timestamp) {
        let Some(codes) = self.sources.get_mut(source) else {
            return;
        };
        let (asked_by, before) = (&mut self.asked_by, codes.len());
        codes.retain(|code, at| {
            let counts = *at > horizon;
            if !counts && asked_by.get(code) == Some(source) {
                asked_by.remove(code);
            }
            counts
        });
        self.codes -= before - codes.len();
    }

    fn remove(&mut self, source: &Source, code: CodeKey) {
        let Some(codes) = self.sources.get_mut(source) else {
            return;
        };
        if codes.remove(&code).is_some() {
            self.codes -= 1;
        }
        if codes.is_empty() {
            self.sources.remove(source);
        }
        if self.asked_by.get(&code) == Some(source) {
            self.asked_by.remove(&code);
        }
    }
}

/// Codes asked for and not redeemed, for each source address and app (PROTOCOL 7.4).
///
/// Nodes on one store exchange their counts once a second. Until they did, a source may have what one
/// node allows at each; after that, what is beyond the limit is only what nodes do not tell: less than
/// an eighth of it each.
#[derive(Debug)]
pub struct Pending {
    limit: usize,
    vault: Arc<Vault>,
    asked: Mutex<Unredeemed>,
    /// What the other nodes count together.
    others: Mutex<HashMap<Digest, u32>>,
}

impl Pending {
    /// At most `limit` within ten minutes. Sources are told to other nodes as the vault's hashes.
    pub fn new(limit: usize, vault: Arc<Vault>) -> Self {
        Self { limit, vault, asked: Mutex::default(), others: Mutex::default() }
    }

    /// Whether this source may ask for `code`; if not, after how many seconds it may try again.
    pub fn admit(
        &self,
        source: (IpAddr, &ClientId),
        code: CodeKey,
        now: Timestamp,
    ) -> Result<(), u64> {
        let key = (source.0, source.1.clone());
        let others = self.of_others(&key);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked.sources.get(&key);
        let (count, knows) =
            known.map_or((0, false), |codes| (codes.len(), codes.contains_key(&code)));
        if knows || count.saturating_add(others) < self.limit {
            return Ok(());
        }
        let horizon = now.plus_seconds(-UNREDEEMED_S);
        asked.expire(&key, horizon);
        let left = asked.sources.get(&key);
        if left.map_or(0, HashMap::len).saturating_add(others) < self.limit {
            return Ok(());
        }
        let oldest = left.and_then(|codes| codes.values().min().copied());
        Err(oldest.map_or(RETRY_S, |oldest| {
            let wait = oldest.seconds().saturating_sub(horizon.seconds()).max(1);
            u64::try_from(wait).unwrap_or(1)
        }))
    }

    /// Remembers that `code` was asked for and is pending. One that was answered lately, at the time
    /// given, and is not known here counts at another node: each counts where it came first.
    pub fn asked(
        &self,
        source: (IpAddr, &ClientId),
        code: CodeKey,
        now: Timestamp,
        elsewhere: Option<Timestamp>,
    ) {
        let horizon = now.plus_seconds(-UNREDEEMED_S);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.0, source.1.clone());
        let knows = asked.sources.get(&key).is_some_and(|codes| codes.contains_key(&code));
        if !knows && elsewhere.is_some_and(|at| at > horizon) {
            return;
        }
        if asked.codes >= WATCHED {
            asked.shed(horizon);
        }
        asked.asked_by.insert(code, key.clone());
        if asked.sources.entry(key).or_default().insert(code, now).is_none() {
            asked.codes += 1;
        }
    }

    /// Forgets a code that ended.
    pub fn ended(&self, source: (IpAddr, &ClientId), code: CodeKey) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.remove(&(source.0, source.1.clone()), code);
    }

    /// Forgets a code whose text was recorded, wherever: it is pending no more, though it may be
    /// redeemed at another node.
    pub fn arrived(&self, code: CodeKey) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = asked.asked_by.get(&code).cloned() {
            asked.remove(&source, code);
        }
    }

    /// The sources that other nodes should count too.
    pub fn heavy(&self, now: Timestamp) -> Vec<(Digest, u32)> {
        let horizon = now.plus_seconds(-UNREDEEMED_S);
        let least = self.least();
        let mut heavy: Vec<(Source, usize)> = {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let candidates = asked.sources.iter().filter(|(_, codes)| codes.len() >= least);
            candidates
                .map(|(source, codes)| {
                    (source.clone(), codes.values().filter(|at| **at > horizon).count())
                })
                .filter(|(_, count)| *count >= least)
                .collect()
        };
        heavy.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        heavy.truncate(HEAVY_MAX);
        let tell =
            |(source, count)| (self.digest(&source), u32::try_from(count).unwrap_or(u32::MAX));
        heavy.into_iter().map(tell).collect()
    }

    /// Codes of heavy sources: they may have been redeemed at other nodes, unknown to this one.
    pub fn doubtful(&self) -> Vec<CodeKey> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let heavy = asked.sources.values().filter(|codes| codes.len() >= self.least());
        heavy.flat_map(HashMap::keys).copied().take(DOUBTFUL_MAX).collect()
    }

    /// How many codes make a source heavy.
    fn least(&self) -> usize {
        (self.limit / HEAVY_PART).max(1)
    }

    /// Takes in what the other nodes count, instead of what they said before.
    pub fn heard(&self, sums: Vec<(Digest, u32)>) {
        let sums = sums.into_iter().collect();
        *self.others.lock().unwrap_or_else(PoisonError::into_inner) = sums;
    }

    fn of_others(&self, source: &Source) -> usize {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if others.is_empty() {
            return 0;
        }
        let count = others.get(&self.digest(source)).copied().unwrap_or(0);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    fn digest(&self, (ip, app): &Source) -> Digest {
        self.vault.identifier("source", app.as_str(), &ip.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn polls_that_come_too_early_slow_down() {
        let polls = Polls::new(5);
        let code = CodeKey([1; 16]);
        let at = |s| NOW.plus_seconds(s);
        let poll = |s| {
            let pace = polls.judge(code, at(s));
            polls.answered(code, pace, at(s));
            pace
        };
        assert_eq!(poll(0), Pace::Right(5));
        assert_eq!(poll(5), Pace::Right(5));
        assert_eq!(poll(9), Pace::TooFast(10));
        assert_eq!(poll(15), Pace::TooFast(15));
        assert_eq!(poll(30), Pace::Right(15));
        polls.forget(code);
        assert_eq!(poll(30), Pace::Right(5));
    }

    #[test]
    fn what_another_node_answered_sets_the_pace_here() {
        let polls = Polls::new(5);
        let code = CodeKey([1; 16]);
        let at = |s| NOW.plus_seconds(s);
        polls.heard(code, (at(0), 5), at(1));
        assert_eq!(polls.judge(code, at(4)), Pace::TooFast(10));
        assert_eq!(polls.judge(code, at(5)), Pace::Right(5));
        // The slower pace stands, whoever told it.
        polls.answered(code, Pace::TooFast(10), at(4));
        assert_eq!(polls.last(code), Some((at(4), 10)));
        polls.heard(code, (at(0), 5), at(6));
        assert_eq!(polls.judge(code, at(13)), Pace::TooFast(15));
        polls.heard(code, (at(20), 15), at(20));
        assert_eq!(polls.judge(code, at(34)), Pace::TooFast(20));
        // A clock that is ahead, and a wait that was given up.
        polls.heard(code, (at(3600), 10_000), at(40));
        assert_eq!(polls.judge(code, at(100)), Pace::Right(60));
        let other = CodeKey([2; 16]);
        polls.heard(other, (Timestamp(0), 0), NOW);
        assert_eq!(polls.judge(other, NOW), Pace::Right(5));
    }

    fn pending(limit: usize) -> Pending {
        Pending::new(limit, Arc::new(Vault::new(&[1; 32]).unwrap()))
    }

    #[test]
    fn codes_asked_for_at_other_nodes_count_here() {
        let (here, there) = (pending(16), pending(16));
        let app = ClientId::new("a").unwrap();
        let source = (IpAddr::from([10, 0, 0, 1]), &app);
        let light = (IpAddr::from([10, 0, 0, 2]), &app);
        let code = |n| CodeKey([n; 16]);
        for n in 0..15 {
            there.asked(source, code(n), NOW, None);
        }
        there.asked(light, code(20), NOW, None);
        let told = there.heavy(NOW);
        assert_eq!(told.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [15]);
        let doubtful = there.doubtful();
        assert!(doubtful.len() == 15 && !doubtful.contains(&code(20)));
        here.heard(told);
        assert_eq!(here.admit(source, code(30), NOW), Ok(()));
        here.asked(source, code(30), NOW, None);
        assert_eq!(here.admit(source, code(30), NOW), Ok(()), "known here");
        assert_eq!(here.admit(source, code(31), NOW.plus_seconds(590)), Err(10));
        here.ended(source, code(30));
        there.asked(source, code(15), NOW, None);
        here.heard(there.heavy(NOW));
        assert_eq!(here.admit(source, code(31), NOW), Err(RETRY_S));
        assert_eq!(here.admit(light, code(31), NOW), Ok(()));
        assert_eq!(there.heavy(NOW.plus_seconds(600)), []);
        here.heard(Vec::new());
        assert_eq!(here.admit(source, code(31), NOW), Ok(()));
    }

    #[test]
    fn a_code_counts_at_one_node_and_only_until_its_text_came() {
        let pending = pending(1);
        let app = ClientId::new("a").unwrap();
        let source = (IpAddr::from([10, 0, 0, 1]), &app);
        let code = |n| CodeKey([n; 16]);
        pending.asked(source, code(1), NOW, Some(NOW.plus_seconds(-10)));
        assert_eq!(pending.heavy(NOW), [], "another node counts it");
        pending.asked(source, code(1), NOW, Some(NOW.plus_seconds(-600)));
        assert_eq!(pending.heavy(NOW).len(), 1, "the other node forgot it");
        pending.arrived(code(2));
        assert_eq!(pending.admit(source, code(2), NOW), Err(600));
        pending.arrived(code(1));
        assert_eq!(pending.admit(source, code(2), NOW), Ok(()));
    }

    #[test]
    fn only_the_heaviest_sources_are_told() {
        let pending = pending(1);
        let app = ClientId::new("a").unwrap();
        let key = |n: u32, m: u8| {
            let mut key = [m; 16];
            key[..4].copy_from_slice(&n.to_be_bytes());
            CodeKey(key)
        };
        for n in 0..=u32::try_from(HEAVY_MAX).unwrap() {
            let source = (IpAddr::from(n.to_be_bytes()), &app);
            (0..=u8::from(n == 7)).for_each(|m| pending.asked(source, key(n, m), NOW, None));
        }
        let told = pending.heavy(NOW);
        assert_eq!(told.len(), HEAVY_MAX);
        assert_eq!((told[0].1, told[1].1), (2, 1));
    }

    #[test]
    fn a_source_leaves_only_so_many_codes_unredeemed() {
        let pending = pending(2);
        let app = ClientId::new("a").unwrap();
        let other = ClientId::new("b").unwrap();
        let ip = IpAddr::from([10, 0, 0, 1]);
        let code = |n| CodeKey([n; 16]);
        for n in 1..=2 {
            assert_eq!(pending.admit((ip, &app), code(n), NOW), Ok(()));
            pending.asked((ip, &app), code(n), NOW, None);
        }
        assert_eq!(pending.admit((ip, &app), code(1), NOW), Ok(()));
        assert_eq!(pending.admit((ip, &app), code(3), NOW.plus_seconds(500)), Err(100));
        assert_eq!(pending.admit((ip, &other), code(3), NOW), Ok(()));
        assert_eq!(pending.admit((ip, &app), code(3), NOW.plus_seconds(600)), Ok(()));
        pending.asked((ip, &app), code(1), NOW, None);
        pending.ended((ip, &app), code(1));
        assert_eq!(pending.admit((ip, &app), code(3), NOW), Ok(()));
    }
}
