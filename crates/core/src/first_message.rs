//! The first-message receiver's decision: what a text says, or why it is refused by rule. What is
//! refused here is acknowledged to the network and counted, never recorded.

use twinpath_wire::code::{Code, MessageError, read_message};
use twinpath_wire::phrase::Words;
use twinpath_wire::revocation::read_revocation;

use crate::ids::RouteName;
use crate::number::{E164, Sender, SenderPolicy, SenderRefusal};
use crate::outbound::RevocationCode;

/// A way by which texts come in: an SMPP bind or a webhook.
#[derive(Clone, Debug)]
pub struct Route {
    /// As configured.
    pub name: RouteName,
    /// How senders are read, and how far they are believed.
    pub senders: SenderPolicy,
    /// Seconds from a text's record to its expiry.
    pub ttl_s: i64,
}

/// A text that can be recorded.
#[derive(Clone, Debug)]
pub struct FirstMessage {
    /// The terminal identifier.
    pub number: E164,
    /// The commitment.
    pub code: Code,
    /// The human words around it.
    pub words: Words,
}

/// A text that revokes a grant (PROTOCOL 6).
#[derive(Clone, Debug)]
pub struct RevocationText {
    /// The terminal identifier.
    pub number: E164,
    /// Which of its grants.
    pub digits: RevocationCode,
}

/// Why a text is refused by rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Its sender names no terminal this route may speak for.
    Sender(SenderRefusal),
    /// It carries no code.
    NoCode,
    /// It carries several different codes.
    SeveralCodes,
    /// Its code was damaged or mistyped.
    BadChecksum,
    /// It is longer than any message can be.
    TooLong,
}

impl Refusal {
    /// A stable word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender(refusal) => refusal.as_str(),
            Self::NoCode => "no_code",
            Self::SeveralCodes => "several_codes",
            Self::BadChecksum => "bad_checksum",
            Self::TooLong => "too_long",
        }
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::NoCode => Self::NoCode,
            MessageError::SeveralCodes => Self::SeveralCodes,
            MessageError::BadChecksum => Self::BadChecksum,
            MessageError::TooLong => Self::TooLong,
        }
    }
}

impl Route {
    /// Reads a text that came in by this route as a revocation; `None` if it is none, or its sender none
    /// that this route may speak for.
    pub fn revocation(&self, sender: Sender<'_>, text: &str) -> Option<RevocationText> {
        let digits = RevocationCode::parse(&read_revocation(text)?)?;
        Some(RevocationText { number: self.senders.normalize(sender).ok()?, digits })
    }

    /// Reads one text that came in by this route.
    pub fn receive(&self, sender: Sender<'_>, text: &str) -> Result<FirstMessage, Refusal> {
        let number = self.senders.normalize(sender).map_err(Refusal::Sender)?;
        let message = read_message(text)?;
        Ok(FirstMessage { number, code: message.code, words: message.words })
    }
}

#[cfg(test)]
mod tests;
