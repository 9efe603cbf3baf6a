//! The protocol as state machines: no I/O, no async, no clock and no random source of its own.
//!
//! Each machine takes events and answers each with one [`Step`]; the caller does what the step says
//! and reports back. What changes from event to event comes in as a [`Context`].

mod app;
mod authorization;
mod exchange;
mod http;
mod id_token;
mod key;
mod refresh;
mod resource;
#[cfg(test)]
mod tests;
mod tokens;

use std::{collections::HashMap, time::Duration};

pub use app::{App, Authentication, Secret};
pub use authorization::{Authorization, Options};
pub use http::{Answer, HeaderField, Request};
pub use id_token::{IdClaims, IdTokenError, check_id_token};
pub use key::{InstanceKey, SigningError, SoftwareKey};
pub use refresh::{Refresh, Revocation};
pub use resource::{ResourceCall, ResourceVerdict, StepUp};
pub use tokens::Tokens;

use crate::Error;

/// What the caller of a machine does next.
#[derive(Debug)]
pub enum Step {
    /// Hand this text to the phone, then call [`Authorization::text_sent`].
    SendText(Text),
    /// Send this request, then call `answered` or `lost`.
    Request(Request),
    /// Let this time pass, then call `waited`.
    WaitFor(Duration),
    /// The text is overdue: offer to send it again as SMS (PROTOCOL 14), then call
    /// [`Authorization::reminded`]. Comes at most once.
    TextOverdue(Text),
    /// Ask the user for the eight digits, then call [`Authorization::confirm`].
    Confirm(Confirmation),
    /// The end: tokens. `None` after a revocation.
    Done(Option<Box<Tokens>>),
    /// The end: an error.
    Failed(Error),
}

/// The first verification message, ready to send (PROTOCOL 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The platform's numbers, exactly as to be dialled; alternatives (PROTOCOL 4).
    pub to: Vec<String>,
    /// The text.
    pub body: String,
    /// The same for the first number, as a link (RFC 5724).
    pub sms_uri: String,
}

/// The platform texted eight digits to the proven number (PROTOCOL 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// How they were sent: `sms`.
    pub channel: String,
    /// How long they live.
    pub expires_in: Option<Duration>,
    /// How often they may be tried.
    pub attempts_left: Option<u32>,
}

/// What an event happens in.
pub struct Context<'a> {
    /// The wall clock: seconds since 1970. It may be wrong; see [`Origins`].
    pub now: i64,
    /// A clock that never jumps, from any beginning.
    pub uptime: Duration,
    /// Fresh from a cryptographic random source, for this event alone.
    pub random: [u8; 32],
    /// What is known of the servers.
    pub origins: &'a mut Origins,
}

/// The memory of `DPoP` nonces and clock differences, one entry for each origin (RFC 9449 8, 9).
#[derive(Debug, Default)]
pub struct Origins(HashMap<String, Peer>);

/// More origins than an app talks to; beyond it the memory starts anew.
const MAX_ORIGINS: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Peer {
    nonce: Option<String>,
    /// The server's clock minus ours, in seconds.
    skew: i64,
}

impl Origins {
    fn peer(&self, origin: &str) -> Peer {
        self.0.get(origin).cloned().unwrap_or_default()
    }

    fn peer_mut(&mut self, origin: &str) -> &mut Peer {
        if self.0.len() >= MAX_ORIGINS && !self.0.contains_key(origin) {
            self.0.clear();
        }
        self.0.entry(origin.to_owned()).or_default()
    }

    /// The server's clock minus ours, in seconds, as far as it was learned.
    pub fn skew(&self, url: &str) -> i64 {
        self.peer(http::origin(url)).skew
    }
}
