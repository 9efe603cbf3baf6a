//! One struct for each page. Fields are raw values, whoever wrote them; `render` makes them fit.

mod confirm;
mod digits;
mod logout;
mod problem;
mod waiting;

pub use confirm::Confirm;
pub use digits::{Digits, Fault};
pub use logout::{LoggedOut, LogoutAsk};
pub use problem::{Problem, ProblemKind};
pub use waiting::Waiting;

use askama::Template;

use crate::asset;
use crate::hostile::{Html, LINE, Link, NAME, clean};
use crate::language::Language;
use crate::messages::{Message, Messages};

/// What all pages of a deployment share.
#[derive(Clone, Debug)]
pub struct Site {
    /// What people call the platform.
    pub name: String,
    /// Where [`asset`](crate::asset())s are served: a path of this origin with a slash at its end.
    pub assets: String,
}

/// What surrounds a view.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The deployment.
    pub site: &'a Site,
    /// What the person reads.
    pub language: Language,
}

/// An app as it was registered (RFC 7591 2).
#[derive(Clone, Debug, Default)]
pub struct App {
    /// `client_name`.
    pub name: String,
    /// Whose it is.
    pub developer: Option<String>,
    /// Its web page; linked if it is `https`, like the next two.
    pub client_uri: Option<String>,
    /// What it does with data.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
}

/// A scope that the app asks for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Its token (RFC 6749 3.3). `openid`, `phone` and `offline_access` have words of their own.
    pub name: String,
    /// The operator's words for it, whatever the language; they go before the built-in ones.
    pub description: Option<String>,
}

/// A button that changes something.
#[derive(Clone, Debug)]
pub struct PostForm {
    /// Where it posts to: a path of this origin.
    pub action: String,
    /// The value of [`CSRF_FIELD`](crate::CSRF_FIELD).
    pub csrf: String,
}

/// The frame as the templates want it.
struct Shell {
    language: Language,
    site: String,
    title: String,
    style: String,
    script: Option<String>,
}

impl Shell {
    fn new(frame: &Frame<'_>, title: Message, values: &[(&str, &str)]) -> Self {
        let site = clean(&frame.site.name, NAME);
        Self {
            language: frame.language,
            title: format!("{} · {site}", title.plain(values)),
            site,
            style: format!("{}{}", frame.site.assets, asset::style()),
            script: None,
        }
    }

    fn with_script(mut self, frame: &Frame<'_>) -> Self {
        self.script = Some(format!("{}{}", frame.site.assets, asset::script()));
        self
    }
}

/// An app made fit to be shown.
struct ShownApp {
    by: Option<Html>,
    website: Option<(Link, Html)>,
    policy: Option<Link>,
    terms: Option<Link>,
}

impl ShownApp {
    fn new(app: &App, t: &Messages) -> Self {
        let link = |uri: &Option<String>| uri.as_deref().and_then(Link::new);
        let developer = app.developer.as_deref().filter(|name| !clean(name, NAME).is_empty());
        Self {
            by: developer.map(|name| t.offered_by.with(&[("developer", name)])),
            website: link(&app.client_uri).map(|link| {
                let label = t.website.with(&[("host", &link.host)]);
                (link, label)
            }),
            policy: link(&app.policy_uri),
            terms: link(&app.tos_uri),
        }
    }
}

/// The app's name, or what stands for it if nothing visible is in it.
fn name_of(app: &App, t: &Messages) -> String {
    let name = clean(&app.name, NAME);
    if name.is_empty() { t.nameless.to_string() } else { name }
}

/// What an app may do, in words. All of it: nothing a person agrees to is left out.
struct Permissions {
    heading: Html,
    lines: Vec<Html>,
}

impl Permissions {
    fn new(app_name: &str, scopes: &[Scope], t: &Messages) -> Self {
        let title = if scopes.is_empty() { t.scopes_none } else { t.scopes_heading };
        Self {
            heading: title.with(&[("app", app_name)]),
            lines: scopes.iter().map(|scope| words_for(scope, t)).collect(),
        }
    }
}

fn words_for(scope: &Scope, t: &Messages) -> Html {
    if let Some(words) = scope.description.as_deref().filter(|d| !clean(d, LINE).is_empty()) {
        return Html::default().foreign(words, LINE);
    }
    match &*scope.name {
        "openid" => t.scope_openid.with(&[]),
        "phone" => t.scope_phone.with(&[]),
        "offline_access" => t.scope_offline_access.with(&[]),
        name => t.scope_unknown.with(&[("scope", name)]),
    }
}

/// Renders a template; that writes into a string, which does not fail.
fn page(template: &impl Template) -> String {
    template.render().unwrap_or_default()
}
