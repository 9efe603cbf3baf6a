//! The pages people see while they prove a phone: view models in, HTML out.
//!
//! No I/O, no clock, no randomness; the server loads, decides and sends. Every value of a view is
//! taken as hostile: names are escaped, stripped of controls and isolated, only `https` is linked.
//! Nothing is inline, so the pages work under [`content_security_policy`]; without a script they
//! work by their buttons.
//!
//! | module | owns |
//! |---|---|
//! | [`language`] | the closed set of languages, and the choice of one |
//! | `messages` | the words, from one file for each language |
//! | `hostile` | making others' text fit to be shown |
//! | [`text`] | the text to send, as an `sms:` link and as a QR code (RFC 5724) |
//! | [`destination`] | where a redirect goes, in a person's terms |
//! | [`mod@asset`] | stylesheet and script under names of their content |
//! | `views` | one struct for each page |

pub mod asset;
pub mod destination;
mod hostile;
pub mod language;
mod messages;
mod qr;
pub mod text;
mod views;

pub use asset::{Asset, asset};
pub use destination::{Destination, content_security_policy};
pub use language::Language;
pub use text::Text;
pub use views::{
    App, Confirm, Digits, Fault, Frame, LoggedOut, LogoutAsk, PostForm, Problem, ProblemKind,
    Scope, Site, Waiting,
};

/// Name of the hidden field that carries [`PostForm::csrf`].
pub const CSRF_FIELD: &str = "csrf";
/// Media type of every page.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";
