//! What the platform made of a text, in words for newcomers.
//!
//! The network never learns it: whatever the platform thinks of a text, it is acknowledged. Here it
//! is read off the platform's own counters, which is possible because this is its process.

use twinpath_server::first_path::METRIC;
use twinpath_server::platform::Platform;

use crate::platform::ROUTE;

/// Every outcome there is, as it is counted, and what it means.
const OUTCOMES: [(&str, &str); 20] = [
    ("recorded", "The platform recorded: this code came from this number."),
    ("duplicate", "The same text from the same number again: nothing changed."),
    ("voided", "Another number sent the same code. It is void, and its grant is revoked."),
    ("tombstone", "This code has ended: nothing changed."),
    ("lower_trust", "A better route already recorded this code: nothing changed."),
    ("over_limit", "Too many texts from this number: not recorded."),
    ("no_code", "There is no code in this text: dropped."),
    ("several_codes", "There are several codes in this text: dropped."),
    ("bad_checksum", "The code is damaged, its checksum is wrong: dropped."),
    ("too_long", "Longer than one message can be: dropped."),
    ("multipart", "One part of several: dropped."),
    ("outside_alphabet", "The characters could not be read: dropped."),
    ("malformed_utf16", "The characters could not be read: dropped."),
    ("empty", "There was no text: dropped."),
    ("sender_alphanumeric", "The sender is a name, not a number: dropped."),
    ("sender_numbering_plan", "The sender is no phone number: dropped."),
    ("sender_malformed", "The sender is no phone number: dropped."),
    ("sender_not_mobile", "No mobile phone has this number: dropped."),
    ("sender_foreign", "This route does not carry that country's numbers: dropped."),
    ("not_recorded", "The platform could not record it now: the network will send it again."),
];

/// The counters as they were at one moment.
#[derive(Debug)]
pub(super) struct Before([u64; OUTCOMES.len()]);

impl Before {
    /// Now, before a text.
    pub(super) fn read(platform: &Platform) -> Self {
        Self(counts(platform))
    }

    /// What happened since: the outcome's word and its meaning.
    pub(super) fn outcome(&self, platform: &Platform) -> (&'static str, &'static str) {
        let after = counts(platform);
        let mut changed = OUTCOMES.iter().zip(self.0.iter().zip(after));
        let changed =
            changed.find_map(|(outcome, (before, after))| (after > *before).then_some(*outcome));
        changed.unwrap_or(("dropped", "The platform could not read this text: dropped."))
    }
}

fn counts(platform: &Platform) -> [u64; OUTCOMES.len()] {
    OUTCOMES.map(|(outcome, _)| platform.counters.of(METRIC, ROUTE, outcome))
}
