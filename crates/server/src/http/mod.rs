//! The second path. Each endpoint has its file; [`request`] reads what came, [`refusal`] says what
//! goes wrong.

mod attestation;
mod attested;
mod authentication;
mod authorize;
mod browser;
pub(crate) mod certificate;
mod challenge;
mod client_credentials_grant;
mod code_grant;
mod connection;
mod device;
mod health;
mod introspection;
mod kept;
mod logout;
mod metadata;
mod openapi;
mod par;
mod prepared_text;
mod refresh_grant;
pub(crate) mod refusal;
mod registration;
pub(crate) mod request;
mod revocation;
mod risk;
mod sender;
mod signin;
mod terminal_authorization;
mod terminal_grant;
mod tls;
mod token;
mod token_exchange_grant;
mod turn;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use crate::first_path::webhook::webhook;
use crate::platform::Platform;

pub use connection::{Listener, Peer, Shutdown};
pub use openapi::openapi;
pub use refusal::Refusal;
pub use tls::Tls;

/// The largest request body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Paths below the issuer.
pub mod path {
    /// RFC 6749 3.2.
    pub const TOKEN: &str = "/token";
    /// PROTOCOL 4.
    pub const TERMINAL_AUTHORIZATION: &str = "/terminal_authorization";
    /// RFC 7009 2.
    pub const REVOKE: &str = "/revoke";
    /// RFC 7662 2.
    pub const INTROSPECT: &str = "/introspect";
    /// OIDC Core 5.3.
    pub const USERINFO: &str = "/userinfo";
    /// RFC 6749 3.1.
    pub const AUTHORIZE: &str = "/authorize";
    /// RFC 9126 2.
    pub const PAR: &str = "/par";
    /// RFC 8628 3.1.
    pub const DEVICE_AUTHORIZATION: &str = "/device_authorization";
    /// draft-ietf-oauth-first-party-apps-04 5.
    pub const CHALLENGE: &str = "/authorize-challenge";
    /// draft-ietf-oauth-attestation-based-client-auth-10 6.1.
    pub const ATTESTATION_CHALLENGE: &str = "/attestation/challenge";
    /// PROTOCOL 11.
    pub const ATTEST_ANDROID: &str = "/attestation/android";
    /// PROTOCOL 11.
    pub const ATTEST_APPLE: &str = "/attestation/apple";
    /// PROTOCOL 11.
    pub const ATTEST_PLAY_INTEGRITY: &str = "/attestation/play-integrity";
    /// PROTOCOL 11.
    pub const ATTEST_RENEW: &str = "/attestation/renew";
    /// RFC 7591 3; below it, an app's own registration (RFC 7592).
    pub const REGISTER: &str = "/register";
    /// The sign-in page of a request.
    pub const SIGNIN: &str = "/signin";
    /// OIDC RP-Initiated Logout 2.
    pub const LOGOUT: &str = "/logout";
    /// Stylesheet and script of the pages.
    pub const PAGES: &str = "/pages";
    /// PROTOCOL 12: gateways; below it, each by its name.
    pub const SMS: &str = "/sms";
    /// RFC 7517 5.
    pub const JWKS: &str = "/jwks.json";
}

/// All endpoints, below the issuer's own path if it has one.
pub fn router(platform: Arc<Platform>) -> Router {
    let base = issuer_path(&platform.config.issuer).to_owned();
    let endpoints = Router::new()
        .route(path::USERINFO, get(userinfo::userinfo).post(userinfo::userinfo))
        .route(path::AUTHORIZE, get(authorize::authorize).post(authorize::authorize))
        .route(&format!("{}/{{id}}", path::SIGNIN), get(signin::show))
        .route(&format!("{}/{{id}}/events", path::SIGNIN), get(signin::events))
        .route(&format!("{}/{{id}}/digits", path::SIGNIN), post(signin::confirmed))
        .route(&format!("{}/{{id}}/approve", path::SIGNIN), post(signin::approved))
        .route(&format!("{}/{{id}}/cancel", path::SIGNIN), post(signin::cancelled))
        .route(path::LOGOUT, get(logout::logout).post(logout::logout))
        .route(&format!("{}/{{name}}", path::PAGES), get(signin::asset))
        .route(&format!("{}/{{name}}", path::SMS), any(webhook))
        .route(path::JWKS, get(metadata::jwks))
        .route(twinpath_wire::metadata::OPENID_WELL_KNOWN, get(metadata::metadata));
    let endpoints = endpoints.merge(authenticating(&platform)).merge(attester());
    let endpoints = if platform.config.registration.enabled {
        endpoints.merge(registration())
    } else {
        endpoints
    };
    let oauth = format!("{}{base}", twinpath_wire::metadata::OAUTH_WELL_KNOWN);
    let rooted = if base.is_empty() { endpoints } else { Router::new().nest(&base, endpoints) };
    rooted
        .route(&oauth, get(metadata::metadata))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .fallback(refusal::not_found)
        .method_not_allowed_fallback(refusal::method_not_allowed)
        .with_state(platform)
}

/// Where apps authenticate.
fn authenticating(platform: &Arc<Platform>) -> Router<Arc<Platform>> {
    Router::new()
        .route(path::TOKEN, post(token::token))
        .route(path::TERMINAL_AUTHORIZATION, post(terminal_authorization::announce))
        .route(path::REVOKE, post(revocation::revoke))
        .route(path::INTROSPECT, post(introspection::introspect))
        .route(path::PAR, post(par::push))
        .route(path::DEVICE_AUTHORIZATION, post(device::authorize))
        .route(path::CHALLENGE, post(challenge::challenge))
        .route_layer(from_fn_with_state(Arc::clone(platform), attested::with_next_challenge))
}

/// The built-in attester.
fn attester() -> Router<Arc<Platform>> {
    Router::new()
        .route(path::ATTESTATION_CHALLENGE, post(attestation::challenge))
        .route(path::ATTEST_ANDROID, post(attestation::android))
        .route(path::ATTEST_APPLE, post(attestation::apple))
        .route(path::ATTEST_PLAY_INTEGRITY, post(attestation::play_integrity))
        .route(path::ATTEST_RENEW, post(attestation::renew))
}

/// Where apps register themselves, if they may.
fn registration() -> Router<Arc<Platform>> {
    let own = get(registration::read).put(registration::replace).delete(registration::delete);
    Router::new()
        .route(path::REGISTER, post(registration::register))
        .route(&format!("{}/{{client_id}}", path::REGISTER), own)
}

/// The issuer's path: empty, or `/` and more (RFC 8414 3.1).
fn issuer_path(issuer: &str) -> &str {
    let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    rest.find('/').map_or("", |at| rest.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests;
