//! The terminal grant (PROTOCOL 5): the second-message receiver.
//!
//! All checks of the request come first; then the code is redeemed, once now and, if the client wants
//! to wait, once more when its text has arrived.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};
use twinpath_core::app::Registered;
use twinpath_core::authorization::{asks_confirmation, authentication_context, max_age};
use twinpath_core::grant::{Resources, Scope, Spends};
use twinpath_core::ids::Timestamp;
use twinpath_core::join::{
    AnnouncementRule, Awaiting, Issued, Redeem, Redeemed, Redemption, UnredeemedGate,
    announcement_key,
};
use twinpath_core::number::E164;
use twinpath_core::outbound::{Confirm, ConfirmationCode, Texting};
use twinpath_core::records::{GrantType, Terms};
use twinpath_core::risk::RiskRule;
use twinpath_core::token::{Bound, IdTokenRequest};
use twinpath_wire::code::Code;
use twinpath_wire::oauth::ErrorCode;
use twinpath_wire::verifier::Verifier;

use crate::http::authentication::replayed;
use crate::http::refusal::{Confirmation, fault};
use crate::http::request::Form;
use crate::http::sender::{TokenRequest, Tokens};
use crate::http::turn::{Turn, Turned, pending, wanted_wait};
use crate::http::{Refusal, risk};
use crate::platform::{Platform, now};

/// As long as an authorization request's.
const MAX_LOCALES: usize = 256;
/// What an app is told of a number that no confirmation is texted to.
pub(super) const UNREACHABLE: &str =
    "this must be confirmed by a text to the phone, and none is sent to its country";

pub(super) async fn redeem(
    platform: &Platform,
    request: TokenRequest,
) -> Result<Response, Refusal> {
    match checked(platform, &request) {
        Ok(redemption) => take_turn(platform, request, redemption).await,
        Err(refusal) => Err(request.refuse(platform, refusal).await),
    }
}

/// What follows a checked request, whichever grant type it came with: limits, the code's turn, the
/// answer.
pub(super) async fn take_turn(
    platform: &Platform,
    request: TokenRequest,
    redemption: Redemption,
) -> Result<Response, Refusal> {
    let source = request.limited_source();
    if let Some(source) = source
        && let Err(retry_after_s) = platform.pending.admit(source, redemption.code, request.now)
    {
        return Err(request.refuse(platform, Refusal::too_many(retry_after_s)).await);
    }
    let app = &request.caller.registered.app.client_id;
    if let Some(retry_after_s) = platform.app_limits.full(app, request.now) {
        return Err(request.refuse(platform, Refusal::too_many(retry_after_s)).await);
    }
    let redemption = Arc::new(Redemption { risk: risk::rule(platform), ..redemption });
    let holder = request.holder();
    let evidence = match risk::evidence(&request.form) {
        Ok(evidence) => evidence,
        Err(refusal) => return Err(request.refuse(platform, refusal).await),
    };
    let by = (Some(holder.as_str()), evidence);
    let wait = wanted_wait(&request.headers);
    let turn = Turn { platform, source, code: redemption.code, wait, now: request.now };
    let gate = request.gate(platform, redemption.code);
    let first = run(platform, &redemption, by, (request.spends(), gate));
    let again = async {
        // The text may have taken its time, and an operator may have been faster.
        request.caller.still_admitted(platform).await?;
        run(platform, &redemption, by, (Spends::default(), None)).await
    };
    let pending = |redeemed: &Redeemed| matches!(redeemed, Redeemed::Pending);
    let mut turned = turn.take(first, again, pending).await?;
    let answer = answer(platform, &request, &mut turned);
    turned.tell(answer)
}

/// The parameters, read and held against the app.
fn checked(platform: &Platform, request: &TokenRequest) -> Result<Redemption, Refusal> {
    let (form, registered) = (&request.form, &request.caller.registered);
    let (config, vault) = (&platform.config, &platform.vault);
    let verifier = Verifier::parse(form.require("terminal_verifier")?).map_err(|_| {
        Refusal::request("terminal_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
    })?;
    let scope = Scope::within(form.get("scope"), &registered.app.scope)?;
    let scope = request.scope_rule(platform).grant(scope, form.get("scope").is_some())?;
    let resources = Resources::within(&form.all("resource"), &config.tokens.resources)?;
    // RFC 9470 4. The terminal is proven anew here; how long ago its text came, `auth_time` tells.
    max_age(form.get("max_age"))?;
    let login_hint = match form.get("login_hint") {
        Some(hint) => {
            let number = E164::parse_tel(hint).ok_or_else(|| {
                Refusal::request("login_hint must be a tel: URI like tel:+447911123456")
            })?;
            Some(vault.terminal_key(&number))
        }
        None => None,
    };
    let details = match form.get("authorization_details") {
        Some(raw) => config.details.check(raw, &registered.app)?,
        None => Vec::new(),
    };
    let client_id = registered.app.client_id.clone();
    let jkt = Bound::of(&request.proven.jkt).jkt();
    let code = Code::commit(&config.issuer, client_id.as_str(), jkt, verifier.as_str());
    let asked_scope = form.get("scope").unwrap_or_default();
    let mut frozen = vec![asked_scope.as_bytes()];
    frozen.extend(resources.0.iter().map(String::as_bytes));
    // No resource begins like it.
    let said = json!(details).to_string();
    frozen.extend((!details.is_empty()).then_some(said.as_bytes()));
    let code = vault.code_key(&code);
    let said = ["scope", "resource", "authorization_details"].map(|name| form.get(name).is_some());
    Ok(Redemption {
        code,
        risk: RiskRule::Off,
        announcement: Some(AnnouncementRule {
            key: announcement_key(vault, code),
            required: config.terminal.announce_required,
            said: said.into(),
        }),
        frozen: vault.frozen(&frozen),
        client_id,
        jkt: request.proven.jkt.clone(),
        scope: scope.join(),
        words: config.terminal.phrase_required.then(|| Arc::clone(&registered.phrases)),
        resources: resources.0,
        terms: terms(details, request),
        login_hint,
        grant_ttl_s: config.tokens.refresh_ttl_s,
        dormant_s: config.dormant_s,
        texting: texting(platform, request)?,
    })
}

/// Confirmation and notice (PROTOCOL 6), as the request and the configuration want them.
pub(super) fn texting(platform: &Platform, request: &TokenRequest) -> Result<Texting, Refusal> {
    let (form, config) = (&request.form, &platform.config);
    let acr_values = form.get("acr_values");
    let said = shown_digits(form)?;
    let Some(outbound) = &config.outbound else {
        authentication_context(acr_values, None)?;
        return Ok(Texting { said, ..Texting::default() });
    };
    let asked = asks_confirmation(acr_values, None)?;
    let ui_locales = form.get("ui_locales");
    if ui_locales.is_some_and(|value| value.len() > MAX_LOCALES) {
        return Err(Refusal::request("ui_locales is too long"));
    }
    Ok(Texting {
        confirm: if asked { Confirm::Always } else { config.confirm.all },
        sensitive: Arc::clone(&config.confirm.sensitive),
        said,
        notify: outbound.notify,
        ui_locales: ui_locales.map(str::to_owned),
        limits: Arc::clone(&outbound.limits),
    })
}

/// The digits that a request shows, if it does.
pub(super) fn shown_digits(form: &Form) -> Result<Option<ConfirmationCode>, Refusal> {
    let Some(digits) = form.get("confirmation_code") else {
        return Ok(None);
    };
    let said = ConfirmationCode::parse(digits);
    let why = "confirmation_code must be the eight digits of the text";
    said.map(Some).ok_or_else(|| Refusal::request(why))
}

/// Asks for them.
pub(super) fn unconfirmed(awaiting: &Awaiting) -> Refusal {
    let mut refusal = Refusal::new(
        ErrorCode::ConfirmationRequired,
        "digits were texted to the phone: repeat the request with them as confirmation_code",
    );
    refusal.confirmation = Some(Confirmation {
        channel: "sms",
        expires_in: awaiting.expires_in.unsigned_abs(),
        attempts_left: awaiting.attempts_left.into(),
    });
    refusal
}

/// No text to the phone before then.
pub(super) fn over_limit(until: Timestamp) -> Refusal {
    let left = until.seconds().saturating_sub(now().seconds()).max(1);
    Refusal::too_many(left.unsigned_abs())
}

/// Whether the app is handed a refresh token.
pub(super) fn refreshable(registered: &Registered) -> bool {
    registered.app.grant_types.contains(&GrantType::RefreshToken)
}

/// What only some grants have.
pub(super) fn terms(authorization_details: Vec<Value>, request: &TokenRequest) -> Option<Terms> {
    let no_refresh = !refreshable(&request.caller.registered);
    let attestation = request.caller.attestation().cloned();
    let some = !authorization_details.is_empty() || no_refresh || attestation.is_some();
    some.then(|| Terms { authorization_details, no_refresh, attestation, ..Terms::default() })
}

/// Others are asked in between, where that is configured: no transaction waits for them.
async fn run(
    platform: &Platform,
    redemption: &Arc<Redemption>,
    by: risk::By<'_>,
    (spends, gate): (Spends, Option<UnredeemedGate>),
) -> Result<Redeemed, Refusal> {
    let redeem = |redemption: &Arc<Redemption>, spends| {
        Redeem::new(Arc::clone(redemption), Arc::clone(&platform.vault), spends)
    };
    let mut redeemed = platform.run(redeem(redemption, spends).gated(gate)).await?;
    for _ in 0..risk::ROUNDS {
        let Redeemed::Unasked(question) = &redeemed else {
            return Ok(redeemed);
        };
        let rule = risk::ask(platform, redemption.code, question, by).await?;
        let answered = Arc::new(Redemption { risk: rule, ..Redemption::clone(redemption) });
        redeemed = platform.run(redeem(&answered, Spends::default())).await?;
    }
    Ok(redeemed)
}

fn answer(
    platform: &Platform,
    request: &TokenRequest,
    turned: &mut Turned<'_, Redeemed>,
) -> Result<Response, Refusal> {
    match &turned.outcome {
        Redeemed::Issued(issued) => {
            if issued.grant.refresh.sequence == 1 {
                let app = &issued.grant.client_id;
                platform.app_limits.count(app, issued.new_account, request.now);
            }
            if let Some(text) = issued.notice {
                platform.outbox.send(text);
            }
            respond(platform, request, issued)
        }
        Redeemed::Risky(reason) => {
            let app = &request.caller.registered.app.client_id;
            tracing::info!(%app, reason = reason.as_str(), "a proof was refused");
            Err(risk::refused())
        }
        Redeemed::Unasked(_) => Err(fault("a code did not come to rest")),
        Redeemed::Unconfirmed(awaiting) => {
            platform.outbox.send(awaiting.text);
            Err(unconfirmed(awaiting))
        }
        Redeemed::WrongDigits => Err(Refusal::new(
            ErrorCode::AccessDenied,
            "wrong digits, too often; start again with a new verifier",
        )),
        Redeemed::Unreachable => Err(Refusal::new(ErrorCode::AccessDenied, UNREACHABLE)),
        Redeemed::OverLimit(until) => Err(over_limit(*until)),
        Redeemed::Pending => Err(pending(turned.paced())),
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
        Redeemed::Limited(retry_after_s) => Err(Refusal::too_many(*retry_after_s)),
        Redeemed::Beyond(error) => Err(error.clone().into()),
        Redeemed::Replayed(replay) => Err(replayed(*replay)),
    }
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
    // An answer that was lost is given anew: by what vouches for the installation now.
    let scope = request.scope_rule(platform).grant(Scope::parse(&issued.grant.scope)?, false)?;
    Tokens {
        registered: &request.caller.registered,
        grant: &issued.grant,
        scope: &scope,
        resources: &issued.grant.resources,
        details: issued.grant.details(),
        refresh_token: refreshable(&request.caller.registered)
            .then(|| issued.refresh_token.as_str().to_owned()),
        terminal_hint: Some(number.hint()),
        id_token: IdTokenRequest::default(),
    }
    .respond(platform)
}
