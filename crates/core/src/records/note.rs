//! Documents that live for minutes to days, and that nothing but their key finds, or their kind and time.

mod announcement;
mod outbound;
mod quarantined;
mod unredeemed;

use serde::{Deserialize, Serialize};

pub use outbound::{Delivery, Outbound, TextPurpose};

use crate::ids::{Digest, Timestamp};

pub use announcement::Announcement;
pub use quarantined::Quarantined;
pub use unredeemed::Unredeemed;

/// A short-lived document.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Primary key.
    pub key: Digest,
    /// What it says.
    pub content: Content,
    /// By what it is listed among those of its kind; `None` where only its key finds it.
    pub listed_at: Option<Timestamp>,
    /// When the row may be forgotten.
    pub purge_at: Timestamp,
}

/// What notes say, by kind. Stored as JSON, so a member may be added with a default and none renamed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Of one code, by its key.
    Announced {
        /// One for each instance, oldest first.
        by: Vec<Announcement>,
    },
    /// Of one attested instance, by its app and key.
    Unredeemed(Unredeemed),
    /// For tests of the store: a note of no use.
    Blank {
        /// Anything.
        text: String,
    },
    /// A text to a phone (PROTOCOL 6).
    Outbound(Outbound),
    /// Which text to a phone a network's or provider's message identifier names.
    Receipt {
        /// The text's key.
        text: Digest,
    },
    /// How often something was done within one window of time.
    Tally {
        /// So often.
        count: u32,
    },
    /// What came in and could not be read.
    Quarantined(Quarantined),
}

/// Which notes are listed together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoteKind {
    /// [`Content::Announced`].
    Announced,
    /// [`Content::Unredeemed`].
    Unredeemed,
    /// [`Content::Blank`].
    Blank,
    /// [`Content::Outbound`].
    Outbound,
    /// [`Content::Receipt`].
    Receipt,
    /// [`Content::Tally`].
    Tally,
    /// [`Content::Quarantined`].
    Quarantined,
}

impl NoteKind {
    /// The word it is stored by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Unredeemed => "unredeemed",
            Self::Blank => "blank",
            Self::Outbound => "outbound",
            Self::Receipt => "receipt",
            Self::Tally => "tally",
            Self::Quarantined => "quarantined",
        }
    }
}

impl Content {
    /// Its kind.
    pub const fn kind(&self) -> NoteKind {
        match self {
            Self::Announced { .. } => NoteKind::Announced,
            Self::Unredeemed(_) => NoteKind::Unredeemed,
            Self::Blank { .. } => NoteKind::Blank,
            Self::Outbound(_) => NoteKind::Outbound,
            Self::Receipt { .. } => NoteKind::Receipt,
            Self::Tally { .. } => NoteKind::Tally,
            Self::Quarantined(_) => NoteKind::Quarantined,
        }
    }
}
