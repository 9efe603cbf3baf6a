//! The page from which the text is sent, and which goes on when it has arrived.

use askama::Template;

use super::{App, Frame, Permissions, PostForm, Scope, Shell, ShownApp, name_of, page};
use crate::hostile::{Html, LINE, NAME};
use crate::messages::Messages;
use crate::qr::{self, Qr};
use crate::text::{Text, sms_uri};

/// Waits for the person's text.
///
/// Its script listens for the server-sent events `proven` and `ended` at `events`, and then loads
/// `page` again, as the button does. It closes the stream while the page is hidden, so a new stream
/// must begin with the event if it is already due.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Who asks.
    pub app: App,
    /// For what.
    pub scopes: Vec<Scope>,
    /// What to send.
    pub text: Text,
    /// Until the text must be there, in seconds.
    pub left_s: u32,
    /// This page's own URL on this origin, as GET; a query is kept.
    pub page: String,
    /// Where the events are, on this origin.
    pub events: String,
    /// Ends the sign-in.
    pub cancel: PostForm,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct WaitingPage<'a> {
    shell: Shell,
    t: &'static Messages,
    app: ShownApp,
    permissions: Permissions,
    title: Html,
    warning: Html,
    links: Vec<SmsLink>,
    qr: Option<(Qr, String)>,
    body: Html,
    time_left: String,
    fields: Vec<(String, String)>,
    view: &'a Waiting,
}

/// One of the numbers, and the link that opens the text to it.
struct SmsLink {
    number: Html,
    uri: String,
}

impl Waiting {
    /// The page as HTML.
    pub fn render(&self, frame: &Frame<'_>) -> String {
        let t = frame.language.messages();
        let app = name_of(&self.app, t);
        let named = [("app", &*app)];
        page(&WaitingPage {
            shell: Shell::new(frame, t.waiting_title, &named).with_script(frame),
            t,
            app: ShownApp::new(&self.app, t),
            permissions: Permissions::new(&app, &self.scopes, t),
            title: t.waiting_title.with(&named),
            warning: t.warning.with(&named),
            links: self.links(),
            qr: self.qr(t),
            body: Html::default().foreign(&self.text.body, LINE),
            time_left: format!("{}:{:02}", self.left_s / 60, self.left_s % 60),
            fields: query_of(&self.page),
            view: self,
        })
    }

    fn links(&self) -> Vec<SmsLink> {
        let link = |number: &String| {
            let uri = sms_uri(number, &self.text.body)?;
            Some(SmsLink { number: Html::default().foreign(number, NAME), uri })
        };
        self.text.numbers.iter().filter_map(link).collect()
    }

    /// The first link as a QR code, with its label.
    fn qr(&self, t: &Messages) -> Option<(Qr, String)> {
        let dialled = |number: &String| Some((number.clone(), sms_uri(number, &self.text.body)?));
        let (number, uri) = self.text.numbers.iter().find_map(dialled)?;
        Some((qr::encode(&uri)?, t.qr_label.plain(&[("number", &number)])))
    }
}

impl WaitingPage<'_> {
    /// The page's URL without its query, which a GET form replaces.
    fn path(&self) -> &str {
        self.view.page.split('?').next().unwrap_or_default()
    }
}

fn query_of(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
