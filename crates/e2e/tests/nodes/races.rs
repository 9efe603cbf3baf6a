//! However many ask at however many nodes, a code makes one grant, and of two senders none.

use std::sync::Arc;

use tokio::task::JoinSet;
use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::http::Answer;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;

use crate::fleet::Fleet;

const NODES: usize = 3;
const ROUNDS: u32 = 6;
/// Requests at each node.
const RACERS: usize = 4;

/// Sends a request to each of these at the same time.
async fn race(racers: Vec<(Instance, Draft)>) -> Vec<Answer> {
    let start = Arc::new(tokio::sync::Barrier::new(racers.len()));
    let mut tasks = JoinSet::new();
    for (door, draft) in racers {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            door.send(&draft).await
        });
    }
    tasks.join_all().await
}

fn granted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// Every answer but the one that won.
fn losers(answers: &[Answer]) -> impl Iterator<Item = &Answer> {
    answers.iter().filter(|answer| answer.status != 200)
}

/// One installation, each time with a connection of its own to the next node.
fn door(at_nodes: &[Instance], n: usize) -> Instance {
    let instance = &at_nodes[n % NODES];
    instance.at(instance.place.address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_different_requests_with_one_key_one_is_granted() {
    let fleet = Fleet::start(NODES).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    for round in 0..ROUNDS {
        let attempt = weather[0].attempt();
        fleet.text(0, &number(round), &attempt).await.ok();
        let racers = (0..NODES * RACERS).map(|n| {
            let door = door(&weather, n);
            let resource = format!("https://api-{n}.example");
            let draft = door.token_draft(&attempt).add("resource", &resource);
            (door, draft)
        });
        let answers = race(racers.collect()).await;
        assert_eq!(granted(&answers), 1, "{answers:?}");
        losers(&answers).for_each(|answer| answer.refuses(400, "invalid_grant"));
    }
    assert_eq!(fleet.sql("SELECT count(*) FROM grants"), ROUNDS.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_equal_requests_with_one_key_all_get_the_same_grant() {
    let fleet = Fleet::start(NODES).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    for round in 0..ROUNDS {
        let attempt = weather[0].attempt();
        fleet.text(1, &number(round), &attempt).await.ok();
        let racers = (0..NODES * RACERS).map(|n| {
            let door = door(&weather, n);
            let draft = door.token_draft(&attempt);
            (door, draft)
        });
        let answers = race(racers.collect()).await;
        assert_eq!(granted(&answers), answers.len(), "{answers:?}");
        let mut alive = 0;
        for answer in &answers {
            let token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
            alive += usize::from(weather[0].refresh(&token).await.status == 200);
        }
        assert_eq!(alive, 1, "of the refresh tokens given out, the newest");
    }
    assert_eq!(fleet.sql("SELECT count(*) FROM grants"), ROUNDS.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_bearer_requests_one_is_granted() {
    let fleet = Fleet::start(NODES).await;
    let app = Registration::new("bearer").method("client_secret_basic").bearer();
    let app = fleet.install(&app).await;
    for round in 0..ROUNDS {
        let attempt = app[0].attempt();
        fleet.text(2, &number(round), &attempt).await.ok();
        let racers = (0..NODES * RACERS).map(|n| {
            let door = door(&app, n);
            let draft = door.token_draft(&attempt);
            (door, draft)
        });
        let answers = race(racers.collect()).await;
        assert_eq!(granted(&answers), 1, "{answers:?}");
        losers(&answers).for_each(|answer| answer.refuses(400, "invalid_grant"));
    }
    assert_eq!(fleet.sql("SELECT count(*) FROM grants"), ROUNDS.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thieves_with_another_key_or_verifier_get_nothing() {
    let fleet = Fleet::start(NODES).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    let thief = fleet.everywhere(&Instance::new(&weather[0].app, &fleet.place));
    thief[0].warm().await;
    for round in 0..ROUNDS {
        let attempt = weather[0].attempt();
        fleet.text(0, &number(round), &attempt).await.ok();
        let guess = weather[0].attempt();
        let racers = (0..NODES).flat_map(|n| {
            let own = |door: &Instance| door.at(door.place.address);
            let (victim, thief) = (own(&weather[n]), own(&thief[n]));
            let (good, guessed) = (victim.token_draft(&attempt), victim.token_draft(&guess));
            let stolen = thief.token_draft(&attempt);
            [(own(&victim), good), (victim, guessed), (thief, stolen)]
        });
        let answers = race(racers.collect()).await;
        assert_eq!(granted(&answers), NODES, "the victim, at each node: {answers:?}");
        for answer in losers(&answers) {
            let error = answer.error().unwrap();
            // Who asks for one code at several nodes is told to ask less often.
            assert!(["authorization_pending", "slow_down"].contains(&error.as_str()), "{error}");
        }
    }
    assert_eq!(fleet.sql("SELECT count(*) FROM grants"), ROUNDS.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_two_numbers_text_at_two_nodes_is_void() {
    let fleet = Fleet::start(2).await;
    let weather = fleet.install(&Registration::new("weather")).await;
    weather[0].warm().await;
    for round in 0..ROUNDS {
        let attempt = weather[0].attempt();
        let (one, other) = (number(2 * round), number(2 * round + 1));
        let texts =
            async { tokio::join!(fleet.text(0, &one, &attempt), fleet.text(1, &other, &attempt)) };
        // In half of the rounds it is redeemed at the same time.
        if round % 2 == 0 {
            let (first, second) = texts.await;
            first.ok();
            second.ok();
        } else {
            let ((first, second), answer) = tokio::join!(texts, weather[0].wait(&attempt, 5));
            first.ok();
            second.ok();
            assert!(answer.status == 200 || answer.error().as_deref() == Some("invalid_grant"));
        }
        for door in &weather {
            door.redeem(&attempt).await.refuses(400, "invalid_grant");
        }
    }
    assert_eq!(fleet.sql("SELECT count(*) FROM grants WHERE revoked_at IS NULL"), "0");
}
