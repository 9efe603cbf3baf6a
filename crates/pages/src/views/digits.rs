//! The page for the digits that were texted to the phone.

use askama::Template;

use super::{App, Frame, PostForm, Shell, ShownApp, name_of, page};
use crate::hostile::Html;
use crate::messages::Messages;

/// What was wrong with the digits that were entered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are not the text's; so many attempts are left.
    Wrong {
        /// At least one.
        left: u8,
    },
    /// They are not eight digits, which is no attempt.
    Malformed,
}

/// Asks for eight digits, as field `confirmation_code` of `proceed`.
#[derive(Clone, Debug)]
pub struct Digits {
    /// Who asks.
    pub app: App,
    /// What was wrong before.
    pub fault: Option<Fault>,
    /// Where to start again, on this origin.
    pub again: String,
    /// Takes the digits. The page's policy must allow its redirect.
    pub proceed: PostForm,
    /// Ends the sign-in.
    pub cancel: PostForm,
}

#[derive(Template)]
#[template(path = "digits.html")]
struct DigitsPage<'a> {
    shell: Shell,
    t: &'static Messages,
    app: ShownApp,
    warning: Html,
    fault: Option<Html>,
    view: &'a Digits,
}

impl Digits {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        let app = name_of(&self.app, t);
        let named = [("app", &*app)];
        page(&DigitsPage {
            shell: Shell::new(frame, t.digits_title, &[]),
            t,
            app: ShownApp::new(&self.app, t),
            warning: t.digits_warning.with(&named),
            fault: self.fault.map(|fault| words_for(fault, t)),
            view: self,
        })
    }
}

fn words_for(fault: Fault, t: &Messages) -> Html {
    match fault {
        Fault::Wrong { left } => t.digits_wrong.with(&[("left", &left.to_string())]),
        Fault::Malformed => t.digits_malformed.with(&[]),
    }
}
