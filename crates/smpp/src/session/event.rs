//! Owns what a session tells its driver.

use std::time::Duration;

use bytes::Bytes;

use crate::pdu::{
    Bind, BindMode, CommandId, CommandStatus, DecodeError, EncodeError, ShortMessage,
};

/// A received message that waits for its answer. Consumed by answering, so that nothing is
/// answered twice; one that is dropped keeps its place in the window for good.
#[derive(Debug)]
#[must_use = "a message has to be acknowledged"]
pub struct Unanswered {
    pub(super) command: CommandId,
    pub(super) sequence: u32,
}

impl Unanswered {
    /// `deliver_sm`, `data_sm` or `submit_sm`.
    pub const fn command(&self) -> CommandId {
        self.command
    }

    /// The peer's sequence number. It says nothing beyond this session.
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }
}

/// What happened in a session.
#[derive(Debug)]
pub enum Event {
    /// A bind asks to be granted or refused (message centre).
    BindRequested(Bind),
    /// The session is bound.
    Bound {
        /// The mode granted.
        mode: BindMode,
    },
    /// A message came and waits for its answer.
    Message {
        /// To be handed back to [`acknowledge`](super::Session::acknowledge).
        unanswered: Unanswered,
        /// The message; a `data_sm` reads like a `deliver_sm` without `short_message`.
        message: ShortMessage,
    },
    /// A message cannot be read. To be put aside and acknowledged with `ESME_ROK`, or the peer sends
    /// it for ever.
    Undecodable {
        /// To be handed back to [`acknowledge`](super::Session::acknowledge).
        unanswered: Unanswered,
        /// The whole PDU.
        raw: Bytes,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// A message came while the window was full for too long; it was answered `ESME_RMSGQFUL`.
    Overflowed,
    /// One of our requests is answered.
    Response {
        /// Its sequence number.
        sequence: u32,
        /// The answer.
        status: CommandStatus,
        /// The peer's identifier, where there is one.
        message_id: Option<Bytes>,
    },
    /// One of our requests was not answered in time.
    TimedOut {
        /// Its sequence number.
        sequence: u32,
    },
    /// The peer answered our `enquire_link`.
    Alive {
        /// How long that took.
        round_trip: Duration,
    },
    /// The session has ended; always the last event.
    Closed(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The bind was refused.
    #[error("bind refused: {}", .0.as_str())]
    Refused(CommandStatus),
    /// We ended it.
    #[error("unbound")]
    Unbound,
    /// The peer ended it.
    #[error("unbound by the peer")]
    PeerUnbound,
    /// A `command_length` out of bounds.
    #[error("invalid command_length")]
    InvalidCommandLength,
    /// No response to the bind.
    #[error("no response to the bind")]
    BindTimeout,
    /// No bind came (SMPP 3.4 7.2, `session_init_timer`).
    #[error("no bind came")]
    SessionInitTimeout,
    /// No response to `enquire_link`.
    #[error("no response to enquire_link")]
    EnquireLinkTimeout,
    /// The peer was silent for too long (SMPP 3.4 7.2, `inactivity_timer`).
    #[error("inactive")]
    Inactive,
    /// The connection broke.
    #[error("disconnected")]
    Disconnected,
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not bound, or no longer.
    #[error("not bound")]
    NotBound,
    /// Not in this role or mode.
    #[error("not allowed in this bind mode")]
    NotAllowed,
    /// Too many requests are unanswered.
    #[error("window full")]
    WindowFull,
    /// The message cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
