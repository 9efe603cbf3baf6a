//! The authorization endpoint under fire: no interleaving of browsers, texts, tabs, thieves, crashes and
//! clock steps gives a grant that no text stands behind, or a session that nobody can end.
//!
//! Operations run step by step, as on shards that share no transaction. A ledger beside them knows what
//! was sent, told and commanded, and says what may follow.

mod flights;
mod ledger;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::world::{Event, World};
use crate::account::Action;

const CASES: u32 = 1000;

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Block),
        3 => Just(Action::Unblock),
        1 => Just(Action::Revoke),
        1 => Just(Action::Restore),
        1 => Just(Action::Erase),
    ]
}

fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1..40i64, 2 => -60..0i64, 1 => Just(301i64), 1 => Just(3600i64)]
}

/// Few pages, phones and browsers, so that they meet; most operations go on some steps at once.
fn events() -> impl Strategy<Value = Event> {
    let steps = || prop_oneof![1 => 0..4u8, 2 => Just(9u8)];
    let page = || 0..4usize;
    let browser = || prop_oneof![4 => Just(0usize), 1 => Just(1usize)];
    let phone = || prop_oneof![4 => Just(0usize), 1 => Just(1usize)];
    let rare = || prop::bool::weighted(0.1);
    prop_oneof![
        24 => (page(), browser(), steps())
            .prop_map(|(page, browser, steps)| Event::Advance { page, browser, steps }),
        5 => (page(), browser(), rare(), rare())
            .prop_map(|(page, browser, stale, none)| Event::Arrive { page, browser, stale, none }),
        1 => page().prop_map(Event::Push),
        5 => (page(), phone(), 0..3u8, rare(), steps()).prop_map(
            |(page, phone, trust, wrong, steps)| Event::Text { page, phone, trust, wrong, steps }
        ),
        5 => (page(), browser(), steps())
            .prop_map(|(page, browser, steps)| Event::Prove { page, browser, steps }),
        1 => (page(), browser()).prop_map(|(page, browser)| Event::Retry { page, browser }),
        4 => (page(), browser(), steps())
            .prop_map(|(page, browser, steps)| Event::Approve { page, browser, steps }),
        1 => (page(), browser()).prop_map(|(page, browser)| Event::Deny { page, browser }),
        5 => (any::<u8>(), 0..12u8, steps())
            .prop_map(|(code, thief, steps)| Event::Exchange { code, thief, steps }),
        1 => browser().prop_map(Event::LogOut),
        2 => (phone(), actions()).prop_map(|(phone, action)| Event::Operate { phone, action }),
        14 => any::<u8>().prop_map(Event::Step),
        1 => any::<u8>().prop_map(Event::Lose),
        1 => Just(Event::Crash),
        4 => clock().prop_map(Event::Clock),
        1 => Just(Event::Purge),
    ]
}

#[test]
fn no_interleaving_gives_what_no_text_stands_behind() {
    let seen = RefCell::new(BTreeMap::<String, u32>::new());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let histories = prop::collection::vec(events(), 20..70);
    let outcome = TestRunner::new_with_rng(config, rng).run(&histories, |events| {
        let mut world = World::new();
        for event in events {
            world.happen(event);
        }
        world.settle();
        for outcome in world.outcomes {
            *seen.borrow_mut().entry(outcome).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    reached_every_outcome(&seen.borrow());
}

/// The generator has to reach the interesting places, or the test proves nothing.
fn reached_every_outcome(seen: &BTreeMap<String, u32>) {
    for outcome in [
        "arrive Page",
        "arrive Silent",
        "arrive Refused",
        "arrive Unknown",
        "prove Waiting",
        "prove Proven",
        "prove Failed(Words)",
        "prove Failed(Voided)",
        "prove Late",
        "prove Blocked",
        "prove Gone",
        "approve Yes",
        "approve Denied",
        "approve Gone",
        "deny true",
        "exchange Issued",
        "exchange Invalid",
        "exchange Reused",
        "exchange Denied",
        "log out true",
        "text New",
        "text Voided",
        "text LowerTrust",
        "settled Asking",
        "settled Proven",
        "settled Approved",
        "settled Redeemed",
        "settled by a session",
    ] {
        let times = seen.get(outcome).copied().unwrap_or_default();
        assert!(times >= 3, "{outcome}: {times} times only\n{seen:#?}");
    }
}
