//! The client credentials grant (RFC 6749 4.4). It leaves no row behind but what the request uses up.

use axum::response::Response;
use twinpath_core::grant::own_authorization;
use twinpath_core::token::AccessClaims;

use crate::http::Refusal;
use crate::http::authentication::use_up;
use crate::http::sender::{TokenRequest, respond_alone};
use crate::platform::{Platform, SystemRandom, now};

pub(super) async fn issue(platform: &Platform, request: TokenRequest) -> Result<Response, Refusal> {
    let (form, registered) = (&request.form, &request.caller.registered);
    let tokens = &platform.config.tokens;
    let resources = form.all("resource");
    let said = form.get("scope");
    let rule = request.scope_rule(platform);
    let allowed = own_authorization(&registered.app, said, &resources, &tokens.resources)
        .and_then(|(scope, resources)| Ok((rule.grant(scope, said.is_some())?, resources)));
    let (scope, resources) = match allowed {
        Ok(allowed) => allowed,
        Err(error) => return Err(request.refuse(platform, error.into()).await),
    };
    use_up(platform, request.spends()).await?;
    let mut claims = AccessClaims::of_app(
        &platform.config.issuer,
        registered,
        (&scope, &resources),
        (now(), tokens.access_ttl_s),
        &request.proven.jkt,
        (&platform.vault, &mut SystemRandom),
    );
    claims.app_attestation = request.caller.attestation().cloned();
    respond_alone(platform, &registered.app, &claims, None)
}
