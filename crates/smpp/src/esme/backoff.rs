//! Owns how long a bind waits before it is tried again.
//!
//! Invariants: no two binds seeded differently retry in step; refused credentials are never tried
//! again sooner than configured.

use std::time::Duration;

use crate::{pdu::CommandStatus, session::CloseReason};

/// Pauses between attempts to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The first pause; it doubles from there.
    pub first: Duration,
    /// The longest pause.
    pub max: Duration,
    /// The least pause after refused credentials (`ESME_RINVPASWD`, `ESME_RINVSYSID`,
    /// `ESME_RBINDFAIL`): some operators lock an account that keeps trying.
    pub refused: Duration,
    /// The least pause after `ESME_RALYBND`: the old session has to time out over there.
    pub already_bound: Duration,
    /// How long a bind has to hold for the pauses to start over.
    pub stable: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            max: Duration::from_secs(60),
            refused: Duration::from_secs(60),
            already_bound: Duration::from_secs(10),
            stable: Duration::from_secs(10),
        }
    }
}

/// The pauses of one bind.
#[derive(Debug)]
pub(super) struct Backoff {
    config: BackoffConfig,
    random: XorShift,
    attempts: u32,
}

impl Backoff {
    pub(super) fn new(config: BackoffConfig, seed: u64) -> Self {
        Self { config, random: XorShift::new(seed), attempts: 0 }
    }

    /// The pause after a session that was bound for so long, or never was, and ended so.
    pub(super) fn pause(&mut self, reason: CloseReason, bound: Option<Duration>) -> Duration {
        let least = match reason {
            CloseReason::Refused(status) if status.is_refused_credentials() => self.config.refused,
            CloseReason::Refused(CommandStatus::AlreadyBound) => self.config.already_bound,
            _ => {
                if bound.is_some_and(|bound| bound >= self.config.stable) {
                    self.attempts = 0;
                }
                return self.exponential();
            }
        };
        least + self.random.up_to(least / 2)
    }

    /// Half of the pause is fixed, half of it chance.
    fn exponential(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let pause = self.config.first.saturating_mul(factor).min(self.config.max);
        self.attempts = self.attempts.saturating_add(1);
        pause / 2 + self.random.up_to(pause / 2)
    }
}

/// xorshift64 (Marsaglia 2003): enough to spread retries, for nothing else.
#[derive(Debug)]
struct XorShift(u64);

impl XorShift {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15).nonzero()
    }

    fn nonzero(self) -> Self {
        Self(self.0.max(1))
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.0 % (micros + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: CloseReason = CloseReason::Disconnected;

    #[test]
    fn pauses_double_to_their_maximum_with_jitter() {
        let mut backoff = Backoff::new(BackoffConfig::default(), 1);
        for full in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let (pause, full) = (backoff.pause(LOST, None), Duration::from_secs(full));
            assert!(pause >= full / 2 && pause <= full, "{pause:?} of {full:?}");
        }
        for _ in 0..40 {
            assert!(backoff.pause(LOST, None) <= Duration::from_secs(60));
        }
    }

    #[test]
    fn only_a_bind_that_held_starts_over() {
        let mut backoff = Backoff::new(BackoffConfig::default(), 1);
        for _ in 0..6 {
            backoff.pause(LOST, Some(Duration::from_millis(5)));
        }
        assert!(backoff.pause(LOST, Some(Duration::from_secs(9))) >= Duration::from_secs(30));
        assert!(backoff.pause(LOST, Some(Duration::from_secs(10))) <= Duration::from_secs(1));
    }

    #[test]
    fn refusals_wait_longer() {
        let mut backoff = Backoff::new(BackoffConfig::default(), 1);
        for status in [
            CommandStatus::InvalidPassword,
            CommandStatus::InvalidSystemId,
            CommandStatus::BindFailed,
        ] {
            assert!(backoff.pause(CloseReason::Refused(status), None) >= Duration::from_secs(60));
        }
        let already = backoff.pause(CloseReason::Refused(CommandStatus::AlreadyBound), None);
        assert!(already >= Duration::from_secs(10) && already <= Duration::from_secs(15));
    }

    #[test]
    fn seeds_spread() {
        let pause = |seed| Backoff::new(BackoffConfig::default(), seed).pause(LOST, None);
        assert_ne!(pause(1), pause(2));
        assert_eq!(pause(3), pause(3));
    }
}
