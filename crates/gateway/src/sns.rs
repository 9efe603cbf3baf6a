//! AWS End User Messaging: two-way SMS through an SNS topic that posts JSON, signed by SNS.
//!
//! The signature is RSA PKCS #1 with SHA-1 (`SignatureVersion` 1) or SHA-256 (2) over names and
//! values, each on a line (docs.aws.amazon.com/sns, Verifying the signatures of Amazon SNS
//! messages). The certificate comes from a URL of the call's own, so its host is pinned; whose topic
//! it is says the `TopicArn` alone, so that is pinned too. "Raw message delivery" is not signed and
//! is refused.

use crate::fields::{json, one_text, text_at};
use crate::proof::{base64_mark, near, rfc3339, shown};
use crate::webhook::{Acknowledgement, Call, Refused, Said};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// SNS keeps trying for up to an hour, with the time it first tried.
const WINDOW_S: i64 = 3600;

/// Of one deployment.
#[derive(Clone, Debug)]
pub struct Sns {
    /// ARNs of the topics whose calls alone are taken.
    pub topics: Vec<String>,
}

impl Sns {
    pub(crate) const ACKNOWLEDGEMENT: Acknowledgement<'static> =
        Acknowledgement { status: 200, content_type: "", body: "" };

    /// The certificate's URL, of a call that says it is of a topic of ours.
    pub(crate) fn signing_certificate(&self, call: &Call<'_>) -> Result<String, Refused> {
        self.addressed(&json(call.body)?).map(str::to_owned)
    }

    pub(crate) fn read(&self, call: &Call<'_>, pem: Option<&[u8]>) -> Result<Said, Refused> {
        let envelope = json(call.body)?;
        self.addressed(&envelope)?;
        let pem = pem.ok_or(Refused::Unauthenticated)?;
        let key = public_key(pem, call.now).ok_or(Refused::Unauthenticated)?;
        let by = match text_at(&envelope, "SignatureVersion") {
            Some("1") => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Some("2") => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Refused::Unauthenticated),
        };
        let mark = base64_mark(text_at(&envelope, "Signature").unwrap_or_default())?;
        let message = signed_octets(&envelope).ok_or(Refused::Unauthenticated)?;
        shown(UnparsedPublicKey::new(by, key).verify(message.as_bytes(), &mark).is_ok())?;
        let time = text_at(&envelope, "Timestamp").and_then(rfc3339);
        near(call.now, time.ok_or(Refused::Unauthenticated)?, WINDOW_S)?;
        said(&envelope)
    }

    /// The certificate's URL, if topic and URL are what they must be.
    fn addressed<'a>(&self, envelope: &'a Value) -> Result<&'a str, Refused> {
        let topic = text_at(envelope, "TopicArn");
        shown(topic.is_some_and(|topic| self.topics.iter().any(|other| other == topic)))?;
        let url = text_at(envelope, "SigningCertURL").unwrap_or_default();
        let path = of_sns(url).ok_or(Refused::Unauthenticated)?;
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        let name = path.strip_prefix('/').and_then(|path| path.strip_suffix(".pem"));
        shown(name.is_some_and(|name| !name.is_empty() && name.bytes().all(plain)))?;
        Ok(url)
    }
}

/// The path of an https URL whose host is `sns.<region>.amazonaws.com` or `.com.cn`.
fn of_sns(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let region = host.strip_prefix("sns.")?;
    let region =
        region.strip_suffix(".amazonaws.com").or_else(|| region.strip_suffix(".amazonaws.com.cn"));
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    region.filter(|region| region.len() >= 3 && region.bytes().all(plain))?;
    Some(path)
}

/// The key of a certificate that is valid now. TLS to the pinned host vouches for it.
fn public_key(pem: &[u8], now: i64) -> Option<Vec<u8>> {
    let pem = std::str::from_utf8(pem).ok()?;
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (lines, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let der = STANDARD.decode(lines.split_ascii_whitespace().collect::<String>()).ok()?;
    let certificate = Certificate::from_der(&der).ok()?.tbs_certificate;
    let now = u64::try_from(now).ok()?;
    let validity = certificate.validity;
    let valid = validity.not_before.to_unix_duration().as_secs()
        ..=validity.not_after.to_unix_duration().as_secs();
    valid.contains(&now).then_some(())?;
    certificate.subject_public_key_info.to_der().ok()
}

/// What is signed. No name but the message's and the subject's may hold a line break: it would
/// pass for another name.
fn signed_octets(envelope: &Value) -> Option<String> {
    let names: &[&str] = match text_at(envelope, "Type")? {
        "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        }
        _ => return None,
    };
    let mut octets = String::new();
    for name in names {
        let value = match (text_at(envelope, name), *name) {
            (None, "Subject") => continue,
            (value, _) => value?,
        };
        if !["Message", "Subject"].contains(name) && value.contains(char::is_control) {
            return None;
        }
        octets.extend([name, "\n", value, "\n"]);
    }
    Some(octets)
}

fn said(envelope: &Value) -> Result<Said, Refused> {
    match text_at(envelope, "Type") {
        Some("Notification") => text(envelope),
        Some("SubscriptionConfirmation") => {
            let url = text_at(envelope, "SubscribeURL").unwrap_or_default();
            of_sns(url).ok_or(Refused::Malformed("SubscribeURL"))?;
            Ok(Said::Subscribe(url.to_owned()))
        }
        _ => Ok(Said::Nothing("unsubscribed")),
    }
}

fn text(envelope: &Value) -> Result<Said, Refused> {
    let message = text_at(envelope, "Message").ok_or(Refused::Malformed("Message"))?;
    // A topic may carry other things too; they are no texts.
    let Ok(message) = json(message.as_bytes()) else { return Ok(Said::Nothing("event")) };
    let from = text_at(&message, "originationNumber");
    let (Some(from), Some(text)) = (from, text_at(&message, "messageBody")) else {
        return Ok(Said::Nothing("event"));
    };
    let id = text_at(envelope, "MessageId").ok_or(Refused::Malformed("MessageId"))?;
    one_text(Some(id), from, text_at(&message, "destinationNumber"), text)
}

#[cfg(test)]
mod tests;
