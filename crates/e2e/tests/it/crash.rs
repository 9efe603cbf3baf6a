//! PROTOCOL 7.2: what was acknowledged is durable. The server is killed while texts stream in, and
//! started again on the same store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::process::Installation;
use twinpath_e2e::rig::ROUTE;

/// Texts under way at the same time.
const STREAMS: usize = 6;
/// Kills.
const ROUNDS: usize = 4;
/// Where the moments of the kills come from.
const SEED: u64 = 0x7457_1B2A_7E2E_0001;

/// A text of the test's, and all that is known of it.
struct Sent {
    from: String,
    attempt: Attempt,
    acknowledged: bool,
    /// The answer to its redemption, if one arrived.
    refresh_token: Option<String>,
    /// Whether a redemption was under way when the server was killed.
    doubtful: bool,
}

/// xorshift64: the moments have to be the same in each run.
fn moments(mut state: u64) -> impl Iterator<Item = Duration> {
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Duration::from_millis(150 + state % 500)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_text_is_lost_when_the_server_is_killed() {
    let centre = Arc::new(Centre::start().await);
    let server = Installation::new(&Settings::binds(&[Bind::new(ROUTE, centre.port)]));
    let bearer = Registration::new("bearer").method("client_secret_post").bearer();
    let bearer = server.register(&bearer).await;
    let bound = server.register(&Registration::new("weather")).await;
    let mut process = server.start().await;
    let place = server.place().await;
    let app = Arc::new(Instance::new(&bearer, &place));
    let keyed = Instance::new(&bound, &place);
    let mut numbers = 0;
    let (mut acknowledged, mut lost) = (0, 0);
    for (round, moment) in moments(SEED).take(ROUNDS).enumerate() {
        centre.bound(round + 1).await;
        let keyed_tokens = authorize(&centre, &keyed, &number(900_000)).await;
        let before = keyed.token_draft(&keyed.attempt());
        let first = numbers;
        let next = Arc::new(AtomicU32::new(first));
        let stop = Arc::new(AtomicBool::new(false));
        let streams: Vec<_> = (0..STREAMS)
            .map(|_| tokio::spawn(stream(centre.clone(), app.clone(), next.clone(), stop.clone())))
            .collect();
        // Random, and the only thing here that is a matter of time.
        tokio::time::sleep(moment).await;
        process.kill().await;
        stop.store(true, Relaxed);
        let mut sent = Vec::new();
        for stream in streams {
            sent.extend(stream.await.unwrap());
        }
        numbers = next.load(Relaxed);
        process = server.start().await;
        centre.bound(round + 2).await;
        let answer = keyed.send(&before).await;
        answer.refuses(400, "use_dpop_nonce");
        let refresh = keyed_tokens["refresh_token"].as_str().unwrap();
        keyed.refresh(refresh).await.accepts();
        acknowledged += sent.iter().filter(|text| text.acknowledged).count();
        lost += sent.iter().filter(|text| !text.acknowledged).count();
        examine(&centre, &app, sent).await;
    }
    println!("{ROUNDS} kills: {acknowledged} texts acknowledged, {lost} not, none lost");
    assert!(acknowledged > 50, "the streams were too slow to show anything: {acknowledged}");
}

async fn authorize(centre: &Centre, app: &Instance, from: &str) -> serde_json::Value {
    let attempt = app.attempt();
    centre.text(from, &attempt.text).await.ok();
    app.redeem(&attempt).await.accepts()
}

/// Texts one after the other until the server is gone; every third is redeemed at once.
async fn stream(
    centre: Arc<Centre>,
    app: Arc<Instance>,
    next: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !stop.load(Relaxed) {
        let n = next.fetch_add(1, Relaxed);
        let (from, attempt) = (number(n), app.attempt());
        let acknowledged = centre.text(&from, &attempt.text).await.is_ok();
        let mut text = Sent { from, attempt, acknowledged, refresh_token: None, doubtful: false };
        if acknowledged && n.is_multiple_of(3) {
            let request = app.token_draft(&text.attempt).request();
            match twinpath_e2e::http::send_octets(app.place.address, &request.octets()).await {
                Some(answer) => {
                    let tokens = answer.accepts();
                    text.refresh_token = Some(tokens["refresh_token"].as_str().unwrap().to_owned());
                }
                None => text.doubtful = true,
            }
        }
        sent.push(text);
        if !acknowledged {
            break;
        }
    }
    sent
}

/// After the restart: every text of this round against what the test knows of it.
async fn examine(centre: &Centre, app: &Arc<Instance>, sent: Vec<Sent>) {
    let outcomes: Mutex<HashMap<&str, usize>> = Mutex::default();
    let count = |what| *outcomes.lock().unwrap().entry(what).or_default() += 1;
    for text in sent {
        if !text.acknowledged {
            // The network sends it again, as the test's centre does here.
            centre.text(&text.from, &text.attempt.text).await.ok();
        }
        let answer = app.redeem(&text.attempt).await;
        match (&text.refresh_token, text.doubtful) {
            (Some(refresh_token), _) => {
                answer.refuses(400, "invalid_grant");
                app.refresh(refresh_token).await.accepts();
                count("redeemed before");
            }
            (None, true) if answer.status != 200 => {
                answer.refuses(400, "invalid_grant");
                count("redeemed, the answer lost");
            }
            (None, _) => {
                answer.accepts();
                app.redeem(&text.attempt).await.refuses(400, "invalid_grant");
                count("redeemed after");
            }
        }
    }
    println!("{:?}", outcomes.into_inner().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_cut_off_by_a_crash_can_be_taken_up_again() {
    let centre = Centre::start().await;
    let server = Installation::new(&Settings::binds(&[Bind::new(ROUTE, centre.port)]));
    let app = server.register(&Registration::new("weather")).await;
    let process = server.start().await;
    centre.bound(1).await;
    let place = server.place().await;
    let weather = Instance::new(&app, &place);
    weather.warm().await;
    let attempt = weather.attempt();
    let octets = weather.token_draft(&attempt).header("Prefer", "wait=30").request().octets();
    let address = server.address;
    let waiting =
        tokio::spawn(async move { twinpath_e2e::http::send_octets(address, &octets).await });
    twinpath_e2e::wait::until("it waits", async || {
        let waiting = twinpath_e2e::platform::metric(server.admin, "twinpath_waiting_requests");
        (waiting.await > 0.5).then_some(())
    })
    .await;
    process.kill().await;
    assert!(waiting.await.unwrap().is_none(), "cut off");
    let _process = server.start().await;
    centre.bound(2).await;
    let from = number(1);
    let text = centre.text(&from, &attempt.text);
    let (answer, receipt) = tokio::join!(weather.wait(&attempt, 30), text);
    receipt.ok();
    answer.accepts();
}
