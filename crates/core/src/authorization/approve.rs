//! The person approves, or denies.

use std::sync::Arc;

use crate::authorization::arrive::{REMEMBERED_S, at_stage, belongs};
use crate::authorization::session::standing;
use crate::authorization::{CODE_S, Look, end};
use crate::ids::{AccountId, Digest, RouteName, SessionId};
use crate::records::{
    AccountStatus, Approval, AuditEvent, AuthorizationRequest, Grant, Interaction, ProvenTerminal,
    Session, Stage as InteractionStage,
};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// How many sessions an account keeps.
const MAX_SESSIONS: usize = 20;

/// Hands out an authorization code for a request that was proven. Its steps: the request, the account,
/// the request, the account. The session begins last, so that of two who approve at once only the one
/// whose code counts begins it, with the cookie that its browser keeps.
#[derive(Clone, Debug)]
pub struct Approve {
    /// The request.
    pub look: Look,
    /// Keyed hash of the authorization code.
    pub code: Digest,
    /// Keyed hash of the new session's cookie; `None` where no session is to begin.
    pub cookie: Option<Digest>,
    /// Seconds for which the session stands.
    pub session_ttl_s: i64,
    /// The account that was proven, and the `sub` by which the app knows it.
    known_as: Option<(AccountId, String)>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Ask,
    Check { by: Arc<ProvenTerminal> },
    Approve,
    Begin { by: Arc<ProvenTerminal>, cookie: Digest, request: Box<AuthorizationRequest> },
    Refuse(&'static str),
}

/// What becomes of an approval.
#[derive(Clone, PartialEq, Debug)]
pub enum Approved {
    /// The code may be handed out.
    Yes(Box<AuthorizationRequest>),
    /// The account is blocked, the proof was voided, the session ended, or the request expects another
    /// person.
    Denied(Box<AuthorizationRequest>),
    /// The request ended, is another browser's, or nobody was proven for it.
    Gone,
}

impl Approve {
    /// For what [`ProvenTerminal`] says of the request.
    pub fn new(look: Look, code: Digest, cookie: Option<Digest>, session_ttl_s: i64) -> Self {
        Self { look, code, cookie, session_ttl_s, known_as: None, stage: Stage::Ask }
    }

    /// The `sub` by which the app knows the account that was proven. Without it no request is approved
    /// that names whom it expects.
    #[must_use]
    pub fn known_as(mut self, account: AccountId, sub: String) -> Self {
        self.known_as = Some((account, sub));
        self
    }

    /// Whether it is the person whom the request expects, if it expects anyone.
    fn is_expected(&self, request: &AuthorizationRequest, by: &ProvenTerminal) -> bool {
        request.expected_sub.as_ref().is_none_or(|expected| {
            let known = self.known_as.as_ref().filter(|(account, _)| *account == by.account);
            known.is_some_and(|(_, sub)| sub == expected)
        })
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    fn row<'a>(
        &self,
        view: &'a Rows,
        cx: &Context<'_>,
    ) -> Result<Option<(&'a Interaction, &'a ProvenTerminal)>, Missing> {
        let known = view.interaction(self.look.key)?;
        Ok(known.and_then(|row| match &row.stage {
            InteractionStage::Proven { by, .. }
                if cx.now < row.expires_at && belongs(&row.stage, self.look.browser) =>
            {
                Some((row, by))
            }
            _ => None,
        }))
    }

    fn ask(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(match self.row(view, cx)? {
            Some((row, by)) if !self.is_expected(&row.request, by) => {
                Step::Next(Vec::new(), self.at(Stage::Refuse("another_person")))
            }
            Some((_, by)) => {
                let by = Arc::new(by.clone());
                Step::Next(Vec::new(), self.at(Stage::Check { by }))
            }
            None => Step::Done(Vec::new(), Approved::Gone),
        })
    }

    fn approve(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let Some((row, by)) = self.row(view, cx)? else {
            return Ok(Step::Done(Vec::new(), Approved::Gone));
        };
        let session = by.session.or_else(|| self.cookie.map(|_| SessionId::of(by.grant)));
        let approval = Approval { by: ProvenTerminal { session, ..by.clone() }, code: self.code };
        let writes = vec![at_stage(row, InteractionStage::Approved(approval), CODE_S, cx.now)];
        let request = Box::new(row.request.clone());
        Ok(match (by.session, self.cookie) {
            (None, Some(cookie)) => {
                let by = Arc::new(by.clone());
                Step::Next(writes, self.at(Stage::Begin { by, cookie, request }))
            }
            _ => Step::Done(writes, Approved::Yes(request)),
        })
    }

    /// The code is not told yet: if the proof no longer stands, it never will be.
    fn begin(
        &self,
        by: &ProvenTerminal,
        cookie: Digest,
        request: &AuthorizationRequest,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let request = Box::new(request.clone());
        if !stands(by, view, cx)? {
            return Ok(Step::Done(Vec::new(), Approved::Denied(request)));
        }
        let session = self.session(by, cookie, cx);
        let (sessions, grants) = (view.sessions(by.terminal)?, view.grants(by.terminal)?);
        Ok(Step::Done(begin(sessions, grants, session, cx), Approved::Yes(request)))
    }

    fn session(&self, by: &ProvenTerminal, cookie: Digest, cx: &Context<'_>) -> Session {
        let expires_at = cx.now.plus_seconds(self.session_ttl_s);
        Session {
            terminal: by.terminal,
            id: SessionId::of(by.grant),
            account: by.account,
            cookie,
            auth_time: by.auth_time,
            route: RouteName::from(by.route.as_str()),
            trust: by.trust,
            created_at: cx.now,
            ended_at: None,
            expires_at,
            // A code that was approved in it may still be on its way.
            purge_at: expires_at.plus_seconds(REMEMBERED_S),
        }
    }

    fn refuse(
        &self,
        why: &'static str,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let Some((row, by)) = self.row(view, cx)? else {
            return Ok(Step::Done(Vec::new(), Approved::Gone));
        };
        let event = AuditEvent {
            client_id: Some(row.client_id.clone()),
            account: Some(by.account.to_string()),
            reason: Some(why),
            ..AuditEvent::new(cx.now, "authorization.denied")
        };
        let denied = Approved::Denied(Box::new(row.request.clone()));
        let ended = at_stage(row, InteractionStage::Ended, 0, cx.now);
        Ok(Step::Done(vec![ended, Write::Audit(event)], denied))
    }
}

/// The account must still be its number's, and what proved it must stand.
fn stands(by: &ProvenTerminal, view: &Rows, cx: &Context<'_>) -> Result<bool, Missing> {
    let account = view.account(by.terminal, by.account)?;
    let active = account.is_some_and(|account| account.status == AccountStatus::Active);
    let voided = view.grants(by.terminal)?.iter().any(|made| made.id == by.grant);
    let session = match by.session {
        Some(id) => standing(view, by.terminal, id, cx.now)?.is_some(),
        None => true,
    };
    Ok(active && !voided && session)
}

/// Puts a new session; the oldest ends where there are too many.
fn begin(known: &[Session], grants: &[Grant], session: Session, cx: &Context<'_>) -> Vec<Write> {
    let mut live: Vec<_> = known
        .iter()
        .filter(|other| other.account == session.account && other.live(cx.now))
        .filter(|other| other.id != session.id)
        .collect();
    live.sort_by_key(|other| other.created_at);
    let over = live.len().saturating_sub(MAX_SESSIONS - 1);
    let ended = live.into_iter().take(over);
    let mut writes: Vec<_> =
        ended.flat_map(|other| end(other, grants, "too_many", cx.now)).collect();
    let event = AuditEvent {
        account: Some(session.account.to_string()),
        route: Some(session.route.0.to_string()),
        ..AuditEvent::new(cx.now, "session.begun")
    };
    writes.push(Write::Audit(event));
    writes.push(Write::Session(session));
    writes
}

impl Operation for Approve {
    type Outcome = Approved;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        match &self.stage {
            Stage::Check { by } | Stage::Begin { by, .. } => {
                keys.push(Key::Account(by.terminal, by.account));
                keys.push(Key::Grants(by.terminal));
                keys.push(Key::Sessions(by.terminal));
            }
            Stage::Ask | Stage::Approve | Stage::Refuse(_) => {
                keys.push(Key::Interaction(self.look.key));
            }
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match &self.stage {
            Stage::Ask => self.ask(view, cx),
            Stage::Check { by } => {
                let next = if stands(by, view, cx)? {
                    Stage::Approve
                } else {
                    Stage::Refuse("not_standing")
                };
                Ok(Step::Next(Vec::new(), self.at(next)))
            }
            Stage::Approve => self.approve(view, cx),
            Stage::Begin { by, cookie, request } => self.begin(by, *cookie, request, view, cx),
            Stage::Refuse(why) => self.refuse(why, view, cx),
        }
    }
}

/// The person denies, or gives up.
#[derive(Clone, Copy, Debug)]
pub struct Deny(pub Look);

impl Operation for Deny {
    /// What was asked; `None` if the request ended before, or is another browser's.
    type Outcome = Option<Box<AuthorizationRequest>>;

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.0.key)?;
        let row =
            known.filter(|row| cx.now < row.expires_at && belongs(&row.stage, self.0.browser));
        let Some(row) = row else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let ended = at_stage(row, InteractionStage::Ended, 0, cx.now);
        Ok(Step::Done(vec![ended], Some(Box::new(row.request.clone()))))
    }
}

#[cfg(test)]
mod tests;
