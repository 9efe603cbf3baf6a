//! Owns delivery receipts (SMPP 3.4 5.2.12, Appendix B): what became of a message that was
//! submitted, from parameters where there are any, else from the text that most message centres
//! write.

use crate::pdu::{ShortMessage, esm_class, tag};

/// Octets of a receipt's text that are looked at: the words stand at its beginning.
const MAX_TEXT: usize = 512;

/// How a submitted message fares (SMPP 3.4 5.2.28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// On its way.
    Enroute,
    /// The phone has it.
    Delivered,
    /// Its validity period is over.
    Expired,
    /// Deleted.
    Deleted,
    /// It cannot be delivered.
    Undeliverable,
    /// Taken: somebody read it for the subscriber.
    Accepted,
    /// Nobody knows.
    Unknown,
    /// Refused.
    Rejected,
}

impl MessageState {
    /// `message_state`, 5.3.2.35.
    const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Enroute,
            2 => Self::Delivered,
            3 => Self::Expired,
            4 => Self::Deleted,
            5 => Self::Undeliverable,
            6 => Self::Accepted,
            7 => Self::Unknown,
            8 => Self::Rejected,
            _ => return None,
        })
    }

    /// `stat` of Appendix B; some centres write the words in full.
    fn of_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_uppercase();
        let known = [
            ("ENROU", Self::Enroute),
            ("DELIV", Self::Delivered),
            ("EXPIR", Self::Expired),
            ("DELET", Self::Deleted),
            ("UNDEL", Self::Undeliverable),
            ("ACCEP", Self::Accepted),
            ("UNKNO", Self::Unknown),
            ("REJEC", Self::Rejected),
        ];
        known.into_iter().find(|(start, _)| word.starts_with(start)).map(|(_, state)| state)
    }
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// The message's identifier at the message centre, as it is written in receipts.
    pub message_id: String,
    /// How it fares.
    pub state: MessageState,
    /// The network's error, where there is one: visible ASCII, at most 16 characters.
    pub error: Option<String>,
}

/// Reads a receipt; nothing if the message is none, or does not say of which message and what.
pub fn receipt_of(message: &ShortMessage) -> Option<DeliveryReceipt> {
    /// A message centre's delivery receipt, and its notification on the way (SMPP 3.4 5.2.12).
    const KINDS: [u8; 2] = [esm_class::DELIVERY_RECEIPT, 0x20];
    if !KINDS.contains(&(message.esm_class & esm_class::MESSAGE_TYPE)) {
        return None;
    }
    let payload = message.payload();
    let text = payload.get(..payload.len().min(MAX_TEXT)).unwrap_or_default();
    let tlv = |tag| message.tlvs.value(tag);
    let message_id = tlv(tag::RECEIPTED_MESSAGE_ID)
        .and_then(|octets| word(octets.split(|octet| *octet == 0).next()?))
        .or_else(|| field(text, "id"))?;
    let state = tlv(tag::MESSAGE_STATE)
        .and_then(|value| MessageState::of_code(*value.first()?))
        .or_else(|| MessageState::of_word(&field(text, "stat")?))?;
    let network = tlv(tag::NETWORK_ERROR_CODE).and_then(|value| match value[..] {
        [network, high, low] => Some(format!("{network}:{}", u16::from_be_bytes([high, low]))),
        _ => None,
    });
    let written = || field(text, "err").filter(|code| code.bytes().any(|octet| octet != b'0'));
    let error = network.or_else(written).filter(|error| error.len() <= 16);
    Some(DeliveryReceipt { message_id, state, error })
}

/// The value of `name:` at the beginning of a word, whatever its case; the message itself, behind
/// `text:`, is not looked at.
fn field(text: &[u8], name: &str) -> Option<String> {
    let values = text.split(u8::is_ascii_whitespace).map(|word| {
        let (name, value) = word.split_at(word.iter().position(|octet| *octet == b':')?);
        Some((name, value.get(1..)?))
    });
    let mut named = values.flatten();
    let is = |found: &[u8], name: &str| found.eq_ignore_ascii_case(name.as_bytes());
    let (found, value) = named.find(|(found, _)| is(found, name) || is(found, "text"))?;
    if is(found, name) { word(value) } else { None }
}

/// 1 to 64 visible ASCII characters.
fn word(octets: &[u8]) -> Option<String> {
    let plain = (1..=64).contains(&octets.len()) && octets.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(octets).ok()?;
    plain.then(|| text.to_owned())
}

/// How a message centre writes identifiers in receipts, compared with its responses to
/// `submit_sm`: many write one in hexadecimal and the other in decimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiptIds {
    /// The same in both.
    #[default]
    AsIs,
    /// Receipts in decimal, responses in hexadecimal.
    Decimal,
    /// Receipts in hexadecimal, responses in decimal.
    Hexadecimal,
}

impl ReceiptIds {
    /// What a message is known by: from the identifier in the response to its `submit_sm`.
    pub fn of_response(self, message_id: &str) -> String {
        match self {
            Self::AsIs => message_id.to_owned(),
            Self::Decimal => canonical(message_id, 16),
            Self::Hexadecimal => canonical(message_id, 10),
        }
    }

    /// The same from the identifier in a receipt.
    pub fn of_receipt(self, message_id: &str) -> String {
        match self {
            Self::AsIs => message_id.to_owned(),
            Self::Decimal => canonical(message_id, 10),
            Self::Hexadecimal => canonical(message_id, 16),
        }
    }
}

/// A number without a base; what is none stays.
fn canonical(text: &str, radix: u32) -> String {
    let number = u128::from_str_radix(text, radix);
    number.map_or_else(|_| text.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests;
