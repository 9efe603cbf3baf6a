//! `POST /sms/<name>`: texts that gateways hand over by HTTP, from their calls to redeemed tokens.

mod admission;
mod described;
mod providers;
mod sending;
mod topic;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{self, Answer, Request};
use twinpath_e2e::kannel::Kannel;
use twinpath_e2e::pdu::hex;
use twinpath_e2e::platform::{Platform, Registration};
use twinpath_e2e::wait::until;
use twinpath_e2e::{now_s, number, random_text};

const SECRET: &str = "a secret of the gateway's";
const GENERIC: &str = "[sms.webhook.generic]\nmethod = \"GET\"\nformat = \"query\"\n\
    fields = { id = \"id\", from = \"from\", to = \"to\", text = \"text\" }\n\
    authentication = [{ query = { name = \"key\", secret = \"secret\" } }]\n";

/// A section of a gateway that calls by GET, as [`called`] has it.
pub(crate) fn generic(name: &str, secret: &str) -> String {
    format!(
        "[[sms.webhook]]\nname = \"{name}\"\nprovider = \"generic\"\nsecret = \"{secret}\"\n\
         trust = \"aggregator\"\n{GENERIC}"
    )
}

/// Its call of this path with a phone's text.
pub(crate) fn called(path: &str, key: &str, from: &str, to: &str, text: &str) -> Request {
    let pairs = [("key", key), ("id", to), ("from", from), ("to", to), ("text", text)];
    Request::new("GET", &format!("{path}?{}", form(&pairs)))
}

/// A platform with one webhook, and an installation of an app.
struct World {
    platform: Platform,
    weather: Instance,
    name: &'static str,
}

impl World {
    /// Of the provider that it is named after, with `SECRET`.
    async fn start(name: &'static str, more: &str) -> Self {
        let section = format!(
            "[[sms.webhook]]\nname = \"{name}\"\nprovider = \"{name}\"\nsecret = \"{SECRET}\"\n\
             numbers = [\"+15005550006\"]\ntrust = \"aggregator\"\n{more}"
        );
        Self::with(name, &Settings::default().with(&section)).await
    }

    async fn with(name: &'static str, settings: &Settings) -> Self {
        let platform = Platform::start(settings).await;
        let app = platform.register(&Registration::new("weather")).await;
        let weather = Instance::new(&app, &platform.place);
        Self { platform, weather, name }
    }

    fn path(&self) -> String {
        format!("/sms/{}", self.name)
    }

    fn url(&self) -> String {
        format!("{}{}", self.platform.place.issuer, self.path())
    }

    async fn call(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(&post(&self.path(), headers, body)).await
    }

    async fn send(&self, request: &Request) -> Answer {
        http::send(self.platform.place.address, request).await
    }

    async fn get(&self, query: &str) -> Answer {
        self.send(&Request::new("GET", &format!("{}?{query}", self.path()))).await
    }

    async fn texts(&self, outcome: &str) -> f64 {
        self.platform.texts(self.name, outcome).await
    }

    /// So many texts or calls ended so.
    async fn counts(&self, outcome: &str, times: f64) {
        let counted = self.texts(outcome).await;
        assert!((counted - times).abs() < 0.5, "{outcome}: {counted}, not {times}");
    }

    async fn pending(&self, attempt: &Attempt) {
        self.weather.redeem(attempt).await.refuses(400, "authorization_pending");
    }
}

fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let request = Request::new("POST", path);
    let mut request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body = body.as_bytes().to_vec();
    request
}

fn mac(algorithm: hmac::Algorithm, octets: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, SECRET.as_bytes()), octets).as_ref().to_vec()
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// As Twilio signs: the URL, then names and values in order.
fn twilio(url: &str, pairs: &[(&str, &str)]) -> String {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable();
    let said: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
    STANDARD.encode(mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{url}{said}").as_bytes()))
}

#[tokio::test]
async fn twilio_hands_over_a_text() {
    let world = World::start("twilio", "").await;
    let attempt = world.weather.attempt();
    let from = number(1);
    let pairs = [
        ("AccountSid", "AC1"),
        ("Body", attempt.text.as_str()),
        ("From", from.as_str()),
        ("MessageSid", "SM1"),
        ("NumSegments", "1"),
        ("To", "+15005550006"),
    ];
    let body = form(&pairs);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    for (signature, status) in [
        ("", 401),
        (&*twilio("https://id.example.com/sms/twilio", &pairs), 401),
        (&*twilio(&world.url(), &pairs[1..]), 401),
    ] {
        let answer = world.call(&[kind, ("X-Twilio-Signature", signature)], &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(world.call(&[kind], &body).await.status, 401);
    world.pending(&attempt).await;
    let signature = twilio(&world.url(), &pairs);
    let headers = [kind, ("X-Twilio-Signature", signature.as_str())];
    let answer = world.call(&headers, &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml")));
    assert_eq!(answer.text(), "<Response/>", "nothing goes back to the phone");
    // Played back it changes nothing.
    assert_eq!(world.call(&headers, &body).await.status, 200);
    assert!(world.texts("duplicate").await > 0.5 && world.texts("unauthenticated").await > 3.5);
    let tokens = world.weather.redeem(&attempt).await.accepts();
    assert_eq!(
        tokens["terminal_hint"],
        format!("{}••••••••{}", &from[..3], &from[from.len() - 2..])
    );
}

#[tokio::test]
async fn an_android_phone_hands_over_a_text() {
    let world = World::start("smsgate", "").await;
    let attempt = world.weather.attempt();
    let body = json!({
        "deviceId": "d", "event": "sms:received", "id": random_text(), "webhookId": "w",
        "payload": {"messageId": "m", "message": attempt.text, "sender": number(1), "simNumber": 1,
            "receivedAt": "2026-11-23T10:00:00.000+00:00"}
    });
    let body = body.to_string();
    let send = async |at: i64| {
        let at = at.to_string();
        let signature = hex(&mac(hmac::HMAC_SHA256, format!("{body}{at}").as_bytes()));
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Signature", signature.as_str()),
            ("X-Timestamp", at.as_str()),
        ];
        world.call(&headers, &body).await.status
    };
    assert_eq!(send(now_s() - 3600).await, 401);
    assert!(world.texts("stale").await > 0.5);
    world.pending(&attempt).await;
    assert!((200..300).contains(&send(now_s()).await));
    world.weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn what_carries_no_code_is_acknowledged_and_what_cannot_be_read_is_not() {
    let world = World::start("generic", GENERIC).await;
    let get = async |query: &str| world.get(query).await.status;
    let key = form(&[("key", SECRET)]);
    let from = form(&[("from", number(1).as_str())]);
    assert_eq!(get(&format!("{key}&id=1&{from}&to=1&text=hello")).await / 100, 2);
    assert!(world.texts("no_code").await > 0.5);
    assert_eq!(get(&format!("key=wrong&id=2&{from}&to=1&text=hello")).await, 401);
    assert_eq!(get(&format!("{key}&id=3&to=1&text=hello")).await, 400);
    assert_eq!(get("").await, 401);
    let post = Request::new("POST", &world.path());
    assert_eq!(http::send(world.platform.place.address, &post).await.status, 405);
    let other = Request::new("POST", "/sms/nobody");
    assert_eq!(http::send(world.platform.place.address, &other).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kannel_hands_over_a_text() {
    let world = World::start("generic", GENERIC).await;
    let key = form(&[("key", SECRET)]);
    let url = format!("{}?{key}&id=%I&from=%p&to=%P&text=%a", world.url());
    let mut kannel = Kannel::start(&url).await;
    let attempt = world.weather.attempt();
    kannel.text(&number(1), "15005550006", &attempt.text);
    until("Kannel has called", async || (world.texts("recorded").await > 0.5).then_some(())).await;
    world.weather.redeem(&attempt).await.accepts();
}
