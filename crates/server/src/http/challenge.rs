//! The authorization challenge endpoint of the operator's own apps
//! (draft-ietf-oauth-first-party-apps-04 5): a sign-in without a browser. The app sends the text itself,
//! asks until it came, shows the digits that were texted to the phone if it must (PROTOCOL 6), and gets an
//! authorization code.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use twinpath_core::authorization::{
    Approve, Approved, Arrive, Arrived, AuthSession, AuthorizationCode, Deny, Look, ProveTerminal,
    ProvenOutcome, check_challenge,
};
use twinpath_core::ids::CodeKey;
use twinpath_core::join::Awaiting;
use twinpath_core::outbound::ConfirmationCode;
use twinpath_core::records::{Interaction, Stage};
use twinpath_core::token::{Bound, pairwise};
use twinpath_wire::oauth::ErrorCode;

use crate::http::authentication::{Caller, use_up, with_next_nonce};
use crate::http::authorize::rules;
use crate::http::par::bind;
use crate::http::prepared_text::PreparedText;
use crate::http::refusal::{fault, json};
use crate::http::request::{Form, base, source};
use crate::http::sender::TokenRequest;
use crate::http::terminal_authorization::announce_own;
use crate::http::terminal_grant::{UNREACHABLE, over_limit, shown_digits};
use crate::http::turn::{Turn, pending, wanted_wait};
use crate::http::{Refusal, path, risk};
use crate::platform::{Pace, Platform, SystemRandom, now};

/// `POST /authorize-challenge`
pub(super) async fn challenge(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let result = answer(&platform, request).await;
    let outcome = match &result {
        Ok(response) if response.status() == StatusCode::OK => "issued",
        Ok(response) => {
            let asks = response.extensions().get::<ErrorCode>();
            asks.unwrap_or(&ErrorCode::InsufficientAuthorization).as_str()
        }
        Err(refusal) => refusal.code.as_str(),
    };
    platform.counters.count("twinpath_token_requests_total", "challenge", outcome);
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(platform: &Platform, request: Request<Body>) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let now = now();
    let caller = Caller::authenticate(platform, &parts, &form, now).await?;
    let url = format!("{}{}", base(platform, &parts.headers), path::CHALLENGE);
    let proven = caller.instance_key(platform, &parts.headers, &url, now)?;
    let bound = matches!(Bound::of(&proven.jkt), Bound::Key(_));
    let (source, headers) = (source(&parts, &platform.config), parts.headers);
    let request = TokenRequest { form, headers, source, caller, proven, now };
    let result = match request.form.get("auth_session").map(str::to_owned) {
        None => begin(platform, request).await,
        Some(text) => go_on(platform, request, &text).await,
    };
    if bound { with_next_nonce(platform, result) } else { result }
}

/// The first request: what is asked is checked and kept, and the app told which text to send.
async fn begin(platform: &Platform, request: TokenRequest) -> Result<Response, Refusal> {
    let app = &request.caller.registered.app;
    let asked = check_challenge(&request.form, app, &rules(platform))
        .map_err(Refusal::from)
        .and_then(|mut asked| bind(&mut asked, &request.proven).map(|()| asked));
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return Err(request.refuse(platform, refusal).await),
    };
    let visit = Visit::new(platform, &request, AuthSession::new(&mut SystemRandom));
    let source = (request.source, &app.client_id);
    let admitted = platform.pending.admit(source, visit.code, request.now);
    if let Err(retry_after_s) = admitted {
        return Err(request.refuse(platform, Refusal::too_many(retry_after_s)).await);
    }
    use_up(platform, request.spends()).await?;
    let arrive = Arrive {
        key: visit.look.key,
        client_id: app.client_id.clone(),
        request: Some(Arc::new(asked)),
        browser: visit.look.browser,
        session: None,
        trusted: true,
    };
    match platform.run(arrive).await? {
        Arrived::Page(arrival) | Arrived::Silent(arrival) => {
            platform.pending.asked(source, visit.code, request.now, None);
            let interval = platform.config.terminal.interval_s;
            visit.insufficient(&arrival.0, interval).await
        }
        Arrived::Refused(_, error) => Err(Refusal::new(error, "a person has to be asked")),
        Arrived::Unknown => Err(invalid_session()),
    }
}

/// Every further request: whether the text came.
async fn go_on(
    platform: &Platform,
    request: TokenRequest,
    auth_session: &str,
) -> Result<Response, Refusal> {
    use_up(platform, request.spends()).await?;
    let session = AuthSession::parse(auth_session).ok_or_else(invalid_session)?;
    let visit = Visit::new(platform, &request, session);
    let row = platform.store.read(visit.look).await?.ok_or_else(invalid_session)?;
    let said = shown_digits(&request.form)?;
    let source = request.limited_source();
    let wait = wanted_wait(&request.headers);
    let turn = Turn { platform, source, code: visit.code, wait, now: request.now };
    let waiting = |outcome: &ProvenOutcome| *outcome == ProvenOutcome::Waiting;
    let mut turned = turn.take(visit.prove(&row, said), visit.prove(&row, said), waiting).await?;
    let answer = match &turned.outcome {
        ProvenOutcome::Waiting => match turned.paced() {
            Pace::Right(interval) => visit.insufficient(&row, interval).await,
            fast @ Pace::TooFast(_) => Err(pending(fast)),
        },
        ProvenOutcome::Proven(row) => visit.approve(row).await,
        ProvenOutcome::Unconfirmed(awaiting) => Ok(visit.unconfirmed(awaiting)),
        ProvenOutcome::WrongDigits(_) => {
            let why = "wrong digits, too often; start again";
            Err(Refusal::new(ErrorCode::AccessDenied, why))
        }
        ProvenOutcome::Unreachable => visit.end(ErrorCode::AccessDenied, UNREACHABLE).await,
        ProvenOutcome::OverLimit(until) => Err(over_limit(*until)),
        ProvenOutcome::Failed(denial) => {
            let app = &request.caller.registered.app.client_id;
            tracing::info!(%app, reason = denial.as_str(), "a code was refused");
            let why = "the text's code is used, void, or not for this request; start again";
            visit.end(ErrorCode::AccessDenied, why).await
        }
        ProvenOutcome::Late => {
            let why = "the text arrived, but its time is over; start again";
            visit.end(ErrorCode::ExpiredToken, why).await
        }
        ProvenOutcome::Risky(reason) => {
            let app = &request.caller.registered.app.client_id;
            tracing::info!(%app, reason = reason.as_str(), "a proof was refused");
            visit.end(ErrorCode::AccessDenied, "refused by the platform's policy").await
        }
        ProvenOutcome::Unasked(_) => Err(fault("a code did not come to rest")),
        ProvenOutcome::Blocked => {
            visit.end(ErrorCode::AccessDenied, "this account cannot be used").await
        }
        ProvenOutcome::Gone => Err(invalid_session()),
    };
    turned.tell(answer)
}

fn invalid_session() -> Refusal {
    let why = "this auth_session is unknown, over, or not this app's with this key; start again";
    Refusal::new(ErrorCode::InvalidSession, why)
}

/// An app at its request.
struct Visit<'a> {
    platform: &'a Platform,
    request: &'a TokenRequest,
    session: AuthSession,
    look: Look,
    code: CodeKey,
}

impl<'a> Visit<'a> {
    fn new(platform: &'a Platform, request: &'a TokenRequest, session: AuthSession) -> Self {
        let (vault, app) = (&platform.vault, &request.caller.registered.app.client_id);
        let browser = session.holder(vault, app, &request.proven.jkt);
        let look = Look { key: session.0.key(vault), browser };
        let code = session.0.code_key(vault, &platform.config.issuer, app, 0);
        Self { platform, request, session, look, code }
    }

    async fn prove(
        &self,
        row: &Interaction,
        said: Option<ConfirmationCode>,
    ) -> Result<ProvenOutcome, Refusal> {
        let config = &self.platform.config;
        let registered = &self.request.caller.registered;
        let words = config.terminal.phrase_required;
        let prove = ProveTerminal::new(
            self.look,
            (registered.app.client_id.clone(), 0, self.code),
            words.then(|| Arc::clone(&registered.phrases)),
            config.dormant_s,
            Arc::clone(&self.platform.vault),
        );
        let texting = risk::texting(self.platform, said, row.request.ui_locales.clone());
        let holder = self.request.holder();
        let evidence = risk::evidence(&self.request.form)?;
        risk::prove(self.platform, prove.texting(texting), (Some(&holder), evidence)).await
    }

    /// The operator's own apps ask nobody for consent, and no session begins: there is no browser.
    async fn approve(&self, row: &Interaction) -> Result<Response, Refusal> {
        let (vault, app) = (&self.platform.vault, &self.request.caller.registered.app);
        let Stage::Proven { by, .. } = &row.stage else {
            return Err(invalid_session());
        };
        let code = AuthorizationCode::of(self.session.0, by.grant, vault);
        let approve = Approve::new(self.look, code.hash(vault), None, 0)
            .known_as(by.account, pairwise(app, by.account, vault));
        match self.platform.run(approve).await? {
            Approved::Yes(..) => Ok(json(&json!({"authorization_code": code.as_str()}))),
            Approved::Denied(_) => {
                Err(Refusal::new(ErrorCode::AccessDenied, "this account cannot be used"))
            }
            // No session stood, so none can have become too old.
            Approved::Gone | Approved::Again | Approved::LoginRequired(_) => Err(invalid_session()),
        }
    }

    /// Ends the request: another one shows another code.
    async fn end(&self, code: ErrorCode, why: &str) -> Result<Response, Refusal> {
        self.platform.run(Deny(self.look)).await?;
        Err(Refusal::new(code, why))
    }

    /// Section 5.2.2 of the draft, with the error and the members of PROTOCOL 6.
    fn unconfirmed(&self, awaiting: &Awaiting) -> Response {
        let why = "digits were texted to the phone: ask again with auth_session and with them as \
                   confirmation_code";
        let mut response = json(&json!({
            "error": ErrorCode::ConfirmationRequired.as_str(),
            "error_description": why,
            "auth_session": self.session.text(),
            "channel": "sms",
            "expires_in": awaiting.expires_in,
            "attempts_left": awaiting.attempts_left,
        }));
        response.extensions_mut().insert(ErrorCode::ConfirmationRequired);
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }

    /// Section 5.2.2 of the draft, with the members of PROTOCOL 4.
    async fn insufficient(&self, row: &Interaction, interval: u64) -> Result<Response, Refusal> {
        let (config, app) = (&self.platform.config, &self.request.caller.registered.app);
        let code =
            self.session.0.terminal_code(&self.platform.vault, &config.issuer, &app.client_id, 0);
        let locales = row.request.ui_locales.as_deref();
        let named = (app.client_name.as_str(), &code);
        let numbers = self.platform.numbers.all();
        let text = PreparedText::new(numbers, &config.terminal.phrases, named, locales);
        announce_own(self.platform, &app.client_id, (&code, text.body()), row.expires_at).await?;
        let mut members = text.members();
        let left_s = row.expires_at.seconds().saturating_sub(now().seconds()).max(0);
        let error = ErrorCode::InsufficientAuthorization.as_str();
        let more = [
            ("error", json!(error)),
            ("error_description", json!("send sms_body, then ask again with auth_session")),
            ("auth_session", json!(self.session.text())),
            ("expires_in", json!(left_s)),
            ("interval", json!(interval)),
        ];
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
        let mut response = json(&Value::Object(members));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        Ok(response)
    }
}
