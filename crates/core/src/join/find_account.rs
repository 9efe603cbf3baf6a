//! The account finder: whose terminal it is; an account is created if it is nobody's.

use crate::grant::revoke;
use crate::ids::{AccountId, ClientId, Digest, GrantId, TerminalKey, Timestamp};
use crate::records::{Account, AccountStatus, AuditEvent, CodeRecord, Grant, Terminal};
use crate::token::Bound;
use crate::transaction::{Missing, Rows, Write};
use crate::vault::Vault;

/// A proof of a terminal, as the account finder needs it.
pub(crate) struct Finder<'a> {
    /// The mapping that was used up.
    pub(crate) code: &'a CodeRecord,
    /// The id of the grant that may come of it. A new account's id is made from it.
    pub(crate) grant: GrantId,
    /// The app, for the audit trail.
    pub(crate) client_id: &'a ClientId,
    /// What the request is bound to, as [`Grant::jkt`] names it.
    pub(crate) jkt: &'a str,
    /// Seconds without a proof after which a number gets a new account.
    pub(crate) dormant_s: i64,
    /// Whether the number is known to be another person's since its latest proof.
    pub(crate) recycled: bool,
}

/// Whose the terminal is.
pub(crate) enum Found {
    /// Its account is blocked.
    Blocked,
    /// An account, and the writes that make or keep it; since when the terminal is the account's, if it
    /// is not new.
    Account { id: AccountId, since: Option<Timestamp>, writes: Vec<Write> },
}

impl Finder<'_> {
    /// Finds or creates the account, and notes the proof with its terminal.
    pub(crate) fn find(
        &self,
        view: &Rows,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Found, Missing> {
        let key = self.code.terminal;
        let grants = view.grants(key)?;
        let terminal = view.terminal(key)?;
        let known = match terminal {
            Some(terminal) => {
                view.account(key, terminal.account)?.map(|account| (terminal, account))
            }
            None => None,
        };
        if known.is_some_and(|(_, account)| account.status == AccountStatus::Blocked) {
            return Ok(Found::Blocked);
        }
        let mut writes = Vec::with_capacity(6);
        let kept =
            known.filter(|(terminal, account)| !self.dormant(terminal, account, grants, now));
        if let (None, Some((_, old))) = (kept, known) {
            let why = if self.recycled { "recycled" } else { "dormant" };
            writes.extend(replace(old, grants, why, now));
        }
        let (id, created_at) = if let Some((terminal, account)) = kept {
            (account.id, terminal.created_at)
        } else {
            // Made from the grant's id, not from fresh randomness: a step puts only rows that it
            // read, so every attempt at this decision has to name the same row.
            let id = new_account_id(vault, key, self.grant);
            let _absent = view.account(key, id)?;
            writes.extend(self.create(key, id, now));
            (id, now)
        };
        writes.push(Write::Terminal(Terminal {
            key,
            number: self.code.number.clone(),
            account: id,
            created_at,
            proven_at: now,
        }));
        let since = kept.map(|(terminal, _)| terminal.created_at);
        Ok(Found::Account { id, since, writes })
    }

    /// Section 8: a number that is recycled, or was not proven for long, may be another person's by now, unless an instance
    /// key of the account takes part.
    fn dormant(
        &self,
        terminal: &Terminal,
        account: &Account,
        grants: &[Grant],
        now: Timestamp,
    ) -> bool {
        // A certificate is no such key: all users of its app may share it.
        let jkt = Bound::of(self.jkt).jkt();
        let key_known = || {
            !jkt.is_empty()
                && grants.iter().any(|grant| {
                    grant.account == account.id && grant.revoked_at.is_none() && grant.jkt == jkt
                })
        };
        let dormant = now >= terminal.proven_at.plus_seconds(self.dormant_s);
        (self.recycled || dormant) && !key_known()
    }

    fn create(&self, terminal: TerminalKey, id: AccountId, now: Timestamp) -> [Write; 2] {
        let account = Account {
            terminal,
            id,
            status: AccountStatus::Active,
            created_at: now,
            changed_at: now,
        };
        let event = AuditEvent {
            account: Some(id.to_string()),
            client_id: Some(self.client_id.clone()),
            ..AuditEvent::new(now, "account.created")
        };
        [Write::Account(account), Write::Audit(event)]
    }
}

/// As unpredictable as the grant's id, and not to be linked with it.
fn new_account_id(vault: &Vault, terminal: TerminalKey, grant: GrantId) -> AccountId {
    let Digest(hash) = vault.identifier("account", "", &grant.to_string());
    let mut random = [0; 12];
    random.copy_from_slice(hash.split_at(12).0);
    AccountId::compose(&terminal, random)
}

/// Whether an account was created by the proof that led to this grant.
pub(crate) fn made_by(
    vault: &Vault,
    terminal: TerminalKey,
    account: AccountId,
    grant: GrantId,
) -> bool {
    account == new_account_id(vault, terminal, grant)
}

/// The old account of a dormant or recycled number: kept for an operator to restore, its grants revoked.
fn replace(old: &Account, grants: &[Grant], why: &'static str, now: Timestamp) -> Vec<Write> {
    let replaced = Account { status: AccountStatus::Replaced, changed_at: now, ..old.clone() };
    let event = AuditEvent {
        account: Some(old.id.to_string()),
        reason: Some(why),
        ..AuditEvent::new(now, "account.replaced")
    };
    let live = grants.iter().filter(|grant| grant.account == old.id && grant.revoked_at.is_none());
    let mut writes = vec![Write::Account(replaced), Write::Audit(event)];
    writes.extend(live.flat_map(|grant| revoke(grant, why, now)));
    writes
}
