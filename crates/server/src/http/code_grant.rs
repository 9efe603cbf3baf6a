//! The authorization code grant (RFC 6749 4.1.3, RFC 7636 4.5).

use std::sync::Arc;

use axum::response::Response;
use twinpath_core::authorization::{AuthorizationCode, CodeRedeemed, CodeRequest, Exchange};
use twinpath_core::grant::{Resources, Scope, details_within};
use twinpath_core::records::GrantType;
use twinpath_core::token::IdTokenRequest;
use twinpath_wire::oauth::ErrorCode;
use twinpath_wire::verifier::Verifier;

use crate::http::Refusal;
use crate::http::authentication::{replayed, use_up};
use crate::http::refusal::fault;
use crate::http::sender::{TokenRequest, Tokens};
use crate::platform::Platform;

pub(super) async fn exchange(
    platform: &Platform,
    request: TokenRequest,
) -> Result<Response, Refusal> {
    let (code, operation) = match checked(platform, &request) {
        Ok(checked) => checked,
        Err(refusal) => return Err(request.refuse(platform, refusal).await),
    };
    let app = &request.caller.registered.app.client_id;
    if let Some(retry_after_s) = platform.app_limits.full(app, request.now) {
        return Err(request.refuse(platform, Refusal::too_many(retry_after_s)).await);
    }
    let Some(code) = code else {
        use_up(platform, request.spends()).await?;
        return Err(invalid());
    };
    let operation = CodeRequest {
        interaction: code.interaction().key(&platform.vault),
        code: code.hash(&platform.vault),
        ..operation
    };
    let (resources, details) = (operation.resources.clone(), operation.details.clone());
    let vault = Arc::clone(&platform.vault);
    let redeemed = platform.run(Exchange::new(operation, vault, request.spends())).await?;
    let registered = &request.caller.registered;
    let app = &registered.app.client_id;
    match redeemed {
        CodeRedeemed::Issued { grant, number, refresh_token, asked, notice } => {
            if let Some(text) = notice {
                platform.outbox.send(text);
            }
            platform.app_limits.count(app, false, request.now);
            let number = platform.vault.open_number(grant.terminal, &number);
            let number = number.map_err(|_| fault("a number does not open"))?;
            let scope = Scope::parse(&grant.scope)?;
            let details = match &details {
                Some(raw) => details_within(raw, grant.details())?,
                None => grant.details().to_vec(),
            };
            let narrowed = if resources.is_empty() { &grant.resources } else { &resources };
            Tokens {
                registered,
                grant: &grant,
                scope: &scope,
                resources: narrowed,
                details: &details,
                refresh_token: refresh_token.map(|token| token.as_str().to_owned()),
                terminal_hint: Some(number.hint()),
                id_token: IdTokenRequest::of(&asked, number.as_str()),
            }
            .respond(platform)
        }
        CodeRedeemed::Invalid(why) => {
            tracing::info!(%app, why, "an authorization code was refused");
            Err(invalid())
        }
        CodeRedeemed::Widened(error) => Err(error.into()),
        CodeRedeemed::Reused => {
            tracing::warn!(%app, "an authorization code came back: grant revoked");
            Err(invalid())
        }
        CodeRedeemed::Denied => {
            Err(Refusal::new(ErrorCode::InvalidGrant, "this account cannot be used"))
        }
        CodeRedeemed::Replayed(replay) => Err(replayed(replay)),
    }
}

fn checked(
    platform: &Platform,
    request: &TokenRequest,
) -> Result<(Option<AuthorizationCode>, CodeRequest), Refusal> {
    let (form, app) = (&request.form, &request.caller.registered.app);
    let code = AuthorizationCode::parse(form.require("code")?);
    let verifier = Verifier::parse(form.require("code_verifier")?).map_err(|_| {
        Refusal::request("code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
    })?;
    let config = &platform.config;
    let resources = Resources::within(&form.all("resource"), &config.tokens.resources)?;
    let operation = CodeRequest {
        interaction: twinpath_core::ids::Digest([0; 16]),
        code: twinpath_core::ids::Digest([0; 16]),
        client_id: app.client_id.clone(),
        jkt: request.proven.jkt.clone(),
        redirect_uri: form.get("redirect_uri").map(str::to_owned),
        code_verifier: verifier.as_str().to_owned(),
        resources: resources.0,
        details: form.get("authorization_details").map(str::to_owned),
        refreshable: app.grant_types.contains(&GrantType::RefreshToken),
        attestation: request.caller.attestation().cloned(),
        rule: request.scope_rule(platform),
        grant_ttl_s: config.tokens.refresh_ttl_s,
        dormant_s: config.dormant_s,
        notify: config.outbound.as_ref().is_some_and(|outbound| outbound.notify),
    };
    Ok((code, operation))
}

fn invalid() -> Refusal {
    let why = "the code is unknown, used or over, or not for this request";
    Refusal::new(ErrorCode::InvalidGrant, why)
}
