//! A text to a phone.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, CodeKey, GrantId, TerminalKey, Timestamp};
use crate::records::Sealed;

/// A text to a phone and what became of it. What it says is not kept: it is made anew for each attempt.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outbound {
    /// What it is for.
    pub purpose: TextPurpose,
    /// To whom.
    pub terminal: TerminalKey,
    /// The terminal's number.
    pub number: Sealed,
    /// The app it names.
    pub client_id: ClientId,
    /// The grant it is about; of a confirmation, the one that may come of it.
    pub grant: GrantId,
    /// The languages that were asked for (OIDC Core 3.1.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
    /// Where it stands.
    pub delivery: Delivery,
    /// How often it was claimed.
    pub attempts: u32,
    /// How many of these may have reached the phone without our knowing.
    pub unknown: u32,
    /// When it is of no use any more.
    pub expires_at: Timestamp,
}

/// What a text is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum TextPurpose {
    /// It carries eight digits, by which the holder of the terminal confirms.
    Confirmation {
        /// The code that waits for it.
        code: CodeKey,
    },
    /// It tells of a new installation, and how to end its grant.
    Notice {
        /// From which, with the grant's id, the six digits follow.
        counter: u32,
    },
}

impl TextPurpose {
    /// A stable word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Confirmation { .. } => "confirmation",
            Self::Notice { .. } => "notice",
        }
    }
}

/// Where a text to a phone stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Delivery {
    /// To be sent when it is listed.
    Waiting,
    /// Some node sends it, until it is listed.
    Claimed,
    /// A network or provider took it.
    Accepted {
        /// The sender's name.
        route: String,
    },
    /// The phone has it.
    Delivered {
        /// The sender's name.
        route: String,
    },
    /// It will not be sent, or did not arrive.
    Failed {
        /// A stable word.
        why: String,
    },
}
