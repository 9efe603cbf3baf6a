//! Owns when messages may be submitted: evenly at the configured rate, and not while the message
//! centre has asked for a pause (`ESME_RTHROTTLED`, `ESME_RMSGQFUL`).
//!
//! Invariants: no two messages have the same turn; a pause doubles while the next answers ask for
//! another, up to [`LONGEST`], and starts over once one is taken.

use std::{
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use crate::{
    connection::{SendError, now},
    pdu::CommandStatus,
};

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The pace of one bind's submits.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two messages.
    interval: Option<Duration>,
    /// How long a turn may be waited for.
    patience: Duration,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    /// The next turn nobody has.
    next: Option<Instant>,
    /// The last pause asked for, and its end.
    pause: Option<(Duration, Instant)>,
}

impl Pace {
    pub(super) fn new(rate_per_s: Option<NonZeroU32>, patience: Duration) -> Self {
        let interval = rate_per_s.map(|rate| Duration::from_secs(1) / rate.get());
        Self { interval, patience, times: Mutex::default() }
    }

    /// Waits for a turn; fails at once where it would not come soon.
    pub(super) async fn turn(&self) -> Result<(), SendError> {
        let turn = self.take(now())?;
        if let Some(at) = turn {
            sleep_until(at.into()).await;
        }
        // A pause may have begun meanwhile.
        if self.is_paused() { Err(SendError::Paused) } else { Ok(()) }
    }

    /// When to send; at once if there is no time.
    fn take(&self, now: Instant) -> Result<Option<Instant>, SendError> {
        let mut times = self.times();
        if times.pauses(now) {
            return Err(SendError::Paused);
        }
        let Some(interval) = self.interval else { return Ok(None) };
        let turn = times.next.map_or(now, |next| next.max(now));
        if turn > now + self.patience {
            return Err(SendError::Paused);
        }
        times.next = Some(turn + interval);
        Ok((turn > now).then_some(turn))
    }

    /// Whether the message centre has asked for a pause that is not over.
    pub(super) fn is_paused(&self) -> bool {
        self.times().pauses(now())
    }

    /// Takes note of an answer; gives the pause it begins.
    pub(super) fn answered(&self, status: CommandStatus) -> Option<Duration> {
        self.note(status, now())
    }

    fn note(&self, status: CommandStatus, now: Instant) -> Option<Duration> {
        let mut times = self.times();
        if !status.is_throttle() {
            if status.is_ok() && !times.pauses(now) {
                times.pause = None;
            }
            return None;
        }
        // Those sent before the pause are answered alike, and ask for one pause together.
        if times.pauses(now) {
            return None;
        }
        let pause = times.pause.map_or(FIRST, |(last, _)| (last * 2).min(LONGEST));
        times.pause = Some((pause, now + pause));
        Some(pause)
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    fn pauses(&self, now: Instant) -> bool {
        self.pause.is_some_and(|(_, end)| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn turns_are_spaced_and_not_handed_out_too_far_ahead() {
        let (pace, start) = (Pace::new(NonZeroU32::new(4), seconds(1)), Instant::now());
        let turns: Vec<_> = (0..6).map(|_| pace.take(start)).collect();
        assert_eq!(turns[0], Ok(None));
        assert_eq!(turns[1], Ok(Some(start + Duration::from_millis(250))));
        assert_eq!(turns[4], Ok(Some(start + seconds(1))));
        assert_eq!(turns[5], Err(SendError::Paused), "beyond what anyone waits");
        assert_eq!(pace.take(start + seconds(10)), Ok(None), "turns not taken are not saved up");
        let later = start + seconds(10);
        assert_eq!(pace.take(later), Ok(Some(later + Duration::from_millis(250))));
    }

    #[test]
    fn a_throttled_submit_pauses_all_and_longer_each_time() {
        let (pace, mut now) = (Pace::new(None, seconds(1)), Instant::now());
        assert_eq!(pace.take(now), Ok(None));
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(pace.note(CommandStatus::Throttled, now), Some(seconds(pause)));
            assert_eq!(pace.note(CommandStatus::QueueFull, now), None, "one pause for all");
            assert_eq!(pace.take(now), Err(SendError::Paused));
            now += seconds(pause);
            assert_eq!(pace.take(now), Ok(None));
        }
        assert_eq!(pace.note(CommandStatus::InvalidDestination, now), None);
        assert_eq!(pace.note(CommandStatus::QueueFull, now), Some(seconds(30)), "no relief yet");
        now += seconds(30);
        assert_eq!(pace.note(CommandStatus::Ok, now), None);
        assert_eq!(pace.note(CommandStatus::Throttled, now), Some(seconds(1)));
    }
}
