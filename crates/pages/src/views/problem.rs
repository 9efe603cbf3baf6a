//! What went wrong, for the person; and its code, for the developer.

use askama::Template;

use super::{Frame, PostForm, Shell, page};
use crate::hostile::{Html, LINE, NAME};
use crate::messages::{Message, Messages};

/// What went wrong, as far as it changes what a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No text came in time.
    Expired,
    /// The person cancelled.
    Cancelled,
    /// The request is wrong, and cannot be answered at a redirect URI.
    Invalid,
    /// Two numbers sent the same text.
    TwoNumbers,
    /// The number is not the one of the `login_hint`.
    WrongNumber,
    /// It must be confirmed, and no text goes to the number.
    Unreachable,
    /// The account is blocked.
    Blocked,
    /// A limit is reached.
    TooMany,
    /// The server cannot now.
    Unavailable,
    /// The page belongs to no sign-in of this browser: used, of another browser, forged.
    Lost,
}

impl ProblemKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Expired,
        Self::Cancelled,
        Self::Invalid,
        Self::TwoNumbers,
        Self::WrongNumber,
        Self::Unreachable,
        Self::Blocked,
        Self::TooMany,
        Self::Unavailable,
        Self::Lost,
    ];

    fn words(self, t: &Messages) -> (Message, Message) {
        match self {
            Self::Expired => (t.expired_title, t.expired_text),
            Self::Cancelled => (t.cancelled_title, t.cancelled_text),
            Self::Invalid => (t.invalid_title, t.invalid_text),
            Self::TwoNumbers => (t.two_numbers_title, t.two_numbers_text),
            Self::WrongNumber => (t.wrong_number_title, t.wrong_number_text),
            Self::Unreachable => (t.unreachable_title, t.unreachable_text),
            Self::Blocked => (t.blocked_title, t.blocked_text),
            Self::TooMany => (t.too_many_title, t.too_many_text),
            Self::Unavailable => (t.unavailable_title, t.unavailable_text),
            Self::Lost => (t.lost_title, t.lost_text),
        }
    }
}

/// Says that a sign-in cannot go on. It links nothing of the request.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What.
    pub kind: ProblemKind,
    /// The `error` for the developer (RFC 6749 4.1.2.1).
    pub error: Option<String>,
    /// Its `error_description`.
    pub description: Option<String>,
    /// Where to start again, on this origin.
    pub again: Option<String>,
    /// Tells the app and goes back to it. The page's policy must allow its redirect.
    pub back: Option<PostForm>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    shell: Shell,
    t: &'static Messages,
    title: Html,
    text: Html,
    error: Option<Html>,
    description: Option<Html>,
    again: Option<&'a str>,
    back: Option<&'a PostForm>,
}

impl Problem {
    /// What went wrong, and nothing else.
    pub fn of(kind: ProblemKind) -> Self {
        Self { kind, error: None, description: None, again: None, back: None }
    }

    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        let named = [("site", &*frame.site.name)];
        let (title, text) = self.kind.words(t);
        page(&ProblemPage {
            shell: Shell::new(frame, title, &named),
            t,
            title: title.with(&named),
            text: text.with(&named),
            error: self.error.as_deref().map(|e| Html::default().foreign(e, NAME)),
            description: self.description.as_deref().map(|d| Html::default().foreign(d, LINE)),
            again: self.again.as_deref(),
            back: self.back.as_ref(),
        })
    }
}
