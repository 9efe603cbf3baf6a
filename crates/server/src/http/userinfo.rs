//! Userinfo (OIDC Core 5.3), the server's own protected resource (RFC 6750, RFC 9449 7).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Map, Value};
use twinpath_core::app::ClientCertificate;
use twinpath_core::grant::{Scope, Spends};
use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::proof::{Algorithm, Expected};
use twinpath_core::token::{AccessClaims, userinfo_claims};
use twinpath_core::vault::same;
use twinpath_wire::oauth::ErrorCode;

use crate::http::authentication::{prove, replayed};
use crate::http::certificate::client_certificate;
use crate::http::refusal::{DPOP_NONCE, fault, json};
use crate::http::request::{base, single};
use crate::http::{Refusal, path};
use crate::platform::{Live, Platform, now};

/// `GET /userinfo` and `POST /userinfo`
pub(super) async fn userinfo(
    State(platform): State<Arc<Platform>>,
    request: Request<Body>,
) -> Response {
    let (parts, _) = request.into_parts();
    let mut response = answer(&platform, &parts).await.unwrap_or_else(IntoResponse::into_response);
    if let Ok(nonce) = platform.proofs.nonces.at(now()).parse() {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
}

async fn answer(platform: &Platform, parts: &http::request::Parts) -> Result<Response, Refusal> {
    let now = now();
    let claims = authorized(platform, parts, now).await?;
    let scope = Scope::parse(&claims.scope)?;
    if !scope.has("openid") {
        let why = "the token's scope lacks openid";
        let (status, code) = (StatusCode::FORBIDDEN, ErrorCode::InsufficientScope);
        return Err(Refusal::resource(status, code, why, by_proof(&claims)));
    }
    let Some(Live::Grant(inspected)) = platform.live(&claims).await? else {
        return Err(invalid(by_proof(&claims)));
    };
    let terminal = inspected.grant.terminal;
    let number = platform.vault.open_number(terminal, &inspected.number);
    let number = number.map_err(|_| fault("a number does not open"))?;
    let told = userinfo_claims(&claims, &inspected.grant, || Some(number.as_str().to_owned()));
    let registered = ClientId::new(&claims.client_id).and_then(|id| platform.app(&id));
    match registered.and_then(|known| known.app.userinfo_signed_response_alg.clone()) {
        Some(alg) => signed(platform, &alg, &claims.client_id, told),
        None => Ok(json(&told)),
    }
}

/// OIDC Core 5.3.2: as a JWT for the app that registered an algorithm. It has no `exp`, so it is no ID
/// token.
fn signed(
    platform: &Platform,
    alg: &str,
    client_id: &str,
    mut told: Map<String, Value>,
) -> Result<Response, Refusal> {
    told.insert("iss".to_owned(), platform.config.issuer.as_str().into());
    told.insert("aud".to_owned(), client_id.into());
    let keys = platform.keys();
    let jwt = keys.signer_for(Some(alg)).sign("JWT", &told);
    let jwt = jwt.map_err(|_| fault("userinfo could not be signed"))?;
    let mut response = Response::new(Body::from(jwt));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Whether the token is shown with a proof.
fn by_proof(claims: &AccessClaims) -> bool {
    claims.cnf.as_ref().is_some_and(|cnf| cnf.jkt.is_some())
}

fn invalid(dpop: bool) -> Refusal {
    let why = "the access token is malformed, expired, revoked or not for this resource";
    Refusal::resource(StatusCode::UNAUTHORIZED, ErrorCode::InvalidToken, why, dpop)
}

/// The claims of the request's token, if it is ours, in time, and its key is proven.
async fn authorized(
    platform: &Platform,
    parts: &http::request::Parts,
    now: Timestamp,
) -> Result<AccessClaims, Refusal> {
    let header = single(&parts.headers, AUTHORIZATION.as_str()).ok().flatten();
    let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else {
        // RFC 6750 3.1: who sent no token is told the scheme and no error.
        let mut refusal = invalid(true);
        refusal.headers.clear();
        let algs = Algorithm::NAMES.join(" ");
        return Err(refusal.header(WWW_AUTHENTICATE, &format!("DPoP algs=\"{algs}\", Bearer")));
    };
    let dpop = scheme.eq_ignore_ascii_case("dpop");
    if !dpop && !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid(true));
    }
    let token = token.trim();
    let claims = platform.presented(token, now).ok_or_else(|| invalid(dpop))?;
    // An exchanged token is an API's: bound or not, it is for the API it names (RFC 9068 4).
    if claims.act.is_some() && !claims.is_for(&platform.config.issuer) {
        return Err(invalid(dpop));
    }
    if let Some(thumbprint) = claims.cnf.as_ref().and_then(|cnf| cnf.x5t_s256.as_deref()) {
        // RFC 8705 3: shown as a bearer token, over a connection with the certificate.
        let shown = client_certificate(platform, parts).map_err(|_| invalid(false))?;
        let same = |it: &ClientCertificate| same(it.thumbprint().as_bytes(), thumbprint.as_bytes());
        let right = !dpop && shown.as_deref().is_some_and(same);
        return if right { Ok(claims) } else { Err(invalid(false)) };
    }
    let bound = claims.cnf.as_ref().and_then(|cnf| cnf.jkt.as_deref());
    match (dpop, bound) {
        // A bearer token for another resource is in that resource's hands too; a bound one is
        // useless there, and its app may ask who its user is.
        (false, None) if claims.is_for(&platform.config.issuer) => Ok(claims),
        (true, Some(jkt)) => {
            let url = format!("{}{}", base(platform, &parts.headers), path::USERINFO);
            let expected =
                Expected { method: parts.method.as_str(), url: &url, access_token: Some(token) };
            let proven =
                prove(platform, &parts.headers, expected, now).map_err(|e| at_resource(&e))?;
            let spends = Spends { proof: proven.proof, ..Spends::default() };
            if let Some(replay) = platform.use_up(spends).await? {
                return Err(at_resource(&replayed(replay)));
            }
            if same(proven.jkt.as_bytes(), jkt.as_bytes()) {
                Ok(claims)
            } else {
                Err(invalid(true))
            }
        }
        // RFC 9449 7.2: a bound token is no bearer token, nor the other way round.
        (false, Some(_)) => Err(invalid(true)),
        (_, None) => Err(invalid(false)),
    }
}

/// A refused proof, as a protected resource says it.
fn at_resource(refusal: &Refusal) -> Refusal {
    Refusal::resource(StatusCode::UNAUTHORIZED, refusal.code, &refusal.description, true)
}
