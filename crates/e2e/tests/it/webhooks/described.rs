//! The gateways that `docs/operations.md` describes, by its own examples: each calls as its documentation
//! has it, and its texts are redeemed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use twinpath_e2e::config::Settings;
use twinpath_e2e::pdu::{hex, ucs2};
use twinpath_e2e::{number, random_text};

use super::{World, form, post};

const OPERATIONS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md"));
/// Of the addresses that Jasmin's example names, as a proxy tells it.
const JASMIN: (&str, &str) = ("X-Forwarded-For", "192.0.2.7");

/// The example with this line.
pub(super) fn example(line: &str) -> &'static str {
    let mut blocks = blocks().filter(|block| block.lines().any(|it| it == line));
    blocks.next().unwrap_or_else(|| panic!("no example with {line}"))
}

fn blocks() -> impl Iterator<Item = &'static str> {
    OPERATIONS.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap())
}

/// A server with all examples of `[[sms.webhook]]`, as they stand there.
async fn world(name: &'static str) -> World {
    let sections: Vec<_> = blocks().filter(|block| block.contains("[[sms.webhook]]")).collect();
    let http_more = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    let settings = Settings { http_more, ..Settings::default() };
    World::with(name, &settings.with(&sections.join("\n"))).await
}

#[tokio::test]
async fn kannel() {
    let world = world("kannel").await;
    let attempt = world.weather.attempt();
    let from = number(1);
    let query = |key: &str| {
        let (id, to) = ("b4c9", "15005550006");
        form(&[("key", key), ("id", id), ("from", &from), ("to", to), ("text", &attempt.text)])
    };
    assert_eq!(world.get(&query("a long random kez")).await.status, 401);
    world.pending(&attempt).await;
    assert_eq!(world.get(&query("a long random key")).await.status, 200);
    world.weather.redeem(&attempt).await.accepts();
}

/// `content` is what the codec of `coding` makes of `binary`, which is the octets that came, in hex.
#[tokio::test]
async fn jasmin() {
    let world = world("jasmin").await;
    let (gsm, ucs) = (world.weather.attempt(), world.weather.attempt());
    let texts = [
        (&gsm, "0", gsm.text.clone(), gsm.text.as_bytes().to_vec()),
        (&ucs, "8", ucs.text.clone(), ucs2(&ucs.text)),
    ];
    for (nth, (attempt, coding, content, binary)) in texts.into_iter().enumerate() {
        let (from, id, binary) = (number(1), random_text(), hex(&binary));
        let body = form(&[
            ("id", &id),
            ("from", from.trim_start_matches('+')),
            ("to", "15005550006"),
            ("origin-connector", "smppcc"),
            ("content", &content),
            ("binary", &binary),
            ("coding", coding),
        ]);
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let elsewhere = world.send(&post(&world.path(), &[kind], &body)).await;
        assert_eq!(elsewhere.status, 403, "{nth}");
        world.pending(attempt).await;
        let answer = world.send(&post(&world.path(), &[kind, JASMIN], &body)).await;
        assert_eq!((answer.status, &*answer.text()), (200, "ACK/Jasmin"), "{nth}");
        world.weather.redeem(attempt).await.accepts();
    }
}

#[tokio::test]
async fn infobip() {
    let world = world("infobip").await;
    let attempts = [world.weather.attempt(), world.weather.attempt()];
    let result = |n: u32, text: &str| {
        json!({"messageId": random_text(), "from": number(n).trim_start_matches('+'),
            "to": "15005550006", "text": text, "cleanText": text, "keyword": "",
            "receivedAt": "2026-11-23T10:00:00.000+0000", "smsCount": 1, "callbackData": "x",
            "price": {"pricePerMessage": 0, "currency": "EUR"}})
    };
    let results = [result(1, &attempts[0].text), result(2, &attempts[1].text)];
    let body = json!({"results": results, "messageCount": 2, "pendingMessageCount": 0});
    let call = |authorization: &str| {
        let headers = [("Content-Type", "application/json"), ("Authorization", authorization)];
        post(&world.path(), &headers, &body.to_string())
    };
    for wrong in ["App another-key", "the-key"] {
        assert_eq!(world.send(&call(wrong)).await.status, 401, "{wrong}");
    }
    world.pending(&attempts[0]).await;
    assert_eq!(world.send(&call("App the-key")).await.status, 200);
    for attempt in &attempts {
        world.weather.redeem(attempt).await.accepts();
    }
}

#[tokio::test]
async fn sinch() {
    let world = world("sinch").await;
    let attempt = world.weather.attempt();
    let call = |kind: &str, at: &str, password: &str| {
        let body = json!({"type": kind, "id": "01FC66621XXXXX119Z8PMV1QPA",
            "from": number(1).trim_start_matches('+'), "to": "15005550006", "body": attempt.text,
            "operator_id": "35000", "received_at": at});
        let basic = format!("Basic {}", STANDARD.encode(format!("sinch:{password}")));
        let headers = [("Content-Type", "application/json"), ("Authorization", &*basic)];
        post(&world.path(), &headers, &body.to_string())
    };
    let now = super::topic::utc_now();
    assert_eq!(world.send(&call("mo_text", &now, "no password")).await.status, 401);
    assert_eq!(
        world.send(&call("mo_text", "2020-01-01T00:00:00Z", "the password")).await.status,
        401
    );
    assert_eq!(world.send(&call("mo_binary", &now, "the password")).await.status, 200);
    world.pending(&attempt).await;
    assert_eq!(world.send(&call("mo_text", &now, "the password")).await.status, 200);
    world.weather.redeem(&attempt).await.accepts();
}
