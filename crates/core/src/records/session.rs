//! A person's session at the sign-in page: single sign-on.

use crate::ids::{AccountId, Digest, RouteName, SessionId, TerminalKey, Timestamp};
use crate::records::Trust;

/// One browser in which a terminal was proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Primary key, with `id`.
    pub terminal: TerminalKey,
    /// Primary key, with `terminal`.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// Keyed hash of the cookie.
    pub cookie: Digest,
    /// When the terminal was proven.
    pub auth_time: Timestamp,
    /// The route that proved it.
    pub route: RouteName,
    /// That route's trust.
    pub trust: Trust,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ended before its time: logged out, or its account blocked.
    pub ended_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When the row may be forgotten.
    pub purge_at: Timestamp,
}

impl Session {
    /// Whether it stands at `now`.
    pub fn live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}
