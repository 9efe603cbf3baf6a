//! The person approves.

use std::sync::Arc;

use crate::authorization::arrive::{at_stage, belongs};
use crate::authorization::begin::{Begins, begin};
use crate::authorization::judge::too_old;
use crate::authorization::session::standing;
use crate::authorization::{CODE_S, INTERACTION_S, Look};
use crate::ids::{AccountId, Digest, SessionId};
use crate::records::{
    AccountStatus, Approval, AuditEvent, AuthorizationRequest, Interaction, Prompt, ProvenTerminal,
    Stage as InteractionStage,
};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::same;

/// Hands out an authorization code for a request that was proven. Its steps: the request, the account,
/// the request, the account. The session begins last, so that of two who approve at once only the one
/// whose code counts begins it, with the cookie that its browser keeps.
///
/// Code and cookie follow from the request and its proof. So whoever clicks twice, and sees the second
/// answer only, is told the same as the first time, until the code is used or over.
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
    /// The browser's session that goes on, with the hash of the cookie that it shows; `None` where a new
    /// one begins.
    renews: Option<(SessionId, Digest)>,
    /// The account that was proven, and the `sub` by which the app knows it.
    known_as: Option<(AccountId, String)>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Ask,
    Check { by: Arc<ProvenTerminal> },
    Approve,
    Begin { by: Arc<ProvenTerminal>, session: SessionId, request: Box<AuthorizationRequest> },
    Refuse(&'static str),
}

/// What becomes of an approval.
#[derive(Clone, PartialEq, Debug)]
pub enum Approved {
    /// The code may be handed out, and the cookie of the session that began or went on, if one did.
    Yes(Box<AuthorizationRequest>, Option<SessionId>),
    /// The session's proof has become older than the request allows (OIDC Core 3.1.2.1, `max_age`): the
    /// page asks for another.
    Again,
    /// The same, but nothing may be shown.
    LoginRequired(Box<AuthorizationRequest>),
    /// The account is blocked, the proof was voided, the session ended, or the request expects another
    /// person.
    Denied(Box<AuthorizationRequest>),
    /// The request ended, is another browser's, or nobody was proven for it.
    Gone,
}

impl Approve {
    /// For what [`ProvenTerminal`] says of the request.
    pub fn new(look: Look, code: Digest, cookie: Option<Digest>, session_ttl_s: i64) -> Self {
        let (renews, known_as) = (None, None);
        Self { look, code, cookie, session_ttl_s, renews, known_as, stage: Stage::Ask }
    }

    /// The browser shows this session of the same account, with a cookie of this hash: it goes on, proven
    /// anew, with another cookie. Apps know it by the same name as before.
    #[must_use]
    pub fn renewing(self, session: SessionId, shown: Digest) -> Self {
        Self { renews: Some((session, shown)), ..self }
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
            Some((row, by))
                if by.session.is_some() && too_old(&row.request, by.auth_time, cx.now) =>
            {
                self.start_over(row, cx)
            }
            Some((row, by)) if !self.is_expected(&row.request, by) => {
                Step::Next(Vec::new(), self.at(Stage::Refuse("another_person")))
            }
            Some((_, by)) => {
                let by = Arc::new(by.clone());
                Step::Next(Vec::new(), self.at(Stage::Check { by }))
            }
            None => self.second(view, cx)?,
        })
    }

    /// Back to the first page: only a text makes the proof younger.
    fn start_over(&self, row: &Interaction, cx: &Context<'_>) -> Step<Self> {
        if row.request.prompt.contains(&Prompt::None) {
            let ended = at_stage(row, InteractionStage::Ended, 0, cx.now);
            let request = Box::new(row.request.clone());
            return Step::Done(vec![ended], Approved::LoginRequired(request));
        }
        let asking = InteractionStage::Asking { browser: self.look.browser, attempt: 0 };
        Step::Done(vec![at_stage(row, asking, INTERACTION_S, cx.now)], Approved::Again)
    }

    /// A second click: the answer to the first is lost on its browser.
    fn second(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.look.key)?.filter(|row| cx.now < row.expires_at);
        let first = known.and_then(|row| match &row.stage {
            InteractionStage::Approved(first) if first.is_for(self.look.browser) => {
                Some((row, first))
            }
            _ => None,
        });
        let Some((row, first)) = first.filter(|(_, it)| same(&it.code.0, &self.code.0)) else {
            return Ok(Step::Done(Vec::new(), Approved::Gone));
        };
        let session = first.by.session.filter(|_| first.begins);
        let (by, request) = (Arc::new(first.by.clone()), Box::new(row.request.clone()));
        Ok(match session {
            // A crash may have come before it began.
            Some(session) => Step::Next(Vec::new(), self.at(Stage::Begin { by, session, request })),
            None => Step::Done(Vec::new(), Approved::Yes(request, None)),
        })
    }

    fn approve(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let Some((row, by)) = self.row(view, cx)? else {
            return self.second(view, cx);
        };
        let id = self.renews.map_or(SessionId::of(by.grant), |(id, _)| id);
        let begins = self.cookie.filter(|_| by.session.is_none()).map(|_| id);
        let approval = Approval {
            by: ProvenTerminal { session: by.session.or(begins), ..by.clone() },
            code: self.code,
            browser: Some(self.look.browser),
            begins: begins.is_some(),
        };
        let writes = vec![at_stage(row, InteractionStage::Approved(approval), CODE_S, cx.now)];
        let request = Box::new(row.request.clone());
        Ok(match begins {
            Some(session) => {
                let by = Arc::new(by.clone());
                Step::Next(writes, self.at(Stage::Begin { by, session, request }))
            }
            None => Step::Done(writes, Approved::Yes(request, None)),
        })
    }

    /// The code is not told yet: if the proof no longer stands, it never will be.
    fn begin(
        &self,
        by: &ProvenTerminal,
        id: SessionId,
        request: &AuthorizationRequest,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let request = Box::new(request.clone());
        // What a session rests on is the proof: that it is there already may be the first click's doing.
        let proof = ProvenTerminal { session: None, ..by.clone() };
        let denied = || Ok(Step::Done(Vec::new(), Approved::Denied(request.clone())));
        let Some(cookie) = self.cookie else {
            return denied();
        };
        if !stands(&proof, view, cx)? {
            return denied();
        }
        let renews = self.renews.filter(|(renewed, _)| *renewed == id).map(|(_, shown)| shown);
        let begins = Begins { by: &proof, id, cookie, renews, ttl_s: self.session_ttl_s };
        let (sessions, grants) = (view.sessions(by.terminal)?, view.grants(by.terminal)?);
        match begin(&begins, sessions, grants, cx) {
            Some(writes) => Ok(Step::Done(writes, Approved::Yes(request, Some(id)))),
            None => denied(),
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
            Stage::Begin { by, session, request } => self.begin(by, *session, request, view, cx),
            Stage::Refuse(why) => self.refuse(why, view, cx),
        }
    }
}

#[cfg(test)]
mod tests;
