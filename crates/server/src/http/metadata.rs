//! What the server says of itself (RFC 8414, OIDC Discovery, PROTOCOL 10), and its keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use twinpath_core::proof::Algorithm;
use twinpath_pages::Language;
use twinpath_wire::code::METHOD;
use twinpath_wire::metadata::Metadata;
use twinpath_wire::oauth::{
    ACR_TERMINAL, ACR_TERMINAL_CONFIRMED, GRANT_AUTHORIZATION_CODE, GRANT_CLIENT_CREDENTIALS,
    GRANT_DEVICE_CODE, GRANT_REFRESH_TOKEN, GRANT_TERMINAL, GRANT_TOKEN_EXCHANGE,
};

use crate::http::kept::kept;
use crate::http::path;
use crate::platform::Platform;

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

const CLAIMS: [&str; 12] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
    "amr",
    "sid",
    "union_id",
    "phone_number",
    "phone_number_verified",
];

fn describe(platform: &Platform) -> Metadata {
    let config = &platform.config;
    let endpoint = |path: &str| format!("{}{path}", config.issuer);
    let mut methods = strings(&[
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "attest_jwt_client_auth",
        "attest_jwt_client_auth_dpop",
    ]);
    if config.mtls.possible() {
        methods.push("self_signed_tls_client_auth".to_owned());
        if !config.mtls.roots.is_empty() {
            methods.push("tls_client_auth".to_owned());
        }
    }
    let confidential = methods.clone();
    if config.development {
        methods.push("none".to_owned());
    }
    let mut assertion_algs = strings(&Algorithm::NAMES);
    assertion_algs.push("HS256".to_owned());
    let signing = platform.keys().algorithms();
    let signing: Vec<_> = signing.into_iter().map(|alg| alg.as_str().to_owned()).collect();
    Metadata {
        issuer: config.issuer.clone(),
        token_endpoint: endpoint(path::TOKEN),
        jwks_uri: Some(endpoint(path::JWKS)),
        revocation_endpoint: Some(endpoint(path::REVOKE)),
        introspection_endpoint: Some(endpoint(path::INTROSPECT)),
        userinfo_endpoint: Some(endpoint(path::USERINFO)),
        authorization_endpoint: Some(endpoint(path::AUTHORIZE)),
        pushed_authorization_request_endpoint: Some(endpoint(path::PAR)),
        device_authorization_endpoint: Some(endpoint(path::DEVICE_AUTHORIZATION)),
        authorization_challenge_endpoint: Some(endpoint(path::CHALLENGE)),
        client_attestation_pop_methods_supported: strings(&[
            "attestation_pop_jwt",
            "dpop_combined",
            // Else every app would be asked for one (7.6).
            "none",
        ]),
        client_attestation_signing_alg_values_supported: strings(&Algorithm::NAMES),
        client_attestation_pop_signing_alg_values_supported: strings(&Algorithm::NAMES),
        challenge_endpoint: Some(endpoint(path::ATTESTATION_CHALLENGE)),
        authorization_details_types_supported: config.details.names(),
        registration_endpoint: config.registration.enabled.then(|| endpoint(path::REGISTER)),
        end_session_endpoint: Some(endpoint(path::LOGOUT)),
        response_modes_supported: strings(&["query"]),
        code_challenge_methods_supported: strings(&["S256"]),
        prompt_values_supported: strings(&["none", "login", "consent", "select_account"]),
        ui_locales_supported: Language::all().map(|language| language.tag().to_owned()).collect(),
        authorization_response_iss_parameter_supported: Some(true),
        request_parameter_supported: Some(false),
        request_uri_parameter_supported: Some(true),
        scopes_supported: strings(&["openid", "phone", "offline_access"]),
        response_types_supported: strings(&["code"]),
        grant_types_supported: strings(&[
            GRANT_TERMINAL,
            GRANT_AUTHORIZATION_CODE,
            GRANT_DEVICE_CODE,
            GRANT_REFRESH_TOKEN,
            GRANT_CLIENT_CREDENTIALS,
            GRANT_TOKEN_EXCHANGE,
        ]),
        token_endpoint_auth_methods_supported: methods.clone(),
        token_endpoint_auth_signing_alg_values_supported: assertion_algs.clone(),
        revocation_endpoint_auth_signing_alg_values_supported: assertion_algs.clone(),
        introspection_endpoint_auth_signing_alg_values_supported: assertion_algs,
        revocation_endpoint_auth_methods_supported: methods,
        introspection_endpoint_auth_methods_supported: confidential,
        introspection_signing_alg_values_supported: signing.clone(),
        tls_client_certificate_bound_access_tokens: config.mtls.possible().then_some(true),
        mtls_endpoint_aliases: aliases(config.mtls.public_url.as_deref()),
        dpop_signing_alg_values_supported: strings(&Algorithm::NAMES),
        subject_types_supported: strings(&["pairwise"]),
        userinfo_signing_alg_values_supported: signing.clone(),
        id_token_signing_alg_values_supported: signing,
        claims_parameter_supported: Some(true),
        backchannel_logout_supported: Some(true),
        backchannel_logout_session_supported: Some(true),
        acr_values_supported: contexts(config.outbound.is_some()),
        claims_supported: strings(&CLAIMS),
        terminal_authorization_endpoint: Some(endpoint(path::TERMINAL_AUTHORIZATION)),
        terminal_numbers: platform.numbers.all(),
        terminal_code_methods_supported: strings(&[METHOD]),
        terminal_phrases: config.terminal.phrases.clone(),
        require_terminal_announcement: Some(config.terminal.announce_required),
        ..Metadata::default()
    }
}

/// What `acr_values` may ask for: to be confirmed only where texts are sent to phones.
fn contexts(confirmed: bool) -> Vec<String> {
    if confirmed {
        strings(&[ACR_TERMINAL, ACR_TERMINAL_CONFIRMED])
    } else {
        strings(&[ACR_TERMINAL])
    }
}

/// The endpoints at which apps authenticate or show tokens, below `public_url`.
fn aliases(public_url: Option<&str>) -> BTreeMap<String, String> {
    let endpoints = [
        ("token_endpoint", path::TOKEN),
        ("terminal_authorization_endpoint", path::TERMINAL_AUTHORIZATION),
        ("pushed_authorization_request_endpoint", path::PAR),
        ("device_authorization_endpoint", path::DEVICE_AUTHORIZATION),
        ("authorization_challenge_endpoint", path::CHALLENGE),
        ("revocation_endpoint", path::REVOKE),
        ("introspection_endpoint", path::INTROSPECT),
        ("userinfo_endpoint", path::USERINFO),
    ];
    let below = |url| endpoints.map(|(name, path)| (name.to_owned(), format!("{url}{path}")));
    public_url.map_or_else(BTreeMap::new, |url| below(url).into())
}

/// `/.well-known/oauth-authorization-server` and `/.well-known/openid-configuration`
pub(super) async fn metadata(State(platform): State<Arc<Platform>>, asked: HeaderMap) -> Response {
    kept(&asked, &describe(&platform))
}

/// `/jwks.json`
pub(super) async fn jwks(State(platform): State<Arc<Platform>>, asked: HeaderMap) -> Response {
    kept(&asked, &platform.keys().published())
}
