//! What a proof led to, beside its own grant: a session at the sign-in page, and other grants by it.

use crate::ids::{CodeKey, GrantId, SessionId, TerminalKey, Timestamp};
use crate::records::{CodeRecord, CodeState, Grant, Session};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step};

/// A proof, by what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedTo {
    /// Its own grant, made or not.
    pub(crate) grant: GrantId,
    /// When its text came: the `auth_time` of all that rests on it.
    proven_at: Timestamp,
}

impl LedTo {
    pub(crate) fn of(code: &CodeRecord, grant: GrantId) -> Self {
        Self { grant, proven_at: code.received_at }
    }

    /// Of the proof that a grant rests on.
    pub(crate) fn of_grant(grant: &Grant) -> Self {
        Self { grant: grant.id, proven_at: grant.auth_time }
    }

    /// Whether this session began by it, or goes on by it.
    pub(crate) fn is_session(self, session: &Session) -> bool {
        self.session(session)
    }

    fn session(self, session: &Session) -> bool {
        session.id == SessionId::of(self.grant) || session.auth_time == self.proven_at
    }

    /// The session that began by it, or that goes on by it.
    pub(crate) fn sessions(self, all: &[Session]) -> impl Iterator<Item = &Session> {
        all.iter().filter(move |session| self.session(session))
    }

    /// Grants of a session by it, which may outlive the session's row; and those that end with one.
    pub(crate) fn others<'a>(
        self,
        sessions: &'a [Session],
        grants: &'a [Grant],
    ) -> impl Iterator<Item = &'a Grant> {
        grants.iter().filter(move |grant| grant.id != self.grant).filter(move |grant| {
            let bound = grant.terms.as_ref().is_some_and(|terms| terms.session_bound);
            grant.session().is_some_and(|id| {
                id == SessionId::of(self.grant)
                    || grant.auth_time == self.proven_at
                    || (bound && self.sessions(sessions).any(|session| session.id == id))
            })
        })
    }
}

/// What a voided code had led to: the grants of sessions that ended by it. Writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct VoidedGrants {
    code: CodeKey,
    found: Option<(TerminalKey, LedTo)>,
}

impl VoidedGrants {
    /// Of the code of this key.
    pub fn of(code: CodeKey) -> Self {
        Self { code, found: None }
    }
}

impl Operation for VoidedGrants {
    type Outcome = Vec<Grant>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        match self.found {
            None => keys.push(Key::Code(self.code)),
            Some((terminal, _)) => {
                keys.push(Key::Grants(terminal));
                keys.push(Key::Sessions(terminal));
            }
        }
    }

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some((terminal, led)) = self.found else {
            let known = view.code(self.code)?;
            let voided = known.and_then(|code| match code.state {
                CodeState::Voided { grant: Some(grant) } => {
                    Some((code.terminal, LedTo::of(code, grant)))
                }
                _ => None,
            });
            return Ok(match voided {
                None => Step::Done(Vec::new(), Vec::new()),
                found => Step::Next(Vec::new(), Self { found, ..*self }),
            });
        };
        let (sessions, grants) = (view.sessions(terminal)?, view.grants(terminal)?);
        let own = grants.iter().filter(|grant| grant.id == led.grant);
        let lost = own.chain(led.others(sessions, grants));
        let lost = lost.filter(|grant| grant.session().is_some()).cloned().collect();
        Ok(Step::Done(Vec::new(), lost))
    }
}
