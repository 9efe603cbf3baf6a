//! One call of a gateway.

use http::HeaderMap;

/// A call, as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// The URL as the provider called it, with its query: providers sign it.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, octet for octet: providers sign it.
    pub body: &'a [u8],
    /// Seconds since 1970.
    pub now: i64,
}

/// A phone's text. `Debug` shows neither numbers nor text.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundText {
    /// What the provider calls this delivery, the same when it repeats it.
    pub id: Option<String>,
    /// The sender as the provider writes it: `+` or not is up to the provider.
    pub from: String,
    /// The number it was sent to.
    pub to: Option<String>,
    /// All of it.
    pub text: String,
}

impl std::fmt::Debug for InboundText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboundText").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What became of a text to a phone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// The phone has it.
    Delivered,
    /// On its way.
    Pending,
    /// It never arrives.
    Failed,
    /// Its time was over.
    Expired,
    /// The network or provider would not carry it.
    Rejected,
}

/// A delivery receipt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryReceipt {
    /// What the provider called the text when it took it.
    pub message_id: String,
    /// What became of it.
    pub state: DeliveryState,
    /// The provider's code for why.
    pub error: Option<String>,
}

/// What a call says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Phones' texts, at most [`MAX_TEXTS`].
    Texts(Vec<InboundText>),
    /// Receipts.
    Receipts(Vec<DeliveryReceipt>),
    /// Something else, to be acknowledged; a stable word says what.
    Nothing(&'static str),
    /// AWS SNS: whoever fetches this URL agrees to the subscription.
    Subscribe(String),
}

/// Most texts of one call.
pub const MAX_TEXTS: usize = 100;

/// Why a call is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It does not show what its provider must: 401.
    #[error("the call is not authenticated")]
    Unauthenticated,
    /// It was made too long ago, or will be: 401.
    #[error("the call's time is not now")]
    Stale,
    /// It cannot be read: 400. Says what is wrong, without quoting.
    #[error("the call cannot be read: {0}")]
    Malformed(&'static str),
}

impl Refused {
    /// A stable word for counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Stale => "stale",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// How a provider wants its calls answered once all is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    /// 200 or 204.
    pub status: u16,
    /// Of the body; empty for none.
    pub content_type: &'static str,
    /// Never a text to the phone.
    pub body: &'static str,
}
