//! SMS Gateway for Android (capcom6): an Android phone posts JSON, signed with a key it was given.
//!
//! `X-Signature` is the hex HMAC-SHA256 of the body followed by `X-Timestamp`
//! (docs.sms-gate.app, Webhooks). `payload.messageId` of a text received is a hash of its content,
//! so the event's own `id` names the delivery.

use crate::fields::{at, json, one_receipt, one_text, text_at};
use crate::proof::{Secret, WINDOW_S, header, hex_mark, marked, near, seconds, shown};
use crate::webhook::{Acknowledgement, Call, DeliveryState, Refused, Said};
use aws_lc_rs::hmac;
use serde_json::Value;

/// Of one phone, or of the phones of one account.
#[derive(Clone, Debug)]
pub struct SmsGate {
    /// Signing keys, the old one also while phones still have it.
    pub secrets: Vec<Secret>,
}

impl SmsGate {
    pub(crate) const ACKNOWLEDGEMENT: Acknowledgement<'static> =
        Acknowledgement { status: 200, content_type: "", body: "" };

    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Said, Refused> {
        let mark = hex_mark(header(call, "x-signature")?)?;
        let time = header(call, "x-timestamp")?;
        let message = [call.body, time.as_bytes()].concat();
        shown(marked(&self.secrets, hmac::HMAC_SHA256, &message, &mark))?;
        near(call.now, seconds(time)?, WINDOW_S)?;
        said(&json(call.body)?)
    }
}

fn said(event: &Value) -> Result<Said, Refused> {
    let kind = text_at(event, "event").ok_or(Refused::Malformed("event"))?;
    let payload = at(event, "payload").filter(|payload| payload.is_object());
    let payload = payload.ok_or(Refused::Malformed("payload"))?;
    let state = match kind {
        "sms:received" => return text(event, payload),
        "sms:sent" => DeliveryState::Pending,
        "sms:delivered" => DeliveryState::Delivered,
        "sms:failed" => DeliveryState::Failed,
        _ => return Ok(Said::Nothing("event")),
    };
    let id = text_at(payload, "messageId").ok_or(Refused::Malformed("payload.messageId"))?;
    one_receipt(id, state, text_at(payload, "reason"))
}

fn text(event: &Value, payload: &Value) -> Result<Said, Refused> {
    let id = text_at(event, "id").ok_or(Refused::Malformed("id"))?;
    // Older versions say `phoneNumber`.
    let from = text_at(payload, "sender").or_else(|| text_at(payload, "phoneNumber"));
    let from = from.ok_or(Refused::Malformed("payload.sender"))?;
    let text = text_at(payload, "message").ok_or(Refused::Malformed("payload.message"))?;
    one_text(Some(id), from, text_at(payload, "recipient"), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MUST_NOT_SHOW, call, hex};

    const NOW: i64 = 1_700_000_000;
    const BODY: &str = r#"{"deviceId":"d","event":"sms:received","id":"Ey6ECgOkVVFjz3CL48B8C","webhookId":"w","payload":{"messageId":"abc123","message":"LOGIN 4F7K","sender":"+447911123456","recipient":"+15005550006","simNumber":1,"receivedAt":"2024-06-22T15:46:11.000+07:00"}}"#;
    /// Of BODY and 1700000000 with `gate-token`: python3's hmac.
    const MARK: &str = "2039b1b4635dc398155b351ca9fb9f8b56dfe6ca9d0b75a8a19dae5d50cb01d1";

    fn gate() -> SmsGate {
        let secrets = vec![Secret::new("other").unwrap(), Secret::new("gate-token").unwrap()];
        SmsGate { secrets }
    }

    fn read_at(time: &str, mark: &str, body: &[u8]) -> Result<Said, Refused> {
        let headers = [("x-signature", mark), ("x-timestamp", time)];
        gate().read(&call("POST", "https://a/sms/g", &headers, body, NOW).call())
    }

    fn signed(time: &str, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"gate-token");
        let mark = hmac::sign(&key, &[body, time.as_bytes()].concat());
        hex(mark.as_ref())
    }

    fn read(body: &str) -> Result<Said, Refused> {
        read_at("1700000000", &signed("1700000000", body.as_bytes()), body.as_bytes())
    }

    #[test]
    fn a_text_is_read() {
        let id = Some("Ey6ECgOkVVFjz3CL48B8C");
        let text = one_text(id, "+447911123456", Some("+15005550006"), "LOGIN 4F7K");
        assert_eq!(read_at("1700000000", MARK, BODY.as_bytes()), text);
        assert!(matches!(text, Ok(Said::Texts(_))));
        let older = BODY.replace("\"sender\"", "\"phoneNumber\"");
        assert_eq!(read(&older), text);
    }

    #[test]
    fn a_call_that_shows_something_else_is_refused() {
        let no = Err(Refused::Unauthenticated);
        let changed = BODY.replace("4F7K", "4F7L");
        assert_eq!(read_at("1700000000", MARK, changed.as_bytes()), no);
        assert_eq!(read_at("1700000001", MARK, BODY.as_bytes()), no);
        assert_eq!(read_at("1700000000", "", BODY.as_bytes()), no);
        assert_eq!(read_at("1700000000", "zz", BODY.as_bytes()), no);
        assert_eq!(read_at("now", &signed("now", BODY.as_bytes()), BODY.as_bytes()), no);
        // A digit moved from the time to the body gives the same signed octets.
        let shifted = format!("{BODY}1");
        assert!(read_at("700000000", MARK, shifted.as_bytes()).is_err());
        for headers in [vec![("x-signature", MARK)], vec![("x-timestamp", "1700000000")]] {
            let call = call("POST", "https://a/sms/g", &headers, BODY.as_bytes(), NOW);
            assert_eq!(gate().read(&call.call()), no);
        }
        let other = SmsGate { secrets: vec![Secret::new("wrong").unwrap()] };
        let headers = [("x-signature", MARK), ("x-timestamp", "1700000000")];
        let call = call("POST", "https://a/sms/g", &headers, BODY.as_bytes(), NOW);
        assert_eq!(other.read(&call.call()), no);
    }

    #[test]
    fn a_call_of_another_time_is_stale() {
        for time in ["1699999699", "1700000301"] {
            let mark = signed(time, BODY.as_bytes());
            assert_eq!(read_at(time, &mark, BODY.as_bytes()), Err(Refused::Stale), "{time}");
        }
    }

    #[test]
    fn receipts_are_read() {
        for (event, state) in [
            ("sms:sent", DeliveryState::Pending),
            ("sms:delivered", DeliveryState::Delivered),
            ("sms:failed", DeliveryState::Failed),
        ] {
            let body = format!(
                r#"{{"event":"{event}","id":"e","payload":{{"messageId":"m1","reason":"R"}}}}"#
            );
            assert_eq!(read(&body), one_receipt("m1", state, Some("R")), "{event}");
        }
    }

    #[test]
    fn what_is_no_text_is_nothing_or_malformed() {
        let with = |from: &str, to: &str| read(&BODY.replace(from, to));
        assert_eq!(with("sms:received", "mms:received"), Ok(Said::Nothing("event")));
        assert_eq!(with("sms:received", "sms:data-received"), Ok(Said::Nothing("event")));
        assert_eq!(with("\"id\"", "\"ix\""), Err(Refused::Malformed("id")));
        assert_eq!(with("\"sender\"", "\"x\""), Err(Refused::Malformed("payload.sender")));
        let long = "x".repeat(2049);
        assert_eq!(with("LOGIN 4F7K", &long), Ok(Said::Nothing("oversized")));
        assert_eq!(read("{}"), Err(Refused::Malformed("event")));
        let octets = b"\"\xff\"";
        let said = read_at("1700000000", &signed("1700000000", octets), octets);
        assert_eq!(said, Err(Refused::Malformed("not UTF-8")));
    }

    #[test]
    fn nothing_is_shown_that_should_not_be() {
        let shown = format!("{:?}{:?}", read(BODY), gate());
        assert!(MUST_NOT_SHOW.iter().all(|word| !shown.contains(word)));
    }
}
