//! Any order of days passing, hourly looks, operators' commands and clocks that differ leaves tokens
//! that verify, signed by keys that were published long enough.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{DAY, keep, kids, policy, ring};
use super::*;
use crate::fixtures::Model;
use crate::ids::Timestamp;

/// The longest life of a token that can be configured.
const TOKEN_S: i64 = DAY;
/// Nodes differ from the store's clock by at most so much here.
const SKEW_S: i64 = ring::CLOCKS_APART_S / 2;

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(i64),
    Look,
    Ask(Rotation),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..40 * DAY).prop_map(Event::Pass),
        2 => (0..2 * DAY).prop_map(Event::Pass),
        1 => (100 * DAY..400 * DAY).prop_map(Event::Pass),
        6 => Just(Event::Look),
        2 => Just(Event::Ask(Rotation::Announce)),
        1 => Just(Event::Ask(Rotation::Now)),
        1 => Just(Event::Ask(Rotation::Withdraw)),
    ]
}

struct World {
    model: Model,
    policy: KeyPolicy,
    /// When each key was first seen in the key set, and whether it may sign without notice.
    seen: BTreeMap<String, (Timestamp, bool)>,
    /// Tokens with their ends.
    tokens: Vec<(String, Timestamp)>,
}

impl World {
    fn apply(&mut self, event: Event) {
        let (model, policy) = (&mut self.model, &self.policy);
        let (made, urgent) = match event {
            Event::Pass(seconds) => return model.pass(seconds),
            Event::Look => (keep(model, policy, None), false),
            Event::Ask(rotation) => {
                if rotation == Rotation::Withdraw {
                    self.tokens.clear();
                }
                (keep(model, policy, Some(rotation)), rotation != Rotation::Announce)
            }
        };
        let now = model.now;
        self.seen.extend(made.into_iter().map(|kid| (kid, (now, urgent))));
        let rows: Vec<_> = model.keys.values().cloned().collect();
        assert!(KeepKeys::is_idle(policy, &rows, now), "done twice is done once: {event:?}");
    }

    fn check(&mut self) {
        let (now, opened) = (self.model.now, ring(&self.model, &self.policy));
        for skew in [-SKEW_S, 0, SKEW_S] {
            let node = opened.at(now.plus_seconds(skew));
            self.check_tokens(&node, now.plus_seconds(skew));
            for alg in self.policy.algorithms.clone() {
                // Only a key that signs at once can be ahead of a clock that is behind.
                let Some(signer) = node.signer(alg) else {
                    assert!(skew < 0, "nothing signs {}", alg.as_str());
                    continue;
                };
                self.check_signature(signer, &node, now.plus_seconds(skew));
            }
            self.check_signature(node.default_signer(), &node, now.plus_seconds(skew));
        }
        for alg in &self.policy.algorithms {
            let in_state = |state| {
                let of = |row: &&_| self.policy.state(row, now) == state;
                let rows = self.model.keys.values().filter(of);
                rows.filter(|row| SigningAlgorithm::of(&row.public) == Some(*alg)).count()
            };
            assert!(in_state(KeyState::Active) == 1 && in_state(KeyState::Announced) <= 1);
        }
    }

    fn check_signature(&mut self, signer: &Signer, node: &KeyRing, now: Timestamp) {
        assert!(kids(node).iter().any(|kid| kid == signer.kid()), "signs unpublished");
        let (seen, urgent) = self.seen[signer.kid()];
        let notice = seen.plus_seconds(self.policy.announce_s);
        assert!(urgent || notice <= now, "signs without notice");
        let token = signer.sign("at+jwt", &json!({"n": 1})).unwrap();
        self.tokens.push((token, now.plus_seconds(TOKEN_S)));
    }

    fn check_tokens(&mut self, node: &KeyRing, now: Timestamp) {
        self.tokens.retain(|(_, end)| now.plus_seconds(-SKEW_S) < *end);
        for (token, end) in &self.tokens {
            let live = now < *end;
            assert!(!live || node.verify::<Value>(token, "at+jwt").is_some(), "a live token");
        }
    }
}

fn run(algorithms: &[SigningAlgorithm], windows: (i64, i64, i64), events: &[Event]) {
    let (rotate, announce, retire) = windows;
    let policy = KeyPolicy {
        rotate_s: rotate * DAY,
        announce_s: announce * DAY,
        retire_s: retire * DAY,
        ..policy(algorithms)
    };
    let (seen, tokens) = (BTreeMap::new(), Vec::new());
    let mut world = World { model: Model::new(), policy, seen, tokens };
    // The platform's first keys cannot be announced: nobody would sign meanwhile.
    let first = keep(&mut world.model, &world.policy, None);
    let now = world.model.now;
    world.seen.extend(first.into_iter().map(|kid| (kid, (now, true))));
    for event in events {
        world.apply(*event);
        world.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_verify_and_keys_sign_after_notice(
        windows in prop_oneof![Just((90, 14, 14)), Just((0, 14, 14)), Just((2, 1, 2)), Just((30, 29, 2))],
        both in any::<bool>(),
        events in vec(event(), 1..30),
    ) {
        let algorithms = [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
        run(&algorithms[..=usize::from(both)], windows, &events);
    }
}
