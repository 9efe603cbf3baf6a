//! Refreshing (RFC 6749 6, RFC 9700 4.14).
//!
//! A token is either kept (its app authenticates and its grant is bound to a key) or rotated. In
//! rotation the successor is made again when its predecessor comes back and the successor was never
//! used: its answer was lost. Any other token of the past is a replay and revokes the grant. Tokens
//! numbered before `first` died with a lost answer to the redemption: nobody should hold one, but the
//! one who may is the app itself, so they are refused without a penalty.

use std::sync::Arc;

use serde_json::Value;
use twinpath_wire::oauth::ErrorCode;

use crate::grant::{
    Handle, Minted, ParameterError, RefreshToken, Replay, Resources, Scope, Spending, Spends,
    details_within, revoke,
};
use crate::ids::{ClientId, Digest};
use crate::records::{AccountStatus, Grant, RefreshState};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::{Vault, same};

/// A checked refresh request.
#[derive(Clone, Debug)]
pub struct RefreshRequest {
    /// From the token.
    pub handle: Handle,
    /// Keyed hash of the token.
    pub presented: Digest,
    /// The app.
    pub client_id: ClientId,
    /// What the request shows of that which the grant is bound to, as [`Grant::jkt`] names it.
    pub jkt: String,
    /// Whether tokens of this app are rotated.
    pub rotate: bool,
}

/// Uses a refresh token.
#[derive(Clone, Debug)]
pub struct Refresh {
    request: Arc<RefreshRequest>,
    vault: Arc<Vault>,
    spends: Spends,
    narrowed: Option<Arc<Narrowed>>,
}

/// What a refresh asks for, within its grant (RFC 6749 6, RFC 8707 2.2).
#[derive(Clone, Debug, Default)]
pub struct Narrowed {
    /// The scope as asked; `None` for all of the grant's.
    pub scope: Option<String>,
    /// The resources as asked; none for all of the grant's.
    pub resources: Vec<String>,
    /// RFC 9396 6: the `authorization_details` as asked; `None` for all of the grant's.
    pub details: Option<String>,
}

impl Narrowed {
    /// What is granted, or why it is not.
    pub fn within(&self, grant: &Grant) -> Result<(Scope, Resources), ParameterError> {
        let granted = Scope::parse(&grant.scope)?;
        let scope = Scope::within(self.scope.as_deref(), granted.tokens())?;
        match (self.resources.as_slice(), grant.resources.as_slice()) {
            ([], granted) => Ok((scope, Resources(granted.to_vec()))),
            (_, []) => Err(ParameterError {
                code: ErrorCode::InvalidTarget,
                description: "the grant names no resource".to_owned(),
            }),
            (asked, granted) => Ok((scope, Resources::within(asked, granted)?)),
        }
    }

    /// What of the grant's `authorization_details` is asked for, or why it is not the grant's.
    pub fn details_within(&self, grant: &Grant) -> Result<Vec<Value>, ParameterError> {
        match &self.details {
            Some(raw) => details_within(raw, grant.details()),
            None => Ok(grant.details().to_vec()),
        }
    }
}

/// How a refresh ends.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// For a fresh access token; with a new refresh token if it was rotated.
    Granted(Box<Grant>, Option<RefreshToken>),
    /// It asks for more than the grant: nothing is used up.
    Widened(ParameterError),
    /// Unknown, ended, or another instance's.
    Invalid,
    /// A token of the past: the grant is revoked now.
    Reused,
    /// The account is blocked.
    Blocked,
    /// The request's proof or assertion was seen before.
    Replayed(Replay),
}

impl Refresh {
    /// `spends` is what the request uses up, before its token is looked at.
    pub fn new(request: RefreshRequest, vault: Arc<Vault>, spends: Spends) -> Self {
        Self { request: Arc::new(request), vault, spends, narrowed: None }
    }

    /// Asks for less than all of the grant.
    #[must_use]
    pub fn narrowed(self, narrowed: Narrowed) -> Self {
        Self { narrowed: Some(Arc::new(narrowed)), ..self }
    }

    fn use_token(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let done = |outcome| Ok(Step::Done(Vec::new(), outcome));
        let request = &self.request;
        let grants = view.grants(request.handle.terminal)?;
        let found = grants.iter().find(|grant| grant.id == request.handle.grant);
        let Some(grant) = found.filter(|grant| {
            grant.live(cx.now)
                && grant.client_id == request.client_id
                && same(grant.jkt.as_bytes(), request.jkt.as_bytes())
        }) else {
            return done(Refreshed::Invalid);
        };
        match view.account(grant.terminal, grant.account)?.map(|account| account.status) {
            Some(AccountStatus::Active) => match self.widened(grant) {
                Some(error) => done(Refreshed::Widened(error)),
                None => Ok(self.advance(grant, cx)),
            },
            Some(AccountStatus::Blocked) => done(Refreshed::Blocked),
            Some(AccountStatus::Replaced) | None => done(Refreshed::Invalid),
        }
    }

    fn widened(&self, grant: &Grant) -> Option<ParameterError> {
        let narrowed = self.narrowed.as_ref()?;
        narrowed.within(grant).err().or_else(|| narrowed.details_within(grant).err())
    }

    fn advance(&self, grant: &Grant, cx: &mut Context<'_>) -> Step<Self> {
        let refresh = &grant.refresh;
        let sequence = self.request.handle.sequence;
        let matches = |hash: &Digest| same(&hash.0, &self.request.presented.0);
        if sequence < refresh.first {
            return Step::Done(Vec::new(), Refreshed::Invalid);
        }
        if sequence == refresh.sequence && matches(&refresh.hash) {
            return if self.request.rotate { self.rotate(grant, cx) } else { keep(grant) };
        }
        // The newest token exists but was never used, or it would have a successor.
        let lost_answer = sequence.checked_add(1) == Some(refresh.sequence)
            && refresh.previous.as_ref().is_some_and(matches);
        if lost_answer && self.request.rotate {
            return self.mint(grant, refresh.sequence, refresh.previous, cx);
        }
        Step::Done(revoke(grant, "refresh_token_reused", cx.now), Refreshed::Reused)
    }

    fn rotate(&self, grant: &Grant, cx: &mut Context<'_>) -> Step<Self> {
        let next = grant.refresh.sequence.saturating_add(1);
        self.mint(grant, next, Some(grant.refresh.hash), cx)
    }

    fn mint(
        &self,
        grant: &Grant,
        sequence: u32,
        previous: Option<Digest>,
        cx: &mut Context<'_>,
    ) -> Step<Self> {
        let minted = Minted::new(&self.vault, grant, sequence, cx.random);
        let mut grant = grant.clone();
        grant.refresh = RefreshState {
            sequence,
            hash: minted.hash,
            previous,
            first: grant.refresh.first,
            used: true,
        };
        let writes = vec![Write::Grant(grant.clone())];
        Step::Done(writes, Refreshed::Granted(Box::new(grant), Some(minted.token)))
    }
}

/// The token stays; only its first use has to be remembered.
fn keep(grant: &Grant) -> Step<Refresh> {
    let mut used = grant.clone();
    used.refresh.used = true;
    let writes = if grant.refresh.used { Vec::new() } else { vec![Write::Grant(used.clone())] };
    Step::Done(writes, Refreshed::Granted(Box::new(used), None))
}

impl Operation for Refresh {
    type Outcome = Refreshed;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        keys.push(Key::Grants(self.request.handle.terminal));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self.spends.decide(view, cx.now)? {
            Spending::Over => self.use_token(view, cx),
            Spending::Next(used, spends) => {
                Ok(Step::Next(vec![Write::Jti(used)], Self { spends, ..self.clone() }))
            }
            Spending::Replayed(replay) => Ok(Step::Done(Vec::new(), Refreshed::Replayed(replay))),
        }
    }
}

#[cfg(test)]
mod tests;
