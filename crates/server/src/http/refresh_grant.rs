//! The refresh token grant (RFC 6749 6).

use std::sync::Arc;

use axum::response::Response;
use twinpath_core::grant::{Handle, Narrowed, Refresh, RefreshRequest, Refreshed};
use twinpath_core::records::AuthMethod;
use twinpath_core::token::IdTokenRequest;
use twinpath_wire::oauth::ErrorCode;

use crate::http::Refusal;
use crate::http::authentication::{replayed, use_up};
use crate::http::sender::{TokenRequest, Tokens};
use crate::platform::Platform;

pub(super) async fn refresh(
    platform: &Platform,
    request: TokenRequest,
) -> Result<Response, Refusal> {
    let (form, registered) = (&request.form, &request.caller.registered);
    let token = match form.require("refresh_token") {
        Ok(token) => token,
        Err(refusal) => return Err(request.refuse(platform, refusal).await),
    };
    let narrowed = Narrowed {
        scope: form.get("scope").map(str::to_owned),
        resources: form.all("resource"),
        details: form.get("authorization_details").map(str::to_owned),
        rule: request.scope_rule(platform),
    };
    let Some(handle) = Handle::read(&platform.vault, &registered.app.client_id, token) else {
        use_up(platform, request.spends()).await?;
        return Err(invalid());
    };
    let operation = RefreshRequest {
        handle,
        presented: platform.vault.token(token),
        client_id: registered.app.client_id.clone(),
        jkt: request.proven.jkt.clone(),
        attestation: request.caller.attestation().cloned(),
        rotate: registered.rotates(),
        renewable: registered.app.auth_method != AuthMethod::None,
    };
    let vault = Arc::clone(&platform.vault);
    let refreshed = platform
        .run(Refresh::new(operation, vault, request.spends()).narrowed(narrowed.clone()))
        .await?;
    let (grant, refresh_token) = match refreshed {
        Refreshed::Granted(grant, refresh_token) => (grant, refresh_token),
        Refreshed::Widened(error) => return Err(error.into()),
        Refreshed::Invalid => return Err(invalid()),
        Refreshed::Reused => {
            let app = &registered.app.client_id;
            tracing::warn!(%app, grant = %handle.grant, "a refresh token came back: grant revoked");
            return Err(invalid());
        }
        Refreshed::Blocked => {
            return Err(Refusal::new(ErrorCode::AccessDenied, "this account cannot be used"));
        }
        Refreshed::Replayed(replay) => return Err(replayed(replay)),
    };
    if !registered.gave(&grant) {
        return Err(invalid());
    }
    let (scope, resources) = narrowed.within(&grant)?;
    let details = narrowed.details_within(&grant)?;
    let scope = scope.retain(&registered.app.scope);
    Tokens {
        registered,
        grant: &grant,
        scope: &scope,
        resources: &resources.0,
        details: &details,
        refresh_token: refresh_token.map(|token| token.as_str().to_owned()),
        terminal_hint: None,
        id_token: IdTokenRequest::default(),
    }
    .respond(platform)
}

fn invalid() -> Refusal {
    Refusal::new(ErrorCode::InvalidGrant, "the refresh token is unknown, ended, or not this app's")
}
