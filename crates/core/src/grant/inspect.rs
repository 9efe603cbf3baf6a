//! What introspection and userinfo ask of a grant: is it alive, and whose is it.

use crate::ids::{Digest, GrantId, InstanceId, TerminalKey};
use crate::records::{AccountStatus, Grant, InstanceStatus, Sealed};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step};

/// Reads a grant with its account. Writes nothing.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// The grant's terminal.
    pub terminal: TerminalKey,
    /// The grant.
    pub grant: GrantId,
    /// The key under which the access token would be remembered as revoked.
    pub token: Option<Digest>,
}

/// A grant that is alive.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The grant.
    pub grant: Grant,
    /// The terminal's number, encrypted.
    pub number: Sealed,
}

impl Operation for Inspect {
    /// `None` if the grant or the token is unknown, expired or revoked, or the account or the
    /// installation blocked.
    type Outcome = Option<Inspected>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Grants(self.terminal));
        keys.push(Key::Terminal(self.terminal));
        keys.extend(self.token.map(Key::Jti));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let none = Ok(Step::Done(Vec::new(), None));
        if let Some(token) = self.token
            && view.jti(token)?.is_some_and(|used| cx.now < used.purge_at)
        {
            return none;
        }
        let known = view.grants(self.terminal)?.iter().find(|grant| grant.id == self.grant);
        let Some(grant) = known.filter(|grant| grant.live(cx.now)) else {
            return none;
        };
        if refused(grant, view)? {
            return none;
        }
        let account = view.account(self.terminal, grant.account)?;
        let active = account.is_some_and(|account| account.status == AccountStatus::Active);
        let Some(terminal) = view.terminal(self.terminal)?.filter(|_| active) else {
            return none;
        };
        let inspected = Inspected { grant: grant.clone(), number: terminal.number.clone() };
        Ok(Step::Done(Vec::new(), Some(inspected)))
    }
}

/// Whether an operator refused the installation that the grant was given to. One that is forgotten is not.
fn refused(grant: &Grant, view: &Rows) -> Result<bool, Missing> {
    let attested = grant.attestation().is_some();
    let id = attested.then(|| InstanceId::new(grant.client_id.clone(), &grant.jkt)).flatten();
    let Some(id) = id else { return Ok(false) };
    Ok(view.instance(&id)?.is_some_and(|known| known.status != InstanceStatus::Active))
}

/// Reads whether an access token was revoked that no grant stands behind. Writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct InspectToken(pub Digest);

impl Operation for InspectToken {
    /// Whether it still counts.
    type Outcome = bool;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Jti(self.0));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let revoked = view.jti(self.0)?.is_some_and(|used| cx.now < used.purge_at);
        Ok(Step::Done(Vec::new(), !revoked))
    }
}
