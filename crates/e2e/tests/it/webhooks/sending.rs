//! `[[sms.api]]`: texts to phones by providers' APIs, and the receipts that come back by a webhook.

use tokio::task::block_in_place;
use twinpath_e2e::app::Attempt;
use twinpath_e2e::config::Settings;
use twinpath_e2e::kannel::Kannel;
use twinpath_e2e::number;
use twinpath_e2e::process::fixed_address;
use twinpath_e2e::receiver::{Received, Receiver};
use twinpath_e2e::wait::until;
use twinpath_testing::proxy::Proxy;

use super::described::example;
use super::{World, form, twilio};
use crate::confirmation::digits;

const OUT: &str = "twilio-out";
/// The key of the example, as it stands in a URL.
const KEY: &str = "a+long+random+key";
const KIND: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const TAKEN: &str = "201 Created\r\n\r\n{\"sid\":\"SM9\",\"status\":\"queued\"}";

/// A world that confirms by an API.
async fn world(provider: &Receiver) -> World {
    let more = format!(
        "[terminal]\nconfirm = \"always\"\nnotify = false\n\
         [[sms.api]]\nname = \"{OUT}\"\nprovider = \"twilio\"\naccount_sid = \"AC1\"\n\
         secret = \"token\"\nsender = \"+15005550006\"\nurl = \"{}\"\nreceipts = \"twilio\"\n",
        provider.url("")
    );
    World::start("twilio", &more).await
}

/// What Twilio posts, signed.
async fn posted(world: &World, pairs: &[(&str, &str)]) {
    let signature = twilio(&world.url(), pairs);
    let answer = world.call(&[KIND, ("X-Twilio-Signature", &signature)], &form(pairs)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A phone texts, and its app is asked for digits.
async fn begun(world: &World, n: u32) -> Attempt {
    let attempt = world.weather.attempt();
    let (from, id) = (number(n), format!("SM-in-{n}"));
    posted(world, &[("Body", &attempt.text), ("From", &from), ("MessageSid", &id)]).await;
    world.weather.redeem(&attempt).await.refuses(400, "confirmation_required");
    attempt
}

fn field(request: &Received, name: &str) -> String {
    let mut pairs = form_urlencoded::parse(request.body.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap()
}

async fn ended(world: &World, outcome: &str) {
    let name = format!("twinpath_outbound_texts_total{{of=\"{OUT}\",outcome=\"{outcome}\"}}");
    until(outcome, async || (world.platform.metric(&name).await > 0.5).then_some(())).await;
}

#[tokio::test]
async fn digits_go_by_twilio_and_its_receipt_comes_back() {
    let provider = Receiver::start(&[TAKEN]).await;
    let world = world(&provider).await;
    let attempt = begun(&world, 1).await;
    let asked = provider.next().await;
    assert!(asked.head.starts_with("post /2010-04-01/accounts/ac1/messages.json "), "{asked:?}");
    // `printf AC1:token | base64`, in lower case like the whole head.
    assert!(asked.head.contains("authorization: basic qumxonrva2vu"), "{asked:?}");
    assert_eq!(field(&asked, "To"), number(1));
    assert_eq!(field(&asked, "StatusCallback"), world.url());
    ended(&world, "accepted").await;
    posted(&world, &[("MessageSid", "SM9"), ("MessageStatus", "delivered")]).await;
    ended(&world, "delivered").await;
    let right = digits(&field(&asked, "Body"));
    world.weather.redeem_with(&attempt, &[("confirmation_code", &right)]).await.accepts();
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_is_not() {
    let provider = Receiver::start(&[
        "429 Too Many Requests\r\nRetry-After: 1",
        TAKEN,
        "400 Bad Request\r\n\r\n{\"code\":21211,\"status\":400}",
        TAKEN,
    ])
    .await;
    let world = world(&provider).await;
    let first = begun(&world, 1).await;
    let (tried, again) = (provider.next().await, provider.next().await);
    assert_eq!(tried.body, again.body, "the same text each time");
    ended(&world, "throttled").await;
    ended(&world, "accepted").await;
    let right = digits(&field(&again, "Body"));
    world.weather.redeem_with(&first, &[("confirmation_code", &right)]).await.accepts();

    begun(&world, 2).await;
    assert_eq!(field(&provider.next().await, "To"), number(2));
    ended(&world, "invalid number").await;
    // What follows overtakes it: it is not in the queue any more.
    begun(&world, 3).await;
    assert_eq!(field(&provider.next().await, "To"), number(3));
}

/// As `docs/operations.md` has it: what it is told there is all that it is told here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_go_by_kannel_and_its_receipt_comes_back() {
    // Kannel is told where to call before the server has its port.
    let door = block_in_place(|| Proxy::to(fixed_address()));
    let sendsms = fixed_address().port();
    let hook = format!("127.0.0.1:{}/sms/kannel", door.port());
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "secret\n").unwrap();
    let api = example("name = \"kannel-out\"")
        .replace("/run/secrets/kannel", password.path().to_str().unwrap())
        .replace("127.0.0.1:13013", &format!("127.0.0.1:{sendsms}"))
        .replace("https%3A%2F%2Fid.example.com%2Fsms%2Fkannel", &escaped(&format!("http://{hook}")))
        .replace("...", &escaped(KEY));
    let sections = format!(
        "{}\n{api}\n[terminal]\nconfirm = \"always\"\nnotify = false\n",
        example("name = \"kannel\"")
    );
    let world = World::with("kannel", &Settings::default().with(&sections)).await;
    block_in_place(|| door.set_target(world.platform.place.address));
    let get_url = format!("http://{hook}?key={KEY}&id=%I&from=%p&to=%P&text=%a");
    let mut kannel = Kannel::start_at(sendsms, &get_url).await;
    let attempt = world.weather.attempt();
    kannel.text(&number(1), "15005550006", &attempt.text);
    until("Kannel has called", async || (world.texts("recorded").await > 0.5).then_some(())).await;
    world.weather.redeem(&attempt).await.refuses(400, "confirmation_required");
    let of = |outcome: &str| {
        format!("twinpath_outbound_texts_total{{of=\"kannel-out\",outcome=\"{outcome}\"}}")
    };
    let delivered = of("delivered");
    until("it is delivered", async || {
        (world.platform.metric(&delivered).await > 0.5).then_some(())
    })
    .await;
    assert!(world.platform.metric(&of("receipt_of_nothing")).await < 0.5);
    let heard = kannel.heard(0);
    let (_, last) = heard.rsplit_once('#').unwrap_or_else(|| panic!("no digits: {heard}"));
    let right = last.get(..8).unwrap();
    world.weather.redeem_with(&attempt, &[("confirmation_code", right)]).await.accepts();
}

/// As it stands in a URL that stands in a URL.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
