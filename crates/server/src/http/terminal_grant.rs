//! The terminal grant (PROTOCOL 5): the second-message receiver.
//!
//! All checks of the request come first; then the code is redeemed, once now and, if the client wants
//! to wait, once more when its text has arrived.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::HeaderValue;
use twinpath_core::app::Registered;
use twinpath_core::authorization::{authentication_context, max_age};
use twinpath_core::grant::{Resources, Scope, Spends};
use twinpath_core::ids::{CodeKey, Timestamp};
use twinpath_core::join::{Issued, Redeem, Redeemed, Redemption};
use twinpath_core::number::E164;
use twinpath_core::records::{GrantType, Terms};
use twinpath_core::token::{Bound, IdTokenRequest};
use twinpath_wire::code::Code;
use twinpath_wire::oauth::ErrorCode;
use twinpath_wire::verifier::Verifier;

use crate::http::Refusal;
use crate::http::authentication::replayed;
use crate::http::refusal::fault;
use crate::http::sender::{TokenRequest, Tokens};
use crate::platform::{Busy, Line, Pace, Platform, Waiter, now};

/// The longest wait (PROTOCOL 5).
const MAX_WAIT_S: u64 = 30;

pub(super) async fn redeem(
    platform: &Platform,
    request: TokenRequest,
) -> Result<Response, Refusal> {
    let redemption = match admitted(platform, &request) {
        Ok(redemption) => Arc::new(redemption),
        Err(refusal) => return Err(request.refuse(platform, refusal).await),
    };
    let source = (request.source, &request.caller.registered.app.client_id);
    let code = redemption.code;
    let wait = wanted_wait(&request);
    // The place is taken before the first look, so that no text slips between look and wait.
    let place = wait.map(|wait| platform.waiters.wait_for(code, after(now(), wait)));
    let taken = matches!(place, Some(Err(Busy::Taken)));
    let place = place.and_then(Result::ok);
    let mut redeemed = run(platform, &redemption, request.spends()).await?;
    let mut line = None;
    if matches!(redeemed, Redeemed::Pending) {
        if taken {
            return Err(already_waiting(platform, code));
        }
        // No text slips in here either: one that another node recorded meanwhile wakes the place.
        let here = platform.line(code, place.as_ref().map(Waiter::until)).await;
        if here.taken {
            return Err(already_waiting(platform, code));
        }
        platform.pending.asked(source, code, request.now, here.elsewhere);
        line = Some(here);
        if let (Some(wait), Some(place)) = (wait, &place)
            && in_time(platform, code)
        {
            redeemed = waited(platform, &redemption, place, wait).await?;
        }
    }
    if !matches!(redeemed, Redeemed::Pending) {
        platform.pending.ended(source, code);
        platform.polls.forget(code);
        if let Some(line) = line.take() {
            line.over();
        }
    }
    let answer = answer(platform, &request, (code, line), redeemed);
    let Some(wait) = wait.filter(|_| place.is_some()) else {
        return answer;
    };
    let applied = format!("wait={}", wait.as_secs());
    answer
        .map(|response| preference(response, &applied))
        .map_err(|refusal| refusal.header(PREFERENCE_APPLIED, &applied))
}

const PREFERENCE_APPLIED: http::HeaderName = http::HeaderName::from_static("preference-applied");

fn preference(mut response: Response, applied: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(applied) {
        response.headers_mut().insert(PREFERENCE_APPLIED, value);
    }
    response
}

/// Everything that can be refused without looking at the code.
fn admitted(platform: &Platform, request: &TokenRequest) -> Result<Redemption, Refusal> {
    let redemption = checked(platform, request)?;
    let source = (request.source, &request.caller.registered.app.client_id);
    let admitted = platform.pending.admit(source, redemption.code, request.now);
    admitted.map_err(Refusal::too_many)?;
    Ok(redemption)
}

/// The parameters, read and held against the app.
fn checked(platform: &Platform, request: &TokenRequest) -> Result<Redemption, Refusal> {
    let (form, registered) = (&request.form, &request.caller.registered);
    let (config, vault) = (&platform.config, &platform.vault);
    let verifier = Verifier::parse(form.require("terminal_verifier")?).map_err(|_| {
        Refusal::request("terminal_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
    })?;
    if form.get("authorization_details").is_some() {
        return Err(Refusal::new(
            ErrorCode::InvalidAuthorizationDetails,
            "no authorization_details types are registered here",
        ));
    }
    let scope = Scope::within(form.get("scope"), &registered.app.scope)?;
    let resources = Resources::within(&form.all("resource"), &config.tokens.resources)?;
    // RFC 9470 4. The terminal is proven anew here; how long ago its text came, `auth_time` tells.
    max_age(form.get("max_age"))?;
    authentication_context(form.get("acr_values"), None)?;
    let login_hint = match form.get("login_hint") {
        Some(hint) => {
            let number = E164::parse_tel(hint).ok_or_else(|| {
                Refusal::request("login_hint must be a tel: URI like tel:+447911123456")
            })?;
            Some(vault.terminal_key(&number))
        }
        None => None,
    };
    let client_id = registered.app.client_id.clone();
    let jkt = Bound::of(&request.proven.jkt).jkt();
    let code = Code::commit(&config.issuer, client_id.as_str(), jkt, verifier.as_str());
    let asked_scope = form.get("scope").unwrap_or_default();
    let mut frozen = vec![asked_scope.as_bytes()];
    frozen.extend(resources.0.iter().map(String::as_bytes));
    Ok(Redemption {
        code: vault.code_key(&code),
        frozen: vault.frozen(&frozen),
        client_id,
        jkt: request.proven.jkt.clone(),
        scope: scope.join(),
        words: config.terminal.phrase_required.then(|| Arc::clone(&registered.phrases)),
        resources: resources.0,
        terms: (!refreshable(registered)).then(|| Terms { no_refresh: true, ..Terms::default() }),
        login_hint,
        grant_ttl_s: config.tokens.refresh_ttl_s,
        dormant_s: config.dormant_s,
    })
}

/// Whether the app is handed a refresh token.
fn refreshable(registered: &Registered) -> bool {
    registered.app.grant_types.contains(&GrantType::RefreshToken)
}

/// RFC 7240 4.3: `Prefer: wait=N`, among other preferences. What cannot be read is ignored.
fn wanted_wait(request: &TokenRequest) -> Option<Duration> {
    let headers = request.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = headers.flat_map(|header| header.split([',', ';'])).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let wait = name.trim().eq_ignore_ascii_case("wait");
        wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok()).flatten()
    })?;
    (wait > 0).then(|| Duration::from_secs(wait.min(MAX_WAIT_S)))
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.plus_seconds(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

/// Other nodes hear of the pace when the request that waits is answered.
fn already_waiting(platform: &Platform, code: CodeKey) -> Refusal {
    let interval = platform.polls.slow_down(code, now());
    let mut refusal = Refusal::new(ErrorCode::SlowDown, "another request waits for this code");
    refusal.interval = Some(interval);
    refusal
}

fn in_time(platform: &Platform, code: CodeKey) -> bool {
    matches!(platform.polls.judge(code, now()), Pace::Right(_))
}

async fn run(
    platform: &Platform,
    redemption: &Arc<Redemption>,
    spends: Spends,
) -> Result<Redeemed, Refusal> {
    let vault = Arc::clone(&platform.vault);
    Ok(platform.run(Redeem::new(Arc::clone(redemption), vault, spends)).await?)
}

async fn waited(
    platform: &Platform,
    redemption: &Arc<Redemption>,
    place: &Waiter,
    wait: Duration,
) -> Result<Redeemed, Refusal> {
    match tokio::time::timeout(wait, place.woken()).await {
        Ok(()) => run(platform, redemption, Spends::default()).await,
        Err(_) => Ok(Redeemed::Pending),
    }
}

fn answer(
    platform: &Platform,
    request: &TokenRequest,
    (code, line): (CodeKey, Option<Line<'_>>),
    redeemed: Redeemed,
) -> Result<Response, Refusal> {
    match redeemed {
        Redeemed::Issued(issued) => respond(platform, request, &issued),
        Redeemed::Pending => Err(pending(platform, code, line)),
        Redeemed::Expired => Err(Refusal::new(
            ErrorCode::ExpiredToken,
            "the text arrived, but its time is over; start again with a new verifier",
        )),
        Redeemed::Invalid(denial) => {
            let app = &request.caller.registered.app.client_id;
            tracing::info!(%app, reason = denial.as_str(), "a code was refused");
            Err(Refusal::new(
                ErrorCode::InvalidGrant,
                "the code is used, void, or not for this request; start again with a new verifier",
            ))
        }
        Redeemed::Blocked => {
            Err(Refusal::new(ErrorCode::AccessDenied, "this account cannot be used"))
        }
        Redeemed::Replayed(replay) => Err(replayed(replay)),
    }
}

fn pending(platform: &Platform, code: CodeKey, line: Option<Line<'_>>) -> Refusal {
    let now = now();
    let pace = platform.polls.judge(code, now);
    platform.polls.answered(code, pace, now);
    let (error, description, interval) = match pace {
        Pace::Right(interval) => {
            (ErrorCode::AuthorizationPending, "the text has not arrived", interval)
        }
        Pace::TooFast(interval) => {
            (ErrorCode::SlowDown, "ask less often: keep to the interval", interval)
        }
    };
    if let Some(line) = line {
        line.answered(now, interval);
    }
    let mut refusal = Refusal::new(error, description);
    refusal.interval = Some(interval);
    refusal
}

fn respond(
    platform: &Platform,
    request: &TokenRequest,
    issued: &Issued,
) -> Result<Response, Refusal> {
    let number = platform
        .vault
        .open_number(issued.grant.terminal, &issued.number)
        .map_err(|_| fault("a number does not open"))?;
    let scope = Scope::parse(&issued.grant.scope)?;
    Tokens {
        registered: &request.caller.registered,
        grant: &issued.grant,
        scope: &scope,
        resources: &issued.grant.resources,
        refresh_token: refreshable(&request.caller.registered)
            .then(|| issued.refresh_token.as_str().to_owned()),
        terminal_hint: Some(number.hint()),
        id_token: IdTokenRequest::default(),
    }
    .respond(platform)
}
