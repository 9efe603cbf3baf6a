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
    Handle, Minted, ParameterError, RefreshToken, Replay, Resources, Scope, Spends, details_within,
    revoke,
};
use crate::ids::{ClientId, Digest};
use crate::instance::ScopeRule;
use crate::records::{AccountStatus, AppAttestation, Grant, RefreshState};
use crate::token::Bound;
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
    /// Whether the app may have renewed its certificate: it authenticates.
    pub renewable: bool,
    /// What vouches for the instance key.
    pub attestation: Option<AppAttestation>,
}

impl RefreshRequest {
    /// Whether it is of the grant's app, with what the grant is bound to. The refresh token of an app that
    /// authenticates is bound to the app, and by it to whichever certificate the app has (RFC 8705 4, 7.1);
    /// an instance key stays the same.
    fn fits(&self, grant: &Grant) -> bool {
        let certificates = |bound| matches!(bound, (Bound::Certificate(_), Bound::Certificate(_)));
        let renewed = self.renewable && certificates((Bound::of(&grant.jkt), Bound::of(&self.jkt)));
        grant.client_id == self.client_id
            && (renewed || same(grant.jkt.as_bytes(), self.jkt.as_bytes()))
    }

    /// The grant, with what vouches for its key now.
    fn attested(&self, grant: &Grant) -> Grant {
        let mut grant = grant.clone();
        // Also where nothing does any more: the app moved to another method.
        if self.attestation.as_ref() != grant.attestation() {
            let mut terms = grant.terms.take().unwrap_or_default();
            terms.attestation.clone_from(&self.attestation);
            grant.terms = Some(terms);
        }
        grant
    }
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
    /// What the installation may have.
    pub rule: ScopeRule,
}

impl Narrowed {
    /// What is granted, or why it is not.
    pub fn within(&self, grant: &Grant) -> Result<(Scope, Resources), ParameterError> {
        let granted = Scope::parse(&grant.scope)?;
        let scope = Scope::within(self.scope.as_deref(), granted.tokens())?;
        let scope = self.rule.grant(scope, self.scope.is_some())?;
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
        let fits = |grant: &&Grant| grant.live(cx.now) && request.fits(grant);
        let Some(grant) = found.filter(fits) else {
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
            return if self.request.rotate { self.rotate(grant, cx) } else { self.keep(grant) };
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
        let mut grant = Grant { jkt: self.request.jkt.clone(), ..self.request.attested(grant) };
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

    /// The token stays; only its first use, a renewed certificate and a renewed
    /// attestation have to be remembered.
    fn keep(&self, grant: &Grant) -> Step<Self> {
        let mut used = Grant { jkt: self.request.jkt.clone(), ..self.request.attested(grant) };
        used.refresh.used = true;
        let writes = if used == *grant { Vec::new() } else { vec![Write::Grant(used.clone())] };
        Step::Done(writes, Refreshed::Granted(Box::new(used), None))
    }
}

impl Operation for Refresh {
    type Outcome = Refreshed;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        keys.push(Key::Grants(self.request.handle.terminal));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let then = |spends| Self { spends, ..self.clone() };
        match self.spends.step(view, cx.now, then, Refreshed::Replayed)? {
            Some(step) => Ok(step),
            None => self.use_token(view, cx),
        }
    }
}

#[cfg(test)]
mod tests;
