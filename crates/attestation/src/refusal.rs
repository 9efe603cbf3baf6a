//! Why evidence is not accepted.

use std::fmt;

use serde::Serialize;

/// One reason why evidence is not accepted: a word for programs, which never changes, and a sentence
/// for people, which may. Evidence refused carries every reason that could be judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refusal {
    /// Snake case, as in the vendor's terms where there are any.
    pub reason: &'static str,
    /// A sentence without a full stop. It may quote the evidence, shortened, but no secret.
    pub detail: String,
}

impl Refusal {
    /// Pairs the word with its sentence.
    pub fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}
