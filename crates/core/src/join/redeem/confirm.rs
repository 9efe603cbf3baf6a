//! Confirming (PROTOCOL 6) a token request: its steps between the first *consume* and *complete*.

use crate::ids::Digest;
use crate::join::redeem::{Redeem, Redeemed, Stage};
use crate::join::{Confirmation, Judged, text_of};
use crate::outbound::{Confirm, Spend, Spent, Texting};
use crate::records::CodeRecord;
use crate::transaction::{Context, Missing, Rows, Step, Write};

impl Redeem {
    /// When the request must be confirmed, by the scope it has in the end.
    pub(super) fn confirm_when(&self) -> Confirm {
        let Texting { confirm, sensitive, .. } = &self.request.texting;
        let asked = |token: &str| sensitive.iter().any(|marked| marked == token);
        let marked = self.request.scope.split(' ').any(asked);
        self.request.risk.raise(if marked { Confirm::Always } else { *confirm })
    }

    fn confirmation(&self) -> Confirmation<'_> {
        let request = &self.request;
        Confirmation {
            client_id: &request.client_id,
            jkt: &request.jkt,
            when: self.confirm_when(),
            texting: &request.texting,
            vault: &self.vault,
        }
    }

    /// Whether the request must be confirmed, by what its terminal's rows say.
    pub(super) fn judge(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let then = |stage| Step::Next(Vec::new(), self.at(stage));
        Ok(match self.confirmation().judge(code, view, cx.now)? {
            Judged::Blocked => {
                let event = self.event(cx.now, "grant.denied", Some("blocked"));
                Step::Done(vec![Write::Audit(event)], Redeemed::Blocked)
            }
            Judged::Free => then(Stage::Confirm { must: false }),
            Judged::Must(spend) => then(Stage::Meter { spend }),
            Judged::Refused(spent) => self.spent(spent, cx),
        })
    }

    fn spent(&self, spent: Spent, cx: &Context<'_>) -> Step<Self> {
        let refused = |why, outcome| {
            let event = self.event(cx.now, "confirmation.refused", Some(why));
            Step::Done(vec![Write::Audit(event)], outcome)
        };
        match spent {
            Spent::Counted => Step::Next(Vec::new(), self.at(Stage::Confirm { must: true })),
            Spent::Over(until) => refused("limit", Redeemed::OverLimit(until)),
            Spent::Country => refused("country", Redeemed::Unreachable),
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
            // Another request was faster, or its time ran out.
            None => Step::Next(Vec::new(), self.at(Stage::Consume)),
        })
    }

    /// The key of a waiting code's text.
    pub(super) fn text(&self, code: &CodeRecord) -> Option<Digest> {
        text_of(code, &self.vault)
    }

    /// Puts the text in the queue.
    pub(super) fn put_text(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        Ok(match self.confirmation().put_text(code, view, cx.now)? {
            Some((writes, awaiting)) => Step::Done(writes, Redeemed::Unconfirmed(awaiting)),
            None => Step::Next(Vec::new(), self.at(Stage::Consume)),
        })
    }
}

#[cfg(test)]
mod tests;
