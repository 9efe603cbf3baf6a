//! Owns what a bind hands to the application, and what it expects back.

use std::{io, sync::Arc, time::Instant};

use bytes::Bytes;

use crate::{
    pdu::{CommandStatus, DecodeError, ShortMessage},
    text::{DefaultAlphabet, DeliveryReceipt, ReceivedText, Refusal, message_of, receipt_of},
};

use super::BindState;

/// A message a bind received. It shares memory with the octets around it: copy what is to be kept.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The bind's name.
    pub bind: Arc<str>,
    /// The message centre's number for it; it says nothing beyond the session.
    pub sequence: u32,
    /// The message; a `data_sm` reads like a `deliver_sm` without `short_message`.
    pub message: ShortMessage,
    /// What `data_coding` 0 means on the bind.
    pub default_alphabet: DefaultAlphabet,
    /// When it was read.
    pub received: Instant,
}

impl Delivery {
    /// What it says, or why it says nothing to act upon.
    pub fn text(&self) -> Result<ReceivedText, Refusal> {
        message_of(&self.message, self.default_alphabet)
    }

    /// What became of a message that was submitted, where it says that.
    pub fn receipt(&self) -> Option<DeliveryReceipt> {
        receipt_of(&self.message)
    }
}

/// A PDU that could not be read.
#[derive(Clone, Debug)]
pub struct Undecodable {
    /// The bind's name.
    pub bind: Arc<str>,
    /// The whole PDU. It may hold a number and a text: for a quarantine only.
    pub raw: Bytes,
    /// What is wrong with it.
    pub reason: DecodeError,
}

/// The application behind a bind.
///
/// Many calls are under way at once, on the bind's own task: they must not block it. A call is
/// dropped if the session ends first; the message centre then sends the message again. One that
/// panics is answered `ESME_RX_T_APPN`.
pub trait Deliveries: Send + Sync + 'static {
    /// Takes a message. Return `ESME_ROK` only once it is durable or known to be irrelevant;
    /// `ESME_RTHROTTLED`, `ESME_RMSGQFUL` or `ESME_RX_T_APPN` have it sent again.
    fn deliver(&self, delivery: Delivery) -> impl Future<Output = CommandStatus> + Send;

    /// Puts aside a PDU that cannot be read. Return `ESME_ROK` once it is, or it comes again.
    fn undecodable(&self, undecodable: Undecodable) -> impl Future<Output = CommandStatus> + Send;

    /// No connection could be made, or no TLS on it.
    fn unreachable(&self, bind: &str, error: &io::Error) {
        let _ = (bind, error);
    }

    /// The bind's state has changed.
    fn state(&self, bind: &str, state: BindState) {
        let _ = (bind, state);
    }
}
