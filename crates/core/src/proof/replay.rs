//! The `jti`s of proofs seen lately (RFC 9449 11.1), in memory and bounded.

use std::collections::HashSet;

use crate::ids::{Digest, Timestamp};

/// Two generations of digests. A digest is remembered for one to two times `keep_s`.
#[derive(Debug)]
pub struct ReplayWindow {
    keep_s: i64,
    limit: usize,
    turned_at: Timestamp,
    young: HashSet<Digest>,
    old: HashSet<Digest>,
}

/// What a proof's `jti` is to the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Never seen: remembered now.
    New,
    /// Seen before.
    Replay,
    /// No room: the proof cannot be taken now.
    Full,
}

impl ReplayWindow {
    /// Remembers at least `keep_s` seconds and at most `limit` digests a generation.
    pub fn new(keep_s: i64, limit: usize) -> Self {
        Self { keep_s, limit, turned_at: Timestamp(0), young: HashSet::new(), old: HashSet::new() }
    }

    /// Remembers `digest`.
    pub fn see(&mut self, digest: Digest, now: Timestamp) -> Seen {
        if now >= self.turned_at.plus_seconds(self.keep_s) {
            self.turned_at = now;
            self.old = std::mem::take(&mut self.young);
        }
        if self.old.contains(&digest) || self.young.contains(&digest) {
            return Seen::Replay;
        }
        if self.young.len() >= self.limit {
            return Seen::Full;
        }
        self.young.insert(digest);
        Seen::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_long_enough_and_no_more_than_its_limit() {
        let mut window = ReplayWindow::new(100, 2);
        let at = |s| Timestamp(1_000_000).plus_seconds(s);
        let digest = |n| Digest([n; 16]);
        assert_eq!(window.see(digest(1), at(0)), Seen::New);
        assert_eq!(window.see(digest(1), at(99)), Seen::Replay);
        assert_eq!(window.see(digest(2), at(99)), Seen::New);
        assert_eq!(window.see(digest(3), at(99)), Seen::Full);
        assert_eq!(window.see(digest(2), at(150)), Seen::Replay);
        assert_eq!(window.see(digest(3), at(150)), Seen::New);
        assert_eq!(window.see(digest(2), at(198)), Seen::Replay);
        assert_eq!(window.see(digest(2), at(351)), Seen::New);
    }
}
