//! The person's terminal is proven for a request: the page consumes the mapping of the code it showed.

mod confirm;

use std::sync::Arc;

use crate::authorization::arrive::{at_stage, belongs};
use crate::authorization::{INTERACTION_S, Look};
use crate::ids::{ClientId, CodeKey, GrantId, TerminalKey, Timestamp};
use crate::join::{
    Awaiting, Claim, Confirming, Consumed, Denial, Finder, Found, Weigh, Weighed, question,
    refusal, text_of,
};
use crate::outbound::{Confirm, Spend, Texting};
use crate::records::{
    AuditEvent, AuthorizationRequest, CodeRecord, CodeState, Interaction, ProvenTerminal,
    Stage as InteractionStage,
};
use crate::risk::{RiskQuestion, RiskReason, RiskRule};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// Looks whether the text came, and notes who sent it. Its steps: the request, the code, the account,
/// the request. Where it must be confirmed (PROTOCOL 6), there come after the code *judge*, *meter* (one
/// for each limit of texts), *confirm*, *keep* (the request outlives the digits) and *text*, which ends it;
/// what shows the digits goes on from its own look at the code.
#[derive(Clone, Debug)]
pub struct ProveTerminal {
    /// The request.
    pub look: Look,
    /// The app.
    pub client_id: ClientId,
    /// Which code the page shows.
    pub attempt: u32,
    /// That code's key.
    pub code: CodeKey,
    /// The words its text may say; `None` where any will do.
    pub words: Option<Arc<[crate::ids::Digest]>>,
    /// Seconds without a proof after which a number gets a new account.
    pub dormant_s: i64,
    /// Whether others are asked about the proof.
    pub risk: RiskRule,
    /// How it is confirmed; `None` where no texts go to phones: then what must be is refused.
    pub texting: Option<Arc<Texting>>,
    /// Keyed hashes and encryption.
    pub vault: Arc<Vault>,
    wants: Wants,
    stage: Stage,
}

/// What the request's row says.
#[derive(Clone, Debug, Default)]
struct Wants {
    login_hint: Option<TerminalKey>,
    confirm: Confirm,
    jkt: String,
}

#[derive(Clone, Debug)]
enum Stage {
    Ask,
    Consume,
    Inquire {
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
    Keep {
        code: Box<CodeRecord>,
    },
    Text {
        code: Box<CodeRecord>,
    },
    /// Wrong digits used the code up.
    End,
    Find {
        code: Box<CodeRecord>,
        grant: GrantId,
    },
    Note(Box<ProvenTerminal>),
}

/// How far a request is.
#[derive(Clone, PartialEq, Debug)]
pub enum ProvenOutcome {
    /// The text has not come.
    Waiting,
    /// It is proven, now or before.
    Proven(Box<Interaction>),
    /// Digits were texted to the terminal, and are to be shown.
    Unconfirmed(Awaiting),
    /// Wrong digits were shown too often: the request ended.
    WrongDigits(Box<AuthorizationRequest>),
    /// It must be confirmed, and no text goes to this number's country, or to any.
    Unreachable,
    /// It must be confirmed, and so many texts were sent that there is none until then.
    OverLimit(Timestamp),
    /// The text came and is good for nothing; the page may show another code.
    Failed(Denial),
    /// Nothing is used up: others are to be asked, then it is run again with their answer.
    Unasked(Box<RiskQuestion>),
    /// Others refuse the proof.
    Risky(RiskReason),
    /// The text came too late.
    Late,
    /// The account is blocked.
    Blocked,
    /// The request ended, or is another browser's.
    Gone,
}

impl ProveTerminal {
    /// For the code that the page shows at `attempt`.
    pub fn new(
        look: Look,
        (client_id, attempt, code): (ClientId, u32, CodeKey),
        words: Option<Arc<[crate::ids::Digest]>>,
        dormant_s: i64,
        vault: Arc<Vault>,
    ) -> Self {
        let (stage, risk, wants, texting) = (Stage::Ask, RiskRule::Off, Wants::default(), None);
        Self {
            look,
            client_id,
            attempt,
            code,
            words,
            dormant_s,
            risk,
            texting,
            vault,
            wants,
            stage,
        }
    }

    /// With what is to be asked, or was answered.
    #[must_use]
    pub fn risking(mut self, rule: RiskRule) -> Self {
        self.risk = rule;
        self
    }

    /// Where texts go to phones: with the digits that are shown, if any are. When it must be confirmed, the
    /// request's row says, not `texting`.
    #[must_use]
    pub fn texting(mut self, texting: Option<Texting>) -> Self {
        self.texting = texting.map(Arc::new);
        self
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    fn then(&self, stage: Stage) -> Step<Self> {
        Step::Next(Vec::new(), self.at(stage))
    }

    fn event(&self, now: Timestamp, kind: &'static str) -> AuditEvent {
        AuditEvent { client_id: Some(self.client_id.clone()), ..AuditEvent::new(now, kind) }
    }

    fn row<'a>(
        &self,
        view: &'a Rows,
        cx: &Context<'_>,
    ) -> Result<Option<&'a Interaction>, Missing> {
        let known = view.interaction(self.look.key)?;
        Ok(known.filter(|row| {
            cx.now < row.expires_at
                && row.client_id == self.client_id
                && belongs(&row.stage, self.look.browser)
        }))
    }

    fn ask(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let done = |outcome| Ok(Step::Done(Vec::new(), outcome));
        let Some(row) = self.row(view, cx)? else {
            return done(ProvenOutcome::Gone);
        };
        match &row.stage {
            InteractionStage::Proven { .. } => done(ProvenOutcome::Proven(Box::new(row.clone()))),
            InteractionStage::Asking { attempt, .. } if *attempt == self.attempt => {
                let AuthorizationRequest { login_hint, confirm, jkt, .. } = &row.request;
                let (login_hint, confirm, jkt) = (*login_hint, *confirm, jkt.clone());
                let wants = Wants { login_hint, confirm, jkt };
                Ok(Step::Next(Vec::new(), Self { wants, ..self.at(Stage::Consume) }))
            }
            // Another tab has gone on to another code.
            _ => done(ProvenOutcome::Waiting),
        }
    }

    fn claim(&self) -> Claim<'_> {
        Claim {
            code: self.code,
            // Nobody but this page holds the verifier, so it may come back after a crash.
            frozen: self.look.key,
            repeatable: true,
            words: self.words.as_deref(),
            login_hint: self.wants.login_hint,
            confirming: Some(Confirming {
                asked: self.confirm_when() != Confirm::Never,
                said: self.texting.as_ref().and_then(|texting| texting.said.as_ref()),
                vault: &self.vault,
            }),
            awaited_until: None,
        }
    }

    fn consume(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let weigh = Weigh {
            rule: self.risk,
            code: self.code,
            client_id: &self.client_id,
            words: self.words.as_deref(),
            login_hint: self.wants.login_hint,
            confirmable: self.texting.is_some(),
        };
        match weigh.weigh(view, cx)? {
            Weighed::Go => {}
            Weighed::Ask(code) => return Ok(self.then(Stage::Inquire { code })),
            Weighed::Denied(writes, why) => {
                return Ok(Step::Done(writes, ProvenOutcome::Risky(why)));
            }
        }
        let consumed = self.claim().consume(view, cx, |now, kind| self.event(now, kind))?;
        Ok(self.follow(consumed))
    }

    fn follow(&self, consumed: Consumed) -> Step<Self> {
        match consumed {
            Consumed::Pending => Step::Done(Vec::new(), ProvenOutcome::Waiting),
            Consumed::Expired => Step::Done(Vec::new(), ProvenOutcome::Late),
            Consumed::Denied(writes, Denial::Digits) => Step::Next(writes, self.at(Stage::End)),
            Consumed::Denied(writes, denial) => Step::Done(writes, ProvenOutcome::Failed(denial)),
            Consumed::Unjudged(code) => self.then(Stage::Judge { code }),
            Consumed::Unconfirmed(writes, code) => {
                Step::Next(writes, self.at(Stage::Keep { code }))
            }
            Consumed::Taken(writes, code, grant) => {
                Step::Next(writes, self.at(Stage::Find { code, grant }))
            }
        }
    }

    fn inquire(&self, code: &CodeRecord, view: &Rows) -> Result<Step<Self>, Missing> {
        let asked = question(code, &self.client_id, view)?;
        Ok(Step::Done(Vec::new(), ProvenOutcome::Unasked(Box::new(asked))))
    }

    fn find(
        &self,
        code: &CodeRecord,
        grant: GrantId,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        // A second sender's void leaves the tombstone of a grant that was never made.
        if view.grants(code.terminal)?.iter().any(|made| made.id == grant) {
            return Ok(Step::Done(Vec::new(), ProvenOutcome::Failed(Denial::Voided)));
        }
        let (client_id, dormant_s) = (&self.client_id, self.dormant_s);
        let Some(finding) = self.risk.finding(code.terminal) else {
            return self.inquire(code, view);
        };
        let confirmed = matches!(code.state, CodeState::Redeemed { confirmed: true, .. });
        if let Some(why) = refusal(finding, confirmed) {
            return Ok(Step::Done(Vec::new(), ProvenOutcome::Risky(why)));
        }
        let recycled = finding.recycled;
        let finder = Finder { code, grant, client_id, jkt: "", dormant_s, recycled };
        let (account, writes) = match finder.find(view, &self.vault, cx.now)? {
            Found::Account { id, writes, .. } => (id, writes),
            Found::Blocked => return Ok(Step::Done(Vec::new(), ProvenOutcome::Blocked)),
        };
        let by = ProvenTerminal {
            terminal: code.terminal,
            account,
            number: code.number.clone(),
            auth_time: code.received_at,
            route: code.route.0.to_string(),
            trust: code.trust,
            session: None,
            grant,
            confirmed,
        };
        Ok(Step::Next(writes, self.at(Stage::Note(Box::new(by)))))
    }

    fn note(
        &self,
        by: &ProvenTerminal,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let Some(row) = self.row(view, cx)? else {
            return Ok(Step::Done(Vec::new(), ProvenOutcome::Gone));
        };
        if let InteractionStage::Proven { .. } = &row.stage {
            return Ok(Step::Done(Vec::new(), ProvenOutcome::Proven(Box::new(row.clone()))));
        }
        let stage = InteractionStage::Proven { browser: self.look.browser, by: by.clone() };
        let write = at_stage(row, stage, INTERACTION_S, cx.now);
        let outcome = match &write {
            Write::Interaction(row) => ProvenOutcome::Proven(row.clone()),
            _ => ProvenOutcome::Gone,
        };
        Ok(Step::Done(vec![write], outcome))
    }
}

impl Operation for ProveTerminal {
    type Outcome = ProvenOutcome;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        match &self.stage {
            Stage::Ask => {
                keys.push(Key::Interaction(self.look.key));
                keys.push(Key::Code(self.code));
            }
            Stage::Consume | Stage::Confirm { .. } => keys.push(Key::Code(self.code)),
            Stage::Inquire { code } => keys.push(Key::Terminal(code.terminal)),
            Stage::Meter { spend } => spend.hint(keys),
            Stage::Text { code } => keys.extend(text_of(code, &self.vault).map(Key::Note)),
            Stage::Judge { code } | Stage::Find { code, .. } => {
                keys.push(Key::Grants(code.terminal));
                keys.push(Key::Terminal(code.terminal));
            }
            Stage::Keep { .. } | Stage::End | Stage::Note(_) => {
                keys.push(Key::Interaction(self.look.key));
            }
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match &self.stage {
            Stage::Ask => self.ask(view, cx),
            Stage::Consume => self.consume(view, cx),
            Stage::Inquire { code } => self.inquire(code, view),
            Stage::Judge { code } => self.judge(code, view, cx),
            Stage::Meter { spend } => self.meter(spend, view, cx),
            Stage::Confirm { must } => self.confirm(*must, view, cx),
            Stage::Keep { code } => self.keep(code, view, cx),
            Stage::Text { code } => self.put_text(code, view, cx),
            Stage::End => self.end(view, cx),
            Stage::Find { code, grant } => self.find(code, *grant, view, cx),
            Stage::Note(by) => self.note(by, view, cx),
        }
    }
}
