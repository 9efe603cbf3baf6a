//! The end of a sign-in that does not redirect.

use askama::Template;

use super::{App, Frame, Shell, name_of, page};
use crate::hostile::Html;
use crate::messages::Message;

/// What a person does after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Close the page.
    ClosePage,
    /// Go back to the device that asked.
    ReturnToDevice,
}

/// Says that the person is signed in.
#[derive(Clone, Debug)]
pub struct Done {
    /// To what.
    pub app: App,
    /// What now.
    pub next: Next,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage {
    shell: Shell,
    title: Html,
    next: Message,
}

impl Done {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        let app = name_of(&self.app, t);
        let named = [("app", &*app)];
        page(&DonePage {
            shell: Shell::new(frame, t.done_title, &named),
            title: t.done_title.with(&named),
            next: match self.next {
                Next::ClosePage => t.done_close,
                Next::ReturnToDevice => t.done_device,
            },
        })
    }
}
