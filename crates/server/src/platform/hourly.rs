//! How often a source address asks what costs much and needs no credentials: apps that register
//! themselves, evidence to be judged. Kept in memory, bounded, at each node.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use twinpath_core::ids::Timestamp;

/// Sources watched at most; beyond that all are forgotten.
const WATCHED: usize = 100_000;
const HOUR_S: i64 = 3600;

/// Requests of each source, within an hour from its first.
#[derive(Debug)]
pub struct Hourly {
    limit: u32,
    seen: Mutex<HashMap<IpAddr, (Timestamp, u32)>>,
}

impl Hourly {
    /// At most `limit` within an hour.
    pub fn new(limit: u32) -> Self {
        Self { limit, seen: Mutex::default() }
    }

    /// Counts a request; if it is one too many, after how many seconds to try again.
    pub fn admit(&self, source: IpAddr, now: Timestamp) -> Result<(), u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= WATCHED && !seen.contains_key(&source) {
            seen.retain(|_, (since, _)| now < since.plus_seconds(HOUR_S));
            if seen.len() >= WATCHED {
                seen.clear();
            }
        }
        let (since, count) = seen.entry(source).or_insert((now, 0));
        let end = since.plus_seconds(HOUR_S);
        if now >= end {
            (*since, *count) = (now, 0);
        } else if *count >= self.limit {
            let wait = end.seconds().saturating_sub(now.seconds()).max(1);
            return Err(u64::try_from(wait).unwrap_or(1));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_source_over_its_limit_waits_for_the_hour_to_end() {
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let hourly = Hourly::new(2);
        let admit = |source, seconds| hourly.admit(source, NOW.plus_seconds(seconds));
        assert_eq!((admit(one, 0), admit(one, 10)), (Ok(()), Ok(())));
        assert_eq!((admit(one, 600), admit(other, 600)), (Err(3000), Ok(())));
        assert_eq!(admit(one, 3599), Err(1));
        assert_eq!((admit(one, 3600), admit(one, 3600)), (Ok(()), Ok(())));
        assert_eq!(admit(one, 3601), Err(3599));
    }

    #[test]
    fn no_more_sources_are_watched_than_there_is_room_for() {
        let hourly = Hourly::new(1);
        for n in 0..u32::try_from(WATCHED).unwrap() + 10 {
            assert_eq!(hourly.admit(std::net::Ipv4Addr::from_bits(n).into(), NOW), Ok(()));
        }
        assert!(hourly.seen.lock().unwrap().len() <= WATCHED);
    }
}
