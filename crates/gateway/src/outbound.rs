//! Texts to phones over a provider's API: the request, and what its answer means. Whoever sends the
//! request follows no redirections and reads at most [`MAX_ANSWER`] octets of the answer.

mod described;
mod template;
mod twilio;

pub use described::{DescribedApi, Description, Form};
pub use twilio::TwilioApi;

/// Most octets of an answer that are looked at.
pub const MAX_ANSWER: usize = 65_536;
/// Longest wait a provider can ask for, in seconds.
const MAX_WAIT_S: u64 = 3600;

/// An API that takes texts.
#[derive(Clone, Debug)]
pub enum Api {
    /// Twilio Programmable Messaging.
    Twilio(TwilioApi),
    /// Any other, by description.
    Generic(Box<DescribedApi>),
}

/// What became of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApiAttempt {
    /// The provider has the text.
    Accepted {
        /// What receipts will call it, where the provider says so.
        message_id: Option<String>,
    },
    /// Not now, or not by this sender: another sender, or later.
    Temporary {
        /// A stable word. `credentials` and `sender` are the operator's to mend: tell loudly.
        why: &'static str,
        /// Seconds to wait, where the provider says so; an hour at most.
        retry_after_s: Option<u64>,
    },
    /// Never to this number, or never this text. A stable word says why.
    Permanent(&'static str),
}

impl Api {
    /// Whether receipts name a text by the `reference` of its request, not by what is answered.
    pub fn named_by_reference(&self) -> bool {
        match self {
            Self::Twilio(_) => false,
            Self::Generic(described) => described.named_by_reference(),
        }
    }

    /// The request that sends a text. `to` is E.164 with its `+`; `reference` is the caller's name
    /// for the text, the same when it is tried again. Fails only for values no URL or header holds.
    pub fn request(
        &self,
        to: &str,
        text: &str,
        reference: &str,
    ) -> Result<http::Request<Vec<u8>>, http::Error> {
        match self {
            Self::Twilio(twilio) => twilio.request(to, text),
            Self::Generic(described) => described.request(to, text, reference),
        }
    }

    /// What an answer means. `retry_after` is the header `Retry-After`.
    pub fn answer(&self, status: u16, body: &[u8], retry_after: Option<&str>) -> ApiAttempt {
        let body = body.get(..MAX_ANSWER).unwrap_or(body);
        let attempt = match self {
            Self::Twilio(_) => twilio::answer(status, body),
            Self::Generic(described) => described.answer(status, body),
        };
        match attempt {
            ApiAttempt::Temporary { why, .. } => {
                let wait = retry_after.and_then(|seconds| seconds.trim().parse().ok());
                let retry_after_s = wait.map(|seconds: u64| seconds.min(MAX_WAIT_S));
                ApiAttempt::Temporary { why, retry_after_s }
            }
            attempt => attempt,
        }
    }
}

pub(crate) fn temporary(why: &'static str) -> ApiAttempt {
    ApiAttempt::Temporary { why, retry_after_s: None }
}

/// What a status means by itself, where the body says no more. Credentials that do not fit are the
/// operator's fault and not the text's: it goes by another sender.
pub(crate) fn of_status(status: u16) -> ApiAttempt {
    match status {
        401 | 403 => temporary("credentials"),
        429 => temporary("throttled"),
        408 | 425 | 500..=599 => temporary("unavailable"),
        400..=499 => ApiAttempt::Permanent("refused"),
        // No success, no refusal: not what was asked of.
        _ => temporary("unexpected"),
    }
}

/// An identifier as receipts will say it, or none.
pub(crate) fn message_id(written: Option<&str>) -> Option<String> {
    written.and_then(|written| crate::fields::identifier(written).ok())
}

#[cfg(test)]
mod tests;
