use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::records::Sealed;

/// What came in by a route and could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its place, by which operators name it.
    pub slot: u32,
    /// Where it came in.
    pub route: String,
    /// What is wrong with it: no part of it.
    pub reason: String,
    /// How long it was.
    pub octets: u32,
    /// Its beginning. It may hold numbers and a text.
    pub raw: Sealed,
    /// When it was put here.
    pub at: Timestamp,
}
