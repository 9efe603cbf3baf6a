//! What an app developer gets to read. No variant holds a secret: bodies of answers are reduced to
//! the error members of RFC 6749 5.2.

use std::{io, time::Duration};

use twinpath_wire::oauth::ErrorBody;

use crate::core::{IdTokenError, SigningError, StepUp};

/// Why an authorization, a refresh or a call did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A URL is none, or is plain HTTP to another machine.
    #[error("{0} must be an https URL (http only on this machine)")]
    InsecureUrl(String),
    /// The issuer's metadata could not be had (RFC 8414 3).
    #[error("cannot read the metadata of {issuer}: {reason}")]
    Discovery {
        /// As the app gave it.
        issuer: String,
        /// What went wrong.
        reason: String,
    },
    /// The metadata names another issuer (RFC 8414 3.3).
    #[error("the metadata of {expected} says that its issuer is {found}")]
    IssuerMismatch {
        /// As the app gave it.
        expected: String,
        /// As the metadata says.
        found: String,
    },
    /// The platform lacks something that this flow needs.
    #[error("the platform does not support this: {0}")]
    Unsupported(&'static str),
    /// No phrase of the platform leaves room for the app's name (PROTOCOL 3).
    #[error("the text with this app name is longer than one message; register a shorter name")]
    PhraseTooLong,
    /// The text could not be handed to the phone.
    #[error("the text was not sent: {0}")]
    Sender(#[source] crate::SenderError),
    /// The text did not arrive in the time that the options allow. The user may not have sent it,
    /// or the phone sent it as RCS or iMessage.
    #[error("the text did not arrive; offer to send it as SMS, or authorize again")]
    NoText,
    /// The text arrived, but its time is over: authorize again (PROTOCOL 5).
    #[error("the code expired; authorize again")]
    Expired,
    /// Refused by policy, by the user, or because the account is blocked (PROTOCOL 5).
    #[error("access denied{}", described(.0))]
    Denied(ErrorBody),
    /// Any other refusal (RFC 6749 5.2).
    #[error("the platform refused: {}{}", .0.error, described(.0))]
    Refused(ErrorBody),
    /// A limit of the platform asks for a longer pause than the options allow.
    #[error("the platform asks to wait {} s; try again then", .0.as_secs())]
    Busy(Duration),
    /// No answer in the time allowed.
    #[error("the platform cannot be reached: {0}")]
    Unreachable(String),
    /// An answer that the standards do not allow.
    #[error("unexpected answer of the platform: {0}")]
    Malformed(&'static str),
    /// There is no token, or its grant was revoked or ran out: authorize.
    #[error("not signed in; authorize first")]
    SignedOut,
    /// The API wants the terminal to be proven again (RFC 9470): authorize with
    /// [`StepUp::options`], then call again.
    #[error("the API asks for a more recent or better authentication; authorize again")]
    StepUp(StepUp),
    /// The ID token is not for this app, or not of this platform.
    #[error("the ID token does not check: {0}")]
    IdToken(#[from] IdTokenError),
    /// The key refused.
    #[error("cannot sign: {0}")]
    Signing(#[from] SigningError),
    /// The token store failed. New tokens are kept in memory.
    #[error("the token store failed: {0}")]
    Store(#[from] io::Error),
    /// A value of the app, such as a header, cannot be sent.
    #[error("cannot encode the request: {0}")]
    Encoding(String),
}

impl Error {
    /// Whether a new authorization, with a new text, may well succeed.
    pub fn can_restart(&self) -> bool {
        matches!(self, Self::Expired | Self::NoText | Self::SignedOut | Self::Unreachable(_))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Encoding(error.to_string())
    }
}

fn described(body: &ErrorBody) -> String {
    body.error_description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}
