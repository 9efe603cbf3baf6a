//! The terminal authorization endpoint (PROTOCOL 4): an app announces the code of a text before it is
//! sent, and learns where to and with which words.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, request};
use serde_json::{Value, json};
use twinpath_core::grant::{Resources, Scope, Spends};
use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::join::{Announce, Announced, Announcing, announcement_key};
use twinpath_core::number::E164;
use twinpath_core::records::Announcement;
use twinpath_core::token::Bound;
use twinpath_wire::code::{Code, read_message};
use twinpath_wire::oauth::ErrorCode;

use crate::http::authentication::{Caller, replayed, with_next_nonce};
use crate::http::prepared_text::PreparedText;
use crate::http::refusal::json;
use crate::http::request::{Form, base, source};
use crate::http::sender::TokenRequest;
use crate::http::{Refusal, path};
use crate::platform::{NumberChoice, Platform, now};

/// How long after the end of an announcement its token request may come: the code's own life, and that
/// of a confirmation.
const KEPT_S: i64 = 2 * 86_400;

/// `POST /terminal_authorization`
pub(super) async fn announce(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = answer(&platform, parts, body).await;
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| "announced");
    platform.counters.count("twinpath_token_requests_total", "announcement", outcome);
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    platform: &Platform,
    parts: request::Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let form = Form::read(&parts.headers, body).await?;
    let now = now();
    let caller = Caller::authenticate(platform, &parts, &form, now).await?;
    let url = format!("{}{}", base(platform, &parts.headers), path::TERMINAL_AUTHORIZATION);
    let proven = caller.instance_key(platform, &parts.headers, &url, now)?;
    let bound = matches!(Bound::of(&proven.jkt), Bound::Key(_));
    let (source, headers) = (source(&parts, &platform.config), parts.headers);
    let request = TokenRequest { form, headers, source, caller, proven, now };
    let result = match prepare(platform, &request) {
        Ok(prepared) => record(platform, request, prepared).await,
        Err(refusal) => Err(request.refuse(platform, refusal).await),
    };
    if bound { with_next_nonce(platform, result) } else { result }
}

/// A checked announcement, and the text for it.
struct Prepared {
    code: Code,
    said: Announced,
    text: PreparedText,
}

fn prepare(platform: &Platform, request: &TokenRequest) -> Result<Prepared, Refusal> {
    let (form, registered) = (&request.form, &request.caller.registered);
    let config = &platform.config;
    let code = Code::parse_symbols(form.require("code")?)
        .map_err(|error| Refusal::request(error.to_string()))?;
    let said = form.get("scope").is_some();
    let scope = Scope::within(form.get("scope"), &registered.app.scope)?;
    let scope = request.scope_rule(platform).grant(scope, said)?;
    let resources = Resources::within(&form.all("resource"), &config.tokens.resources)?;
    let details = match form.get("authorization_details") {
        Some(raw) => config.details.check(raw, &registered.app)?,
        None => Vec::new(),
    };
    let numbers = platform.numbers.offer(&choice(form)?).map_err(|_| {
        Refusal::request("no number of this platform takes texts from terminal_country")
    })?;
    let named = (registered.app.client_name.as_str(), &code);
    let locales = form.get("ui_locales");
    let text = PreparedText::new(numbers, &config.terminal.phrases, named, locales);
    let key = announcement_key(&platform.vault, platform.vault.code_key(&code));
    let announcement = Announcement {
        client_id: registered.app.client_id.clone(),
        jkt: request.proven.jkt.clone(),
        words: words(platform, text.body()),
        scope: scope.join(),
        resources: resources.0,
        details,
        expires_at: request.now.plus_seconds(config.terminal.ttl_s),
    };
    Ok(Prepared { code, said: Announced { key, announcement, kept_s: KEPT_S }, text })
}

/// For whom a number is chosen.
fn choice(form: &Form) -> Result<NumberChoice, Refusal> {
    let country = form.get("terminal_country").map(NumberChoice::country).transpose();
    let country = country.map_err(|_| {
        Refusal::request("terminal_country must be a country of ISO 3166-1, like CN")
    })?;
    let hint = form.get("login_hint").map(|hint| {
        E164::parse_tel(hint)
            .ok_or_else(|| Refusal::request("login_hint must be a tel: URI like tel:+447911123456"))
    });
    Ok(NumberChoice { country, number: hint.transpose()? })
}

fn words(platform: &Platform, body: &str) -> twinpath_core::ids::Digest {
    let words = read_message(body).map(|message| message.words).unwrap_or_default();
    platform.vault.words(&words)
}

async fn record(
    platform: &Platform,
    request: TokenRequest,
    prepared: Prepared,
) -> Result<Response, Refusal> {
    let Prepared { code, said, text } = prepared;
    let code = platform.vault.code_key(&code);
    let source = request.limited_source();
    if let Some(source) = source
        && let Err(retry_after_s) = platform.pending.admit(source, code, request.now)
    {
        return Err(request.refuse(platform, Refusal::too_many(retry_after_s)).await);
    }
    let gate = request.gate(platform, code);
    match platform.run(Announce::new(said, request.spends(), gate)).await? {
        Announcing::Awaited => {}
        Announcing::Full => return Err(Refusal::too_many(KEPT_S.unsigned_abs())),
        Announcing::Limited(retry_after_s) => return Err(Refusal::too_many(retry_after_s)),
        Announcing::Replayed(replay) => return Err(replayed(replay)),
    }
    if let Some(source) = source {
        platform.pending.asked(source, code, request.now, None);
    }
    let terminal = &platform.config.terminal;
    let mut members = text.members();
    members.insert("expires_in".to_owned(), json!(terminal.ttl_s));
    members.insert("interval".to_owned(), json!(terminal.interval_s));
    Ok(json(&Value::Object(members)))
}

/// Where texts must be announced, announces one that the platform itself prepared, for a page or a
/// television, until `expires_at`.
pub(super) async fn announce_own(
    platform: &Platform,
    client_id: &ClientId,
    (code, body): (&Code, &str),
    expires_at: Timestamp,
) -> Result<(), Refusal> {
    if !platform.config.terminal.announce_required {
        return Ok(());
    }
    let key = announcement_key(&platform.vault, platform.vault.code_key(code));
    let words = words(platform, body);
    let announcement = Announcement {
        client_id: client_id.clone(),
        // No instance's: for each wording one of its own, so that a page may be read in two languages.
        jkt: format!("page:{words:?}"),
        words,
        scope: String::new(),
        resources: Vec::new(),
        details: Vec::new(),
        expires_at,
    };
    let said = Announced { key, announcement, kept_s: 0 };
    match platform.run(Announce::new(said, Spends::default(), None)).await? {
        Announcing::Awaited => Ok(()),
        Announcing::Full | Announcing::Limited(_) | Announcing::Replayed(_) => {
            let why = "this text was shown in too many languages";
            Err(Refusal::new(ErrorCode::TemporarilyUnavailable, why)
                .status(StatusCode::TOO_MANY_REQUESTS))
        }
    }
}
