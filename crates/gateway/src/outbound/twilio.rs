//! Twilio's Messages resource (twilio.com/docs/messaging/api/message-resource).

use super::{ApiAttempt, message_id, of_status, temporary};
use crate::fields::{at, json, text_at};
use crate::proof::{Flaw, Secret};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use zeroize::Zeroizing;

/// One account and sender. Twilio knows no idempotency key: a text whose answer is lost may be sent
/// twice.
#[derive(Clone, Debug)]
pub struct TwilioApi {
    account_sid: String,
    secret: Secret,
    sender: String,
    base_url: String,
    status_callback: Option<String>,
}

impl TwilioApi {
    /// `sender` is a number in E.164, an alphanumeric sender, or a messaging service (`MG...`);
    /// `base_url` is `https://api.twilio.com` or a region's; receipts go to `status_callback`.
    pub fn new(
        account_sid: String,
        secret: Secret,
        sender: String,
        base_url: &str,
        status_callback: Option<String>,
    ) -> Result<Self, Flaw> {
        let plain = |sid: &str| !sid.is_empty() && sid.bytes().all(|o| o.is_ascii_alphanumeric());
        if !plain(&account_sid) {
            return Err(Flaw::new("account_sid", "is no SID"));
        }
        if sender.is_empty() {
            return Err(Flaw::new("sender", "is empty"));
        }
        let base_url = base_url.trim_end_matches('/').to_owned();
        let uri = base_url.parse::<http::Uri>().ok();
        if uri.is_none_or(|uri| uri.scheme().is_none() || uri.query().is_some()) {
            return Err(Flaw::new("base_url", "is no URL"));
        }
        Ok(Self { account_sid, secret, sender, base_url, status_callback })
    }

    pub(super) fn request(
        &self,
        to: &str,
        text: &str,
    ) -> Result<http::Request<Vec<u8>>, http::Error> {
        let sender = match self.sender.strip_prefix("MG") {
            Some(rest) if rest.len() == 32 => "MessagingServiceSid",
            _ => "From",
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", to).append_pair(sender, &self.sender).append_pair("Body", text);
        if let Some(url) = &self.status_callback {
            form.append_pair("StatusCallback", url);
        }
        let Self { account_sid, base_url, .. } = self;
        let pair = [account_sid.as_bytes(), b":", self.secret.bytes()].concat();
        let pair = Zeroizing::new(STANDARD.encode(Zeroizing::new(pair)));
        let mut authorization = HeaderValue::try_from(format!("Basic {}", pair.as_str()))?;
        authorization.set_sensitive(true);
        http::Request::post(format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json"))
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish().into_bytes())
    }
}

pub(super) fn answer(status: u16, body: &[u8]) -> ApiAttempt {
    let body = json(body).unwrap_or_default();
    match status {
        200 | 201 => ApiAttempt::Accepted { message_id: message_id(text_at(&body, "sid")) },
        400 | 404 => of_code(at(&body, "code").and_then(Value::as_u64).unwrap_or_default()),
        _ => of_status(status),
    }
}

/// Of Twilio's error dictionary (twilio.com/docs/api/errors).
fn of_code(code: u64) -> ApiAttempt {
    match code {
        21_211 | 21_217 | 21_401 | 21_421 => ApiAttempt::Permanent("invalid number"),
        21_214 | 21_612 | 21_614 => ApiAttempt::Permanent("unreachable"),
        21_408 => ApiAttempt::Permanent("country"),
        21_610 => ApiAttempt::Permanent("unsubscribed"),
        21_602 | 21_605 | 21_617 => ApiAttempt::Permanent("text"),
        // 21611: the queue of the sender is full.
        21_611 | 20_429 => temporary("throttled"),
        // The sender is not one, not the account's, or not for texts.
        21_212 | 21_603 | 21_606 | 21_607 | 21_659 | 21_660 | 21_661 | 21_701 | 21_703 => {
            temporary("sender")
        }
        20_003 | 20_005 | 20_008 | 20_404 => temporary("credentials"),
        _ => ApiAttempt::Permanent("refused"),
    }
}
