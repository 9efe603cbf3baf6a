//! Confirming (PROTOCOL 6), whoever claims the code: whether it must be, what that may cost, and the text.
//!
//! What could never succeed is refused before: no text goes out for a blocked account, to a country that is
//! not served, or over a limit; and until then the code is as it was.

use crate::ids::{ClientId, Digest, Timestamp};
use crate::join::{Awaiting, Known};
use crate::outbound::{Confirm, Measured, NewText, Spend, Spent, Texting, text_key};
use crate::records::{AccountStatus, CodeRecord, CodeState, TextPurpose};
use crate::risk::{RiskRule, RiskVerdict};
use crate::transaction::{Missing, Rows, Write};
use crate::vault::Vault;

/// What a claim that may have to be confirmed is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirmation<'a> {
    /// The app.
    pub(crate) client_id: &'a ClientId,
    /// What the claim is bound to, as [`crate::records::Grant::jkt`] names it.
    pub(crate) jkt: &'a str,
    /// When it must be confirmed.
    pub(crate) when: Confirm,
    /// What texts may cost, and in which language they are.
    pub(crate) texting: &'a Texting,
    /// For numbers and digits.
    pub(crate) vault: &'a Vault,
}

/// What becomes of a claim by its terminal's rows.
#[derive(Clone, Debug)]
pub(crate) enum Judged {
    /// The account is blocked.
    Blocked,
    /// It need not be confirmed.
    Free,
    /// It must be, once the text is paid for.
    Must(Spend),
    /// It must be, and no text goes out.
    Refused(Spent),
}

impl RiskRule {
    /// When a claim must be confirmed, by what was answered of its proof too. An answer about another
    /// terminal never gets here: it is asked about anew before.
    pub(crate) fn raise(self, when: Confirm) -> Confirm {
        match self {
            Self::Answered(answer) if answer.finding.verdict == RiskVerdict::Confirm => {
                Confirm::Always
            }
            _ => when,
        }
    }
}

/// The key of a waiting code's text.
pub(crate) fn text_of(code: &CodeRecord, vault: &Vault) -> Option<Digest> {
    let CodeState::Confirming { grant, .. } = code.state else {
        return None;
    };
    Some(text_key(vault, &TextPurpose::Confirmation { code: code.key }, grant))
}

impl Confirmation<'_> {
    /// Whether the claim must be confirmed, by what its terminal's rows say.
    pub(crate) fn judge(
        &self,
        code: &CodeRecord,
        view: &Rows,
        now: Timestamp,
    ) -> Result<Judged, Missing> {
        let grants = view.grants(code.terminal)?;
        let account = match view.terminal(code.terminal)? {
            Some(terminal) => view.account(code.terminal, terminal.account)?,
            None => None,
        };
        if account.is_some_and(|account| account.status == AccountStatus::Blocked) {
            return Ok(Judged::Blocked);
        }
        let (client_id, jkt) = (self.client_id, self.jkt);
        let known = || {
            account.is_some_and(|account| Known { account: account.id, client_id, jkt }.in_(grants))
        };
        let must = match self.when {
            Confirm::Never => false,
            Confirm::NewDevice => !known(),
            Confirm::Always => true,
        };
        if !must {
            return Ok(Judged::Free);
        }
        Ok(self.spend(code, now).map_or_else(Judged::Refused, Judged::Must))
    }

    fn spend(&self, code: &CodeRecord, now: Timestamp) -> Result<Spend, Spent> {
        // A number that does not open has no country.
        let number = self.vault.open_number(code.terminal, &code.number);
        let number = number.map_err(|_| Spent::Country)?;
        let purpose = TextPurpose::Confirmation { code: code.key };
        let (terminal, client_id) = (code.terminal, self.client_id);
        let text = Measured { terminal, number: &number, client_id, purpose };
        self.texting.limits.meters(text, self.vault, now).map(Spend::new)
    }

    /// Puts the text of a waiting code in the queue: one for each code. `None` if it does not wait.
    pub(crate) fn put_text(
        &self,
        code: &CodeRecord,
        view: &Rows,
        now: Timestamp,
    ) -> Result<Option<(Vec<Write>, Awaiting)>, Missing> {
        let (CodeState::Confirming { grant, attempts, .. }, Some(key)) =
            (code.state, text_of(code, self.vault))
        else {
            return Ok(None);
        };
        let text = NewText {
            purpose: TextPurpose::Confirmation { code: code.key },
            terminal: code.terminal,
            number: &code.number,
            client_id: self.client_id,
            grant,
            ui_locales: self.texting.ui_locales.as_deref(),
            expires_at: code.expires_at,
        };
        let left = code.expires_at.seconds().saturating_sub(now.seconds());
        let awaiting = Awaiting { attempts_left: attempts, expires_in: left.max(0), text: key };
        Ok(Some((text.put(key, view, now)?, awaiting)))
    }
}
