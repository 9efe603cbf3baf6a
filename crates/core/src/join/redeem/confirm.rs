//! Confirming (PROTOCOL 6): whether a request must be, what that may cost, and the text.
//!
//! What could never succeed is refused before: no text goes out for a blocked account, to a country that is
//! not served, or over a limit; and until then the code is as it was.

use crate::ids::{Digest, Timestamp};
use crate::join::Known;
use crate::join::redeem::{Awaiting, Redeem, Redeemed, Stage};
use crate::outbound::{Confirm, Measured, NewText, Spend, Spent, Texting, text_key};
use crate::records::{AccountStatus, CodeRecord, CodeState, TextPurpose};
use crate::risk::{RiskRule, RiskVerdict};
use crate::transaction::{Context, Missing, Rows, Step, Write};

impl Redeem {
    /// When the request must be confirmed, by the scope it has in the end.
    pub(super) fn confirm_when(&self) -> Confirm {
        let Texting { confirm, sensitive, .. } = &self.request.texting;
        // An answer about another terminal never gets here: it is asked about anew before.
        if let RiskRule::Answered(answer) = self.request.risk
            && answer.finding.verdict == RiskVerdict::Confirm
        {
            return Confirm::Always;
        }
        let asked = |token: &str| sensitive.iter().any(|marked| marked == token);
        if self.request.scope.split(' ').any(asked) { Confirm::Always } else { *confirm }
    }

    /// Whether the request must be confirmed, by what its terminal's rows say.
    pub(super) fn judge(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let request = &self.request;
        let grants = view.grants(code.terminal)?;
        let account = match view.terminal(code.terminal)? {
            Some(terminal) => view.account(code.terminal, terminal.account)?,
            None => None,
        };
        if account.is_some_and(|account| account.status == AccountStatus::Blocked) {
            let event = self.event(cx.now, "grant.denied", Some("blocked"));
            return Ok(Step::Done(vec![Write::Audit(event)], Redeemed::Blocked));
        }
        let (client_id, jkt) = (&request.client_id, request.jkt.as_str());
        let known = || {
            account.is_some_and(|account| Known { account: account.id, client_id, jkt }.in_(grants))
        };
        let must = match self.confirm_when() {
            Confirm::Never => false,
            Confirm::NewDevice => !known(),
            Confirm::Always => true,
        };
        if !must {
            return Ok(Step::Next(Vec::new(), self.at(Stage::Confirm { must })));
        }
        Ok(match self.spend(code, cx.now) {
            Ok(spend) => Step::Next(Vec::new(), self.at(Stage::Meter { spend })),
            Err(spent) => self.spent(spent, cx),
        })
    }

    fn spend(&self, code: &CodeRecord, now: Timestamp) -> Result<Spend, Spent> {
        let (request, vault) = (&self.request, &self.vault);
        // A number that does not open has no country.
        let number = vault.open_number(code.terminal, &code.number).map_err(|_| Spent::Country)?;
        let purpose = TextPurpose::Confirmation { code: code.key };
        let (terminal, client_id) = (code.terminal, &request.client_id);
        let text = Measured { terminal, number: &number, client_id, purpose };
        request.texting.limits.meters(text, vault, now).map(Spend::new)
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
        let CodeState::Confirming { grant, .. } = code.state else {
            return None;
        };
        Some(text_key(&self.vault, &TextPurpose::Confirmation { code: code.key }, grant))
    }

    /// Puts the text in the queue: one for each code.
    pub(super) fn put_text(
        &self,
        code: &CodeRecord,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let (CodeState::Confirming { grant, attempts, .. }, Some(key)) =
            (code.state, self.text(code))
        else {
            return Ok(Step::Next(Vec::new(), self.at(Stage::Consume)));
        };
        let text = NewText {
            purpose: TextPurpose::Confirmation { code: code.key },
            terminal: code.terminal,
            number: &code.number,
            client_id: &self.request.client_id,
            grant,
            ui_locales: self.request.texting.ui_locales.as_deref(),
            expires_at: code.expires_at,
        };
        let left = code.expires_at.seconds().saturating_sub(cx.now.seconds());
        let awaiting = Awaiting { attempts_left: attempts, expires_in: left.max(0), text: key };
        Ok(Step::Done(text.put(key, view, cx.now)?, Redeemed::Unconfirmed(awaiting)))
    }
}

#[cfg(test)]
mod tests;
