//! Making a grant.

use crate::grant::{Minted, revoke};
use crate::ids::{AccountId, ClientId, Digest, GrantId, RouteName, TerminalKey, Timestamp};
use crate::join::TOMBSTONE_S;
use crate::records::{Grant, RefreshState, Terms, Trust};
use crate::token::Bound;
use crate::transaction::{Random, Write};
use crate::vault::Vault;

/// How many live grants an account keeps for one app.
pub(crate) const APP_GRANTS: usize = 20;

/// What a grant is made of.
#[derive(Clone, Debug)]
pub(crate) struct NewGrant<'a> {
    pub(crate) id: GrantId,
    pub(crate) terminal: TerminalKey,
    pub(crate) account: AccountId,
    pub(crate) client_id: &'a ClientId,
    pub(crate) jkt: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) resources: &'a [String],
    pub(crate) auth_time: Timestamp,
    pub(crate) route: RouteName,
    pub(crate) trust: Trust,
    pub(crate) terms: Option<Terms>,
    /// Seconds for which it can be refreshed.
    pub(crate) ttl_s: i64,
    /// Seconds without a proof after which a number gets a new account.
    pub(crate) dormant_s: i64,
}

impl NewGrant<'_> {
    /// The grant, and its first refresh token.
    pub(crate) fn make(
        self,
        vault: &Vault,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> (Grant, Minted) {
        let expires_at = now.plus_seconds(self.ttl_s);
        let mut grant = Grant {
            terminal: self.terminal,
            id: self.id,
            account: self.account,
            client_id: self.client_id.clone(),
            jkt: self.jkt.to_owned(),
            scope: self.scope.to_owned(),
            resources: self.resources.to_vec(),
            auth_time: self.auth_time,
            route: self.route,
            trust: self.trust,
            revoked_at: None,
            refresh: RefreshState {
                sequence: 1,
                hash: Digest([0; 16]),
                previous: None,
                first: 1,
                used: false,
            },
            terms: self.terms.map(Box::new),
            expires_at,
            // The instance key speaks for the account when the number was dormant: long after the
            // grant itself has ended.
            purge_at: expires_at
                .max(now.plus_seconds(self.dormant_s.saturating_mul(2)))
                .plus_seconds(TOMBSTONE_S),
        };
        let minted = Minted::new(vault, &grant, 1, random);
        grant.refresh.hash = minted.hash;
        (grant, minted)
    }

    /// One live grant per account, app and instance key: a new one ends the old. And [`APP_GRANTS`] at
    /// most per account and app: installations without keys cannot be told apart (a certificate may be
    /// many's), and keys are free to make.
    pub(crate) fn supersede(&self, grants: &[Grant], now: Timestamp) -> Vec<Write> {
        let mut same: Vec<_> = grants
            .iter()
            .filter(|grant| {
                grant.revoked_at.is_none()
                    && grant.account == self.account
                    && grant.client_id == *self.client_id
            })
            .collect();
        // The same installation's come first, then the oldest.
        let jkt = Bound::of(self.jkt).jkt();
        same.sort_by_key(|grant| (jkt.is_empty() || grant.jkt != jkt, grant.auth_time));
        let own = if jkt.is_empty() { 0 } else { same.iter().filter(|g| g.jkt == jkt).count() };
        let ended = own.max(same.len().saturating_sub(APP_GRANTS - 1));
        same.into_iter().take(ended).flat_map(|grant| revoke(grant, "superseded", now)).collect()
    }
}
