//! Revoking (RFC 7009). A revoked grant stays as a tombstone, see [`crate::join`].

use crate::grant::Spend;
use crate::ids::{AccountId, ClientId, Digest, GrantId, RouteName, TerminalKey, Timestamp};
use crate::join::TOMBSTONE_S;
use crate::records::{Grant, RefreshState, Trust};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// The writes that revoke a grant; none if it is revoked already.
pub fn revoke(grant: &Grant, reason: &'static str, now: Timestamp) -> Vec<Write> {
    if grant.revoked_at.is_some() {
        return Vec::new();
    }
    let mut event = grant.event(now, "grant.revoked");
    event.reason = Some(reason);
    let revoked =
        Grant { revoked_at: Some(now), purge_at: now.plus_seconds(TOMBSTONE_S), ..grant.clone() };
    vec![Write::Grant(revoked), Write::Audit(event)]
}

/// The writes that revoke a grant known only by its id. One that is not made yet gets a tombstone, so
/// that it never will be.
pub fn revoke_grant(
    view: &Rows,
    terminal: TerminalKey,
    id: GrantId,
    reason: &'static str,
    cx: &Context<'_>,
) -> Result<Vec<Write>, Missing> {
    let known = view.grants(terminal)?.iter().find(|grant| grant.id == id);
    Ok(match known {
        Some(grant) => revoke(grant, reason, cx.now),
        None => {
            tombstone(terminal, id, cx.now).map_or_else(Vec::new, |row| vec![Write::Grant(row)])
        }
    })
}

/// Stands for a grant that was revoked before it was made.
fn tombstone(terminal: TerminalKey, id: GrantId, now: Timestamp) -> Option<Grant> {
    Some(Grant {
        terminal,
        id,
        account: AccountId([0; 16]),
        client_id: ClientId::new("-")?,
        jkt: String::new(),
        scope: String::new(),
        resources: Vec::new(),
        auth_time: now,
        route: RouteName::from(""),
        trust: Trust::Test,
        revoked_at: Some(now),
        refresh: RefreshState {
            sequence: 0,
            hash: Digest([0; 16]),
            previous: None,
            first: 0,
            used: true,
        },
        terms: None,
        expires_at: now,
        purge_at: now.plus_seconds(TOMBSTONE_S),
    })
}

/// Revokes one grant. Its outcome tells whether it was alive.
#[derive(Clone, Debug)]
pub struct RevokeGrant {
    /// The grant's terminal.
    pub terminal: TerminalKey,
    /// The grant.
    pub grant: GrantId,
    /// For the audit trail.
    pub reason: &'static str,
}

impl Operation for RevokeGrant {
    type Outcome = bool;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Grants(self.terminal));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.grants(self.terminal)?.iter().find(|grant| grant.id == self.grant);
        let writes = known.map_or_else(Vec::new, |grant| revoke(grant, self.reason, cx.now));
        let alive = !writes.is_empty();
        Ok(Step::Done(writes, alive))
    }
}

/// Remembers one access token as revoked until it expires.
#[derive(Clone, Copy, Debug)]
pub struct RevokeAccessToken(pub Spend);

impl Operation for RevokeAccessToken {
    type Outcome = ();

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(self.0.decide(view, cx.now)?.map(Write::Jti).into_iter().collect(), ()))
    }
}
