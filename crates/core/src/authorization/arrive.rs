//! A request arrives: pushed by its app (RFC 9126), and with its browser.

use std::sync::Arc;

use twinpath_wire::oauth::ErrorCode;

use crate::authorization::judge::{Verdict, judge};
use crate::authorization::{FoundSession, INTERACTION_S, PUSHED_S};
use crate::grant::{Replay, Spends};
use crate::ids::{ClientId, Digest, GrantId, Timestamp};
use crate::records::{AuthorizationRequest, Interaction, Prompt, Stage};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write, random_bytes};

/// Seconds for which an interaction is remembered after its end, so that what comes late is told so.
pub(super) const REMEMBERED_S: i64 = 3600;

/// A row at a stage that lasts `life_s` from now.
pub(super) fn at_stage(row: &Interaction, stage: Stage, life_s: i64, now: Timestamp) -> Write {
    let expires_at = now.plus_seconds(life_s);
    let purge_at = expires_at.plus_seconds(REMEMBERED_S);
    Write::Interaction(Box::new(Interaction { stage, expires_at, purge_at, ..row.clone() }))
}

/// Keeps a pushed request (RFC 9126 2).
#[derive(Clone, Debug)]
pub struct Push {
    /// The key of its row.
    pub key: Digest,
    /// The app.
    pub client_id: ClientId,
    /// What it asks.
    pub request: Arc<AuthorizationRequest>,
    /// What the HTTP request uses up.
    pub spends: Spends,
}

impl Operation for Push {
    /// What was used before, if anything was.
    type Outcome = Option<Replay>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        keys.push(Key::Interaction(self.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let then = |spends| Self { spends, ..self.clone() };
        if let Some(step) = self.spends.step(view, cx.now, then, Some)? {
            return Ok(step);
        }
        let _absent = view.interaction(self.key)?;
        let row = new_row(self.key, &self.client_id, &self.request, cx.now);
        Ok(Step::Done(vec![at_stage(&row, Stage::Pushed, PUSHED_S, cx.now)], None))
    }
}

fn new_row(
    key: Digest,
    client_id: &ClientId,
    request: &AuthorizationRequest,
    now: Timestamp,
) -> Interaction {
    Interaction {
        key,
        client_id: client_id.clone(),
        request: request.clone(),
        stage: Stage::Ended,
        created_at: now,
        expires_at: now,
        purge_at: now,
    }
}

/// A browser arrives with a request.
#[derive(Clone, Debug)]
pub struct Arrive {
    /// The key of its row.
    pub key: Digest,
    /// The app it says it is for.
    pub client_id: ClientId,
    /// The request, checked, if it came with the browser; `None` for one that was pushed.
    pub request: Option<Arc<AuthorizationRequest>>,
    /// Keyed hash of the browser's cookie.
    pub browser: Digest,
    /// The browser's session, with the `sub` by which the app knows whose it is.
    pub session: Option<(Arc<FoundSession>, String)>,
    /// Whether the app is the operator's own.
    pub trusted: bool,
}

/// What the browser is to see.
#[derive(Clone, PartialEq, Debug)]
pub enum Arrived {
    /// There is no such pushed request, or it was used, or its time is over.
    Unknown,
    /// The page, where the request now stands.
    Page(Arrival),
    /// Nothing: the request can be approved at once.
    Silent(Arrival),
    /// `prompt=none` cannot be met.
    Refused(Box<AuthorizationRequest>, ErrorCode),
}

/// A request whose browser is here.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrival(pub Box<Interaction>);

impl Arrive {
    fn pushed<'a>(
        &self,
        known: Option<&'a Interaction>,
        now: Timestamp,
    ) -> Option<&'a Interaction> {
        known.filter(|row| now < row.expires_at && row.client_id == self.client_id)
    }
}

impl Operation for Arrive {
    type Outcome = Arrived;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Interaction(self.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.key)?;
        let row = match &self.request {
            Some(request) => new_row(self.key, &self.client_id, request, cx.now),
            None => match self.pushed(known, cx.now) {
                Some(row) if row.stage == Stage::Pushed => row.clone(),
                Some(row) if belongs(&row.stage, self.browser) => {
                    return Ok(Step::Done(Vec::new(), again(row)));
                }
                _ => return Ok(Step::Done(Vec::new(), Arrived::Unknown)),
            },
        };
        let session = self.session.as_ref().map(|(found, sub)| (found.as_ref(), sub.as_str()));
        let verdict = judge(&row.request, session, self.trusted, cx.now);
        let browser = self.browser;
        let stage = match (session, verdict) {
            (_, Verdict::Refuse(error)) => {
                // Nothing is kept of a request that came with its browser.
                let pushed = self.request.is_none();
                let ended = pushed.then(|| at_stage(&row, Stage::Ended, 0, cx.now));
                let refused = Arrived::Refused(Box::new(row.request), error);
                return Ok(Step::Done(ended.into_iter().collect(), refused));
            }
            (Some((found, _)), Verdict::Consent | Verdict::Silent) => {
                let grant = GrantId(random_bytes(cx.random));
                Stage::Proven { browser, by: found.proven(grant) }
            }
            (_, Verdict::Prove) | (None, _) => Stage::Asking { browser, attempt: 0 },
        };
        let write = at_stage(&row, stage, INTERACTION_S, cx.now);
        let Write::Interaction(row) = &write else {
            return Ok(Step::Done(Vec::new(), Arrived::Unknown));
        };
        let arrival = Arrival(row.clone());
        let silent = verdict == Verdict::Silent;
        let arrived = if silent { Arrived::Silent(arrival) } else { Arrived::Page(arrival) };
        Ok(Step::Done(vec![write], arrived))
    }
}

/// The person loads the page again, or a crash came before the answer. What nothing may be shown for
/// is approved at once, or was refused before.
fn again(row: &Interaction) -> Arrived {
    let arrival = Arrival(Box::new(row.clone()));
    let silent = row.request.prompt.contains(&Prompt::None);
    if silent { Arrived::Silent(arrival) } else { Arrived::Page(arrival) }
}

/// Whether a request at this stage is shown in this browser.
pub(super) fn belongs(stage: &Stage, shown_to: Digest) -> bool {
    match stage {
        Stage::Asking { browser, .. } | Stage::Proven { browser, .. } => {
            crate::vault::same(&browser.0, &shown_to.0)
        }
        Stage::Pushed | Stage::Approved(_) | Stage::Redeemed { .. } | Stage::Ended => false,
    }
}
