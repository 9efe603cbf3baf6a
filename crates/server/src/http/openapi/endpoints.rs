//! Where requests go, and how they are answered: an endpoint more is an entry in [`endpoints`].

use twinpath_wire::metadata::{OAUTH_WELL_KNOWN, OPENID_WELL_KNOWN};
use utoipa::openapi::path::HttpMethod;

use super::member::{Kind, Member, member, required};
use crate::http::path;

/// How an endpoint knows its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// It does not.
    Anyone,
    /// By app authentication, in the form, as `client_secret_basic` or by an attestation.
    App,
    /// By what a phone shows, in JSON.
    Evidence,
    /// By a token: of access, or for registration.
    Token,
}

/// An endpoint.
pub(super) struct Endpoint {
    pub(super) methods: &'static [HttpMethod],
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) caller: Caller,
    pub(super) headers: &'static [Member],
    /// The name of the shape of what is said: a form, a query with `GET`, JSON beside a token.
    pub(super) said: Option<&'static str>,
    pub(super) answer: Answer,
    /// Statuses with an error.
    pub(super) errors: &'static [u16],
}

/// How an endpoint answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200 without a body.
    Empty,
    /// 204.
    Gone,
    /// JSON of this status and shape; errors are OAuth's.
    Json(u16, &'static str),
    /// A page for people, or a redirect (303); errors are pages too.
    Page,
}

const TOKEN_HEADERS: &[Member] = &[
    member("DPoP", Kind::Text, "A proof (RFC 9449)."),
    member("Prefer", Kind::Text, "wait=N: hold the answer until the text arrives (RFC 7240)."),
];

const PUSH_HEADERS: &[Member] = &[member("DPoP", Kind::Text, "RFC 9449 10.1.")];

const PROOF: &[Member] = &[member("DPoP", Kind::Text, "A proof with ath, for a bound token.")];

/// At every endpoint that authenticates apps.
pub(super) const ATTESTED: &[Member] = &[
    member(
        "OAuth-Client-Attestation",
        Kind::Text,
        "draft-ietf-oauth-attestation-based-client-auth 4: what an attester says of the app's key.",
    ),
    member(
        "OAuth-Client-Attestation-PoP",
        Kind::Text,
        "The same 5.1: a proof of possession of that key, unless the DPoP proof is that.",
    ),
];

const KEY_PROOF: &[Member] =
    &[required("DPoP", Kind::Text, "A proof by the instance key, with a nonce of DPoP-Nonce.")];

const RENEWAL_PROOF: &[Member] =
    &[required("DPoP", Kind::Text, "A proof by the instance key; its nonce is the challenge.")];

/// RFC 7592 2.
pub(super) const OWN_REGISTRATION: &str = "/register/{client_id}";
/// 404 where registration is off.
const REGISTRATION: &[u16] = &[400, 401, 404, 408, 413, 429, 503];

fn form(path: &'static str, summary: &'static str, said: &'static str, answer: Answer) -> Endpoint {
    Endpoint {
        methods: &[HttpMethod::Post],
        path,
        summary,
        caller: Caller::App,
        headers: &[],
        said: Some(said),
        answer,
        errors: &[400, 401, 408, 413, 429, 503],
    }
}

fn page(path: &'static str, summary: &'static str, said: &'static str) -> Endpoint {
    Endpoint {
        methods: &[HttpMethod::Get, HttpMethod::Post],
        caller: Caller::Anyone,
        errors: &[400, 401, 408, 413, 429, 503],
        ..form(path, summary, said, Answer::Page)
    }
}

fn read(path: &'static str, summary: &'static str, shape: &'static str) -> Endpoint {
    Endpoint {
        methods: &[HttpMethod::Get],
        path,
        summary,
        caller: Caller::Anyone,
        headers: &[],
        said: None,
        answer: Answer::Json(200, shape),
        errors: &[],
    }
}

/// Every endpoint.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let all = [of_apps(), of_attester(), of_tokens(), of_registration(), of_documents()];
    all.into_iter().flatten().collect()
}

/// What apps ask for.
fn of_apps() -> Vec<Endpoint> {
    let token = Answer::Json(200, "TokenResponse");
    let pushed = Answer::Json(201, "PushedResponse");
    let begun = Answer::Json(200, "DeviceResponse");
    let challenged = Answer::Json(200, "ChallengeResponse");
    vec![
        Endpoint {
            headers: TOKEN_HEADERS,
            ..form(path::TOKEN, "Token endpoint", "TokenRequest", token)
        },
        Endpoint {
            headers: PUSH_HEADERS,
            ..form(
                path::TERMINAL_AUTHORIZATION,
                "Announcement of a text",
                "AnnouncementRequest",
                Answer::Json(200, "AnnouncementResponse"),
            )
        },
        page(path::AUTHORIZE, "Authorization endpoint", "AuthorizationRequest"),
        Endpoint {
            headers: PUSH_HEADERS,
            ..form(path::PAR, "Pushed requests (RFC 9126)", "PushedRequest", pushed)
        },
        Endpoint {
            headers: PUSH_HEADERS,
            ..form(
                path::DEVICE_AUTHORIZATION,
                "Device authorization (RFC 8628)",
                "DeviceRequest",
                begun,
            )
        },
        Endpoint {
            headers: TOKEN_HEADERS,
            ..form(
                path::CHALLENGE,
                "Authorization challenge (first-party apps)",
                "ChallengeRequest",
                challenged,
            )
        },
    ]
}

/// The built-in attester.
fn of_attester() -> Vec<Endpoint> {
    let evidence = |path, summary, said, headers| Endpoint {
        caller: Caller::Evidence,
        headers,
        errors: &[400, 401, 408, 413, 415, 429, 503],
        ..form(path, summary, said, Answer::Json(200, "ClientAttestation"))
    };
    vec![
        Endpoint {
            caller: Caller::Anyone,
            errors: &[400, 408, 413],
            ..form(
                path::ATTESTATION_CHALLENGE,
                "Challenge of the built-in attester, or for a proof of possession",
                "AttestationChallengeRequest",
                Answer::Json(200, "AttestationChallenge"),
            )
        },
        evidence(path::ATTEST_ANDROID, "Android Key Attestation", "AndroidEvidence", &[]),
        evidence(path::ATTEST_APPLE, "Apple App Attest", "AppleEvidence", KEY_PROOF),
        evidence(path::ATTEST_PLAY_INTEGRITY, "Play Integrity", "PlayIntegrityEvidence", KEY_PROOF),
        evidence(
            path::ATTEST_RENEW,
            "Another client attestation by the evidence that is stored",
            "AttestationRenewal",
            RENEWAL_PROOF,
        ),
    ]
}

/// What becomes of tokens and sessions.
fn of_tokens() -> Vec<Endpoint> {
    let told = Answer::Json(200, "IntrospectionResponse");
    vec![
        form(path::REVOKE, "Revocation (RFC 7009)", "TokenOfCaller", Answer::Empty),
        form(path::INTROSPECT, "Introspection (RFC 7662)", "TokenOfCaller", told),
        page(path::LOGOUT, "Logout (OpenID Connect RP-Initiated Logout)", "LogoutRequest"),
        Endpoint {
            methods: &[HttpMethod::Get, HttpMethod::Post],
            caller: Caller::Token,
            headers: PROOF,
            errors: &[401, 403, 503],
            ..read(path::USERINFO, "Userinfo (OpenID Connect Core 5.3)", "UserInfo")
        },
    ]
}

/// Apps that register themselves.
fn of_registration() -> Vec<Endpoint> {
    let own = |method, said, answer| Endpoint {
        methods: match method {
            HttpMethod::Put => &[HttpMethod::Put],
            HttpMethod::Delete => &[HttpMethod::Delete],
            _ => &[HttpMethod::Get],
        },
        caller: Caller::Token,
        said,
        answer,
        errors: REGISTRATION,
        ..read(OWN_REGISTRATION, "An app's own registration (RFC 7592)", "ClientInformation")
    };
    let made = Answer::Json(201, "ClientInformation");
    vec![
        Endpoint {
            caller: Caller::Token,
            errors: REGISTRATION,
            ..form(path::REGISTER, "Registration (RFC 7591), if it is on", "ClientMetadata", made)
        },
        own(HttpMethod::Get, None, Answer::Json(200, "ClientInformation")),
        own(HttpMethod::Put, Some("ClientMetadata"), Answer::Json(200, "ClientInformation")),
        own(HttpMethod::Delete, None, Answer::Gone),
    ]
}

/// What the server says of itself.
fn of_documents() -> Vec<Endpoint> {
    vec![
        read(path::JWKS, "Signing keys (RFC 7517)", "JwkSet"),
        read(OAUTH_WELL_KNOWN, "Metadata (RFC 8414)", "Metadata"),
        read(OPENID_WELL_KNOWN, "Metadata (OpenID Connect Discovery)", "Metadata"),
        read("/livez", "Whether the process answers", "Health"),
        read("/readyz", "Whether the store takes writes", "Health"),
    ]
}
