//! The authorization endpoint's decisions (RFC 6749 4.1): a request on its way, from being pushed or
//! from a browser's arrival to its code's use.
//!
//! ```text
//!   Push           Arrive              ProveTerminal          Approve            Exchange
//!   -----> Pushed --------> Asking ---------------> Proven ----------> Approved ---------> Redeemed
//!                  \__ a session stands: Proven __/    \__ Deny: Ended
//! ```
//!
//! The person is proven as every person here is: by a text. The page itself is the one who holds the
//! verifier of the code that it shows; when the text came, it consumes the mapping with
//! [`crate::join`]'s own units. What is shown belongs to one browser (by a cookie), so that nobody
//! finishes in one browser what was begun in another.

mod approve;
mod arrive;
mod begin;
mod challenge;
mod code;
mod deny;
mod device;
mod exchange;
#[cfg(test)]
mod fixtures;
mod interaction_id;
mod judge;
mod logout;
mod look;
mod prove;
mod redirect;
mod request;
mod session;
#[cfg(test)]
mod tests;

pub use approve::{Approve, Approved};
pub use arrive::{Arrival, Arrive, Arrived, Push};
pub use challenge::{AuthSession, check_challenge};
pub use code::AuthorizationCode;
pub use deny::Deny;
pub use device::{DEVICE_S, DeviceAuthorization, check_device};
pub use exchange::{CodeRedeemed, CodeRequest, Exchange};
pub use interaction_id::InteractionId;
pub(crate) use logout::end;
pub use logout::{EndSession, Ended};
pub use look::{Look, Retry};
pub use prove::{ProveTerminal, ProvenOutcome};
pub use redirect::redirect_uri_of;
pub use request::{
    Parameters, Rejection, Rules, asks_confirmation, authentication_context, check_request, max_age,
};
pub use session::{CookieSecret, FindSession, FoundSession, SessionCookie};

/// Seconds for which a person may take to send the text and to approve.
pub const INTERACTION_S: i64 = 600;
/// Seconds for which a pushed request waits for its browser (RFC 9126 2.2; FAPI: below 600).
pub const PUSHED_S: i64 = 90;
/// Seconds for which an authorization code can be used (RFC 6749 4.1.2; FAPI: at most 60).
pub const CODE_S: i64 = 60;
/// How many codes a person may try within one request.
pub const MAX_ATTEMPTS: u32 = 5;
