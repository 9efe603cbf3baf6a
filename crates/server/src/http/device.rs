//! Device authorization (RFC 8628): the endpoint, and the grant.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Request, request};
use serde_json::{Value, json};
use twinpath_core::authorization::{DEVICE_S, DeviceAuthorization, check_device};
use twinpath_core::grant::Scope;
use twinpath_core::join::Redemption;
use twinpath_core::risk::RiskRule;
use twinpath_wire::oauth::ErrorCode;
use twinpath_wire::phrase::page_phrases;

use crate::http::authentication::{Caller, use_up, with_next_nonce};
use crate::http::authorize::rules;
use crate::http::prepared_text::PreparedText;
use crate::http::refusal::{fault, json};
use crate::http::request::{Form, source};
use crate::http::sender::TokenRequest;
use crate::http::terminal_authorization::announce_own;
use crate::http::terminal_grant::{take_turn, terms, texting};
use crate::http::{Refusal, path};
use crate::platform::{Platform, SystemRandom, now};

/// `POST /device_authorization`
pub(super) async fn authorize(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let result = answer(&platform, &parts, body).await;
    let outcome = result.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| "begun");
    platform.counters.count("twinpath_token_requests_total", "device", outcome);
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    platform: &Platform,
    parts: &request::Parts,
    body: Body,
) -> Result<Response, Refusal> {
    let form = Form::read(&parts.headers, body).await?;
    let caller = Caller::authenticate(platform, parts, &form, now()).await?;
    let dpop = caller.registered.app.dpop;
    let result = begin(platform, parts, &form, &caller).await;
    if dpop { with_next_nonce(platform, result) } else { result }
}

async fn begin(
    platform: &Platform,
    parts: &request::Parts,
    form: &Form,
    caller: &Caller,
) -> Result<Response, Refusal> {
    let now = now();
    let app = &caller.registered.app;
    let mut asked = check_device(form, app, &rules(platform), (now, &mut SystemRandom))?;
    // As in pushed requests: a proof binds what is handed out to its key.
    let endpoint = path::DEVICE_AUTHORIZATION;
    let proven = caller.shown_key(platform, &parts.headers, endpoint, now)?;
    asked.jkt = proven.jkt;
    use_up(platform, caller.spends(proven.proof)).await?;
    let (issuer, client_id) = (&platform.config.issuer, &app.client_id);
    let code = asked.user_code(issuer, client_id);
    let (key, from) = (platform.vault.code_key(&code), source(parts, &platform.config));
    platform.pending.admit((from, client_id), key, now).map_err(Refusal::too_many)?;
    platform.pending.asked((from, client_id), key, now, None);
    let device_code = asked.seal(&platform.vault, client_id, &mut SystemRandom);
    let device_code = device_code.ok_or_else(|| fault("a device code could not be sealed"))?;
    // A television is no app on the phone that sends: the words are those of the platform's pages.
    let named = (app.client_name.as_str(), &code);
    let text =
        PreparedText::new(platform.numbers.all(), &page_phrases(), named, form.get("ui_locales"));
    announce_own(platform, client_id, (&code, text.body()), asked.expires_at).await?;
    let mut members = text.members();
    // What verifies is the text itself: there is no page to go to.
    let complete = members.get("sms_uri").and_then(Value::as_str).unwrap_or("sms:").to_owned();
    let bare = complete.split('?').next().unwrap_or_default().to_owned();
    let more = [
        ("device_code", json!(device_code)),
        ("user_code", json!(code.to_string())),
        ("verification_uri", json!(bare)),
        ("verification_uri_complete", json!(complete)),
        ("expires_in", json!(DEVICE_S)),
        ("interval", json!(platform.config.terminal.interval_s)),
    ];
    members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Ok(json(&Value::Object(members)))
}

/// RFC 8628 3.4: `grant_type=urn:ietf:params:oauth:grant-type:device_code`.
pub(super) async fn redeem(
    platform: &Platform,
    request: TokenRequest,
) -> Result<Response, Refusal> {
    match checked(platform, &request) {
        Ok(redemption) => take_turn(platform, request, redemption).await,
        Err(refusal) => Err(request.refuse(platform, refusal).await),
    }
}

fn checked(platform: &Platform, request: &TokenRequest) -> Result<Redemption, Refusal> {
    let (config, vault) = (&platform.config, &platform.vault);
    let registered = &request.caller.registered;
    let app = &registered.app;
    let device_code = request.form.require("device_code")?;
    let asked = DeviceAuthorization::open(vault, &app.client_id, device_code);
    let asked = asked.ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidGrant, "this device_code was not given to this app")
    })?;
    if !asked.jkt.is_empty() && asked.jkt != request.proven.jkt {
        let why = "this device_code belongs to another key";
        return Err(Refusal::new(ErrorCode::InvalidGrant, why));
    }
    if request.now >= asked.expires_at {
        return Err(Refusal::new(ErrorCode::ExpiredToken, "the device_code's time is over"));
    }
    // What the app lost since it asked is not granted.
    let scope = Scope::parse(&asked.scope)?.retain(&app.scope);
    let scope = request.scope_rule(platform).grant(scope, false)?;
    Ok(Redemption {
        code: vault.code_key(&asked.user_code(&config.issuer, &app.client_id)),
        frozen: asked.frozen(vault, &request.proven.jkt),
        client_id: app.client_id.clone(),
        jkt: request.proven.jkt.clone(),
        scope: scope.join(),
        words: config.terminal.phrase_required.then(|| Arc::clone(&registered.page_phrases)),
        resources: asked.resources,
        terms: terms(asked.authorization_details, request),
        login_hint: asked.login_hint,
        risk: RiskRule::Off,
        announcement: None,
        grant_ttl_s: config.tokens.refresh_ttl_s,
        dormant_s: config.dormant_s,
        texting: texting(platform, request)?,
    })
}
