//! Confirming (PROTOCOL 6) at the page, and without a browser: the steps between the code and the account.

use crate::authorization::arrive::at_stage;
use crate::authorization::prove::{ProveTerminal, ProvenOutcome, Stage};
use crate::join::{Confirmation, Judged};
use crate::outbound::{Confirm, Spend, Spent, Texting};
use crate::records::{AuditEvent, CodeRecord, Stage as InteractionStage};
use crate::transaction::{Context, Missing, Rows, Step, Write};

impl ProveTerminal {
    /// When it must be confirmed, by the request and by what others say of the proof.
    pub(super) fn confirm_when(&self) -> Confirm {
        self.risk.raise(self.wants.confirm)
    }

    fn confirmation<'a>(&'a self, texting: &'a Texting) -> Confirmation<'a> {
        let (client_id, jkt, when) = (&self.client_id, &*self.wants.jkt, self.confirm_when());
        Confirmation { client_id, jkt, when, texting, vault: &self.vault }
    }

    /// Whether it must be confirmed, by what its terminal's rows say.
    pub(super) fn judge(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        // The configuration may have changed since the request came.
        let Some(texting) = &self.texting else {
            return Ok(self.spent(Spent::Country, cx));
        };
        Ok(match self.confirmation(texting).judge(code, view, cx.now)? {
            Judged::Blocked => Step::Done(Vec::new(), ProvenOutcome::Blocked),
            Judged::Free => self.then(Stage::Confirm { must: false }),
            Judged::Must(spend) => self.then(Stage::Meter { spend }),
            Judged::Refused(spent) => self.spent(spent, cx),
        })
    }

    fn spent(&self, spent: Spent, cx: &Context<'_>) -> Step<Self> {
        let refused = |why, outcome| {
            let event = self.event(cx.now, "confirmation.refused");
            let event = AuditEvent { reason: Some(why), ..event };
            Step::Done(vec![Write::Audit(event)], outcome)
        };
        match spent {
            Spent::Counted => self.then(Stage::Confirm { must: true }),
            Spent::Over(until) => refused("limit", ProvenOutcome::OverLimit(until)),
            Spent::Country => refused("country", ProvenOutcome::Unreachable),
        }
    }

    /// Counts the text.
    pub(super) fn meter(
        &self,
        spend: &Spend,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        Ok(match spend.step(view)? {
            Ok((writes, spend)) => Step::Next(writes, self.at(Stage::Meter { spend })),
            Err(spent) => self.spent(spent, cx),
        })
    }

    /// Uses the code up, or has it wait for the digits.
    pub(super) fn confirm(
        &self,
        must: bool,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        Ok(match self.claim().judged(must, view, cx)? {
            Some(consumed) => self.follow(consumed),
            // Another look was faster, or its time ran out.
            None => self.then(Stage::Consume),
        })
    }

    /// The digits have a time of their own: the request must not be over before.
    pub(super) fn keep(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let Some(row) = self.row(view, cx)? else {
            return Ok(Step::Done(Vec::new(), ProvenOutcome::Gone));
        };
        let short = row.expires_at < code.expires_at;
        let left = code.expires_at.seconds().saturating_sub(cx.now.seconds()).saturating_add(1);
        let kept = short.then(|| at_stage(row, row.stage.clone(), left, cx.now));
        let text = self.at(Stage::Text { code: Box::new(code.clone()) });
        Ok(Step::Next(kept.into_iter().collect(), text))
    }

    /// Puts the text in the queue unless it is there: a crash may have come between.
    pub(super) fn put_text(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let Some(texting) = &self.texting else {
            return Ok(self.spent(Spent::Country, cx));
        };
        Ok(match self.confirmation(texting).put_text(code, view, cx.now)? {
            Some((writes, awaiting)) => Step::Done(writes, ProvenOutcome::Unconfirmed(awaiting)),
            None => self.then(Stage::Consume),
        })
    }

    /// Wrong digits end the request with the code.
    pub(super) fn end(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let Some(row) = self.row(view, cx)? else {
            return Ok(Step::Done(Vec::new(), ProvenOutcome::Gone));
        };
        let request = Box::new(row.request.clone());
        let ended = at_stage(row, InteractionStage::Ended, 0, cx.now);
        Ok(Step::Done(vec![ended], ProvenOutcome::WrongDigits(request)))
    }
}
