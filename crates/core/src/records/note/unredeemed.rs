//! What an attested instance left unredeemed.

use serde::{Deserialize, Serialize};

use crate::ids::{CodeKey, Timestamp};

/// The codes that an instance announced or asked for lately (PROTOCOL 7.4).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Unredeemed {
    /// Each code once, with the time it was first named, oldest first.
    pub codes: Vec<(CodeKey, Timestamp)>,
    /// When the instance was blocked, within the last day.
    pub blocks: Vec<Timestamp>,
    /// Until when it is blocked.
    pub blocked_until: Option<Timestamp>,
}
