//! One sign-in on the phone: the app composes, the user sends, the app gets its token and calls the
//! `OpenAPI`.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;
use twinpath_client::{Error, SenderError, Text, TextSender, Tokens};
use twinpath_wire::jws::Compact;

use super::Shared;
use super::events::{Called, Composed, Sent, SignedIn, Stage, View, Who, ms};
use super::outcome::Before;
use crate::demo_app::Answer;
use crate::message_centre::{NotDelivered, PhoneText};
use crate::once::shortened;
use crate::{number, platform};

/// How long the app may take to compose its text.
const COMPOSE_TIME: Duration = Duration::from_secs(5);
/// The longest token that is decoded.
const MAX_TOKEN: usize = 16 * 1024;

/// What the user did cannot be done, in words for the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem(pub(super) String);

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<NotDelivered> for Problem {
    fn from(error: NotDelivered) -> Self {
        Self(error.to_string())
    }
}

impl Shared {
    /// The user taps "Sign in": the app begins, and the phone shows its text.
    pub(super) async fn sign_in(self: &Arc<Self>) -> Result<View, Problem> {
        let run = {
            let mut journey = self.journey.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(earlier) = journey.take() {
                earlier.abort();
            }
            let run = self.board.begin();
            *journey = Some(tokio::spawn(Arc::clone(self).journey(run)));
            run
        };
        let composed =
            |view: &View| view.run != run || view.text.is_some() || view.problem.is_some();
        let waited = timeout(COMPOSE_TIME, self.board.until(composed)).await;
        waited.map_err(|_| Problem::from("The app did not compose its text. Try again."))?;
        Ok(self.board.view())
    }

    /// The app's side, from the commitment to the `OpenAPI`'s answer.
    async fn journey(self: Arc<Self>, run: u64) {
        let phone = Phone { shared: &self, run, begun: Instant::now() };
        match self.app.sign_in(&phone).await {
            Ok(tokens) => {
                self.received(run, &tokens);
                self.ask_user_info(run).await;
                self.call(run).await;
            }
            Err(error) => self.failed(run, &error),
        }
    }

    fn received(&self, run: u64, tokens: &Tokens) {
        let token = shortened(&tokens.access_token);
        let hint = tokens.terminal_hint.clone().unwrap_or_default();
        let signed_in = SignedIn {
            terminal_hint: tokens.terminal_hint.clone(),
            token_type: tokens.token_type.clone(),
            access_token: token.clone(),
            scope: tokens.scope.clone(),
            access_claims: claims(Some(&tokens.access_token)),
            id_claims: claims(tokens.id_token.as_deref()),
            user_info: Value::Null,
        };
        self.board.change(run, |view| {
            let took = view.acknowledged.map(|at| at.elapsed());
            view.times.token = took.map(ms);
            view.stage = Stage::SignedIn;
            view.app = Some(signed_in);
            view.tell(Who::Platform, format!("The text is there: a token for {hint}."), took);
            view.tell(Who::App, format!("Token received: {token}."), None);
        });
    }

    async fn ask_user_info(&self, run: u64) {
        let answer = self.app.user_info().await;
        self.board.change(run, |view| {
            let (Ok(answer), Some(app)) = (answer, &mut view.app) else { return };
            app.user_info = answer.body;
        });
    }

    /// The app calls the `OpenAPI`.
    async fn call(&self, run: u64) {
        let begun = Instant::now();
        let answer = self.app.weather().await;
        let took = begun.elapsed();
        self.board.change(run, |view| match answer {
            Ok(Answer { status, body }) => {
                let said = if status == 200 { "token and proof are good" } else { "refused" };
                view.tell(Who::Api, format!("GET /weather: {status}, {said}."), Some(took));
                view.times.api = Some(ms(took));
                view.api = Some(Called { status, body });
            }
            Err(error) => view.problem = Some(format!("The OpenAPI was not called: {error}.")),
        });
    }

    fn failed(&self, run: u64, error: &Error) {
        self.board.change(run, |view| {
            view.stage = Stage::Failed;
            view.tell(Who::App, format!("Signing in failed: {error}."), None);
            view.problem = Some(format!("Signing in failed: {error}."));
        });
    }

    /// The user taps "Send". The sender and the text are whatever the user made of them.
    pub(super) async fn send(&self, from: &str, body: &str) -> Result<View, Problem> {
        let from = number::read(from)?;
        // One text at a time, so that the platform's counters tell what became of it.
        let _one_at_a_time = self.sending.lock().await;
        let view = self.board.view();
        let (run, stage) = (view.run, view.stage);
        let Some(text) = view.text else {
            return Err("Tap \"Sign in\" in the app first: it composes the text.".into());
        };
        let to = if text.to.is_empty() { platform::NUMBER } else { &text.to };
        let text = PhoneText::new(&from, to, body)?;
        let (hint, encoding) = (from.hint(), text.encoding.clone());
        self.board.change(run, |view| {
            view.tell(Who::Phone, format!("Text from {hint} over SMPP ({encoding})."), None);
        });
        let before = Before::read(&self.platform);
        let delivered = self.centre.carry(text).await?;
        let (outcome, meaning) = before.outcome(&self.platform);
        let status = delivered.status.as_str();
        self.board.change(run, |view| {
            view.acknowledged = Some(Instant::now());
            if view.stage == Stage::Composing {
                view.stage = Stage::Waiting;
            }
            if view.stage == Stage::Waiting {
                view.times.text = Some(ms(delivered.took));
            }
            let answered = format!("Text acknowledged, {status}. {meaning}");
            view.tell(Who::Platform, answered, Some(delivered.took));
            let (from, body) = (from.as_str().to_owned(), body.to_owned());
            view.left(Sent { from, body, encoding, status, outcome, meaning });
        });
        if outcome == "voided" && matches!(stage, Stage::SignedIn | Stage::Revoked) {
            self.look_after_grant(run).await;
        }
        Ok(self.board.view())
    }

    /// The app asks for a fresh token, as it would within minutes, and learns that its grant is gone.
    async fn look_after_grant(&self, run: u64) {
        let begun = Instant::now();
        let refreshed = self.app.refresh().await;
        let took = Some(begun.elapsed());
        self.board.change(run, |view| match refreshed {
            Err(Error::SignedOut) => {
                view.stage = Stage::Revoked;
                view.tell(Who::App, "Refresh refused: the grant is revoked, signed out.", took);
                view.problem = Some(
                    "Two numbers sent the same code, so one of them is not who it seems. The \
                     platform voided the code and revoked the grant; the app is signed out. (A token \
                     that is already out lives to its end, ten minutes at most.)"
                        .to_owned(),
                );
            }
            Err(error) => view.tell(Who::App, format!("Refresh failed: {error}."), took),
            Ok(_) => view.tell(Who::App, "Refreshed: the grant is still good.", took),
        });
    }

    /// The user taps "Call again".
    pub(super) async fn call_again(&self) -> Result<View, Problem> {
        let view = self.board.view();
        if view.stage != Stage::SignedIn {
            return Err("The app is not signed in: it has no token to call with.".into());
        }
        self.call(view.run).await;
        Ok(self.board.view())
    }
}

/// The phone, as the app sees it: it shows the text, and takes it when the user sends something.
struct Phone<'a> {
    shared: &'a Shared,
    run: u64,
    begun: Instant,
}

impl TextSender for Phone<'_> {
    async fn send(&self, text: &Text) -> Result<(), SenderError> {
        let (board, run) = (&self.shared.board, self.run);
        let composed =
            Composed { to: text.to.first().cloned().unwrap_or_default(), body: text.body.clone() };
        board.change(run, |view| {
            let took = self.begun.elapsed();
            view.stage = Stage::Composing;
            view.times.commitment = Some(ms(took));
            let made = "Made a secret and its commitment, the code; handed the text to the phone.";
            view.tell(Who::App, made, Some(took));
            view.text = Some(composed);
        });
        board.until(|view| view.run != run || !view.sent.is_empty()).await;
        board.change(run, |view| {
            view.tell(Who::App, "Shows its secret and proves its key over HTTP, and waits.", None);
        });
        Ok(())
    }

    async fn overdue(&self, _: &Text) {
        self.shared.board.change(self.run, |view| {
            let hint = "No text with this code yet. A real phone may have made it RCS or iMessage: \
                        send it as SMS. Here: send the original text.";
            view.tell(Who::App, hint, None);
            view.problem = Some(hint.to_owned());
        });
    }
}

/// What a JWT says, decoded for show: the SDK and the API check it.
fn claims(token: Option<&str>) -> Value {
    let read = |token| Compact::parse(token, MAX_TOKEN).ok()?.claims().ok();
    token.and_then(read).unwrap_or(json!(null))
}
