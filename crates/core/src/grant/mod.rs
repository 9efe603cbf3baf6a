//! Grants after they are made: their opaque tokens, refreshing, revoking, inspecting.

mod inspect;
mod opaque;
mod refresh;
mod request;
mod revoke;

pub use inspect::{Inspect, Inspected};
pub use opaque::{Handle, Minted, RefreshToken, access_token_handle, read_access_token_handle};
pub use refresh::{Narrowed, Refresh, RefreshRequest, Refreshed};
pub(crate) use request::absolute;
pub use request::{ParameterError, Resources, Scope};
pub use revoke::{RevokeAccessToken, RevokeGrant, revoke, revoke_grant};

use crate::ids::{Digest, Timestamp};
use crate::records::UsedJti;
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// A single-use identifier that a request uses up: the `jti` of its client assertion
/// (RFC 7523 3, point 7). Its row is spread by its own key, apart from code and terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spend {
    /// Keyed hash of app and `jti`.
    pub key: Digest,
    /// Until when a replay would otherwise pass.
    pub until: Timestamp,
}

impl Spend {
    /// The row it reads.
    pub fn key(&self) -> Key {
        Key::Jti(self.key)
    }

    /// The write that uses it up, or `None` if it was used before.
    pub fn decide(&self, view: &Rows, now: Timestamp) -> Result<Option<Write>, Missing> {
        let seen = view.jti(self.key)?.is_some_and(|used| now < used.purge_at);
        Ok((!seen).then_some(Write::Jti(UsedJti { key: self.key, purge_at: self.until })))
    }
}

impl Operation for Spend {
    /// Whether it was new.
    type Outcome = bool;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(self.key());
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let write = Self::decide(self, view, cx.now)?;
        let new = write.is_some();
        Ok(Step::Done(write.into_iter().collect(), new))
    }
}
