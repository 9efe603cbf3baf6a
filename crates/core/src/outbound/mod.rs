//! Texts to phones: what they say, what they cost, and what becomes of them (PROTOCOL 6).
//!
//! A decision that wants a text sent puts an [`Outbound`](crate::records::Outbound) row, in a step of its own. Some node
//! claims the row ([`ClaimText`]), sends, and settles it ([`SettleText`]); a claim that is not settled in
//! time is another node's to take. No row holds what the text says: the digits follow from the master key.

mod digits;
pub(crate) mod notice;
mod queue;
mod spending;
mod wording;

pub use digits::{ConfirmationCode, Digits, RevocationCode};
pub use queue::{
    ATTEMPT_S, ClaimText, Claimed, FindReceipt, ReceiveReceipt, Received, SettleText, Settled,
};
pub(crate) use spending::Measured;
pub use spending::{Meter, Spend, SpendingLimits, Spent};
pub use wording::{Wording, default_confirmations, default_notices};

use serde::{Deserialize, Serialize};

use crate::grant::Scope;
use crate::ids::{ClientId, Digest, GrantId, TerminalKey, Timestamp};
use crate::join::TOMBSTONE_S;
use crate::records::{Content, Delivery, Note, Outbound, Sealed, TextPurpose};
use crate::transaction::{Missing, Rows, Write};
use crate::vault::Vault;

/// Seconds for which the digits of a confirmation live (PROTOCOL 6).
pub const CONFIRMATION_S: i64 = 300;
/// How often the digits may be tried (PROTOCOL 6).
pub const CONFIRMATION_ATTEMPTS: u8 = 3;
/// Seconds after which a notice that could not be sent is given up.
pub const NOTICE_S: i64 = 24 * 3600;

/// When a request must be confirmed. Ordered: more is stricter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Never.
    #[default]
    Never,
    /// Where the account does not know the installation.
    NewDevice,
    /// Always.
    Always,
}

/// Which requests must be confirmed: the configured policy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfirmPolicy {
    /// Whatever is asked.
    pub all: Confirm,
    /// What asks for one of these scopes, always.
    pub sensitive: std::sync::Arc<[String]>,
}

impl ConfirmPolicy {
    /// Of a request for this scope.
    pub fn of(&self, scope: &Scope) -> Confirm {
        if self.sensitive.iter().any(|token| scope.has(token)) { Confirm::Always } else { self.all }
    }
}

/// What a request says of texts to its terminal, and what the platform holds of them.
#[derive(Clone, Debug, Default)]
pub struct Texting {
    /// When it must be confirmed, whatever its scope.
    pub confirm: Confirm,
    /// Scopes for which it must always be.
    pub sensitive: std::sync::Arc<[String]>,
    /// The digits it shows.
    pub said: Option<ConfirmationCode>,
    /// Whether the number is told of installations that the account did not know.
    pub notify: bool,
    /// In which languages the person wants to read (`ui_locales`).
    pub ui_locales: Option<String>,
    /// What texts may cost.
    pub limits: std::sync::Arc<SpendingLimits>,
}

/// A text to be put in the queue.
#[derive(Clone, Debug)]
pub(crate) struct NewText<'a> {
    pub(crate) purpose: TextPurpose,
    pub(crate) terminal: TerminalKey,
    pub(crate) number: &'a Sealed,
    pub(crate) client_id: &'a ClientId,
    pub(crate) grant: GrantId,
    pub(crate) ui_locales: Option<&'a str>,
    /// When it is of no use any more.
    pub(crate) expires_at: Timestamp,
}

/// The key of the row of a text about a grant: one of each kind.
pub fn text_key(vault: &Vault, purpose: &TextPurpose, grant: GrantId) -> Digest {
    vault.identifier("outbound", purpose.as_str(), &grant.to_string())
}

impl NewText<'_> {
    /// Puts it, unless it was put before.
    pub(crate) fn put(
        &self,
        key: Digest,
        view: &Rows,
        now: Timestamp,
    ) -> Result<Vec<Write>, Missing> {
        if view.note(key)?.is_some() {
            return Ok(Vec::new());
        }
        let outbound = Outbound {
            purpose: self.purpose,
            terminal: self.terminal,
            number: self.number.clone(),
            client_id: self.client_id.clone(),
            grant: self.grant,
            ui_locales: self.ui_locales.map(str::to_owned),
            delivery: Delivery::Waiting,
            attempts: 0,
            unknown: 0,
            expires_at: self.expires_at,
        };
        let note = Note {
            key,
            content: Content::Outbound(outbound),
            listed_at: Some(now),
            purge_at: self.expires_at.max(now).plus_seconds(TOMBSTONE_S),
        };
        Ok(vec![Write::Note(Box::new(note))])
    }
}

#[cfg(test)]
mod tests;
