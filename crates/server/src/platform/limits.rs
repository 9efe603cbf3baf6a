//! Limits kept in memory, bounded, and forgotten with the process: how fast a code is polled, and how
//! many codes a source address leaves unredeemed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use twinpath_core::ids::{ClientId, CodeKey, Timestamp};

/// Codes watched at most; beyond that the oldest generation is forgotten early.
const WATCHED: usize = 200_000;
/// The longest interval a client is asked to keep, in seconds.
const MAX_INTERVAL_S: u64 = 60;
/// Added for each poll that came too early (RFC 8628 3.5).
const SLOW_DOWN_S: u64 = 5;
/// How long an unredeemed code counts.
const UNREDEEMED_S: i64 = 600;

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
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= WATCHED {
            let minute_ago = now.plus_seconds(-signed(MAX_INTERVAL_S));
            answered.retain(|_, (at, _)| *at > minute_ago);
            if answered.len() >= WATCHED {
                answered.clear();
            }
        }
        answered.insert(code, (now, interval));
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
    codes: usize,
}

impl Unredeemed {
    /// Makes room: forgets what no longer counts, and everything if that is not enough.
    fn shed(&mut self, horizon: Timestamp) {
        self.sources.retain(|_, codes| {
            codes.retain(|_, at| *at > horizon);
            !codes.is_empty()
        });
        self.codes = self.sources.values().map(HashMap::len).sum();
        if self.codes >= WATCHED {
            *self = Self::default();
        }
    }
}

/// Codes asked for and not redeemed, for each source address and app (PROTOCOL 7.4).
#[derive(Debug)]
pub struct Pending {
    limit: usize,
    asked: Mutex<Unredeemed>,
}

impl Pending {
    /// At most `limit` within ten minutes.
    pub fn new(limit: usize) -> Self {
        Self { limit, asked: Mutex::default() }
    }

    /// Whether this source may ask for `code`; if not, after how many seconds it may try again.
    pub fn admit(
        &self,
        source: (IpAddr, &ClientId),
        code: CodeKey,
        now: Timestamp,
    ) -> Result<(), u64> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.0, source.1.clone());
        let Some(codes) = asked.sources.get_mut(&key) else {
            return Ok(());
        };
        if codes.contains_key(&code) || codes.len() < self.limit {
            return Ok(());
        }
        let horizon = now.plus_seconds(-UNREDEEMED_S);
        let before = codes.len();
        codes.retain(|_, at| *at > horizon);
        let (left, oldest) = (codes.len(), codes.values().min().copied().unwrap_or(now));
        asked.codes -= before - left;
        if left < self.limit {
            return Ok(());
        }
        let wait = oldest.seconds().saturating_sub(horizon.seconds()).max(1);
        Err(u64::try_from(wait).unwrap_or(1))
    }

    /// Remembers that `code` was asked for and is pending.
    pub fn asked(&self, source: (IpAddr, &ClientId), code: CodeKey, now: Timestamp) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.codes >= WATCHED {
            asked.shed(now.plus_seconds(-UNREDEEMED_S));
        }
        let codes = asked.sources.entry((source.0, source.1.clone())).or_default();
        if codes.insert(code, now).is_none() {
            asked.codes += 1;
        }
    }

    /// Forgets a code that ended.
    pub fn ended(&self, source: (IpAddr, &ClientId), code: CodeKey) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.0, source.1.clone());
        let Some(codes) = asked.sources.get_mut(&key) else {
            return;
        };
        let removed = codes.remove(&code).is_some();
        if codes.is_empty() {
            asked.sources.remove(&key);
        }
        if removed {
            asked.codes -= 1;
        }
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
    fn a_source_leaves_only_so_many_codes_unredeemed() {
        let pending = Pending::new(2);
        let app = ClientId::new("a").unwrap();
        let other = ClientId::new("b").unwrap();
        let ip = IpAddr::from([10, 0, 0, 1]);
        let code = |n| CodeKey([n; 16]);
        for n in 1..=2 {
            assert_eq!(pending.admit((ip, &app), code(n), NOW), Ok(()));
            pending.asked((ip, &app), code(n), NOW);
        }
        assert_eq!(pending.admit((ip, &app), code(1), NOW), Ok(()));
        assert_eq!(pending.admit((ip, &app), code(3), NOW.plus_seconds(500)), Err(100));
        assert_eq!(pending.admit((ip, &other), code(3), NOW), Ok(()));
        assert_eq!(pending.admit((ip, &app), code(3), NOW.plus_seconds(600)), Ok(()));
        pending.asked((ip, &app), code(1), NOW);
        pending.ended((ip, &app), code(1));
        assert_eq!(pending.admit((ip, &app), code(3), NOW), Ok(()));
    }
}
