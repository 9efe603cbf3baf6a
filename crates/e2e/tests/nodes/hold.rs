//! What was used, revoked, counted or changed at one node is so at every node.

use std::time::Instant;

use serde_json::Value;
use twinpath_e2e::app::{Auth, Instance};
use twinpath_e2e::jose::{is_signed_by, open};
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::ROUTE;
use twinpath_e2e::wait::until;

use crate::fleet::Fleet;

/// Seconds within which what an operator changed at one node is in force at all: one, and the time
/// that two busy cores take.
const IN_FORCE_S: f64 = 3.0;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Two nodes, and an installation of `weather` that asks at each.
async fn pair() -> (Fleet, Vec<Instance>) {
    let fleet = Fleet::start(2).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    (fleet, weather)
}

/// A whole authorization, its text at one node and its request at the other.
async fn authorize(fleet: &Fleet, doors: &[Instance], n: u32) -> Value {
    let attempt = doors[0].attempt();
    fleet.text(0, &number(n), &attempt).await.ok();
    doors[1].redeem(&attempt).await.accepts()
}

/// Waits for what an operator changed to be in force; says how long that took.
async fn in_force(what: &str, look: impl AsyncFnMut() -> Option<()>) {
    let begun = Instant::now();
    until(what, look).await;
    let took = begun.elapsed().as_secs_f64();
    println!("{what}: after {:.0} ms", took * 1000.0);
    assert!(took < IN_FORCE_S, "{what}: {took} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assertions_proofs_and_nonces() {
    let (fleet, weather) = pair().await;
    let attempt = weather[0].attempt();
    fleet.text(0, &number(1), &attempt).await.ok();
    // The nonce is the first node's.
    let used = weather[1].token_draft(&attempt);
    weather[1].send(&used).await.accepts();
    let assertion = &used.form.iter().find(|(name, _)| name == "client_assertion").unwrap().1;
    let again = weather[0].token_draft(&attempt).set("client_assertion", assertion.as_str());
    weather[0].send(&again).await.refuses(401, "invalid_client");
    let again = weather[0].token_draft(&attempt).header("DPoP", used.header_value("DPoP"));
    weather[0].send(&again).await.refuses(400, "invalid_dpop_proof");
    // Neither refusal used anything up.
    weather[0].redeem(&attempt).await.accepts();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_and_replays() {
    let (fleet, weather) = pair().await;
    let tokens = authorize(&fleet, &weather, 1).await;
    let access = text(&tokens["access_token"]);
    for door in &weather {
        assert_eq!(door.introspect(access).await.accepts()["active"], true);
        door.userinfo(access).await.accepts();
    }
    assert_eq!(weather[0].revoke(access).await.status, 200);
    assert_eq!(weather[1].introspect(access).await.accepts()["active"], false);
    assert_eq!(weather[1].userinfo(access).await.status, 401);
    let refresh = text(&tokens["refresh_token"]);
    assert_eq!(weather[1].revoke(refresh).await.status, 200);
    weather[0].refresh(refresh).await.refuses(400, "invalid_grant");

    let rotating = Registration::new("bearer").method("client_secret_basic").bearer();
    let rotating = fleet.install(&rotating).await;
    let first = authorize(&fleet, &rotating, 2).await;
    let first = text(&first["refresh_token"]);
    let second = rotating[0].refresh(first).await.accepts();
    let third = rotating[1].refresh(text(&second["refresh_token"])).await.accepts();
    rotating[1].refresh(first).await.refuses(400, "invalid_grant");
    rotating[0].refresh(text(&third["refresh_token"])).await.refuses(400, "invalid_grant");
    assert_eq!(rotating[0].userinfo(text(&third["access_token"])).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apps() {
    let fleet = Fleet::start(2).await;
    let (here, there) = (&fleet.nodes[0].installation, &fleet.nodes[1]);
    let app = Registration::new("bearer").method("client_secret_basic").bearer();
    // Registered at the first node, and at once known at the second.
    let doors = fleet.install(&app).await;
    authorize(&fleet, &doors, 1).await;
    let rotated = here.json(&["app", "rotate-secret", "bearer"]).await;
    let auth = Auth::SecretBasic(text(&rotated["client_secret"]).to_owned());
    let (client_id, name) = (doors[0].app.client_id.clone(), doors[0].app.name.clone());
    let renewed = twinpath_e2e::app::App { client_id, name, auth, dpop: false };
    let renewed = fleet.everywhere(&Instance::new(&renewed.into(), &fleet.place));
    // A new secret is looked for before it is refused, so it is good at once.
    authorize(&fleet, &renewed, 2).await;
    in_force("an old secret is refused elsewhere", async || {
        let answer = doors[1].redeem(&doors[1].attempt()).await;
        (answer.error().as_deref() == Some("invalid_client")).then_some(())
    })
    .await;
    there.installation.json(&["app", "delete", "bearer"]).await;
    in_force("a deleted app is refused elsewhere", async || {
        let answer = renewed[0].redeem(&renewed[0].attempt()).await;
        (answer.error().as_deref() == Some("invalid_client")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_keys() {
    let (fleet, weather) = pair().await;
    let old = authorize(&fleet, &weather, 1).await;
    let kid = |tokens: &Value| open(text(&tokens["access_token"])).0["kid"].clone();
    let first = fleet.nodes[0].installation.json(&["key", "list"]).await;
    assert_eq!(first.as_array().unwrap().len(), 1, "nodes that start together make one");
    fleet.nodes[0].installation.json(&["key", "rotate", "--now"]).await;
    let mut tokens = vec![old.clone()];
    let mut n = 2;
    in_force("a new key signs at each node", async || {
        let mut new = 0;
        for door in &weather {
            let attempt = door.attempt();
            fleet.text(0, &number(n), &attempt).await.ok();
            n += 1;
            let made = door.redeem(&attempt).await.accepts();
            new += usize::from(kid(&made) != kid(&old));
            tokens.push(made);
        }
        (new == weather.len()).then_some(())
    })
    .await;
    for door in &weather {
        let keys = door.place.jwks().await;
        for tokens in &tokens {
            assert!(is_signed_by(text(&tokens["access_token"]), &keys), "{keys}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_of_texts() {
    let fleet = Fleet::with(2, "[limits]\ntexts_per_number_per_hour = 3").await;
    let weather = fleet.install(&Registration::new("weather")).await;
    let attempts: Vec<_> = (0..4).map(|_| weather[0].attempt()).collect();
    for (n, attempt) in attempts.iter().enumerate() {
        fleet.text(n % 2, &number(1), attempt).await.ok();
    }
    let over = format!("twinpath_texts_total{{of=\"{ROUTE}\",outcome=\"over_limit\"}}");
    assert!((fleet.nodes[1].metric(&over).await - 1.0).abs() < 0.1);
    for attempt in &attempts[..3] {
        weather[0].redeem(attempt).await.accepts();
    }
    weather[0].redeem(&attempts[3]).await.refuses(400, "authorization_pending");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_pending_codes() {
    let fleet = Fleet::with(2, "[limits]\npending_codes_per_address = 8").await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    for n in 0..8 {
        let door = &weather[n % 2];
        door.redeem(&door.attempt()).await.refuses(400, "authorization_pending");
    }
    for door in &weather {
        in_force("what was asked for at two nodes is over the limit", async || {
            let answer = door.redeem(&door.attempt()).await;
            assert!(answer.status == 400 || answer.header("retry-after").is_some(), "{answer:?}");
            (answer.status == 429).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_place_of_who_waits() {
    let (fleet, weather) = pair().await;
    let attempt = weather[0].attempt();
    let second = async {
        fleet.sql_gives("SELECT count(*) FROM waiting WHERE until > 0", "1").await;
        let refused = weather[1].wait(&attempt, 30).await;
        refused.refuses(400, "slow_down");
        assert!(refused.json()["interval"].as_u64() > Some(5), "{refused:?}");
        fleet.text(1, &number(1), &attempt).await.ok();
    };
    let (first, ()) = tokio::join!(weather[0].wait(&attempt, 30), second);
    first.accepts();
}
