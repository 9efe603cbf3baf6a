//! What the server says of itself (RFC 8414, OIDC Discovery, PROTOCOL 10), and its keys.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use twinpath_core::proof::Algorithm;
use twinpath_pages::Language;
use twinpath_wire::code::METHOD;
use twinpath_wire::metadata::Metadata;
use twinpath_wire::oauth::{
    ACR_TERMINAL, GRANT_AUTHORIZATION_CODE, GRANT_REFRESH_TOKEN, GRANT_TERMINAL,
};

use crate::http::{path, refusal};
use crate::platform::Platform;

/// How long metadata and keys may be kept: shorter than a retired key stays published.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=300");

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn describe(platform: &Platform) -> Metadata {
    let config = &platform.config;
    let endpoint = |path: &str| format!("{}{path}", config.issuer);
    let mut methods = strings(&[
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
    ]);
    let confidential = methods.clone();
    if config.development {
        methods.push("none".to_owned());
    }
    let mut assertion_algs = strings(&Algorithm::NAMES);
    assertion_algs.push("HS256".to_owned());
    Metadata {
        issuer: config.issuer.clone(),
        token_endpoint: endpoint(path::TOKEN),
        jwks_uri: Some(endpoint(path::JWKS)),
        revocation_endpoint: Some(endpoint(path::REVOKE)),
        introspection_endpoint: Some(endpoint(path::INTROSPECT)),
        userinfo_endpoint: Some(endpoint(path::USERINFO)),
        authorization_endpoint: Some(endpoint(path::AUTHORIZE)),
        pushed_authorization_request_endpoint: Some(endpoint(path::PAR)),
        registration_endpoint: config.registration.enabled.then(|| endpoint(path::REGISTER)),
        end_session_endpoint: Some(endpoint(path::LOGOUT)),
        response_modes_supported: strings(&["query"]),
        code_challenge_methods_supported: strings(&["S256"]),
        prompt_values_supported: strings(&["none", "login", "consent", "select_account"]),
        ui_locales_supported: Language::all().map(|language| language.tag().to_owned()).collect(),
        authorization_response_iss_parameter_supported: Some(true),
        request_parameter_supported: Some(false),
        request_uri_parameter_supported: Some(true),
        scopes_supported: strings(&["openid", "phone"]),
        response_types_supported: strings(&["code"]),
        grant_types_supported: strings(&[
            GRANT_TERMINAL,
            GRANT_AUTHORIZATION_CODE,
            GRANT_REFRESH_TOKEN,
        ]),
        token_endpoint_auth_methods_supported: methods.clone(),
        token_endpoint_auth_signing_alg_values_supported: assertion_algs.clone(),
        revocation_endpoint_auth_signing_alg_values_supported: assertion_algs.clone(),
        introspection_endpoint_auth_signing_alg_values_supported: assertion_algs,
        revocation_endpoint_auth_methods_supported: methods,
        introspection_endpoint_auth_methods_supported: confidential,
        dpop_signing_alg_values_supported: strings(&Algorithm::NAMES),
        subject_types_supported: strings(&["pairwise"]),
        id_token_signing_alg_values_supported: strings(&["ES256"]),
        acr_values_supported: strings(&[ACR_TERMINAL]),
        claims_supported: strings(&[
            "sub",
            "iss",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "acr",
            "amr",
            "union_id",
            "phone_number",
            "phone_number_verified",
        ]),
        terminal_numbers: config.terminal_numbers(),
        terminal_code_methods_supported: strings(&[METHOD]),
        terminal_phrases: config.terminal.phrases.clone(),
        require_terminal_announcement: Some(false),
        ..Metadata::default()
    }
}

/// `/.well-known/oauth-authorization-server` and `/.well-known/openid-configuration`
pub(super) async fn metadata(State(platform): State<Arc<Platform>>) -> Response {
    kept(refusal::json(&describe(&platform)))
}

/// `/jwks.json`
pub(super) async fn jwks(State(platform): State<Arc<Platform>>) -> Response {
    kept(refusal::json(&platform.keys().published))
}

fn kept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, KEEP);
    response
}
