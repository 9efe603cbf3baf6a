//! The token endpoint: reads, authenticates, and hands over to the grant's own file.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Request};
use twinpath_core::app::Registered;
use twinpath_core::grant::Scope;
use twinpath_core::ids::Timestamp;
use twinpath_core::records::Grant;
use twinpath_core::token::{AccessClaims, IdClaims, Subject};
use twinpath_wire::oauth::{
    ACCESS_TOKEN_TYP, ErrorCode, GRANT_REFRESH_TOKEN, GRANT_TERMINAL, TOKEN_TYPE_BEARER,
    TOKEN_TYPE_DPOP, TokenResponse,
};

use crate::http::authentication::Caller;
use crate::http::refusal::{DPOP_NONCE, fault, json};
use crate::http::request::{Form, source};
use crate::http::{Refusal, path, refresh_grant, terminal_grant};
use crate::platform::{Platform, SystemRandom, now};

/// A request of an authenticated app with a proven key.
#[derive(Debug)]
pub(super) struct TokenRequest {
    pub(super) form: Form,
    pub(super) headers: HeaderMap,
    pub(super) source: std::net::IpAddr,
    pub(super) caller: Caller,
    pub(super) jkt: String,
    pub(super) now: Timestamp,
}

/// `POST /token`
pub(super) async fn token(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let source = source(&parts, &platform.config);
    let headers = std::mem::take(&mut parts.headers);
    let result = answer(&platform, headers, source, body).await;
    let outcome = match &result {
        Ok(_) => "issued",
        Err(refusal) => refusal.code.as_str(),
    };
    platform.counters.count("twinpath_token_requests_total", "token", outcome);
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(
    platform: &Platform,
    headers: HeaderMap,
    source: std::net::IpAddr,
    body: Body,
) -> Result<Response, Refusal> {
    let form = Form::read(&headers, body).await?;
    let grant_type = form.require("grant_type")?.to_owned();
    if grant_type != GRANT_TERMINAL && grant_type != GRANT_REFRESH_TOKEN {
        return Err(Refusal::new(ErrorCode::UnsupportedGrantType, "this grant_type is not known"));
    }
    let now = now();
    let caller = Caller::authenticate(platform, &headers, &form, now).await?;
    let url = format!("{}{}", platform.config.issuer, path::TOKEN);
    let jkt = caller.instance_key(platform, &headers, &url, now)?;
    let bound = !jkt.is_empty();
    let request = TokenRequest { form, headers, source, caller, jkt, now };
    let result = if grant_type == GRANT_TERMINAL {
        terminal_grant::redeem(platform, request).await
    } else {
        refresh_grant::refresh(platform, request).await
    };
    if !bound {
        return result;
    }
    // RFC 9449 8.2: the next proof's nonce comes with each answer, so no request is made in vain.
    let nonce = platform.nonces.at(crate::platform::now());
    result
        .map(|mut response| {
            if let Ok(value) = HeaderValue::from_str(&nonce) {
                response.headers_mut().insert(DPOP_NONCE, value);
            }
            response
        })
        .map_err(|refusal| refusal.header(DPOP_NONCE, &nonce))
}

/// The sender's answer for a grant: tokens signed, number masked.
pub(super) struct Tokens<'a> {
    pub(super) registered: &'a Registered,
    pub(super) grant: &'a Grant,
    pub(super) scope: &'a Scope,
    pub(super) resources: &'a [String],
    pub(super) refresh_token: Option<String>,
    pub(super) terminal_hint: Option<String>,
}

impl Tokens<'_> {
    pub(super) fn respond(self, platform: &Platform) -> Result<Response, Refusal> {
        let config = &platform.config;
        let (now, keys) = (now(), platform.keys());
        let subject = Subject::of(self.grant, self.registered, &platform.vault);
        let access = AccessClaims::issue(
            &config.issuer,
            &subject,
            self.grant,
            (&self.scope.join(), self.resources),
            (now, config.tokens.access_ttl_s),
            (&platform.vault, &mut SystemRandom),
        );
        let unsigned = |_| fault("a token could not be signed");
        let access_token = keys.signer.sign(ACCESS_TOKEN_TYP, &access).map_err(unsigned)?;
        let id_token = if self.scope.has("openid") {
            let ttl_s = config.tokens.id_ttl_s;
            let claims = IdClaims::issue(&config.issuer, &subject, self.grant, now, ttl_s);
            Some(keys.signer.sign("JWT", &claims).map_err(unsigned)?)
        } else {
            None
        };
        let bound = !self.grant.jkt.is_empty();
        let token_type = if bound { TOKEN_TYPE_DPOP } else { TOKEN_TYPE_BEARER };
        Ok(json(&TokenResponse {
            access_token,
            token_type: token_type.to_owned(),
            expires_in: u64::try_from(config.tokens.access_ttl_s).ok(),
            scope: Some(self.scope.join()),
            refresh_token: self.refresh_token,
            id_token,
            terminal_hint: self.terminal_hint,
            authorization_details: None,
        }))
    }
}
