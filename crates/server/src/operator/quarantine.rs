//! What came in by the first path and could not be read.

use std::fmt::Write as _;

use serde::Serialize;
use twinpath_core::ids::{Digest, Timestamp};
use twinpath_core::quarantine::Quarantine;
use twinpath_core::records::{Content, NoteKind, Quarantined};
use utoipa::ToSchema;

use super::{Operator, OperatorError};

/// The most that one answer lists: all there can be.
const ALL: usize = twinpath_core::quarantine::SLOTS as usize;

/// One that could not be read, without what it says: it may hold numbers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Unreadable {
    /// By which it is shown.
    pub id: u32,
    /// Where it came in.
    pub route: String,
    /// What is wrong with it.
    pub reason: String,
    /// How long it was.
    pub octets: u32,
    /// When it came, in seconds since 1970.
    pub at: i64,
}

/// All of them, the oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuarantineList {
    /// At most 1000.
    pub quarantine: Vec<Unreadable>,
}

/// One with what it says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnreadableContent {
    /// What is known of it.
    #[serde(flatten)]
    pub of: Unreadable,
    /// Its first 2048 octets in hex. They may hold numbers and a text.
    pub hex: String,
}

/// What a purge took away.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PurgedQuarantine {
    /// How many.
    pub purged: usize,
}

impl From<&Quarantined> for Unreadable {
    fn from(row: &Quarantined) -> Self {
        Self {
            id: row.slot,
            route: row.route.clone(),
            reason: row.reason.clone(),
            octets: row.octets,
            at: row.at.seconds(),
        }
    }
}

impl Operator<'_> {
    /// All there are, the oldest first.
    pub async fn quarantine(&self) -> Result<QuarantineList, OperatorError> {
        let (first, last) = ((Timestamp(0), Digest([0; 16])), Timestamp(i64::MAX));
        let notes = self.store.notes(NoteKind::Quarantined, first, last, ALL).await?;
        let rows = notes.iter().filter_map(|note| match &note.content {
            Content::Quarantined(row) => Some(Unreadable::from(row)),
            _ => None,
        });
        Ok(QuarantineList { quarantine: rows.collect() })
    }

    /// One, with what it says.
    pub async fn unreadable(&self, id: u32) -> Result<UnreadableContent, OperatorError> {
        let found = self.store.read(Quarantine::look(self.vault, id)).await?;
        let found = found.ok_or_else(|| OperatorError::Unknown(format!("nothing is at {id}")))?;
        let raw = found.open(self.vault)?;
        let hex = raw.iter().fold(String::new(), |mut hex, octet| {
            let _ = write!(hex, "{octet:02x}");
            hex
        });
        Ok(UnreadableContent { of: Unreadable::from(&found), hex })
    }

    /// Takes all away.
    pub async fn purge_quarantine(&self) -> Result<PurgedQuarantine, OperatorError> {
        let mut purged = 0;
        for row in self.quarantine().await?.quarantine {
            let taken = self.store.run(Quarantine::remove(self.vault, row.id)).await?;
            purged += usize::from(taken.is_some());
        }
        Ok(PurgedQuarantine { purged })
    }
}
