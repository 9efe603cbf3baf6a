//! The life of a signing key: announced, active, retired, gone. Its row says when each begins, so
//! that every node changes over by its clock, whatever it hears of the others.

use serde::Serialize;

use super::signer::SigningAlgorithm;
use crate::ids::Timestamp;
use crate::records::SigningKey;

/// How long keys live: section `[keys]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPolicy {
    /// What is signed with; the first by default.
    pub algorithms: Vec<SigningAlgorithm>,
    /// Seconds for which a key signs; 0: until an operator says so.
    pub rotate_s: i64,
    /// Seconds for which a key is published before it signs. Longer than anyone keeps the key set.
    pub announce_s: i64,
    /// Seconds for which a key is published after it signed. Longer than any token lives.
    pub retire_s: i64,
}

/// What a key is at some time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, and signs; or would, where there is a newer one.
    Active,
    /// Published before it signs.
    Announced,
    /// Published after it signed.
    Retired,
    /// Over.
    Gone,
}

impl KeyPolicy {
    /// What a key is at `now`.
    pub fn state(&self, key: &SigningKey, now: Timestamp) -> KeyState {
        if self.gone_at(key).is_some_and(|at| at <= now) {
            KeyState::Gone
        } else if key.retired_at.is_some_and(|at| at <= now) {
            KeyState::Retired
        } else if key.signs_at <= now {
            KeyState::Active
        } else {
            KeyState::Announced
        }
    }

    /// When a key is no longer published, if its end is known.
    pub fn gone_at(&self, key: &SigningKey) -> Option<Timestamp> {
        key.retired_at.map(|at| at.plus_seconds(self.retire_s))
    }

    /// When a successor of this active key, made at `now`, is to sign; `None`: none is needed yet.
    pub(super) fn succession(&self, active: &SigningKey, now: Timestamp) -> Option<Timestamp> {
        let soonest = now.plus_seconds(self.announce_s);
        if active.retired_at.is_some() {
            // It ends, and nothing follows it.
            return Some(soonest);
        }
        let due = active.signs_at.plus_seconds(self.rotate_s);
        (self.rotate_s > 0 && due <= soonest).then_some(soonest)
    }
}
