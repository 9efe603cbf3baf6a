//! Owns how many connections an address may have.
//!
//! Invariant: an IPv6 address counts as its /64 (RFC 6177), for whoever has one has them all.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Whom connections of an address are counted for: the IPv4 address, or the IPv6 network.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The connections that are open, by where they came from.
#[derive(Debug)]
pub(super) struct Seats {
    in_all: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by_source: HashMap<IpAddr, usize>,
}

/// A connection's place; free again with its end.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    source: IpAddr,
}

impl Seats {
    pub(super) fn new(in_all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { in_all, each, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more; none if there are too many.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let source = source(address);
        let mut taken = self.taken();
        let here = taken.by_source.get(&source).copied().unwrap_or(0);
        if taken.in_all >= self.in_all || here >= self.each {
            return None;
        }
        taken.in_all += 1;
        taken.by_source.insert(source, here + 1);
        Some(Seat { seats: Arc::clone(self), source })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.in_all = taken.in_all.saturating_sub(1);
        match taken.by_source.get_mut(&self.source) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_limited_in_all_and_each() {
        let seats = Seats::new(3, 2);
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = seats.take(at("2001:db8::1")).unwrap();
        let _two = seats.take(at("2001:db8::2")).unwrap();
        assert!(seats.take(at("2001:db8::3")).is_none(), "the same network");
        let _three = seats.take(at("2001:db8:0:1::1")).unwrap();
        assert!(seats.take(at("192.0.2.1")).is_none(), "no place for anybody");
        drop(one);
        let four = seats.take(at("::ffff:192.0.2.1")).unwrap();
        assert_eq!(four.source, at("192.0.2.1"));
        drop(four);
        assert_eq!(seats.taken().by_source.len(), 2, "who left is forgotten");
    }
}
