//! What an operator does with an account. Every decision touches the rows of one terminal.

use serde::{Deserialize, Serialize};

use crate::grant::revoke;
use crate::ids::{AccountId, TerminalKey};
use crate::join::TOMBSTONE_S;
use crate::records::{Account, AccountStatus, AuditEvent, Grant, Sealed, Session, Terminal};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// What to do. Operators' commands carry it by its name in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing: look.
    Show,
    /// Refuse every authorization and refresh; its sessions count for nothing meanwhile.
    Block,
    /// Take the block back.
    Unblock,
    /// Revoke every grant.
    Revoke,
    /// Make it the account of its number again, after a dormant number got a new one.
    Restore,
    /// Forget account, number, grants and sessions.
    Erase,
}

/// An operator's command about one account.
#[derive(Clone, Debug)]
pub struct Manage {
    /// The account's terminal.
    pub terminal: TerminalKey,
    /// The account; `None` for the number's present one.
    pub account: Option<AccountId>,
    /// What to do.
    pub action: Action,
}

/// An account as an operator sees it.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The account, after the command.
    pub account: Account,
    /// Its terminal's number, encrypted.
    pub number: Sealed,
    /// When its terminal was last proven.
    pub terminal: Terminal,
    /// Its live grants, before the command.
    pub grants: Vec<Grant>,
    /// The live grants that the command made useless, of this account or, for a restoration, of the one
    /// that it replaced.
    pub lost: Vec<Grant>,
}

impl Manage {
    fn ends_sessions(&self) -> bool {
        matches!(self.action, Action::Erase | Action::Revoke)
    }
}

impl Operation for Manage {
    /// `None` if there is no such account.
    type Outcome = Option<Profile>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Terminal(self.terminal));
        keys.push(Key::Grants(self.terminal));
        if self.ends_sessions() {
            keys.push(Key::Sessions(self.terminal));
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some(terminal) = view.terminal(self.terminal)? else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let id = self.account.unwrap_or(terminal.account);
        let Some(account) = view.account(self.terminal, id)? else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let present = match view.account(self.terminal, terminal.account)? {
            Some(present) if present.id != id => Some(present),
            _ => None,
        };
        let all = view.grants(self.terminal)?;
        let live = |id| -> Vec<Grant> {
            all.iter().filter(|grant| grant.account == id && grant.live(cx.now)).cloned().collect()
        };
        let grants = live(id);
        let sessions = if self.ends_sessions() { view.sessions(self.terminal)? } else { &[] };
        let subject = Subject { terminal, account, present, grants: all, sessions };
        let (account, writes) = subject.apply(self.action, cx);
        let lost = match self.action {
            _ if writes.is_empty() => Vec::new(),
            Action::Block | Action::Revoke | Action::Erase => grants.clone(),
            Action::Restore => present.map_or_else(Vec::new, |present| live(present.id)),
            Action::Show | Action::Unblock => Vec::new(),
        };
        let profile = Profile {
            account,
            number: terminal.number.clone(),
            terminal: terminal.clone(),
            grants,
            lost,
        };
        Ok(Step::Done(writes, Some(profile)))
    }
}

struct Subject<'a> {
    terminal: &'a Terminal,
    account: &'a Account,
    /// The number's present account, if it is another one.
    present: Option<&'a Account>,
    /// Every grant of the terminal: also those of other accounts, and those that expired, which a
    /// clock that steps back brings to life.
    grants: &'a [Grant],
    /// Every session of the terminal; for an erasure and a revocation only.
    sessions: &'a [Session],
}

impl Subject<'_> {
    fn apply(&self, action: Action, cx: &Context<'_>) -> (Account, Vec<Write>) {
        let unchanged = (self.account.clone(), Vec::new());
        match (action, self.account.status) {
            (Action::Block, AccountStatus::Active | AccountStatus::Replaced) => {
                self.turn(AccountStatus::Blocked, "account.blocked", cx)
            }
            (Action::Unblock, AccountStatus::Blocked) => {
                let status = match self.present {
                    Some(_) => AccountStatus::Replaced,
                    None => AccountStatus::Active,
                };
                self.turn(status, "account.unblocked", cx)
            }
            (Action::Revoke, _) => (self.account.clone(), self.revoke(cx)),
            (Action::Restore, AccountStatus::Replaced) => self.restore(cx),
            (Action::Erase, _) => (self.account.clone(), self.erase(cx)),
            (Action::Show | Action::Block | Action::Unblock | Action::Restore, _) => unchanged,
        }
    }

    fn event(&self, kind: &'static str, cx: &Context<'_>) -> Write {
        let account = Some(self.account.id.to_string());
        Write::Audit(AuditEvent {
            account,
            reason: Some("operator"),
            ..AuditEvent::new(cx.now, kind)
        })
    }

    fn turn(
        &self,
        status: AccountStatus,
        kind: &'static str,
        cx: &Context<'_>,
    ) -> (Account, Vec<Write>) {
        let account = Account { status, changed_at: cx.now, ..self.account.clone() };
        (account.clone(), vec![Write::Account(account), self.event(kind, cx)])
    }

    fn grants_of(&self, account: &Account) -> impl Iterator<Item = &Grant> {
        let id = account.id;
        self.grants.iter().filter(move |grant| grant.account == id)
    }

    /// Every grant, and every session: what was approved in one and is not redeemed yet ends with it.
    fn revoke(&self, cx: &Context<'_>) -> Vec<Write> {
        let mut writes = self.revoke_all(self.account, "operator", cx);
        let own = self.sessions.iter().filter(|session| session.account == self.account.id);
        writes.extend(
            own.filter(|session| session.ended_at.is_none()).map(|session| {
                Write::Session(Session { ended_at: Some(cx.now), ..session.clone() })
            }),
        );
        writes
    }

    fn revoke_all(&self, account: &Account, reason: &'static str, cx: &Context<'_>) -> Vec<Write> {
        self.grants_of(account).flat_map(|grant| revoke(grant, reason, cx.now)).collect()
    }

    fn restore(&self, cx: &Context<'_>) -> (Account, Vec<Write>) {
        let (account, mut writes) = self.turn(AccountStatus::Active, "account.restored", cx);
        if let Some(present) = self.present {
            // Whoever is blocked stays so. The grants end here as they do when a dormant number is
            // replaced: else the code that made one would give it out again, for an account that
            // is nobody's present one.
            if present.status == AccountStatus::Active {
                let status = AccountStatus::Replaced;
                let replaced = Account { status, changed_at: cx.now, ..present.clone() };
                writes.push(Write::Account(replaced));
            }
            writes.extend(self.revoke_all(present, "replaced", cx));
        }
        writes.push(Write::Terminal(Terminal { account: account.id, ..self.terminal.clone() }));
        (account, writes)
    }

    /// Rows that name the number or the account go; a grant leaves an empty tombstone, so that no
    /// repeated request brings it back. A session ends, and leaves at the next purge: nothing but its
    /// own cookie ever asks for it.
    fn erase(&self, cx: &Context<'_>) -> Vec<Write> {
        let mut writes = vec![
            Write::DeleteAccount(self.account.terminal, self.account.id),
            self.event("account.erased", cx),
        ];
        if self.terminal.account == self.account.id {
            writes.push(Write::DeleteTerminal(self.terminal.key));
        }
        writes.extend(self.grants_of(self.account).map(|grant| {
            Write::Grant(Grant {
                jkt: String::new(),
                scope: String::new(),
                resources: Vec::new(),
                terms: None,
                revoked_at: grant.revoked_at.or(Some(cx.now)),
                purge_at: cx.now.plus_seconds(TOMBSTONE_S),
                ..grant.clone()
            })
        }));
        let own = self.sessions.iter().filter(|session| session.account == self.account.id);
        writes.extend(own.map(|session| {
            Write::Session(Session {
                ended_at: session.ended_at.or(Some(cx.now)),
                purge_at: session.purge_at.min(cx.now),
                ..session.clone()
            })
        }));
        writes
    }
}

#[cfg(test)]
mod tests;
