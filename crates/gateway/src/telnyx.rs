//! Telnyx messaging: JSON, signed with Telnyx's Ed25519 key for the account.
//!
//! `telnyx-signature-ed25519` (base64) is over `telnyx-timestamp`, `|` and the body
//! (developers.telnyx.com/docs/messaging/messages/receiving-webhooks).

use crate::fields::{at, json, one_receipt, one_text, text_at};
use crate::proof::{Flaw, WINDOW_S, base64_mark, header, near, seconds, shown};
use crate::webhook::{Acknowledgement, Call, DeliveryState, Refused, Said};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// Of one account.
#[derive(Clone, Debug)]
pub struct Telnyx {
    public_keys: Vec<[u8; 32]>,
}

impl Telnyx {
    /// Of the public keys as the portal shows them, in base64: one, or two while they change.
    pub fn new(public_keys: &[String]) -> Result<Self, Flaw> {
        if public_keys.is_empty() {
            return Err(Flaw::new("public_keys", "is empty"));
        }
        let key = |written: &String| {
            let octets = STANDARD.decode(written).ok()?;
            <[u8; 32]>::try_from(octets).ok()
        };
        let keys: Option<_> = public_keys.iter().map(key).collect();
        let flaw = || Flaw::new("public_keys", "is no Ed25519 public key in base64");
        Ok(Self { public_keys: keys.ok_or_else(flaw)? })
    }

    pub(crate) const ACKNOWLEDGEMENT: Acknowledgement<'static> =
        Acknowledgement { status: 200, content_type: "", body: "" };

    pub(crate) fn read(&self, call: &Call<'_>) -> Result<Said, Refused> {
        let mark = base64_mark(header(call, "telnyx-signature-ed25519")?)?;
        let time = header(call, "telnyx-timestamp")?;
        let message = [time.as_bytes(), b"|", call.body].concat();
        let by = |key: &[u8; 32]| UnparsedPublicKey::new(&ED25519, key).verify(&message, &mark);
        shown(self.public_keys.iter().any(|key| by(key).is_ok()))?;
        near(call.now, seconds(time)?, WINDOW_S)?;
        said(&json(call.body)?)
    }
}

fn said(event: &Value) -> Result<Said, Refused> {
    let Some(kind) = text_at(event, "data.event_type") else {
        return Err(Refused::Malformed("data.event_type"));
    };
    let payload = at(event, "data.payload").filter(|payload| payload.is_object());
    let payload = payload.ok_or(Refused::Malformed("data.payload"))?;
    let id = text_at(payload, "id").ok_or(Refused::Malformed("data.payload.id"));
    match kind {
        "message.received" => text(id?, payload),
        "message.sent" | "message.finalized" => {
            let status = text_at(payload, "to.0.status").unwrap_or_default();
            one_receipt(id?, state(status), text_at(payload, "errors.0.code"))
        }
        _ => Ok(Said::Nothing("event")),
    }
}

fn text(id: &str, payload: &Value) -> Result<Said, Refused> {
    // MMS and RCS travel other ways than the SIM's SMS.
    if text_at(payload, "type").is_some_and(|kind| kind != "SMS") {
        return Ok(Said::Nothing("channel"));
    }
    let from = text_at(payload, "from.phone_number");
    let from = from.ok_or(Refused::Malformed("data.payload.from.phone_number"))?;
    let text = text_at(payload, "text").ok_or(Refused::Malformed("data.payload.text"))?;
    one_text(Some(id), from, text_at(payload, "to.0.phone_number"), text)
}

fn state(status: &str) -> DeliveryState {
    match status {
        "delivered" => DeliveryState::Delivered,
        "delivery_failed" => DeliveryState::Failed,
        "sending_failed" => DeliveryState::Rejected,
        "expired" => DeliveryState::Expired,
        // `delivery_unconfirmed`: carriers that send no receipt.
        _ => DeliveryState::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MUST_NOT_SHOW, call};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    const NOW: i64 = 1_700_000_000;
    const BODY: &str = r#"{"data":{"event_type":"message.received","id":"e1","payload":{
        "id":"84cca175-9755-4859-b67f-4730d7f58aa3","type":"SMS","text":"LOGIN 4F7K",
        "from":{"phone_number":"+447911123456"},"to":[{"phone_number":"+15005550006"}]}}}"#;

    fn pair() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
    }

    fn telnyx() -> Telnyx {
        Telnyx::new(&[STANDARD.encode([0; 32]), STANDARD.encode(pair().public_key())]).unwrap()
    }

    fn signed(time: &str, body: &[u8]) -> String {
        STANDARD.encode(pair().sign(&[time.as_bytes(), b"|", body].concat()))
    }

    fn read_at(time: &str, mark: &str, body: &[u8]) -> Result<Said, Refused> {
        let headers = [("telnyx-signature-ed25519", mark), ("telnyx-timestamp", time)];
        telnyx().read(&call("POST", "https://a/sms/t", &headers, body, NOW).call())
    }

    fn read(body: &str) -> Result<Said, Refused> {
        read_at("1700000000", &signed("1700000000", body.as_bytes()), body.as_bytes())
    }

    #[test]
    fn a_text_is_read() {
        let id = Some("84cca175-9755-4859-b67f-4730d7f58aa3");
        let text = one_text(id, "+447911123456", Some("+15005550006"), "LOGIN 4F7K");
        assert_eq!(read(BODY), text);
        assert!(matches!(text, Ok(Said::Texts(_))));
    }

    /// RFC 8032 7.1, test 3: the key reads and verifies as written there.
    #[test]
    fn keys_are_those_of_rfc_8032() {
        let key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
        let mark = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
            18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        let octets = crate::proof::from_hex(key).unwrap();
        let read = Telnyx::new(&[STANDARD.encode(octets)]).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, read.public_keys[0]);
        assert!(key.verify(b"\xaf\x82", &crate::proof::from_hex(mark).unwrap()).is_ok());
    }

    #[test]
    fn a_call_that_shows_something_else_is_refused() {
        let no = Err(Refused::Unauthenticated);
        let mark = signed("1700000000", BODY.as_bytes());
        let changed = BODY.replace("4F7K", "4F7L");
        assert_eq!(read_at("1700000000", &mark, changed.as_bytes()), no);
        assert_eq!(read_at("1700000001", &mark, BODY.as_bytes()), no);
        assert_eq!(read_at("1700000000", "", BODY.as_bytes()), no);
        assert_eq!(read_at("1700000000", "*", BODY.as_bytes()), no);
        assert_eq!(read_at("", &signed("", BODY.as_bytes()), BODY.as_bytes()), no);
        for headers in [
            vec![("telnyx-signature-ed25519", mark.as_str())],
            vec![("telnyx-timestamp", "1700000000")],
            vec![
                ("telnyx-signature-ed25519", mark.as_str()),
                ("telnyx-timestamp", "1700000000"),
                ("telnyx-timestamp", "1700000000"),
            ],
        ] {
            let call = call("POST", "https://a/sms/t", &headers, BODY.as_bytes(), NOW);
            assert_eq!(telnyx().read(&call.call()), no);
        }
        let other = Telnyx::new(&[STANDARD.encode([9; 32])]).unwrap();
        let headers =
            [("telnyx-signature-ed25519", mark.as_str()), ("telnyx-timestamp", "1700000000")];
        let call = call("POST", "https://a/sms/t", &headers, BODY.as_bytes(), NOW);
        assert_eq!(other.read(&call.call()), no);
    }

    #[test]
    fn a_call_of_another_time_is_stale() {
        for time in ["1699999699", "1700000301"] {
            let mark = signed(time, BODY.as_bytes());
            assert_eq!(read_at(time, &mark, BODY.as_bytes()), Err(Refused::Stale), "{time}");
        }
        for time in ["1699999700", "1700000300"] {
            let mark = signed(time, BODY.as_bytes());
            assert!(read_at(time, &mark, BODY.as_bytes()).is_ok(), "{time}");
        }
    }

    #[test]
    fn receipts_are_read() {
        let body = r#"{"data":{"event_type":"message.finalized","payload":{"id":"m1",
            "to":[{"status":"STATUS"}],"errors":[{"code":"40008"}]}}}"#;
        for (status, state) in [
            ("delivered", DeliveryState::Delivered),
            ("delivery_failed", DeliveryState::Failed),
            ("sending_failed", DeliveryState::Rejected),
            ("sent", DeliveryState::Pending),
        ] {
            let said = read(&body.replace("STATUS", status));
            assert_eq!(said, one_receipt("m1", state, Some("40008")), "{status}");
        }
    }

    #[test]
    fn what_is_no_text_is_nothing_or_malformed() {
        let with = |from: &str, to: &str| read(&BODY.replace(from, to));
        assert_eq!(with("message.received", "message.read"), Ok(Said::Nothing("event")));
        assert_eq!(with("\"SMS\"", "\"RCS\""), Ok(Said::Nothing("channel")));
        let long = "x".repeat(2049);
        assert_eq!(with("LOGIN 4F7K", &long), Ok(Said::Nothing("oversized")));
        let from = Err(Refused::Malformed("data.payload.from.phone_number"));
        assert_eq!(with("\"phone_number\":\"+447911123456\"", ""), from);
        assert_eq!(read("[]"), Err(Refused::Malformed("data.event_type")));
        assert_eq!(read("{"), Err(Refused::Malformed("not JSON")));
        let octets = b"\"\xff\"";
        let said = read_at("1700000000", &signed("1700000000", octets), octets);
        assert_eq!(said, Err(Refused::Malformed("not UTF-8")));
    }

    #[test]
    fn keys_are_32_octets() {
        for keys in
            [vec![], vec![String::new()], vec!["****".into()], vec![STANDARD.encode([1; 33])]]
        {
            assert_eq!(Telnyx::new(&keys).unwrap_err().key, "public_keys");
        }
    }

    #[test]
    fn nothing_is_shown_that_should_not_be() {
        let shown = format!("{:?}", read(BODY));
        assert!(MUST_NOT_SHOW.iter().all(|word| !shown.contains(word)));
    }
}
