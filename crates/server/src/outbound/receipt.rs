//! What networks and providers say later of the texts they took.

use crate::platform::Platform;

/// A delivery receipt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The sender's name, as it accepted the text.
    pub route: String,
    /// The text's identifier there.
    pub message_id: String,
    /// How the text fares.
    pub state: ReceiptState,
    /// The network's own word for what went wrong.
    pub error: Option<String>,
}

/// How a text fares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiptState {
    /// The phone has it.
    Delivered,
    /// It could not be delivered.
    Failed,
    /// Its time ran out.
    Expired,
    /// The network refused it.
    Rejected,
    /// Not delivered yet.
    Pending,
}

impl ReceiptState {
    /// A stable word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "undelivered",
            Self::Expired => "expired_on_the_way",
            Self::Rejected => "rejected_on_the_way",
            Self::Pending => "pending",
        }
    }
}

/// Takes a receipt on. It is counted, and noted with its text soon after: nothing waits for that, and one
/// that is lost is lost knowledge only.
pub fn received(platform: &Platform, receipt: &Receipt) {
    platform.counters.count(super::outbox::METRIC, &receipt.route, receipt.state.as_str());
    if receipt.state != ReceiptState::Pending {
        platform.outbox.take_receipt(receipt.clone());
    }
}
