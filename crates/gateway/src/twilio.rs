//! Twilio Programmable Messaging: forms, signed with the account's auth token.
//!
//! `X-Twilio-Signature` is the base64 HMAC-SHA1 of the URL followed by every parameter's name and
//! value, sorted; of a body in JSON it covers the URL alone, whose `bodySHA256` covers the body
//! (twilio.com/docs/usage/webhooks/webhooks-security). It holds no time: a call that is replayed
//! is told by its `MessageSid`.

use crate::fields::{Parameters, one_receipt, one_text};
use crate::proof::{Secret, base64_mark, header, hex_mark, marked, shown};
use crate::webhook::{Acknowledgement, Call, DeliveryState, Refused, Said};
use aws_lc_rs::{constant_time, digest, hmac};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Of one account.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// Auth tokens, primary and secondary while they rotate.
    pub secrets: Vec<Secret>,
    /// Whose calls alone are taken, when set.
    pub account_sid: Option<String>,
}

impl Twilio {
    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Said, Refused> {
        let mark = base64_mark(header(call, "x-twilio-signature")?)?;
        let parameters = if let Some(hash) = Parameters::of_url(call.url)?.one("bodySHA256")? {
            shown(self.signed(call.url, &Parameters::default(), &mark))?;
            let body = digest::digest(&digest::SHA256, call.body);
            let same = constant_time::verify_slices_are_equal(body.as_ref(), &hex_mark(hash)?);
            shown(same.is_ok())?;
            Parameters::of_json(call.body)?
        } else {
            let parameters = Parameters::parse(call.body)?;
            shown(self.signed(call.url, &parameters, &mark))?;
            parameters
        };
        if let Some(account) = &self.account_sid {
            shown(parameters.one("AccountSid")? == Some(account))?;
        }
        said(&parameters)
    }

    /// No text back: an empty `TwiML` document.
    pub(crate) const ACKNOWLEDGEMENT: Acknowledgement<'static> =
        Acknowledgement { status: 200, content_type: "text/xml", body: "<Response/>" };

    fn signed(&self, url: &str, parameters: &Parameters, mark: &[u8]) -> bool {
        let parameters = sorted(parameters);
        spellings(url).iter().fold(false, |fits, url| {
            let message = format!("{url}{parameters}");
            let by = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
            marked(&self.secrets, by, message.as_bytes(), mark) | fits
        })
    }
}

/// Names and values one after the other, sorted; a value that comes twice counts once.
fn sorted(parameters: &Parameters) -> String {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in &parameters.0 {
        values.entry(name).or_default().insert(value);
    }
    let pairs = values.iter().flat_map(|(name, values)| values.iter().map(move |v| [*name, *v]));
    pairs.flatten().collect()
}

/// The URL as it came, without its port, and with the default one: Twilio signs any of them.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return spellings };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let port = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()));
    spellings.push(match port {
        Some((host, _)) => format!("{scheme}://{host}{path}"),
        None if scheme == "https" => format!("{scheme}://{authority}:443{path}"),
        None => format!("{scheme}://{authority}:80{path}"),
    });
    spellings
}

fn said(parameters: &Parameters) -> Result<Said, Refused> {
    if let Some(status) = parameters.one("MessageStatus")? {
        let id = parameters.must("MessageSid", "MessageSid")?;
        return one_receipt(id, state(status), parameters.one("ErrorCode")?);
    }
    if parameters.one("SmsStatus")?.is_some_and(|status| status != "received") {
        return Ok(Said::Nothing("status"));
    }
    let Some(text) = parameters.one("Body")? else { return Ok(Said::Nothing("event")) };
    let from = parameters.must("From", "From")?;
    // whatsapp:, rcs:, messenger: - what those accounts own is no proof of a SIM.
    if from.contains(':') {
        return Ok(Said::Nothing("channel"));
    }
    let id = parameters.must("MessageSid", "MessageSid")?;
    one_text(Some(id), from, parameters.one("To")?, text)
}

fn state(status: &str) -> DeliveryState {
    match status {
        "delivered" | "read" => DeliveryState::Delivered,
        "undelivered" | "failed" | "canceled" => DeliveryState::Failed,
        _ => DeliveryState::Pending,
    }
}

#[cfg(test)]
mod tests;
