//! The authorization code grant (RFC 6749 4.1.3): a code is used once, by the app, with the verifier and
//! the key that its request named.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use twinpath_wire::b64;
use twinpath_wire::oauth::ErrorCode;

use crate::grant::{
    Minted, NewGrant, ParameterError, RefreshToken, Replay, Resources, Scope, Spends,
    details_within, revoke_grant,
};
use crate::ids::{ClientId, Digest, GrantId, RouteName, TerminalKey, Timestamp};
use crate::instance::ScopeRule;
use crate::join::{Known, TOMBSTONE_S, made_by};
use crate::outbound::notice;
use crate::records::{
    AccountStatus, AppAttestation, Approval, AuditEvent, AuthorizationRequest, Grant, Interaction,
    ProvenTerminal, Sealed, Session, Stage as InteractionStage, Terms,
};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::{Vault, same};

/// A checked token request with an authorization code.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    /// The key of the request that the code came of.
    pub interaction: Digest,
    /// Keyed hash of the code.
    pub code: Digest,
    /// The app.
    pub client_id: ClientId,
    /// The proven instance key; empty for an app without DPoP.
    pub jkt: String,
    /// RFC 6749 4.1.3; `None` if it is not said.
    pub redirect_uri: Option<String>,
    /// RFC 7636 4.5.
    pub code_verifier: String,
    /// RFC 8707 2.2: fewer resources for the first access token; none for all.
    pub resources: Vec<String>,
    /// RFC 9396 6: less for the first access token, as said; `None` for all.
    pub details: Option<String>,
    /// Whether a refresh token is handed out.
    pub refreshable: bool,
    /// What vouches for the instance key.
    pub attestation: Option<AppAttestation>,
    /// What the installation may have.
    pub rule: ScopeRule,
    /// Seconds for which the grant can be refreshed.
    pub grant_ttl_s: i64,
    /// Seconds without a proof after which a number gets a new account.
    pub dormant_s: i64,
    /// Whether the number is told of installations that its account did not know (PROTOCOL 6).
    pub notify: bool,
}

/// Uses a code. Its steps: what the HTTP request uses up, the request that the code came of, the account.
#[derive(Clone, Debug)]
pub struct Exchange {
    request: Arc<CodeRequest>,
    vault: Arc<Vault>,
    spends: Spends,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Consume,
    Issue { asked: Box<AuthorizationRequest>, by: Box<ProvenTerminal>, how: How },
    Notify { issued: Box<CodeRedeemed>, notice: Digest },
    Revoke { terminal: TerminalKey, grant: GrantId },
}

/// How a code came to be used.
#[derive(Clone, Copy, Debug)]
struct How {
    /// It came back.
    again: bool,
    /// It was approved in a session that stood: nobody new was proven.
    stood: bool,
}

/// How it ends.
#[derive(Clone, Debug)]
pub enum CodeRedeemed {
    /// A grant.
    Issued {
        /// The grant.
        grant: Box<Grant>,
        /// Its number.
        number: Sealed,
        /// In clear: it is told once.
        refresh_token: Option<RefreshToken>,
        /// What was asked.
        asked: Box<AuthorizationRequest>,
        /// The key of the text that tells the number of it.
        notice: Option<Digest>,
    },
    /// Unknown, over, another app's, or not with what its request named. For the log.
    Invalid(&'static str),
    /// It asks for more than its request did: nothing is used up.
    Widened(ParameterError),
    /// It was used before: the grant that came of it is revoked.
    Reused,
    /// The account is blocked, or the proof was voided.
    Denied,
    /// The HTTP request's proof or assertion was seen before.
    Replayed(Replay),
}

impl Exchange {
    /// `spends` is what the request uses up first.
    pub fn new(request: CodeRequest, vault: Arc<Vault>, spends: Spends) -> Self {
        Self { request: Arc::new(request), vault, spends, stage: Stage::Consume }
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    fn consume(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let invalid = |why| Ok(Step::Done(Vec::new(), CodeRedeemed::Invalid(why)));
        let known = view.interaction(self.request.interaction)?;
        let Some(row) = known.filter(|row| row.client_id == self.request.client_id) else {
            return invalid("unknown");
        };
        match &row.stage {
            InteractionStage::Approved(approval) => match self.fault(row, approval, cx) {
                Some(why) => invalid(why),
                None => Ok(match self.widened(&row.request) {
                    None => self.take(row, approval, cx),
                    Some(error) => Step::Done(Vec::new(), CodeRedeemed::Widened(error)),
                }),
            },
            // RFC 6749 4.1.2. Only who could have used it can have it revoked: not one who saw it pass.
            InteractionStage::Redeemed { approval, jkt }
                if same(&approval.code.0, &self.request.code.0) && self.verified(&row.request) =>
            {
                Ok(self.again(row, approval, jkt, cx))
            }
            _ => invalid("used"),
        }
    }

    /// The code came back. A crash may have come before its grant was made: then, and only then, the
    /// same claimant may still have it.
    fn again(
        &self,
        row: &Interaction,
        approval: &Approval,
        jkt: &str,
        cx: &Context<'_>,
    ) -> Step<Self> {
        let own = same(jkt.as_bytes(), self.request.jkt.as_bytes())
            && self.fault(row, approval, cx).is_none()
            && self.widened(&row.request).is_none();
        let by = &approval.by;
        let stage = if own {
            let (mut asked, by) = (Box::new(row.request.clone()), Box::new(by.clone()));
            asked.scope = self.scope(&row.request).unwrap_or_default().join();
            Stage::Issue { asked, by, how: How { again: true, stood: stood(approval) } }
        } else {
            Stage::Revoke { terminal: by.terminal, grant: by.grant }
        };
        Step::Next(Vec::new(), self.at(stage))
    }

    /// Why the code is not for this request.
    fn fault(
        &self,
        row: &Interaction,
        approval: &Approval,
        cx: &Context<'_>,
    ) -> Option<&'static str> {
        let request = &self.request;
        let asked = &row.request;
        if !same(&approval.code.0, &request.code.0) {
            return Some("unknown");
        }
        if cx.now >= row.expires_at {
            return Some("over");
        }
        // RFC 6749 4.1.3: what the request said is repeated; what it left out may be.
        let repeated = request.redirect_uri.is_some() || asked.redirect_uri_said;
        if repeated && request.redirect_uri != asked.redirect_uri {
            return Some("redirect_uri");
        }
        if !self.verified(asked) {
            return Some("code_verifier");
        }
        if !asked.jkt.is_empty() && !same(asked.jkt.as_bytes(), request.jkt.as_bytes()) {
            return Some("dpop_jkt");
        }
        None
    }

    fn widened(&self, asked: &AuthorizationRequest) -> Option<ParameterError> {
        let details = self.request.details.as_deref();
        let within = |raw| details_within(raw, &asked.authorization_details).err();
        let scope = self.scope(asked).err();
        scope.or_else(|| self.narrowed(asked).err()).or_else(|| details.and_then(within))
    }

    /// What the installation may have of the scope that was approved.
    fn scope(&self, asked: &AuthorizationRequest) -> Result<Scope, ParameterError> {
        self.request.rule.grant(Scope::parse(&asked.scope)?, false)
    }

    /// RFC 8707 2.2: the resources of the first access token.
    fn narrowed(&self, asked: &AuthorizationRequest) -> Result<Resources, ParameterError> {
        match (self.request.resources.as_slice(), asked.resources.as_slice()) {
            ([], granted) => Ok(Resources(granted.to_vec())),
            (_, []) => Err(ParameterError {
                code: ErrorCode::InvalidTarget,
                description: "the authorization request named no resource".to_owned(),
            }),
            (said, granted) => Resources::within(said, granted),
        }
    }

    /// RFC 7636 4.6.
    fn verified(&self, asked: &AuthorizationRequest) -> bool {
        let challenge = b64::encode(digest(&SHA256, self.request.code_verifier.as_bytes()));
        same(challenge.as_bytes(), asked.code_challenge.as_bytes())
    }

    fn take(&self, row: &Interaction, approval: &Approval, cx: &Context<'_>) -> Step<Self> {
        let how = How { again: false, stood: stood(approval) };
        let (approval, jkt) = (approval.clone(), self.request.jkt.clone());
        let by = Box::new(approval.by.clone());
        let redeemed = Interaction {
            stage: InteractionStage::Redeemed { approval, jkt },
            purge_at: cx.now.plus_seconds(TOMBSTONE_S),
            ..row.clone()
        };
        let mut asked = Box::new(row.request.clone());
        // It was found to be enough before the code was taken.
        asked.scope = self.scope(&row.request).unwrap_or_default().join();
        let write = Write::Interaction(Box::new(redeemed));
        Step::Next(vec![write], self.at(Stage::Issue { asked, by, how }))
    }

    fn issue(
        &self,
        asked: &AuthorizationRequest,
        by: &ProvenTerminal,
        how: How,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let grants = view.grants(by.terminal)?;
        let made = grants.iter().find(|made| made.id == by.grant);
        // Either this request is the repeat, or a repeat overtook it: both used the code.
        if made.is_some_and(|made| how.again || made.revoked_at.is_none()) {
            return reuse(by.terminal, by.grant, view, cx);
        }
        let account = view.account(by.terminal, by.account)?;
        let active = account.is_some_and(|account| account.status == AccountStatus::Active);
        let session = match by.session {
            Some(id) => view.sessions(by.terminal)?.iter().find(|session| session.id == id),
            None => None,
        };
        let stands =
            by.session.is_none() || session.is_some_and(|session| session.ended_at.is_none());
        if !active || made.is_some() || !stands {
            let reason = if active { "voided" } else { "blocked" };
            return self.deny(by, reason, view, cx);
        }
        let mut new = self.new_grant(asked, by, session, cx.now);
        let since = account.map(|account| account.created_at);
        new.terms = new.terms.map(|terms| Terms {
            revocation: self.tells(by, how, grants),
            known_since: since.filter(|since| *since < by.auth_time),
            ..terms
        });
        let mut writes = new.supersede(grants, cx.now);
        let (grant, Minted { token, .. }) = new.make(&self.vault, cx.now, cx.random);
        writes.push(Write::Audit(grant.event(cx.now, "grant.issued")));
        writes.push(Write::Grant(grant.clone()));
        let counter = grant.revocation();
        let notice = counter.map(|counter| notice::key(&self.vault, grant.id, counter));
        let outcome = CodeRedeemed::Issued {
            grant: Box::new(grant),
            number: by.number.clone(),
            refresh_token: self.request.refreshable.then_some(token),
            asked: Box::new(asked.clone()),
            notice,
        };
        Ok(match notice {
            Some(notice) => {
                let issued = Box::new(outcome);
                Step::Next(writes, self.at(Stage::Notify { issued, notice }))
            }
            None => Step::Done(writes, outcome),
        })
    }

    /// Whether the number is told (PROTOCOL 6): from which counter its digits follow. Not where the proof
    /// made the account, nor in a session that stood: of whoever began that one, it was told then.
    fn tells(&self, by: &ProvenTerminal, how: How, grants: &[Grant]) -> Option<u32> {
        let (vault, request) = (&self.vault, &self.request);
        let (client_id, jkt) = (&request.client_id, request.jkt.as_str());
        let known = || Known { account: by.account, client_id, jkt }.in_(grants);
        let new = made_by(vault, by.terminal, by.account, by.grant);
        let tell = request.notify && !how.stood && !new && !known();
        tell.then(|| notice::free_counter(vault, by.grant, grants))
    }

    fn notify(
        &self,
        issued: &CodeRedeemed,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let writes = match issued {
            CodeRedeemed::Issued { grant, number, asked, .. } => {
                notice::put(&self.vault, (grant, number), asked.ui_locales.as_deref(), view, cx)?
            }
            _ => Vec::new(),
        };
        Ok(Step::Done(writes, issued.clone()))
    }

    /// A denial is for good: a tombstone keeps the code from being tried again.
    fn deny(
        &self,
        by: &ProvenTerminal,
        reason: &'static str,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let mut writes = revoke_grant(view, by.terminal, by.grant, reason, cx)?;
        writes.push(Write::Audit(AuditEvent {
            client_id: Some(self.request.client_id.clone()),
            account: Some(by.account.to_string()),
            reason: Some(reason),
            ..AuditEvent::new(cx.now, "grant.denied")
        }));
        Ok(Step::Done(writes, CodeRedeemed::Denied))
    }

    fn new_grant<'a>(
        &'a self,
        asked: &'a AuthorizationRequest,
        by: &ProvenTerminal,
        session: Option<&Session>,
        now: Timestamp,
    ) -> NewGrant<'a> {
        let request = &self.request;
        let lasting = asked.scope.split(' ').any(|token| token == "offline_access");
        let bound = session.filter(|_| !lasting);
        // What is bound to a session is not refreshed beyond it.
        let left = |session: &Session| session.expires_at.seconds().saturating_sub(now.seconds());
        let ttl_s = bound.map_or(request.grant_ttl_s, |it| left(it).min(request.grant_ttl_s));
        NewGrant {
            id: by.grant,
            terminal: by.terminal,
            account: by.account,
            client_id: &request.client_id,
            jkt: &request.jkt,
            scope: &asked.scope,
            resources: &asked.resources,
            auth_time: by.auth_time,
            route: RouteName::from(by.route.as_str()),
            trust: by.trust,
            terms: Some(Terms {
                attestation: request.attestation.clone(),
                session: by.session,
                authorization_details: asked.authorization_details.clone(),
                claims: asked.claims.clone(),
                session_bound: bound.is_some(),
                made_at: Some(now),
                no_refresh: !request.refreshable,
                confirmed: by.confirmed,
                ..Terms::default()
            }),
            ttl_s: ttl_s.max(0),
            dormant_s: request.dormant_s,
        }
    }
}

/// Whether it was approved in a session that was there before.
fn stood(approval: &Approval) -> bool {
    approval.by.session.is_some() && !approval.begins
}

/// RFC 6749 4.1.2: the code was used before.
fn reuse(
    terminal: TerminalKey,
    grant: GrantId,
    view: &Rows,
    cx: &Context<'_>,
) -> Result<Step<Exchange>, Missing> {
    let writes = revoke_grant(view, terminal, grant, "code_reused", cx)?;
    Ok(Step::Done(writes, CodeRedeemed::Reused))
}

impl Operation for Exchange {
    type Outcome = CodeRedeemed;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        match &self.stage {
            Stage::Consume => keys.push(Key::Interaction(self.request.interaction)),
            Stage::Issue { by, .. } => {
                keys.push(Key::Grants(by.terminal));
                keys.push(Key::Account(by.terminal, by.account));
                keys.extend(by.session.map(|_| Key::Sessions(by.terminal)));
            }
            Stage::Revoke { terminal, .. } => keys.push(Key::Grants(*terminal)),
            Stage::Notify { notice, .. } => keys.push(Key::Note(*notice)),
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let then = |spends| Self { spends, ..self.clone() };
        if let Some(step) = self.spends.step(view, cx.now, then, CodeRedeemed::Replayed)? {
            return Ok(step);
        }
        match &self.stage {
            Stage::Consume => self.consume(view, cx),
            Stage::Issue { asked, by, how } => self.issue(asked, by, *how, view, cx),
            Stage::Notify { issued, .. } => self.notify(issued, view, cx),
            Stage::Revoke { terminal, grant } => reuse(*terminal, *grant, view, cx),
        }
    }
}
