//! The two-path join: a text maps a code to a terminal, a token request consumes the mapping.
//!
//! ```text
//!            text                    request
//!   (none) ---------> Recorded -----------------> Redeemed{grant}
//!                        |  \  wrong words/hint       |
//!      other number      |   `--------> Refused       | other number
//!      of no lower trust v                            v
//!                   Voided{none}              Voided{grant} + grant revoked
//! ```
//!
//! Where a request must be confirmed (PROTOCOL 6), `Confirming{grant}` stands between `Recorded` and
//! `Redeemed`: with a time of its own, three attempts, and the same arrows to `Refused` and `Voided{none}`.
//!
//! There is no arrow back, and none from an expired code. Every other state is a tombstone,
//! kept [`TOMBSTONE_S`] so that neither a late text nor a repeated request starts anything anew.
//!
//! A redemption has two steps on two keys. *Consume* marks the code with the id of a grant that does
//! not exist yet; *complete* makes that grant on the terminal's rows, or finds it made. A void that
//! comes between them leaves the grant's tombstone on the terminal's rows, so that completing finds
//! it revoked: whatever the order, no token comes of a voided code.

mod announce;
#[cfg(test)]
mod certificates;
mod confirmation;
mod consume;
mod find_account;
mod known;
mod led_to;
mod record;
mod redeem;
mod risk;
#[cfg(test)]
mod simulation;
mod unredeemed;

pub use announce::{Announce, Announced, Announcing, announcement_key};
pub(crate) use confirmation::{Confirmation, Judged, text_of};
pub(crate) use consume::{Claim, Confirming, Consumed};
pub(crate) use find_account::{Finder, Found, made_by};
pub(crate) use known::Known;
pub(crate) use led_to::LedTo;
pub use led_to::VoidedGrants;
pub use record::{RecordText, Recorded};
pub use redeem::{AnnouncementRule, Awaiting, Denial, Issued, Redeem, Redeemed, Redemption};
pub(crate) use risk::{Weigh, Weighed, question, refusal};
pub use unredeemed::UnredeemedGate;

/// Seconds for which a code or a grant is remembered after its end (72 hours).
pub const TOMBSTONE_S: i64 = 72 * 3600;
