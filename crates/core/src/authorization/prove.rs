//! The person's terminal is proven for a request: the page consumes the mapping of the code it showed.

use std::sync::Arc;

use crate::authorization::arrive::{at_stage, belongs};
use crate::authorization::{INTERACTION_S, MAX_ATTEMPTS};
use crate::ids::{ClientId, CodeKey, Digest, GrantId};
use crate::join::{Claim, Consumed, Denial, Finder, Found, Weigh, Weighed, question, refusal};
use crate::records::{
    AuditEvent, CodeRecord, Interaction, ProvenTerminal, Stage as InteractionStage,
};
use crate::risk::{RiskQuestion, RiskReason, RiskRule};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// Looks at a request for the browser that it belongs to, or did when it was approved. Writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The key of its row.
    pub key: Digest,
    /// Keyed hash of the browser's cookie.
    pub browser: Digest,
}

impl Operation for Look {
    /// `None` if there is none, its time is over, or it is another browser's.
    type Outcome = Option<Box<Interaction>>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Interaction(self.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.key)?;
        let own = |row: &&Interaction| match &row.stage {
            InteractionStage::Approved(approval) => approval.is_for(self.browser),
            stage => belongs(stage, self.browser),
        };
        let row = known.filter(|row| cx.now < row.expires_at && own(row));
        Ok(Step::Done(Vec::new(), row.map(|row| Box::new(row.clone()))))
    }
}

/// Looks whether the text came, and notes who sent it. Its steps: the request, the code, the account,
/// the request.
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
    pub words: Option<Arc<[Digest]>>,
    /// Seconds without a proof after which a number gets a new account.
    pub dormant_s: i64,
    /// Whether others are asked about the proof.
    pub risk: RiskRule,
    /// Keyed hashes and encryption.
    pub vault: Arc<Vault>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Ask,
    Consume { login_hint: Option<crate::ids::TerminalKey> },
    Inquire { code: Box<CodeRecord> },
    Find { code: Box<CodeRecord>, grant: GrantId },
    Note(Box<ProvenTerminal>),
}

/// How far a request is.
#[derive(Clone, PartialEq, Debug)]
pub enum ProvenOutcome {
    /// The text has not come.
    Waiting,
    /// It is proven, now or before.
    Proven(Box<Interaction>),
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
        words: Option<Arc<[Digest]>>,
        dormant_s: i64,
        vault: Arc<Vault>,
    ) -> Self {
        let (stage, risk) = (Stage::Ask, RiskRule::Off);
        Self { look, client_id, attempt, code, words, dormant_s, risk, vault, stage }
    }

    /// With what is to be asked, or was answered.
    #[must_use]
    pub fn risking(mut self, rule: RiskRule) -> Self {
        self.risk = rule;
        self
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
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
                let login_hint = row.request.login_hint;
                Ok(Step::Next(Vec::new(), self.at(Stage::Consume { login_hint })))
            }
            // Another tab has gone on to another code.
            _ => done(ProvenOutcome::Waiting),
        }
    }

    fn consume(
        &self,
        login_hint: Option<crate::ids::TerminalKey>,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let claim = Claim {
            code: self.code,
            // Nobody but this page holds the verifier, so it may come back after a crash.
            frozen: self.look.key,
            repeatable: true,
            words: self.words.as_deref(),
            login_hint,
            // What must be confirmed is refused before (`Rules`).
            confirming: None,
            awaited_until: None,
        };
        let client_id = &self.client_id;
        let (rule, words) = (self.risk, claim.words);
        let weigh =
            Weigh { rule, code: self.code, client_id, words, login_hint, confirmable: false };
        match weigh.weigh(view, cx)? {
            Weighed::Go => {}
            Weighed::Ask(code) => {
                return Ok(Step::Next(Vec::new(), self.at(Stage::Inquire { code })));
            }
            Weighed::Denied(writes, why) => {
                return Ok(Step::Done(writes, ProvenOutcome::Risky(why)));
            }
        }
        let event = |now, kind| AuditEvent {
            client_id: Some(client_id.clone()),
            ..AuditEvent::new(now, kind)
        };
        Ok(match claim.consume(view, cx, event)? {
            Consumed::Pending => Step::Done(Vec::new(), ProvenOutcome::Waiting),
            Consumed::Expired => Step::Done(Vec::new(), ProvenOutcome::Late),
            Consumed::Denied(writes, denial) => Step::Done(writes, ProvenOutcome::Failed(denial)),
            Consumed::Unjudged(_) | Consumed::Unconfirmed(..) => {
                Step::Done(Vec::new(), ProvenOutcome::Failed(Denial::Used))
            }
            Consumed::Taken(writes, code, grant) => {
                Step::Next(writes, self.at(Stage::Find { code, grant }))
            }
        })
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
        if let Some(why) = refusal(finding, false) {
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
            Stage::Consume { .. } => keys.push(Key::Code(self.code)),
            Stage::Inquire { code } => keys.push(Key::Terminal(code.terminal)),
            Stage::Find { code, .. } => {
                keys.push(Key::Grants(code.terminal));
                keys.push(Key::Terminal(code.terminal));
            }
            Stage::Note(_) => keys.push(Key::Interaction(self.look.key)),
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match &self.stage {
            Stage::Ask => self.ask(view, cx),
            Stage::Consume { login_hint } => self.consume(*login_hint, view, cx),
            Stage::Inquire { code } => self.inquire(code, view),
            Stage::Find { code, grant } => self.find(code, *grant, view, cx),
            Stage::Note(by) => self.note(by, view, cx),
        }
    }
}

/// Shows another code, after one whose text was good for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The request.
    pub look: Look,
    /// Which code the page showed.
    pub attempt: u32,
}

impl Operation for Retry {
    /// Whether there is another; `false` too if the request ended.
    type Outcome = bool;

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.interaction(self.look.key)?;
        let row =
            known.filter(|row| cx.now < row.expires_at && belongs(&row.stage, self.look.browser));
        let Some(row) = row else {
            return Ok(Step::Done(Vec::new(), false));
        };
        let InteractionStage::Asking { browser, attempt } = row.stage else {
            return Ok(Step::Done(Vec::new(), false));
        };
        let next = attempt.saturating_add(1);
        if attempt != self.attempt || next >= MAX_ATTEMPTS {
            return Ok(Step::Done(Vec::new(), attempt > self.attempt));
        }
        let stage = InteractionStage::Asking { browser, attempt: next };
        Ok(Step::Done(vec![at_stage(row, stage, INTERACTION_S, cx.now)], true))
    }
}
