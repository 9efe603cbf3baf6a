//! Failed binds, and for whom no more are looked at for a while.
//!
//! Invariants: a stranger locks out nobody but itself: a name is locked at one address only, and an
//! address by its own failures only; what is remembered is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Lockout;

/// Sources remembered at most; beyond that those that end first are forgotten.
const REMEMBERED: usize = 20_000;
/// So many times more failures lock an address, under whatever names: several peers may share it.
const ADDRESS_FACTOR: u32 = 4;
/// Octets of a name that tell it from others: no peer's is longer.
const NAME_OCTETS: usize = 16;

/// An address (or an IPv6 /64), alone or with a `system_id` tried there.
type Source = (IpAddr, Option<Vec<u8>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    /// When they no longer count, or the lockout ends.
    until: Instant,
}

/// What a failure has locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Locked {
    pub(super) name: bool,
    pub(super) address: bool,
}

/// Failed binds by source.
#[derive(Debug)]
pub(super) struct Attempts {
    limit: u32,
    time: Duration,
    failures: Mutex<HashMap<Source, Failures>>,
}

fn named(ip: IpAddr, name: &[u8]) -> Source {
    (ip, Some(name.get(..NAME_OCTETS).unwrap_or(name).to_vec()))
}

impl Attempts {
    pub(super) fn new(lockout: Lockout) -> Self {
        Self { limit: lockout.attempts, time: lockout.time, failures: Mutex::default() }
    }

    fn limit_of(&self, source: &Source) -> u32 {
        if source.1.is_some() { self.limit } else { self.limit.saturating_mul(ADDRESS_FACTOR) }
    }

    /// Whether a bind of this name at this address is not to be looked at.
    pub(super) fn are_locked(&self, ip: IpAddr, name: &[u8], now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        [(ip, None), named(ip, name)].iter().any(|source| {
            let known = failures.get(source);
            known.is_some_and(|known| now < known.until && known.count >= self.limit_of(source))
        })
    }

    /// Counts a failure; says what it locked.
    pub(super) fn failed(&self, ip: IpAddr, name: &[u8], now: Instant) -> Locked {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() + 2 > REMEMBERED {
            make_room(&mut failures, now);
        }
        let mut count = |source: Source| {
            let limit = self.limit_of(&source);
            let fresh = Failures { count: 0, until: now + self.time };
            let known = failures.entry(source).or_insert(fresh);
            if now >= known.until {
                *known = fresh;
            }
            known.count = known.count.saturating_add(1);
            let locked = known.count == limit;
            if locked {
                known.until = now + self.time;
            }
            locked
        };
        Locked { name: count(named(ip, name)), address: count((ip, None)) }
    }

    /// Forgets the failures of this name here. Those of the address stay: who has one password may
    /// guess at others'.
    pub(super) fn succeeded(&self, ip: IpAddr, name: &[u8]) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&named(ip, name));
    }
}

fn make_room(failures: &mut HashMap<Source, Failures>, now: Instant) {
    failures.retain(|_, known| now < known.until);
    if failures.len() + 2 > REMEMBERED {
        let mut ends: Vec<_> = failures.values().map(|known| known.until).collect();
        let (_, middle, _) = ends.select_nth_unstable(REMEMBERED / 4);
        let middle = *middle;
        failures.retain(|_, known| known.until > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const NOTHING: Locked = Locked { name: false, address: false };

    fn attempts(limit: u32) -> Attempts {
        Attempts::new(Lockout { attempts: limit, time: Duration::from_secs(300) })
    }

    #[test]
    fn a_name_is_locked_where_it_failed_and_nowhere_else() {
        let (attempts, begin) = (attempts(3), Instant::now());
        let at = |s| begin + Duration::from_secs(s);
        assert_eq!(attempts.failed(HERE, b"a", at(0)), NOTHING);
        assert_eq!(attempts.failed(HERE, b"a", at(1)), NOTHING);
        assert!(!attempts.are_locked(HERE, b"a", at(1)));
        assert_eq!(attempts.failed(HERE, b"a", at(10)), Locked { name: true, address: false });
        assert!(attempts.are_locked(HERE, b"a", at(309)), "as long as from the last failure");
        assert!(!attempts.are_locked(HERE, b"a", at(310)));
        assert!(!attempts.are_locked(HERE, b"b", at(11)));
        assert!(!attempts.are_locked(THERE, b"a", at(11)));
    }

    #[test]
    fn failures_that_lie_far_apart_lock_nothing_and_success_forgets() {
        let (attempts, begin) = (attempts(2), Instant::now());
        let at = |s| begin + Duration::from_secs(s);
        assert_eq!(attempts.failed(HERE, b"a", at(0)), NOTHING);
        assert_eq!(attempts.failed(HERE, b"a", at(300)), NOTHING);
        attempts.succeeded(HERE, b"a");
        assert_eq!(attempts.failed(HERE, b"a", at(301)), NOTHING);
        assert!(attempts.failed(HERE, b"a", at(302)).name);
    }

    #[test]
    fn an_address_that_tries_many_names_is_locked_whatever_succeeds_between() {
        let (attempts, now) = (attempts(2), Instant::now());
        for name in 0..7_u8 {
            assert_eq!(attempts.failed(HERE, &[name], now), NOTHING);
            attempts.succeeded(HERE, b"known");
        }
        assert_eq!(attempts.failed(HERE, &[7], now), Locked { name: false, address: true });
        assert!(attempts.are_locked(HERE, b"known", now));
        assert!(!attempts.are_locked(THERE, b"known", now));
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let (attempts, now) = (attempts(5), Instant::now());
        let name = vec![0; 60_000];
        for n in 0..u32::try_from(REMEMBERED).unwrap() {
            let ip = std::net::Ipv4Addr::from_bits(n).into();
            attempts.failed(
                ip,
                &name[..n as usize % name.len()],
                now + Duration::from_millis(n.into()),
            );
        }
        let failures = attempts.failures.lock().unwrap();
        assert!(failures.len() <= REMEMBERED);
        let longest = failures.keys().filter_map(|(_, name)| name.as_ref()).map(Vec::len).max();
        assert_eq!(longest, Some(NAME_OCTETS));
    }
}
