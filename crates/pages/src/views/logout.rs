//! Signing out (OpenID Connect RP-Initiated Logout 1.0).

use askama::Template;

use super::{App, Frame, PostForm, Shell, name_of, page};
use crate::hostile::Html;
use crate::messages::Messages;

/// Asks whether to sign out.
#[derive(Clone, Debug)]
pub struct LogoutAsk {
    /// Who asks for it, if an app that is known.
    pub app: Option<App>,
    /// Signs out. If it redirects to an app, the page's policy must allow that, see
    /// [`content_security_policy`](crate::content_security_policy).
    pub proceed: PostForm,
    /// Leaves all as it is.
    pub stay: PostForm,
}

/// Says that the person is signed out.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggedOut;

#[derive(Template)]
#[template(path = "logout.html")]
struct LogoutPage<'a> {
    shell: Shell,
    t: &'static Messages,
    title: Html,
    asked_by: Option<Html>,
    view: &'a LogoutAsk,
}

#[derive(Template)]
#[template(path = "logged_out.html")]
struct LoggedOutPage {
    shell: Shell,
    t: &'static Messages,
}

impl LogoutAsk {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        let named = [("site", &*frame.site.name)];
        page(&LogoutPage {
            shell: Shell::new(frame, t.logout_title, &named),
            t,
            title: t.logout_title.with(&named),
            asked_by: self.app.as_ref().map(|app| t.logout_app.with(&[("app", &name_of(app, t))])),
            view: self,
        })
    }
}

impl LoggedOut {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        page(&LoggedOutPage { shell: Shell::new(frame, t.logged_out_title, &[]), t })
    }
}
