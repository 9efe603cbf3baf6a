//! The limit of an attested instance.

use super::*;
use crate::fixtures::{Commitment, Model, assert_matches, client, redeem, vault};
use crate::join::{Recorded, Redeemed};
use crate::records::Trust;

const LIMIT: usize = 3;

fn commitment(n: usize) -> Commitment {
    Commitment::new("weather", "key", n)
}

fn gate(of: &Commitment) -> UnredeemedGate {
    UnredeemedGate::new(&vault(), (&client(of.client), of.jkt), of.key(), (LIMIT, DAY_S))
}

fn ask(model: &mut Model, n: usize) -> Redeemed {
    let of = commitment(n);
    model.run(redeem(of.request()).gated(Some(gate(&of))))
}

fn limited(outcome: &Redeemed) -> Option<u64> {
    match outcome {
        Redeemed::Limited(seconds) => Some(*seconds),
        _ => None,
    }
}

#[test]
fn three_codes_left_unredeemed_cost_ten_minutes() {
    let mut model = Model::new();
    for n in 0..3 {
        assert_matches!(ask(&mut model, n), Redeemed::Pending);
        model.pass(60);
    }
    // Asking again for one of them is no new code.
    assert_matches!(ask(&mut model, 1), Redeemed::Pending);
    assert_eq!(limited(&ask(&mut model, 3)), Some(600));
    let event = model.audit.last().unwrap();
    assert_eq!((event.kind, event.reason), ("instance.limited", Some("unredeemed_codes")));
    // A blocked instance gets nothing, and what it asks meanwhile costs no more.
    model.pass(599);
    assert_eq!(limited(&ask(&mut model, 1)), Some(1));
    assert_eq!(limited(&ask(&mut model, 4)), Some(1));
    model.pass(1);
    assert_matches!(ask(&mut model, 4), Redeemed::Pending);
}

#[test]
fn what_was_redeemed_does_not_count() {
    let mut model = Model::new();
    for n in 0..8 {
        let recorded = model.run(commitment(n).text(0, Trust::Operator));
        assert_eq!(recorded, Recorded::New);
        assert_matches!(ask(&mut model, n), Redeemed::Issued(_));
    }
    for n in 8..11 {
        assert_matches!(ask(&mut model, n), Redeemed::Pending);
    }
    assert_eq!(limited(&ask(&mut model, 11)), Some(600));
}

#[test]
fn what_was_asked_long_ago_does_not_count() {
    let mut model = Model::new();
    for n in 0..20 {
        assert_matches!(ask(&mut model, n), Redeemed::Pending);
        model.pass(201);
    }
    assert!(model.audit.is_empty());
}

#[test]
fn the_third_block_in_a_day_is_a_long_one() {
    let mut model = Model::new();
    let mut costs = Vec::new();
    for round in 0..4 {
        for n in 0..4 {
            let outcome = ask(&mut model, 10 * round + n);
            if let Some(seconds) = limited(&outcome) {
                costs.push(seconds);
                model.pass(i64::try_from(seconds).unwrap());
            }
        }
    }
    // After a day of being blocked, the count begins anew.
    assert_eq!(costs, [600, 600, 86_400, 600]);
}

#[test]
fn instances_and_apps_are_counted_apart() {
    let mut model = Model::new();
    for n in 0..3 {
        assert_matches!(ask(&mut model, n), Redeemed::Pending);
    }
    for of in [Commitment::new("weather", "other", 3), Commitment::new("maps", "key", 3)] {
        let outcome = model.run(redeem(of.request()).gated(Some(gate(&of))));
        assert_matches!(outcome, Redeemed::Pending);
    }
    assert_eq!(limited(&ask(&mut model, 3)), Some(600));
}

#[test]
fn an_instance_s_row_lasts_as_long_as_it_matters() {
    let mut model = Model::new();
    for n in 0..4 {
        ask(&mut model, n);
    }
    for _ in 0..2 {
        model.pass(43_000);
        model.purge();
        assert_eq!(model.notes.len(), 1, "its block of today still counts");
    }
    model.pass(1000);
    model.purge();
    assert!(model.notes.is_empty());
}
