//! Vonage: the SMS API, whose parameters are signed, and the Messages API, whose calls bear a JWT.
//!
//! * SMS API: `sig` is the hex HMAC of `&name=value` of every other parameter, sorted by name, with
//!   `&` and `=` in values turned to `_` (developer.vonage.com, Signing messages). HMAC-SHA256 and
//!   HMAC-SHA512 are taken, told apart by length; the default of old accounts, a plain MD5 over
//!   parameters and secret, and HMAC-MD5 and HMAC-SHA1 are refused: set SHA-256 in the dashboard.
//! * Messages API: `Authorization: Bearer` with a JWT (HS256) whose `payload_hash` is the SHA-256
//!   of the body in hex (developer.vonage.com, Decoding signed webhooks).

use crate::fields::{Parameters, at, json, one_receipt, one_text, scalar, text_at};
use crate::proof::{Secret, WINDOW_S, from_hex, header, hex_mark, marked, near, seconds, shown};
use crate::webhook::{Acknowledgement, Call, DeliveryState, Refused, Said};
use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Of one account.
#[derive(Clone, Debug)]
pub struct Vonage {
    /// Signature secrets, the old one also while they rotate.
    pub secrets: Vec<Secret>,
    /// The account whose calls alone are taken, when set: the JWT's `api_key`, the parameter
    /// `api-key`.
    pub api_key: Option<String>,
}

impl Vonage {
    pub(crate) const ACKNOWLEDGEMENT: Acknowledgement<'static> =
        Acknowledgement { status: 200, content_type: "", body: "" };

    /// The shape says which API calls: neither passes unsigned.
    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Said, Refused> {
        if call.headers.contains_key(http::header::AUTHORIZATION) {
            self.borne(call)?;
            message(&json(call.body)?)
        } else {
            sms(&self.signed(call)?)
        }
    }

    /// The SMS API's parameters, once they show their signature and are of now.
    fn signed(&self, call: &Call<'_>) -> Result<Parameters, Refused> {
        let parameters = parameters(call)?;
        let sig = parameters.one("sig")?.ok_or(Refused::Unauthenticated)?;
        let mark = hex_mark(sig)?;
        let by = match mark.len() {
            32 => hmac::HMAC_SHA256,
            64 => hmac::HMAC_SHA512,
            _ => return Err(Refused::Unauthenticated),
        };
        shown(marked(&self.secrets, by, signed_octets(&parameters).as_bytes(), &mark))?;
        if let Some(api_key) = &self.api_key {
            // Older numbers' calls do not say it.
            shown(parameters.one("api-key")?.is_none_or(|key| key == api_key))?;
        }
        let time = parameters.one("timestamp")?.ok_or(Refused::Unauthenticated)?;
        near(call.now, seconds(time)?, WINDOW_S)?;
        Ok(parameters)
    }

    /// Holds the Messages API's JWT against the body.
    fn borne(&self, call: &Call<'_>) -> Result<(), Refused> {
        let no = Refused::Unauthenticated;
        let token = header(call, "authorization")?;
        let (scheme, token) = token.split_once(' ').ok_or(no)?;
        shown(scheme.eq_ignore_ascii_case("bearer"))?;
        let (message, mark) = token.rsplit_once('.').ok_or(no)?;
        let mark = URL_SAFE_NO_PAD.decode(mark).map_err(|_| no)?;
        shown(marked(&self.secrets, hmac::HMAC_SHA256, message.as_bytes(), &mark))?;
        let (head, claims) = message.split_once('.').ok_or(no)?;
        shown(text_at(&part(head)?, "alg") == Some("HS256"))?;
        self.claimed(call, &part(claims)?)
    }

    fn claimed(&self, call: &Call<'_>, claims: &Value) -> Result<(), Refused> {
        let no = Refused::Unauthenticated;
        let hash = text_at(claims, "payload_hash").and_then(from_hex).ok_or(no)?;
        let body = digest::digest(&digest::SHA256, call.body);
        shown(constant_time::verify_slices_are_equal(body.as_ref(), &hash).is_ok())?;
        if let Some(api_key) = &self.api_key {
            shown(text_at(claims, "api_key") == Some(api_key))?;
        }
        near(call.now, at(claims, "iat").and_then(Value::as_i64).ok_or(no)?, WINDOW_S)?;
        match at(claims, "exp") {
            None => Ok(()),
            Some(exp) if exp.as_i64().ok_or(no)? > call.now => Ok(()),
            Some(_) => Err(Refused::Stale),
        }
    }
}

/// A part of a JWT.
fn part(written: &str) -> Result<Value, Refused> {
    let octets = URL_SAFE_NO_PAD.decode(written).map_err(|_| Refused::Unauthenticated)?;
    json(&octets).map_err(|_| Refused::Unauthenticated)
}

/// By the account's setting they come in the query, as a form or as JSON.
fn parameters(call: &Call<'_>) -> Result<Parameters, Refused> {
    if call.method == "GET" {
        return Parameters::of_url(call.url);
    }
    let kind = call.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.trim_start().starts_with("application/json")) {
        Parameters::of_json(call.body)
    } else {
        Parameters::parse(call.body)
    }
}

fn signed_octets(parameters: &Parameters) -> String {
    let mut pairs: Vec<_> = parameters.0.iter().filter(|(name, _)| name != "sig").collect();
    pairs.sort();
    pairs.iter().fold(String::new(), |mut octets, (name, value)| {
        octets.extend(["&", name, "=", &value.replace(['&', '='], "_")]);
        octets
    })
}

/// A text or receipt of the SMS API.
fn sms(parameters: &Parameters) -> Result<Said, Refused> {
    let id = parameters.must("messageId", "messageId")?;
    if let Some(status) = parameters.one("status")? {
        return one_receipt(id, sms_state(status), parameters.one("err-code")?);
    }
    if parameters.one("concat")? == Some("true") {
        return Ok(Said::Nothing("multipart"));
    }
    if parameters.one("type")? == Some("binary") {
        return Ok(Said::Nothing("binary"));
    }
    let Some(text) = parameters.one("text")? else { return Ok(Said::Nothing("event")) };
    one_text(Some(id), parameters.must("msisdn", "msisdn")?, parameters.one("to")?, text)
}

fn sms_state(status: &str) -> DeliveryState {
    match status {
        "delivered" => DeliveryState::Delivered,
        "failed" => DeliveryState::Failed,
        "expired" => DeliveryState::Expired,
        "rejected" => DeliveryState::Rejected,
        _ => DeliveryState::Pending,
    }
}

/// A message or status of the Messages API. Those of other channels, such as RCS,
/// prove no SIM.
fn message(event: &Value) -> Result<Said, Refused> {
    let id = text_at(event, "message_uuid").ok_or(Refused::Malformed("message_uuid"))?;
    if text_at(event, "channel") != Some("sms") {
        return Ok(Said::Nothing("channel"));
    }
    if let Some(status) = text_at(event, "status") {
        // `error.title` is the number of the error; older calls have it in `error.code`.
        let error = at(event, "error.title").or_else(|| at(event, "error.code"));
        let error = error.and_then(scalar);
        return one_receipt(id, message_state(status), error.as_deref());
    }
    let Some(text) = text_at(event, "text") else { return Ok(Said::Nothing("event")) };
    let from = text_at(event, "from").ok_or(Refused::Malformed("from"))?;
    one_text(Some(id), from, text_at(event, "to"), text)
}

fn message_state(status: &str) -> DeliveryState {
    match status {
        "delivered" | "read" => DeliveryState::Delivered,
        "undeliverable" => DeliveryState::Failed,
        "rejected" => DeliveryState::Rejected,
        _ => DeliveryState::Pending,
    }
}

#[cfg(test)]
mod tests;
