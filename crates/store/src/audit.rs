//! The audit trail as it is read back.

use twinpath_core::ids::{ClientId, Timestamp};

/// One stored `twinpath_core::records::AuditEvent`, with its place in the trail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditLine {
    /// Place in the trail: grows with every event.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What: a stable dotted name.
    pub kind: String,
    /// The app.
    pub client_id: Option<ClientId>,
    /// The account.
    pub account: Option<String>,
    /// The grant.
    pub grant: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The installation.
    pub instance: Option<String>,
    /// What vouched for it.
    pub evidence: Option<String>,
}
