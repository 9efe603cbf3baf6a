//! Google's status list of attestation certificates
//! (`https://android.googleapis.com/attestation/status`).

use std::collections::HashMap;

use serde::Deserialize;

use super::limits;

/// Which serial numbers must not be believed any more. Empty by default.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    entries: HashMap<String, Entry>,
}

/// What the list says of one serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `SUSPENDED`; every other status, known or not, counts as revoked.
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

#[derive(Deserialize)]
struct List {
    entries: HashMap<String, ListEntry>,
}

#[derive(Deserialize)]
struct ListEntry {
    status: String,
    reason: Option<String>,
}

impl Revocations {
    /// Reads the list. Members it does not know are passed over; a list it cannot read whole is
    /// refused whole, so that a broken download never revokes less than the one before.
    pub fn parse(json: &[u8]) -> Result<Self, RevocationsError> {
        if json.len() > limits::REVOCATION_BYTES {
            return Err(RevocationsError::TooLarge(limits::REVOCATION_BYTES));
        }
        let list: List = serde_json::from_slice(json)
            .map_err(|error| RevocationsError::Form(error.to_string()))?;
        if list.entries.len() > limits::REVOCATION_ENTRIES {
            return Err(RevocationsError::TooMany(limits::REVOCATION_ENTRIES));
        }
        let entry = |(serial, entry): (String, ListEntry)| {
            let suspended = entry.status == "SUSPENDED";
            Ok((canonical(&serial)?, Entry { suspended, reason: entry.reason }))
        };
        Ok(Self { entries: list.entries.into_iter().map(entry).collect::<Result<_, _>>()? })
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

/// The form of [`crate::x509::Certificate::serial_hex`], whatever capitals and zeros a list has.
fn canonical(serial: &str) -> Result<String, RevocationsError> {
    let (sign, digits) = match serial.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", serial),
    };
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(RevocationsError::Serial);
    }
    let shortest = digits.trim_start_matches('0').to_ascii_lowercase();
    Ok(format!("{sign}{}", if shortest.is_empty() { "0" } else { &shortest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_form_is_read() {
        let json = br#"{"updated":"later","entries":{
            "2c8cdddfd5e03bfc":{"status":"REVOKED","expires":"2020-11-13","reason":"KEY_COMPROMISE","comment":"Key stored on unsecure system"},
            "00C8966FCB2FBB0D7A":{"status":"SUSPENDED","reason":"SOFTWARE_FLAW"},
            "-80":{"status":"BURNT"}}}"#;
        let list = Revocations::parse(json).unwrap();
        assert_eq!(list.len(), 3);
        let revoked = list.entry("2c8cdddfd5e03bfc").unwrap();
        assert_eq!(revoked, &Entry { suspended: false, reason: Some("KEY_COMPROMISE".to_owned()) });
        assert!(list.entry("c8966fcb2fbb0d7a").unwrap().suspended);
        assert!(!list.entry("-80").unwrap().suspended, "an unknown status revokes");
        assert_eq!(list.entry("1"), None);
        assert!(Revocations::parse(br#"{"entries":{}}"#).unwrap().is_empty());
    }

    #[test]
    fn broken_lists_are_refused_whole() {
        for form in ["", "[]", "{}", r#"{"entries":[]}"#, r#"{"entries":{"1":{}}}"#] {
            assert!(matches!(Revocations::parse(form.as_bytes()), Err(RevocationsError::Form(_))));
        }
        let no_serial = br#"{"entries":{"xyz":{"status":"REVOKED"}}}"#;
        assert_eq!(Revocations::parse(no_serial).unwrap_err(), RevocationsError::Serial);
        let large = vec![b' '; limits::REVOCATION_BYTES + 1];
        assert!(matches!(Revocations::parse(&large), Err(RevocationsError::TooLarge(_))));
    }

    #[test]
    fn entries_are_counted() {
        let members: Vec<String> = (0..=limits::REVOCATION_ENTRIES)
            .map(|serial| format!(r#""{serial:x}":{{"status":"REVOKED"}}"#))
            .collect();
        let json = format!(r#"{{"entries":{{{}}}}}"#, members.join(","));
        assert!(matches!(Revocations::parse(json.as_bytes()), Err(RevocationsError::TooMany(_))));
    }
}
