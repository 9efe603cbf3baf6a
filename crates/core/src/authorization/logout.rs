//! A session ends (OIDC RP-Initiated Logout, OIDC Back-Channel Logout).

use crate::grant::revoke;
use crate::ids::{ClientId, Digest, SessionId, TerminalKey, Timestamp};
use crate::records::{AuditEvent, Grant, Session};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::same;

/// Ends the session of a cookie, and the grants that end with it.
#[derive(Clone, Copy, Debug)]
pub struct EndSession {
    /// The session's terminal.
    pub terminal: TerminalKey,
    /// The session.
    pub id: SessionId,
    /// Keyed hash of the cookie.
    pub cookie: Digest,
}

/// A session that ended now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The session.
    pub session: Session,
    /// The apps that were used in it, each once.
    pub apps: Vec<ClientId>,
}

/// The writes that end a session and revoke the grants that are bound to it.
pub(crate) fn end(
    session: &Session,
    grants: &[Grant],
    reason: &'static str,
    now: Timestamp,
) -> Vec<Write> {
    let event = AuditEvent {
        account: Some(session.account.to_string()),
        reason: Some(reason),
        ..AuditEvent::new(now, "session.ended")
    };
    let ended = Session { ended_at: Some(now), ..session.clone() };
    let mut writes = vec![Write::Session(ended), Write::Audit(event)];
    let bound = |grant: &&Grant| {
        grant.session() == Some(session.id)
            && grant.terms.as_ref().is_some_and(|terms| terms.session_bound)
    };
    writes.extend(grants.iter().filter(bound).flat_map(|grant| revoke(grant, reason, now)));
    writes
}

impl Operation for EndSession {
    /// `None` if no such session stands.
    type Outcome = Option<Ended>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Sessions(self.terminal));
        keys.push(Key::Grants(self.terminal));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.sessions(self.terminal)?.iter().find(|session| session.id == self.id);
        let standing =
            known.filter(|session| session.live(cx.now) && same(&session.cookie.0, &self.cookie.0));
        let Some(session) = standing else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let grants = view.grants(self.terminal)?;
        let mut apps: Vec<_> = grants
            .iter()
            .filter(|grant| grant.session() == Some(session.id) && grant.revoked_at.is_none())
            .map(|grant| grant.client_id.clone())
            .collect();
        apps.sort_unstable();
        apps.dedup();
        let writes = end(session, grants, "logged_out", cx.now);
        Ok(Step::Done(writes, Some(Ended { session: session.clone(), apps })))
    }
}
