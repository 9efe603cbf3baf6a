//! The state machine of one authorization (PROTOCOL 2 to 6): where the platform wants it the
//! announcement, then the text, then token requests until there is an answer.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::Value;
use twinpath_wire::{
    code::{self, Code},
    metadata::Metadata,
    oauth::{ErrorBody, ErrorCode, GRANT_TERMINAL},
    phrase,
    verifier::Verifier,
};

use super::{
    Answer, App, Confirmation, Context, Secret, Step, Text,
    exchange::{Exchange, Verdict},
    http,
};
use crate::Error;

/// The interval where a server names none (RFC 8628 3.5).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// What `slow_down` adds (RFC 8628 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The longest `wait` (PROTOCOL 5).
const MAX_WAIT: u64 = 30;
/// When a text counts as overdue (PROTOCOL 14).
const OVERDUE: Duration = Duration::from_secs(60);

/// What to ask for, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// RFC 6749 3.3.
    pub scope: Option<String>,
    /// RFC 8707 2.
    pub resource: Vec<String>,
    /// RFC 9396 2.
    pub authorization_details: Option<Value>,
    /// RFC 9470 4.
    pub acr_values: Option<String>,
    /// RFC 9470 4.
    pub max_age: Option<u64>,
    /// The number that must be proven, in E.164 (PROTOCOL 5, `login_hint`).
    pub number: Option<String>,
    /// The access token that the phone's operator gave the app for CAMARA's Number Verification, over the
    /// phone's mobile data: by it the operator tells the platform whether this phone has the number.
    pub network_token: Option<Secret>,
    /// The country of the SIM's home network, ISO 3166-1, if the app knows it: the code is announced with
    /// it, so that the platform chooses the number (PROTOCOL 4).
    pub terminal_country: Option<String>,
    /// The language of the text, a BCP 47 tag; English where the platform lacks it.
    pub language: String,
    /// Seconds to hold each request open (PROTOCOL 5, `Prefer: wait`), at most 30. `None` polls by
    /// the interval: right for an app that may go to the background.
    pub long_poll: Option<u64>,
    /// How long to ask before giving up.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scope: None,
            resource: Vec::new(),
            authorization_details: None,
            acr_values: None,
            max_age: None,
            number: None,
            network_token: None,
            terminal_country: None,
            language: "en".to_owned(),
            long_poll: Some(25),
            patience: Duration::from_secs(300),
        }
    }
}

/// One authorization. Every event gives one [`Step`].
pub struct Authorization {
    exchange: Exchange,
    /// The conversation of the announcement, until it is accepted.
    announcing: Option<Exchange>,
    code: Code,
    metadata: Arc<Metadata>,
    options: Options,
    verifier: Verifier,
    text: Text,
    interval: Duration,
    first_request: Option<Duration>,
    reminded: bool,
    confirmation_code: Option<String>,
}

impl Authorization {
    /// Makes verifier and code (PROTOCOL 2). The first step is [`Step::SendText`], or the announcement's
    /// [`Step::Request`] where the platform requires one or a country is given.
    pub fn begin(
        app: Arc<App>,
        metadata: Arc<Metadata>,
        options: Options,
        cx: &Context<'_>,
    ) -> Result<(Self, Step), Error> {
        check_supported(&metadata)?;
        let verifier = Verifier::from_random(cx.random);
        let code = Code::commit(&app.issuer, &app.client_id, &app.jkt(), verifier.as_str());
        let endpoint = announcement_endpoint(&metadata, &options)?;
        let text = match endpoint {
            Some(_) => Text { to: Vec::new(), body: String::new(), sms_uri: String::new() },
            None => text(&metadata, &app.name, &options.language, &code)?,
        };
        let announcing =
            endpoint.map(|endpoint| Exchange::new(Arc::clone(&app), endpoint, options.patience));
        let tokens = metadata.token_endpoint.clone();
        let mut machine = Self {
            exchange: Exchange::new(app, tokens, options.patience),
            announcing,
            code,
            metadata,
            options,
            verifier,
            text: text.clone(),
            interval: DEFAULT_INTERVAL,
            first_request: None,
            reminded: false,
            confirmation_code: None,
        };
        let step = match machine.announcing {
            Some(_) => machine.announce(cx),
            None => Step::SendText(text),
        };
        Ok((machine, step))
    }

    /// The same question with a new code, after [`Error::can_restart`].
    pub fn restart(self, cx: &Context<'_>) -> Result<(Self, Step), Error> {
        Self::begin(self.exchange.app, self.metadata, self.options, cx)
    }

    /// The phone took the text; it may not have left yet.
    pub fn text_sent(&mut self, cx: &Context<'_>) -> Step {
        self.request(cx)
    }

    /// The pause is over.
    pub fn waited(&mut self, cx: &Context<'_>) -> Step {
        match self.announcing {
            Some(_) => self.announce(cx),
            None => self.request(cx),
        }
    }

    /// The user was offered to send the text again.
    pub fn reminded(&mut self, cx: &Context<'_>) -> Step {
        self.pause(cx)
    }

    /// The user typed the eight digits (PROTOCOL 6).
    pub fn confirm(&mut self, digits: &str, cx: &Context<'_>) -> Step {
        self.confirmation_code = Some(digits.trim().to_owned());
        self.exchange.begin_anew(cx);
        self.request(cx)
    }

    /// No answer came. The same verifier is shown again (PROTOCOL 5, the lost response).
    pub fn lost(&mut self, reason: String, cx: &Context<'_>) -> Step {
        if let Some(exchange) = &mut self.announcing {
            let verdict = exchange.lost(reason, cx);
            return self.follow_announcement(verdict, cx);
        }
        let verdict = self.exchange.lost(reason, cx);
        self.follow(verdict, cx)
    }

    /// An answer came.
    pub fn answered(&mut self, answer: &Answer, cx: &mut Context<'_>) -> Step {
        if let Some(exchange) = &mut self.announcing {
            return match exchange.judge(answer, cx) {
                Verdict::Accepted => self.announced(answer),
                verdict => self.follow_announcement(verdict, cx),
            };
        }
        match self.exchange.judge(answer, cx) {
            Verdict::Accepted => match self.exchange.tokens(answer, cx) {
                Ok(tokens) => Step::Done(Some(Box::new(tokens))),
                Err(verdict) => self.follow(verdict, cx),
            },
            verdict => self.follow(verdict, cx),
        }
    }

    /// PROTOCOL 4.
    fn announce(&mut self, cx: &Context<'_>) -> Step {
        let options = &self.options;
        let mut form =
            vec![("code", self.code.to_string()), ("ui_locales", options.language.clone())];
        form.extend(options.resource.iter().map(|resource| ("resource", resource.clone())));
        let optional = [
            ("scope", options.scope.clone()),
            ("authorization_details", options.authorization_details.as_ref().map(Value::to_string)),
            ("terminal_country", options.terminal_country.clone()),
        ];
        form.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let exchange = self.announcing.as_mut().unwrap_or(&mut self.exchange);
        exchange.request(form, None, cx).map_or_else(Step::Failed, Step::Request)
    }

    /// The text is the platform's, but its code must be ours: another would prove somebody else's
    /// request.
    fn announced(&mut self, answer: &Answer) -> Step {
        let malformed = || Step::Failed(Error::Malformed("an announcement without our text"));
        let Ok(text) = serde_json::from_slice::<Announced>(&answer.body) else {
            return malformed();
        };
        let ours = code::read_message(&text.sms_body).is_ok_and(|said| said.code == self.code);
        let Some(number) = text.sms_to.first().filter(|_| ours) else {
            return malformed();
        };
        let sms_uri = format!("sms:{number}?body={}", http::percent_encode(&text.sms_body));
        self.text = Text { to: text.sms_to, body: text.sms_body, sms_uri };
        self.announcing = None;
        Step::SendText(self.text.clone())
    }

    fn follow_announcement(&mut self, verdict: Verdict, cx: &Context<'_>) -> Step {
        match verdict {
            Verdict::Again => self.announce(cx),
            Verdict::Wait(pause) => Step::WaitFor(pause),
            Verdict::Refused(body) => Step::Failed(Error::Refused(body)),
            Verdict::GiveUp(error) => Step::Failed(error),
            Verdict::Accepted => Step::Failed(Error::Malformed("an announcement without a text")),
        }
    }

    fn follow(&mut self, verdict: Verdict, cx: &Context<'_>) -> Step {
        match verdict {
            Verdict::Again => self.request(cx),
            Verdict::Wait(pause) => Step::WaitFor(pause),
            Verdict::Refused(body) => self.refused(body, cx),
            Verdict::GiveUp(error) => Step::Failed(error),
            Verdict::Accepted => Step::Failed(Error::Malformed("an answer without tokens")),
        }
    }

    /// The errors of PROTOCOL 5.
    fn refused(&mut self, body: ErrorBody, cx: &Context<'_>) -> Step {
        if let Some(seconds) = body.interval {
            self.interval = Duration::from_secs(seconds);
        }
        match body.code() {
            Some(ErrorCode::AuthorizationPending) => {
                let since = self.first_request.unwrap_or(cx.uptime);
                if !self.reminded && cx.uptime.saturating_sub(since) >= OVERDUE {
                    self.reminded = true;
                    return Step::TextOverdue(self.text.clone());
                }
                self.pause(cx)
            }
            Some(ErrorCode::SlowDown) => {
                self.interval = self.interval.saturating_add(SLOW_DOWN);
                self.pause(cx)
            }
            Some(ErrorCode::ConfirmationRequired) => {
                self.confirmation_code = None;
                Step::Confirm(Confirmation {
                    channel: body.channel.unwrap_or_else(|| "sms".to_owned()),
                    expires_in: body.expires_in.map(Duration::from_secs),
                    attempts_left: body.attempts_left,
                })
            }
            Some(ErrorCode::ExpiredToken) => Step::Failed(Error::Expired),
            Some(ErrorCode::AccessDenied) => Step::Failed(Error::Denied(body)),
            _ => Step::Failed(Error::Refused(body)),
        }
    }

    /// The interval runs from the previous answer (PROTOCOL 5).
    fn pause(&mut self, cx: &Context<'_>) -> Step {
        let verdict = self.exchange.wait(self.interval, Error::NoText, cx);
        self.follow(verdict, cx)
    }

    /// The second verification message (PROTOCOL 5).
    fn request(&mut self, cx: &Context<'_>) -> Step {
        self.first_request.get_or_insert(cx.uptime);
        let form = self.form();
        let wait = self.options.long_poll.map(|seconds| seconds.min(MAX_WAIT));
        match self.exchange.request(form, wait.filter(|seconds| *seconds > 0), cx) {
            Ok(request) => Step::Request(request),
            Err(error) => Step::Failed(error),
        }
    }

    fn form(&self) -> Vec<(&'static str, String)> {
        let options = &self.options;
        let mut form = vec![
            ("grant_type", GRANT_TERMINAL.to_owned()),
            ("terminal_verifier", self.verifier.as_str().to_owned()),
        ];
        form.extend(options.resource.iter().map(|resource| ("resource", resource.clone())));
        let optional = [
            ("scope", options.scope.clone()),
            ("authorization_details", options.authorization_details.as_ref().map(Value::to_string)),
            ("acr_values", options.acr_values.clone()),
            ("max_age", options.max_age.map(|seconds| seconds.to_string())),
            ("login_hint", options.number.as_ref().map(|number| format!("tel:{number}"))),
            (
                "network_token",
                options.network_token.as_ref().map(|token| token.as_str().to_owned()),
            ),
            ("confirmation_code", self.confirmation_code.clone()),
        ];
        form.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        form
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("app", &self.exchange.app).finish_non_exhaustive()
    }
}

fn check_supported(metadata: &Metadata) -> Result<(), Error> {
    if !metadata.terminal_code_methods_supported.iter().any(|method| method == code::METHOD) {
        return Err(Error::Unsupported("the commitment method twinpath-1"));
    }
    if metadata.terminal_numbers.is_empty() {
        return Err(Error::Unsupported("a number to text to"));
    }
    Ok(())
}

/// Where the code is announced, if it is.
fn announcement_endpoint(metadata: &Metadata, options: &Options) -> Result<Option<String>, Error> {
    let endpoint = metadata.terminal_authorization_endpoint.clone();
    match (metadata.require_terminal_announcement, &options.terminal_country) {
        (Some(true), _) => {
            endpoint.map(Some).ok_or(Error::Unsupported("the announcement that it requires"))
        }
        (_, Some(_)) => Ok(endpoint),
        (_, None) => Ok(None),
    }
}

/// The answer to an announcement (PROTOCOL 4).
#[derive(serde::Deserialize)]
struct Announced {
    sms_to: Vec<String>,
    sms_body: String,
}

/// The text in the wanted language, or in English where that lacks or is too long for one message.
fn text(metadata: &Metadata, name: &str, language: &str, code: &Code) -> Result<Text, Error> {
    let defaults = phrase::default_phrases();
    let phrases = &metadata.terminal_phrases;
    let phrases = if phrases.is_empty() { &defaults } else { phrases };
    let primary = |tag: &str| tag.split('-').next().unwrap_or(tag).to_ascii_lowercase();
    let exact = phrases.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(language));
    let close = phrases.iter().find(|(tag, _)| primary(tag) == primary(language));
    let english = phrases.iter().find(|(tag, _)| primary(tag) == "en");
    let mut candidates = [exact, close, english].into_iter().flatten().chain(phrases);
    let body = candidates
        .find_map(|(_, template)| phrase::compose(template, name, code).ok())
        .ok_or(Error::PhraseTooLong)?;
    let to = metadata.terminal_numbers.clone();
    let number = to.first().map_or("", String::as_str);
    let sms_uri = format!("sms:{number}?body={}", http::percent_encode(&body));
    Ok(Text { to, body, sms_uri })
}
