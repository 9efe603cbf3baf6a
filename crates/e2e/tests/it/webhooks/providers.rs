//! Telnyx's and Vonage's calls, made as their documentation has them.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use twinpath_e2e::config::Settings;
use twinpath_e2e::jose::hmac_jwt;
use twinpath_e2e::pdu::hex;
use twinpath_e2e::{now_s, number, random_text};

use super::{SECRET, World, form, mac};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// Beyond the 300 s within which a call must arrive.
const LONG_AGO_S: i64 = 400;

#[tokio::test]
async fn telnyx_hands_over_a_text() {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = STANDARD.encode(key.public_key());
    let section = format!(
        "[[sms.webhook]]\nname = \"telnyx\"\nprovider = \"telnyx\"\nsecret = \"{public}\"\n\
         trust = \"aggregator\""
    );
    let world = World::with("telnyx", &Settings::default().with(&section)).await;
    let attempt = world.weather.attempt();
    let body = json!({"data": {
        "record_type": "event", "event_type": "message.received", "id": random_text(),
        "payload": {"id": random_text(), "type": "SMS", "direction": "inbound",
            "from": {"phone_number": number(1)}, "to": [{"phone_number": "+15005550006"}],
            "text": attempt.text},
    }});
    let body = body.to_string();
    let signed = |at: i64, body: &str| STANDARD.encode(key.sign(format!("{at}|{body}").as_bytes()));
    let send = async |at: i64, mark: &str| {
        let at = at.to_string();
        let headers = [JSON, ("telnyx-timestamp", &*at), ("telnyx-signature-ed25519", mark)];
        world.call(&headers, &body).await.status
    };
    let now = now_s();
    assert_eq!(send(now, "").await, 401);
    assert_eq!(send(now, &signed(now, &body.replace("SMS", "sms"))).await, 401);
    assert_eq!(send(now - LONG_AGO_S, &signed(now - LONG_AGO_S, &body)).await, 401);
    world.counts("stale", 1.0).await;
    world.pending(&attempt).await;
    for _ in 0..2 {
        assert_eq!(send(now, &signed(now, &body)).await, 200);
    }
    world.counts("duplicate", 1.0).await;
    world.weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn vonages_sms_api_hands_over_a_text() {
    let world = World::start("vonage", "api_key = \"abcd1234\"\n").await;
    let (attempt, from) = (world.weather.attempt(), number(1));
    let signed = |at: i64, api_key: &str| {
        let at = at.to_string();
        let mut pairs = vec![
            ("api-key", api_key),
            ("keyword", "TWINPATH"),
            ("message-timestamp", "2026-11-23 10:00:00"),
            ("messageId", "0A0000000123ABCD1"),
            ("msisdn", from.trim_start_matches('+')),
            ("nonce", "aaaaaaaa-bbbb"),
            ("text", &attempt.text),
            ("timestamp", &at),
            ("to", "15005550006"),
            ("type", "text"),
        ];
        pairs.sort_unstable();
        let said =
            |(name, value): &(&str, &str)| format!("&{name}={}", value.replace(['&', '='], "_"));
        let said: String = pairs.iter().map(said).collect();
        let sig = hex(&mac(hmac::HMAC_SHA256, said.as_bytes())).to_uppercase();
        pairs.push(("sig", &sig));
        form(&pairs)
    };
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let right = signed(now_s(), "abcd1234");
    let unsigned = right.split("&sig=").next().unwrap();
    for wrong in [
        unsigned,
        &right.replace("TWINPATH", "TWINPETH"),
        &signed(now_s() - LONG_AGO_S, "abcd1234"),
        &signed(now_s(), "another"),
    ] {
        assert_eq!(world.call(&kind, wrong).await.status, 401, "{wrong}");
    }
    world.pending(&attempt).await;
    assert_eq!(world.call(&kind, &right).await.status, 200);
    // By the account's setting the same comes in the query.
    assert_eq!(world.get(&right).await.status, 200);
    world.counts("duplicate", 1.0).await;
    world.weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn vonages_messages_api_hands_over_a_text() {
    let world = World::start("vonage", "api_key = \"abcd1234\"\n").await;
    let attempt = world.weather.attempt();
    let body = json!({
        "channel": "sms", "message_uuid": random_text(), "message_type": "text",
        "from": number(1).trim_start_matches('+'), "to": "15005550006", "text": attempt.text,
        "timestamp": "2026-11-23T10:00:00Z", "sms": {"num_messages": "1"},
    });
    let body = body.to_string();
    let bearer = |secret: &str, at: i64, of: &str| {
        let hash = hex(digest::digest(&digest::SHA256, of.as_bytes()).as_ref());
        let claims = json!({"iat": at, "jti": random_text(), "iss": "Vonage",
            "api_key": "abcd1234", "payload_hash": hash});
        let header = json!({"alg": "HS256", "typ": "JWT"});
        format!("Bearer {}", hmac_jwt(secret.as_bytes(), &header, &claims))
    };
    for wrong in [
        "Bearer x.y.z".to_owned(),
        bearer("another secret", now_s(), &body),
        bearer(SECRET, now_s() - LONG_AGO_S, &body),
        bearer(SECRET, now_s(), "{}"),
    ] {
        let answer = world.call(&[JSON, ("Authorization", &wrong)], &body).await;
        assert_eq!(answer.status, 401, "{wrong}");
    }
    world.pending(&attempt).await;
    let right = bearer(SECRET, now_s(), &body);
    for _ in 0..2 {
        assert_eq!(world.call(&[JSON, ("Authorization", &right)], &body).await.status, 200);
    }
    world.counts("duplicate", 1.0).await;
    world.weather.redeem(&attempt).await.accepts();
}
