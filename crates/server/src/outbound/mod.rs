//! Texts to phones: who can send one, and what came of it.

mod api;
mod outbox;
mod receipt;
mod smpp;
mod words;

pub use api::ApiSender;
pub use outbox::{Outbox, dispatch};
pub use receipt::{Receipt, ReceiptState, received};
pub use smpp::BindSender;

use std::fmt::Debug;
use std::pin::Pin;

use twinpath_core::number::E164;

/// A text to a phone.
#[derive(Clone, Debug)]
pub struct OutboundText {
    /// To whom.
    pub to: E164,
    /// What it says.
    pub body: String,
    /// The same at each attempt to send this text: for providers that take one to tell repetitions.
    pub reference: String,
}

/// How an attempt to send a text ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// The network or provider took it.
    Accepted {
        /// Its identifier there, by which receipts name it.
        message_id: Option<String>,
    },
    /// Not now: it may be tried again, here or by another way. A stable word says why.
    Temporary(&'static str),
    /// It may have been sent: the time ran out, or the connection, before the answer came. A stable word
    /// says why.
    Unknown(&'static str),
    /// Never: trying again would change nothing. A stable word says why.
    Permanent(&'static str),
}

/// The future of an [`Attempt`].
pub type Attempting<'a> = Pin<Box<dyn Future<Output = Attempt> + Send + 'a>>;

/// A way by which texts go out: a bind that transmits, or a provider's API.
pub trait TextSender: Debug + Send + Sync {
    /// As configured: the label of its metrics.
    fn name(&self) -> &str;
    /// Whether a text handed over now has a chance: a bind that is down has none.
    fn up(&self) -> bool;
    /// Whether it carries texts to this number.
    fn serves(&self, to: &E164) -> bool;
    /// Sends one text, within a time of its own.
    fn send<'a>(&'a self, text: &'a OutboundText) -> Attempting<'a>;
}
