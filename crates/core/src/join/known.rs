//! Whether an account knows an installation (PROTOCOL 6).

use crate::ids::{AccountId, ClientId};
use crate::records::Grant;
use crate::token::Bound;

/// An installation, as an account knows it: by a grant to the app that is bound to its key. Without a key
/// none is known: a certificate may be all of an app's users'.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) account: AccountId,
    pub(crate) client_id: &'a ClientId,
    /// As [`Grant::jkt`] names it.
    pub(crate) jkt: &'a str,
}

impl Known<'_> {
    /// By one of these grants that was not revoked. One that ran out says as much as one that did not.
    pub(crate) fn in_(&self, grants: &[Grant]) -> bool {
        matches!(Bound::of(self.jkt), Bound::Key(_))
            && grants.iter().any(|grant| {
                grant.account == self.account
                    && grant.client_id == *self.client_id
                    && grant.jkt == self.jkt
                    && grant.revoked_at.is_none()
            })
    }
}
