//! The last question: this number, this app, these permissions?

use askama::Template;

use super::{App, Frame, Permissions, PostForm, Scope, Shell, ShownApp, name_of, page};
use crate::destination::Destination;
use crate::hostile::{Html, LINE, NAME};
use crate::messages::Messages;

/// Shows who was proven, and asks whether to go on.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// Who asks.
    pub app: App,
    /// For what.
    pub scopes: Vec<Scope>,
    /// The number that was proven, masked (`+44•••••••56`).
    pub terminal_hint: String,
    /// A line for each of the `authorization_details` (RFC 9396).
    pub details: Vec<String>,
    /// Where the person is afterwards.
    pub destination: Destination,
    /// Goes on. The page's policy must allow its redirect, see
    /// [`content_security_policy`](crate::content_security_policy).
    pub proceed: PostForm,
    /// Ends the sign-in.
    pub cancel: PostForm,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    shell: Shell,
    t: &'static Messages,
    app: ShownApp,
    permissions: Permissions,
    title: Html,
    hint: Html,
    details: Vec<Html>,
    destination: Html,
    view: &'a Confirm,
}

impl Confirm {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        let app = name_of(&self.app, t);
        let named = [("app", &*app)];
        page(&ConfirmPage {
            shell: Shell::new(frame, t.confirm_title, &named),
            t,
            app: ShownApp::new(&self.app, t),
            permissions: Permissions::new(&app, &self.scopes, t),
            title: t.confirm_title.with(&named),
            hint: Html::default().foreign(&self.terminal_hint, NAME),
            details: self.details.iter().map(|d| Html::default().foreign(d, LINE)).collect(),
            destination: going_to(&self.destination, t),
            view: self,
        })
    }
}

fn going_to(destination: &Destination, t: &Messages) -> Html {
    match destination {
        Destination::Site(host) => t.confirm_site.with(&[("host", host)]),
        Destination::Computer => t.confirm_computer.with(&[]),
        Destination::App => t.confirm_app.with(&[]),
    }
}
