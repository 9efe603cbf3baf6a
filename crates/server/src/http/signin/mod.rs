//! The sign-in page: shows the text to send, goes on when it came, asks, and answers the app.
//!
//! Its state is the interaction's row, so each request of it may go to another node, and reloading it
//! is always right. `GET` looks and, if the text came, consumes the mapping; only a form that this page
//! sent approves or denies.

mod asset;
mod decide;
mod digits;
mod events;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Request, StatusCode};
use twinpath_core::app::Registered;
use twinpath_core::authorization::{InteractionId, Look, ProveTerminal, ProvenOutcome, Retry};
use twinpath_core::ids::CodeKey;
use twinpath_core::join::Denial;
use twinpath_core::outbound::ConfirmationCode;
use twinpath_core::records::{Interaction, Stage};
use twinpath_pages::{
    App, Confirm, Destination, Frame, Language, PostForm, Problem, ProblemKind, Scope, Text,
    Waiting,
};
use twinpath_wire::phrase::{compose, page_phrases};

use crate::http::authorize::{accepted, query};
use crate::http::browser::{Browser, page, redirect};
use crate::http::refusal::fault;
use crate::http::terminal_authorization::announce_own;
use crate::http::{Refusal, issuer_path, path, risk};
use crate::platform::{Platform, now};

use decide::refusal_to_app;
use digits::Asked;

pub(super) use asset::asset;
pub(super) use decide::{approve, approved, cancelled};
pub(super) use digits::confirmed;
pub(super) use events::events;

/// A browser at the page of a request that belongs to it.
pub(super) struct Visit {
    pub(super) id: InteractionId,
    pub(super) browser: Browser,
    pub(super) row: Box<Interaction>,
    pub(super) registered: Arc<Registered>,
}

/// What the page cannot show.
enum Trouble {
    Refusal(Refusal),
    /// A page that says so, and where the person may try once more.
    Problem(ProblemKind, Option<String>),
}

impl<E: Into<Refusal>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Refusal(error.into())
    }
}

fn lost() -> Trouble {
    Trouble::Problem(ProblemKind::Lost, None)
}

impl Visit {
    /// The request of this path, if it belongs to the browser.
    async fn find(platform: &Platform, headers: &HeaderMap, id: &str) -> Result<Self, Trouble> {
        let id = InteractionId::parse(id).ok_or_else(lost)?;
        for browser in Browser::all(&platform.config, headers) {
            let Some(row) = platform.store.read(look(platform, id, &browser)).await? else {
                continue;
            };
            let registered = platform.app(&row.client_id).ok_or_else(lost)?;
            return Ok(Self { id, browser, row, registered });
        }
        Err(lost())
    }

    fn look(&self, platform: &Platform) -> Look {
        look(platform, self.id, &self.browser)
    }

    /// The page's own path.
    fn path(&self, platform: &Platform) -> String {
        format!("{}{}/{}", issuer_path(&platform.config.issuer), path::SIGNIN, self.id.text())
    }

    fn form(&self, platform: &Platform, action: &str) -> PostForm {
        PostForm {
            action: format!("{}/{action}", self.path(platform)),
            csrf: self.browser.form_token(&platform.vault, &self.id.text()),
        }
    }

    fn code(&self, platform: &Platform, attempt: u32) -> CodeKey {
        let (vault, issuer) = (&platform.vault, &platform.config.issuer);
        self.id.code_key(vault, issuer, &self.row.client_id, attempt)
    }

    fn language(&self, headers: &HeaderMap) -> Language {
        Language::choose(self.row.request.ui_locales.as_deref(), accepted(headers))
    }

    fn redirect_uri(&self) -> Option<&str> {
        self.row.request.redirect_uri.as_deref()
    }
}

fn look(platform: &Platform, id: InteractionId, browser: &Browser) -> Look {
    Look { key: id.key(&platform.vault), browser: browser.hash(&platform.vault) }
}

/// `GET /signin/{id}`
pub(super) async fn show(
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let headers = request.headers();
    let visit = match Visit::find(&platform, headers, &id).await {
        Ok(visit) => visit,
        Err(trouble) => return told(&platform, trouble, Language::choose(None, accepted(headers))),
    };
    let language = visit.language(headers);
    let again = query(request.uri()).ok().and_then(|form| form.get("again")?.parse().ok());
    match shown(&platform, visit, language, again).await {
        Ok(response) => response,
        Err(trouble) => told(&platform, trouble, language),
    }
}

async fn shown(
    platform: &Platform,
    visit: Visit,
    language: Language,
    again: Option<u32>,
) -> Result<Response, Trouble> {
    let attempt = match visit.row.stage {
        Stage::Asking { attempt, .. } => attempt,
        Stage::Proven { .. } => return confirm(platform, &visit, language),
        _ => return Err(lost()),
    };
    if again == Some(attempt) {
        let retried = platform.run(Retry { look: visit.look(platform), attempt }).await?;
        if !retried {
            return Err(Trouble::Problem(ProblemKind::TooMany, None));
        }
        return Ok(redirect(&visit.path(platform)));
    }
    let outcome = prove(platform, &visit, attempt, (language, None)).await?;
    proved(platform, visit, attempt, outcome, language).await
}

/// The page at which a request stands.
async fn proved(
    platform: &Platform,
    visit: Visit,
    attempt: u32,
    outcome: ProvenOutcome,
    language: Language,
) -> Result<Response, Trouble> {
    match outcome {
        ProvenOutcome::Waiting => waiting(platform, &visit, attempt, language).await,
        ProvenOutcome::Proven(row) => confirm(platform, &Visit { row, ..visit }, language),
        ProvenOutcome::Gone => Err(lost()),
        ProvenOutcome::Unconfirmed(awaiting) => {
            let asked = Asked { attempt, awaiting, malformed: false };
            Ok(digits::page(platform, &visit, asked, language))
        }
        ProvenOutcome::WrongDigits(request) => Ok(refusal_to_app(platform, &request)),
        ProvenOutcome::OverLimit(_) => Err(Trouble::Problem(ProblemKind::TooMany, None)),
        ProvenOutcome::Unreachable => {
            Ok(no_further(platform, &visit, ProblemKind::Unreachable, language))
        }
        ProvenOutcome::Blocked | ProvenOutcome::Risky(_) => {
            Ok(no_further(platform, &visit, ProblemKind::Blocked, language))
        }
        failed => {
            let again = format!("{}?again={attempt}", visit.path(platform));
            Err(Trouble::Problem(kind_of(&failed), Some(again)))
        }
    }
}

fn kind_of(outcome: &ProvenOutcome) -> ProblemKind {
    match outcome {
        ProvenOutcome::Failed(Denial::LoginHint) => ProblemKind::WrongNumber,
        ProvenOutcome::Failed(Denial::Voided | Denial::Revoked) => ProblemKind::TwoNumbers,
        ProvenOutcome::Failed(Denial::Used | Denial::Words) => ProblemKind::Invalid,
        _ => ProblemKind::Expired,
    }
}

/// `language` is that of a text to the phone; `said` the digits of one.
async fn prove(
    platform: &Platform,
    visit: &Visit,
    attempt: u32,
    (language, said): (Language, Option<ConfirmationCode>),
) -> Result<ProvenOutcome, Refusal> {
    let config = &platform.config;
    let code = visit.code(platform, attempt);
    let words = config.terminal.phrase_required;
    let prove = ProveTerminal::new(
        visit.look(platform),
        (visit.row.client_id.clone(), attempt, code),
        words.then(|| Arc::clone(&visit.registered.page_phrases)),
        config.dormant_s,
        Arc::clone(&platform.vault),
    );
    let asked = visit.row.request.ui_locales.clone();
    let ui_locales = asked.unwrap_or_else(|| language.tag().to_owned());
    let texting = risk::texting(platform, said, Some(ui_locales));
    risk::prove(platform, prove.texting(texting), (None, None)).await
}

fn told(platform: &Platform, trouble: Trouble, language: Language) -> Response {
    match trouble {
        Trouble::Refusal(refusal) => problem(platform, &refusal, language),
        Trouble::Problem(kind, again) => {
            let problem = Problem { again, ..Problem::of(kind) };
            let status = match kind {
                ProblemKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
                ProblemKind::Lost => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            page(status, problem.render(&frame(platform, language)), None)
        }
    }
}

/// The person is told why; the app, once the person goes back to it, only that nobody approved.
fn no_further(
    platform: &Platform,
    visit: &Visit,
    kind: ProblemKind,
    language: Language,
) -> Response {
    let back = Some(visit.form(platform, "cancel"));
    let problem = Problem { back, ..Problem::of(kind) };
    let html = problem.render(&frame(platform, language));
    page(StatusCode::FORBIDDEN, html, visit.redirect_uri())
}

fn frame(platform: &Platform, language: Language) -> Frame<'_> {
    Frame { site: &platform.config.site, language }
}

/// A refusal as a page.
pub(super) fn problem(platform: &Platform, refusal: &Refusal, language: Language) -> Response {
    let kind = match refusal.status {
        StatusCode::TOO_MANY_REQUESTS => ProblemKind::TooMany,
        status if status.is_server_error() => ProblemKind::Unavailable,
        _ => ProblemKind::Invalid,
    };
    let view = Problem {
        error: Some(refusal.code.to_string()),
        description: Some(refusal.description.clone()),
        ..Problem::of(kind)
    };
    let mut response = page(refusal.status, view.render(&frame(platform, language)), None);
    response.headers_mut().extend(refusal.headers.clone());
    response
}

/// An app as pages show it.
pub(super) fn app_view(registered: &Registered) -> App {
    let app = &registered.app;
    App {
        name: app.client_name.clone(),
        // A developer that nobody named is the client_id: no word for people.
        developer: (app.developer != app.client_id.as_str()).then(|| app.developer.clone()),
        client_uri: app.client_uri.clone(),
        policy_uri: app.policy_uri.clone(),
        tos_uri: app.tos_uri.clone(),
    }
}

/// A scope as pages show it.
pub(super) fn scope_views(platform: &Platform, scope: &str) -> Vec<Scope> {
    let view = |name: &str| Scope {
        name: name.to_owned(),
        description: platform.config.scopes.get(name).cloned(),
    };
    scope.split(' ').filter(|name| !name.is_empty()).map(view).collect()
}

async fn waiting(
    platform: &Platform,
    visit: &Visit,
    attempt: u32,
    language: Language,
) -> Result<Response, Trouble> {
    let left_s = visit.row.expires_at.seconds().saturating_sub(now().seconds());
    let own = visit.path(platform);
    let view = Waiting {
        app: app_view(&visit.registered),
        scopes: scope_views(platform, &visit.row.request.scope),
        text: text(platform, visit, attempt, language).await?,
        left_s: u32::try_from(left_s).unwrap_or(0),
        events: format!("{own}/events"),
        page: own,
        cancel: visit.form(platform, "cancel"),
    };
    Ok(page(StatusCode::OK, view.render(&frame(platform, language)), visit.redirect_uri()))
}

async fn text(
    platform: &Platform,
    visit: &Visit,
    attempt: u32,
    language: Language,
) -> Result<Text, Trouble> {
    let (vault, issuer) = (&platform.vault, &platform.config.issuer);
    let code = visit.id.terminal_code(vault, issuer, &visit.row.client_id, attempt);
    let phrases = page_phrases();
    let name = &visit.registered.app.client_name;
    let written = |tag: &str| compose(phrases.get(tag)?, name, &code).ok();
    // A long name leaves no room for the words of every script.
    let any = || phrases.keys().find_map(|tag| written(tag));
    let body = written(language.tag()).or_else(|| written("en")).or_else(any);
    let body = body.unwrap_or_else(|| code.to_string());
    announce_own(platform, &visit.row.client_id, (&code, &body), visit.row.expires_at).await?;
    Ok(Text { numbers: platform.numbers.all(), body })
}

fn confirm(platform: &Platform, visit: &Visit, language: Language) -> Result<Response, Trouble> {
    let Stage::Proven { by, .. } = &visit.row.stage else {
        return Err(lost());
    };
    let number = platform.vault.open_number(by.terminal, &by.number);
    let number = number.map_err(|_| fault("a number does not open"))?;
    let request = &visit.row.request;
    let view = Confirm {
        app: app_view(&visit.registered),
        scopes: scope_views(platform, &request.scope),
        terminal_hint: number.hint(),
        details: platform.config.details.summaries(&request.authorization_details),
        destination: Destination::of(visit.redirect_uri().unwrap_or_default()),
        proceed: visit.form(platform, "approve"),
        cancel: visit.form(platform, "cancel"),
    };
    let html = view.render(&frame(platform, language));
    Ok(page(StatusCode::OK, html, visit.redirect_uri()))
}
