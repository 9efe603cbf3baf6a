//! The join under fire: no interleaving of texts, requests, retries, crashes and clock steps issues
//! two grants for one code, a token for a voided code, or a token to another app or key.
//!
//! Operations run step by step against the model store, as on shards that share no transaction. An
//! oracle beside it knows what was sent, told and commanded, and says what may follow.

mod ledger;
mod orders;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::ledger::Said;
use self::world::{Command, Event, World};

const CASES: u32 = 2000;

fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::Show),
        4 => Just(Command::Block),
        3 => Just(Command::Unblock),
        1 => Just(Command::Revoke),
        1 => Just(Command::Erase),
    ]
}

fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => 1..60i64,
        3 => -60..0i64,
        1 => Just(400i64),
        1 => Just(-400i64),
        1 => Just(2 * 3600i64),
        1 => Just(-2 * 3600i64),
    ]
}

/// Who guesses does not stop at once.
fn said() -> impl Strategy<Value = (Said, u8)> {
    let wrong = prop_oneof![1 => Just(1u8), 1 => Just(4u8)];
    prop_oneof![
        4 => Just((Said::Nothing, 1)),
        3 => Just((Said::Right, 1)),
        2 => wrong.prop_map(|times| (Said::Wrong, times)),
    ]
}

/// Few phones and codes, so that they meet; most operations start and go on some steps at once.
fn events() -> impl Strategy<Value = Event> {
    let steps = prop_oneof![2 => 0..3u8, 3 => Just(16u8)];
    let phone = || prop_oneof![5 => Just(0u8), 2 => Just(1u8), 1 => Just(2u8)];
    let code = || prop_oneof![5 => Just(0u8), 2 => Just(1u8), 1 => Just(2u8), 2 => Just(3u8)];
    let jti = prop_oneof![2 => Just(None), 3 => (0..12u8).prop_map(Some)];
    let route = prop_oneof![1 => Just(0u8), 2 => Just(1u8), 5 => Just(2u8)];
    prop_oneof![
        8 => (phone(), route, code(), prop::bool::weighted(0.07), steps.clone()).prop_map(
            |(phone, route, code, wrong, steps)| Event::Text { phone, route, code, wrong, steps }
        ),
        14 => (code(), prop::bool::weighted(0.15), 0..12u8, prop::bool::weighted(0.1), said(), jti.clone(), steps.clone())
            .prop_map(|(code, thief, hint, wide, said, jti, steps)| Event::Ask { code, thief, hint, wide, said, jti, steps }),
        9 => (any::<u8>(), 0..12u8, jti, steps.clone())
            .prop_map(|(token, thief, jti, steps)| Event::Refresh { token, thief, jti, steps }),
        3 => (phone(), commands()).prop_map(|(phone, command)| Event::Operate { phone, command }),
        1 => any::<u8>().prop_map(Event::RevokeGrant),
        12 => any::<u8>().prop_map(Event::Step),
        2 => any::<u8>().prop_map(Event::Lose),
        1 => Just(Event::Crash),
        3 => (any::<u8>(), steps).prop_map(|(text, steps)| Event::Redeliver { text, steps }),
        4 => clock().prop_map(Event::Clock),
        1 => Just(Event::Purge),
    ]
}

fn history() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(events(), 10..60)
}

fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn no_interleaving_breaks_the_join() {
    let cases = (any::<bool>(), any::<bool>(), history());
    let outcome = runner(CASES).run(&cases, |(rotate, confirm, events)| {
        let mut world = World::new(rotate, confirm);
        for event in events {
            world.happen(event);
        }
        world.settle();
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The generator has to reach the interesting places, or the test above proves nothing.
#[test]
fn the_simulation_reaches_every_outcome() {
    let mut seen = BTreeMap::<String, u32>::new();
    let cases = (any::<bool>(), any::<bool>(), history());
    let mut runner = runner(CASES);
    for _ in 0..CASES {
        let (rotate, confirm, events) = cases.new_tree(&mut runner).unwrap().current();
        let mut world = World::new(rotate, confirm);
        for event in events {
            world.happen(event);
        }
        world.settle();
        for outcome in world.outcomes {
            *seen.entry(outcome).or_default() += 1;
        }
    }
    for outcome in [
        "text New",
        "text Duplicate",
        "text Voided",
        "text Tombstone",
        "text LowerTrust",
        "ask Pending",
        "ask Expired",
        "ask Invalid(Used)",
        "ask Invalid(Voided)",
        "ask Invalid(Words)",
        "ask Invalid(LoginHint)",
        "ask Invalid(Revoked)",
        "ask Blocked",
        "ask Unconfirmed",
        "ask WrongDigits",
        "confirmed",
        "ask Replayed(Proof)",
        "ask Replayed(Assertion)",
        "ask first",
        "ask again",
        "ask completed by another",
        "ask overtaken by a void",
        "refresh Granted",
        "refresh Rotated",
        "refresh Reissued",
        "refresh Invalid",
        "refresh Reused",
        "refresh Blocked",
        "refresh Replayed(Proof)",
        "refresh Replayed(Assertion)",
        "settled Issued",
    ] {
        let times = seen.get(outcome).copied().unwrap_or_default();
        assert!(times >= 3, "{outcome}: {times} times only\n{seen:#?}");
    }
}
