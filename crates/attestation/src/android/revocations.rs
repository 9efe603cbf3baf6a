//! Google's status list of attestation certificates
//! (`https://android.googleapis.com/attestation/status`).

use std::collections::HashMap;

/// Which serial numbers must not be believed any more. Empty by default.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    pub(super) entries: HashMap<String, Entry>,
}

/// What the list says of one serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `SUSPENDED`; every other status counts as revoked.
    pub suspended: bool,
    /// The list's own reason (`KEY_COMPROMISE`, ...), if it gave one.
    pub reason: Option<String>,
}

/// A status list that cannot be taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RevocationsError {
    /// More bytes than [`super::limits::REVOCATION_BYTES`].
    #[error("the status list is larger than {0} bytes")]
    TooLarge(usize),
    /// More entries than [`super::limits::REVOCATION_ENTRIES`].
    #[error("the status list has more than {0} entries")]
    TooMany(usize),
    /// Not the JSON that is published.
    #[error("the status list is not the published JSON: {0}")]
    Form(String),
    /// A key that is no hexadecimal number.
    #[error("the status list has an entry that is no hexadecimal serial number")]
    Serial,
}

impl Revocations {
    /// Reads the list. Members it does not know are passed over; a list it cannot read whole is none.
    pub fn parse(json: &[u8]) -> Result<Self, RevocationsError> {
        let _ = json;
        todo!()
    }

    /// What is said of a serial number in lower-case hex without leading zeros.
    pub fn entry(&self, serial: &str) -> Option<&Entry> {
        self.entries.get(serial)
    }

    /// How many serial numbers are listed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
