//! Redeeming a code: consume the mapping, find or create the account, make the grant.

mod confirm;
mod notify;

use std::sync::Arc;

use crate::grant::{Minted, NewGrant, ParameterError, RefreshToken, Replay, Spends};
use crate::ids::{ClientId, CodeKey, Digest, GrantId, TerminalKey, Timestamp};
use crate::join::announce::{Asked, own};
use crate::join::{
    Claim, Confirming, Consumed, Finder, Found, UnredeemedGate, Weigh, Weighed, question, refusal,
};
use crate::outbound::{Confirm, Spend, Texting};
use crate::records::{
    AccountStatus, AuditEvent, CodeRecord, CodeState, Grant, RefreshState, Terms,
};
use crate::risk::{RiskQuestion, RiskReason, RiskRule};
use crate::token::Bound;
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// A checked token request: the app is authenticated, its key proven, its scope allowed.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The code's key, from issuer, app, instance key and verifier.
    pub code: CodeKey,
    /// The app.
    pub client_id: ClientId,
    /// What the grant is bound to, as [`Grant::jkt`] names it.
    pub jkt: String,
    /// The scope to grant, space-separated.
    pub scope: String,
    /// The resources to grant.
    pub resources: Vec<String>,
    /// What else is granted.
    pub terms: Option<Terms>,
    /// Keyed hash of `scope`, `resource` and `authorization_details` as the request said them.
    pub frozen: Digest,
    /// The words the text may have said; `None` where any will do.
    pub words: Option<Arc<[Digest]>>,
    /// The terminal the app expects (`login_hint`).
    pub login_hint: Option<TerminalKey>,
    /// What its app may have announced of the code.
    pub announcement: Option<AnnouncementRule>,
    /// Whether others are asked about the proof.
    pub risk: RiskRule,
    /// Seconds for which the grant can be refreshed.
    pub grant_ttl_s: i64,
    /// Seconds without a proof after which a number gets a new account.
    pub dormant_s: i64,
    /// Confirmation and notice (PROTOCOL 6).
    pub texting: Texting,
}

/// How a redemption is held to what its app announced (PROTOCOL 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnnouncementRule {
    /// [`announcement_key`](crate::join::announcement_key) of its code.
    pub key: Digest,
    /// Whether texts must be announced: a code that this app did not announce stays pending.
    pub required: bool,
    /// Whether the request named `scope`, `resource` and `authorization_details` itself.
    pub said: (bool, bool, bool),
}

/// Redeems a code in the steps *spend* (one for the proof's `jti`, one for the assertion's), the
/// limit of an attested instance, *narrow* to what was announced, *consume* and *complete*. Where it may
/// have to be confirmed, *judge*, *meter* (one for each limit of texts) and *confirm* come after the first
/// *consume*, and *text* ends it; the request that shows the digits goes on from its own *consume*. Where
/// the number is to be told, *notify* comes last.
/// Where others are asked about a proof, the first run ends with what they are asked, and a second has
/// their answer.
#[derive(Clone, Debug)]
pub struct Redeem {
    request: Arc<Redemption>,
    vault: Arc<Vault>,
    spends: Spends,
    gate: Option<UnredeemedGate>,
    /// What an announcement said of the text's arrival.
    awaited_until: Option<Timestamp>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Narrow(AnnouncementRule),
    Consume,
    /// Others are to be asked about the proof.
    Ask {
        code: Box<CodeRecord>,
    },
    Judge {
        code: Box<CodeRecord>,
    },
    Meter {
        spend: Spend,
    },
    Confirm {
        must: bool,
    },
    Text {
        code: Box<CodeRecord>,
    },
    Complete {
        code: Box<CodeRecord>,
        grant: GrantId,
    },
    Notify {
        issued: Box<Issued>,
    },
}

/// How a redemption ends.
#[derive(Clone, Debug)]
pub enum Redeemed {
    /// The text has not arrived, or was never sent.
    Pending,
    /// The text's time is over.
    Expired,
    /// The code was used or voided before, or is used up now.
    Invalid(Denial),
    /// The account is blocked.
    Blocked,
    /// Digits were texted to the terminal, and are to be shown.
    Unconfirmed(Awaiting),
    /// Wrong digits were shown too often: the code is used up.
    WrongDigits,
    /// It must be confirmed, and no text goes to this number's country.
    Unreachable,
    /// It must be confirmed, and so many texts were sent that there is none until then.
    OverLimit(Timestamp),
    /// The request's proof or assertion was seen before.
    Replayed(Replay),
    /// The instance left too many codes unredeemed: seconds until it may try again.
    Limited(u64),
    /// Nothing is used up: others are to be asked, then it is run again with their answer.
    Unasked(Box<RiskQuestion>),
    /// Others refuse the proof: the code is used up.
    Risky(RiskReason),
    /// It asks for more than was announced.
    Beyond(ParameterError),
    /// A grant.
    Issued(Box<Issued>),
}

/// A code that waits for digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaiting {
    /// How often they may be tried.
    pub attempts_left: u8,
    /// For how many more seconds.
    pub expires_in: i64,
    /// The key of the text that carries them.
    pub text: Digest,
}

/// Why a code gives no grant: for the log and the audit trail, not for the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denial {
    /// Redeemed before.
    Used,
    /// Two numbers sent it.
    Voided,
    /// The text's words are not the app's.
    Words,
    /// Another number than `login_hint`.
    LoginHint,
    /// Wrong digits, three times.
    Digits,
    /// Its grant was revoked.
    Revoked,
}

impl Denial {
    /// A stable word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Voided => "voided",
            Self::Words => "words",
            Self::LoginHint => "login_hint",
            Self::Digits => "digits",
            Self::Revoked => "revoked",
        }
    }
}

/// What a redemption hands to the token maker.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The grant.
    pub grant: Grant,
    /// The proven number, encrypted.
    pub number: crate::records::Sealed,
    /// The refresh token, in clear: it is told once.
    pub refresh_token: RefreshToken,
    /// Whether this proof created the account.
    pub new_account: bool,
    /// The key of the text that tells the number of it.
    pub notice: Option<Digest>,
}

impl Redeem {
    /// `spends` is what the request uses up before anything else; empty once that is done.
    pub fn new(request: Arc<Redemption>, vault: Arc<Vault>, spends: Spends) -> Self {
        let stage = match request.announcement {
            Some(rule) => Stage::Narrow(rule),
            None => Stage::Consume,
        };
        Self { request, vault, spends, gate: None, awaited_until: None, stage }
    }

    /// For an attested instance: within its limit only.
    #[must_use]
    pub fn gated(mut self, gate: Option<UnredeemedGate>) -> Self {
        self.gate = gate;
        self
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    /// PROTOCOL 4: the token request may only narrow what its own announcement asked.
    fn narrow(
        &self,
        rule: AnnouncementRule,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let request = &self.request;
        let Some(announced) = own(view, rule.key, (&request.client_id, &request.jkt), cx.now)?
        else {
            return Ok(if rule.required {
                Step::Done(Vec::new(), Redeemed::Pending)
            } else {
                Step::Next(Vec::new(), self.at(Stage::Consume))
            });
        };
        let details = request.terms.as_ref().map(|terms| terms.authorization_details.clone());
        let asked = Asked {
            scope: request.scope.clone(),
            resources: request.resources.clone(),
            details: details.unwrap_or_default(),
        };
        let asked = match announced.narrow(asked, rule.said) {
            Ok(asked) => asked,
            Err(error) => return Ok(Step::Done(Vec::new(), Redeemed::Beyond(error))),
        };
        let mut narrowed = Redemption {
            scope: asked.scope,
            resources: asked.resources,
            ..Redemption::clone(request)
        };
        if narrowed.terms.is_some() || !asked.details.is_empty() {
            let terms = narrowed.terms.get_or_insert_default();
            terms.authorization_details = asked.details;
        }
        let (request, awaited_until) = (Arc::new(narrowed), Some(announced.expires_at));
        Ok(Step::Next(Vec::new(), Self { request, awaited_until, ..self.at(Stage::Consume) }))
    }

    fn claim(&self) -> Claim<'_> {
        let request = &self.request;
        let texting = &request.texting;
        Claim {
            code: request.code,
            frozen: request.frozen,
            repeatable: matches!(Bound::of(&request.jkt), Bound::Key(_)),
            words: request.words.as_deref(),
            login_hint: request.login_hint,
            awaited_until: self.awaited_until,
            confirming: Some(Confirming {
                asked: self.confirm_when() != Confirm::Never,
                said: texting.said.as_ref(),
                vault: &self.vault,
            }),
        }
    }

    fn consume(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let weigh = Weigh {
            rule: self.request.risk,
            code: self.request.code,
            client_id: &self.request.client_id,
            words: self.request.words.as_deref(),
            login_hint: self.request.login_hint,
            confirmable: true,
        };
        match weigh.weigh(view, cx)? {
            Weighed::Go => {}
            Weighed::Ask(code) => return Ok(Step::Next(Vec::new(), self.at(Stage::Ask { code }))),
            Weighed::Denied(writes, why) => return Ok(Step::Done(writes, Redeemed::Risky(why))),
        }
        let event = |now, kind| self.event(now, kind, None);
        let consumed = self.claim().consume(view, cx, event)?;
        Ok(self.follow(consumed))
    }

    fn follow(&self, consumed: Consumed) -> Step<Self> {
        match consumed {
            Consumed::Pending => Step::Done(Vec::new(), Redeemed::Pending),
            Consumed::Expired => Step::Done(Vec::new(), Redeemed::Expired),
            Consumed::Denied(writes, Denial::Digits) => Step::Done(writes, Redeemed::WrongDigits),
            Consumed::Denied(writes, denial) => Step::Done(writes, Redeemed::Invalid(denial)),
            Consumed::Unjudged(code) => Step::Next(Vec::new(), self.at(Stage::Judge { code })),
            // Its text is put in the queue unless it is there: a crash may have come between.
            Consumed::Unconfirmed(writes, code) => {
                Step::Next(writes, self.at(Stage::Text { code }))
            }
            Consumed::Taken(writes, code, grant) => {
                Step::Next(writes, self.at(Stage::Complete { code, grant }))
            }
        }
    }

    fn complete(
        &self,
        code: &CodeRecord,
        id: GrantId,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let made = view.grants(code.terminal)?.iter().find(|grant| grant.id == id);
        if let Some(made) = made {
            let blocked = Self::blocked(made, view)?;
            return Ok(match (made.revoked_at, blocked) {
                (Some(_), _) => Step::Done(Vec::new(), Redeemed::Invalid(Denial::Revoked)),
                (None, true) => Step::Done(Vec::new(), Redeemed::Blocked),
                (None, false) => self.reissue(code, made, cx),
            });
        }
        self.issue(code, id, view, cx)
    }

    /// Whether the number's present account is blocked.
    fn blocked(made: &Grant, view: &Rows) -> Result<bool, Missing> {
        let Some(terminal) = view.terminal(made.terminal)? else {
            return Ok(false);
        };
        let account = view.account(terminal.key, terminal.account)?;
        Ok(account.is_some_and(|account| account.status == AccountStatus::Blocked))
    }

    /// PROTOCOL 5: a lost answer is given afresh as long as its refresh token was not used.
    fn reissue(&self, code: &CodeRecord, made: &Grant, cx: &mut Context<'_>) -> Step<Self> {
        if made.refresh.used {
            return Step::Done(Vec::new(), Redeemed::Invalid(Denial::Used));
        }
        let mut grant = made.clone();
        let sequence = grant.refresh.sequence.saturating_add(1);
        let minted = Minted::new(&self.vault, &grant, sequence, cx.random);
        grant.refresh = RefreshState {
            sequence,
            hash: minted.hash,
            previous: None,
            first: sequence,
            used: false,
        };
        let event = grant.event(cx.now, "grant.reissued");
        self.hand_over(code, grant, minted, false, vec![Write::Audit(event)])
    }

    fn issue(
        &self,
        code: &CodeRecord,
        id: GrantId,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let request = &self.request;
        let (client_id, jkt, dormant_s) = (&request.client_id, &request.jkt, request.dormant_s);
        // A crash may have come between *consume* and this, and with it the answer is gone.
        let Some(finding) = request.risk.finding(code.terminal) else {
            let asked = question(code, client_id, view)?;
            return Ok(Step::Done(Vec::new(), Redeemed::Unasked(Box::new(asked))));
        };
        let confirmed = matches!(code.state, CodeState::Redeemed { confirmed: true, .. });
        if let Some(why) = refusal(finding, confirmed) {
            let event = self.event(cx.now, "grant.denied", Some(why.as_str()));
            return Ok(Step::Done(vec![Write::Audit(event)], Redeemed::Risky(why)));
        }
        let recycled = finding.recycled;
        let finder = Finder { code, grant: id, client_id, jkt, dormant_s, recycled };
        let (account, since, mut writes) = match finder.find(view, &self.vault, cx.now)? {
            Found::Account { id, since, writes } => (id, since, writes),
            Found::Blocked => {
                let event = self.event(cx.now, "grant.denied", Some("blocked"));
                return Ok(Step::Done(vec![Write::Audit(event)], Redeemed::Blocked));
            }
        };
        let new = since.is_none();
        let grant = NewGrant {
            id,
            terminal: code.terminal,
            account,
            client_id,
            jkt,
            scope: &request.scope,
            resources: &request.resources,
            auth_time: code.received_at,
            route: code.route.clone(),
            trust: code.trust,
            terms: self.terms(code, (account, since, id), view.grants(code.terminal)?),
            ttl_s: request.grant_ttl_s,
            dormant_s,
        };
        if !new {
            writes.extend(grant.supersede(view.grants(code.terminal)?, cx.now));
        }
        let (grant, minted) = grant.make(&self.vault, cx.now, cx.random);
        let reason = finding.reason.map(RiskReason::as_str);
        let event = AuditEvent { reason, ..grant.event(cx.now, "grant.issued") };
        writes.push(Write::Audit(event));
        Ok(self.hand_over(code, grant, minted, new, writes))
    }

    fn hand_over(
        &self,
        code: &CodeRecord,
        grant: Grant,
        minted: Minted,
        new_account: bool,
        mut writes: Vec<Write>,
    ) -> Step<Self> {
        writes.push(Write::Grant(grant.clone()));
        let notice = notify::key(&self.vault, &grant);
        let (number, refresh_token) = (code.number.clone(), minted.token);
        let issued = Box::new(Issued { grant, number, refresh_token, new_account, notice });
        match notice {
            Some(_) => Step::Next(writes, self.at(Stage::Notify { issued })),
            None => Step::Done(writes, Redeemed::Issued(issued)),
        }
    }

    fn event(
        &self,
        now: Timestamp,
        kind: &'static str,
        reason: Option<&'static str>,
    ) -> AuditEvent {
        AuditEvent {
            client_id: Some(self.request.client_id.clone()),
            reason,
            ..AuditEvent::new(now, kind)
        }
    }
}

impl Operation for Redeem {
    type Outcome = Redeemed;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        keys.extend(self.gate.as_ref().map(UnredeemedGate::key));
        match &self.stage {
            Stage::Narrow(rule) => {
                keys.push(Key::Note(rule.key));
                keys.push(Key::Code(self.request.code));
            }
            Stage::Consume | Stage::Confirm { .. } => keys.push(Key::Code(self.request.code)),
            Stage::Ask { code } => keys.push(Key::Terminal(code.terminal)),
            Stage::Meter { spend } => spend.hint(keys),
            Stage::Text { code } => keys.extend(self.text(code).map(Key::Note)),
            Stage::Notify { issued } => keys.extend(issued.notice.map(Key::Note)),
            Stage::Complete { code, .. } | Stage::Judge { code } => {
                keys.push(Key::Grants(code.terminal));
                keys.push(Key::Terminal(code.terminal));
            }
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let then = |spends| Self { spends, ..self.clone() };
        if let Some(step) = self.spends.step(view, cx.now, then, Redeemed::Replayed)? {
            return Ok(step);
        }
        if let Some(gate) = &self.gate {
            let then = |gate| Self { gate, ..self.clone() };
            return gate.step(view, cx.now, then, Redeemed::Limited);
        }
        match &self.stage {
            Stage::Narrow(rule) => self.narrow(*rule, view, cx),
            Stage::Consume => self.consume(view, cx),
            Stage::Judge { code } => self.judge(code, view, cx),
            Stage::Meter { spend } => self.meter(spend, view, cx),
            Stage::Confirm { must } => self.confirm(*must, view, cx),
            Stage::Text { code } => self.put_text(code, view, cx),
            Stage::Notify { issued } => self.notify(issued, view, cx),
            Stage::Ask { code } => {
                let asked = question(code, &self.request.client_id, view)?;
                Ok(Step::Done(Vec::new(), Redeemed::Unasked(Box::new(asked))))
            }
            Stage::Complete { code, grant } => self.complete(code, *grant, view, cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Commitment, Model, vault};
    use crate::grant::Spend;

    /// What the simulation has no eye for: both identifiers in one request.
    #[test]
    fn a_replay_of_either_identifier_consumes_nothing() {
        let mut model = Model::new();
        let commitment = Commitment::new("weather", "key", 1);
        let until = model.now.plus_seconds(60);
        let spend = |n| Some(Spend { key: Digest([n; 16]), until });
        let run = |model: &mut Model, proof, assertion| {
            let spends =
                Spends { proof: spend(proof), assertion: spend(assertion), challenge: None };
            let redeem = Redeem::new(Arc::new(commitment.request()), vault(), spends);
            let mut keys = Vec::new();
            redeem.prefetch(&mut keys);
            assert_eq!(keys.len(), 3, "one round trip for all");
            model.run(redeem)
        };
        assert!(matches!(run(&mut model, 1, 2), Redeemed::Pending));
        model.run(commitment.text(0, crate::records::Trust::Operator));
        let before = format!("{:?}", model.codes);
        let replayed = run(&mut model, 1, 3);
        assert!(matches!(replayed, Redeemed::Replayed(Replay::Proof)), "{replayed:?}");
        assert_eq!(model.jtis.len(), 2, "the assertion is left");
        let replayed = run(&mut model, 4, 2);
        assert!(matches!(replayed, Redeemed::Replayed(Replay::Assertion)), "{replayed:?}");
        assert_eq!(format!("{:?}", model.codes), before);
        assert!(matches!(run(&mut model, 5, 6), Redeemed::Issued(_)));
    }
}
