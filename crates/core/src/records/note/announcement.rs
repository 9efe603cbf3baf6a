//! What apps announced of a code.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ClientId, Digest, Timestamp};

/// What one app instance announced of a code, before its text (PROTOCOL 4).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Announcement {
    /// The app.
    pub client_id: ClientId,
    /// The instance, as [`Grant::jkt`](crate::records::Grant::jkt) names it.
    pub jkt: String,
    /// Keyed hash of the words of the text that was prepared for it.
    pub words: Digest,
    /// The scope asked for, space-separated: a token request may only narrow it.
    pub scope: String,
    /// The resources asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// The `authorization_details` asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Value>,
    /// Until when its text may arrive.
    pub expires_at: Timestamp,
}
