//! Reads what phones send: JSON bodies, base64, the app that is named.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, request};
use serde::de::DeserializeOwned;
use twinpath_core::app::Registered;
use twinpath_core::grant::Spend;
use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::proof::check_challenge;

use super::Refused;
use crate::http::request::{is_of_type, read_body};
use crate::http::{Refusal, attested};
use crate::platform::Platform;

/// A JSON object.
pub(super) async fn body<T: DeserializeOwned>(
    parts: &request::Parts,
    body: Body,
) -> Result<T, Refusal> {
    if !is_of_type(&parts.headers, "application/json") {
        let why = "the body must be application/json, said once in Content-Type";
        return Err(Refusal::request(why).status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let bytes = read_body(&parts.headers, body).await?;
    // Else serde would take an array's items for the members, in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::request("the body must be a JSON object"));
    }
    serde_json::from_slice(&bytes).map_err(|error| Refusal::request(format!("the body: {error}")))
}

/// RFC 4648 4, with padding.
pub(super) fn base64(text: &str, what: &str) -> Result<Vec<u8>, Refusal> {
    let wrong = || Refusal::request(format!("{what} is not base64 with padding (RFC 4648 4)"));
    STANDARD.decode(text).map_err(|_| wrong())
}

/// An app that proves itself by attestation.
pub(super) async fn app(platform: &Platform, id: &str) -> Result<Arc<Registered>, Refusal> {
    attested::app(platform, ClientId::new(id)).await
}

/// A challenge of ours for this app, to be used up.
pub(super) fn challenge(
    platform: &Platform,
    challenge: &str,
    app: &Registered,
    now: Timestamp,
) -> Result<Spend, Refused> {
    check_challenge(&platform.vault, challenge, &app.app.client_id, now)
        .map_err(|error| Refused::reason("challenge_unknown", &error.to_string()))
}
