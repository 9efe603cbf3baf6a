//! Texts by themselves: quotas, trust, and what an ended code does with one more.

use super::*;
use crate::fixtures::{
    After, Commitment, Model, TTL_S, assert_matches, issued, redeem, terminal, text,
};
use crate::join::{Denial, Redeemed};

fn commitment(number: usize) -> Commitment {
    Commitment::new("weather", "k1", number)
}

/// As [`text`], with room for `per_hour` codes.
fn limited(number: usize, phone: usize, trust: Trust, per_hour: usize) -> RecordText {
    RecordText { per_hour, ..commitment(number).text(phone, trust) }
}

#[test]
fn a_record_keeps_no_number_and_no_words_in_clear() {
    let mut model = Model::new();
    model.run(commitment(0).text(0, Trust::Operator));
    let rows = format!("{model:?}");
    assert!(!rows.contains("7911123456") && !rows.to_lowercase().contains("weather"));
}

#[test]
fn different_codes_are_counted_by_number_and_route_and_redeliveries_are_not() {
    let mut model = Model::new();
    for number in 0..3 {
        assert_eq!(model.run(limited(number, 0, Trust::Operator, 3)), Recorded::New);
    }
    for _ in 0..5 {
        assert_eq!(model.run(limited(0, 0, Trust::Operator, 3)), Recorded::Duplicate);
        assert_eq!(model.run(limited(3, 0, Trust::Operator, 3)), Recorded::OverLimit);
    }
    assert!(!model.codes.contains_key(&commitment(3).key()));
    assert_eq!(model.run(limited(3, 0, Trust::Test, 3)), Recorded::New, "another route");
    assert_eq!(model.run(limited(4, 1, Trust::Operator, 3)), Recorded::New, "another number");
    model.pass(3600);
    assert_eq!(model.run(limited(5, 0, Trust::Operator, 3)), Recorded::New, "another hour");
}

#[test]
fn a_quota_row_does_not_grow() {
    let mut model = Model::new();
    for number in 0..50 {
        model.pass(300);
        model.run(limited(number, 0, Trust::Operator, 3));
        let quota = model.quotas.values().next().unwrap();
        assert!(quota.texts.len() <= 3);
    }
}

#[test]
fn a_text_lost_between_quota_and_record_is_recorded_when_it_comes_again() {
    let mut model = Model::new();
    model.step(&limited(0, 0, Trust::Operator, 1));
    assert!(model.codes.is_empty());
    assert_eq!(model.run(limited(0, 0, Trust::Operator, 1)), Recorded::New);
}

#[test]
fn trust_decides_who_can_void() {
    use Trust::{Aggregator, Operator, Test};
    for (first, second, outcome) in [
        (Operator, Operator, Recorded::Voided),
        (Aggregator, Operator, Recorded::Voided),
        (Test, Aggregator, Recorded::Voided),
        (Operator, Aggregator, Recorded::LowerTrust),
        (Operator, Test, Recorded::LowerTrust),
        (Aggregator, Test, Recorded::LowerTrust),
    ] {
        for redeemed in [false, true] {
            let mut model = Model::new();
            model.run(commitment(0).text(0, first));
            let grant = redeemed.then(|| issued(model.run(commitment(0).redeem())).grant.id);
            let before = model.codes.clone();
            assert_eq!(model.run(commitment(0).text(1, second)), outcome, "{first:?} {second:?}");
            let voided = outcome == Recorded::Voided;
            assert_eq!(model.codes == before, !voided);
            let revoked = grant.map(|id| model.grant(id).unwrap().revoked_at.is_some());
            assert_eq!(revoked, redeemed.then_some(voided));
            let answer = model.run(commitment(0).redeem());
            let refused = matches!(answer, Redeemed::Invalid(Denial::Voided));
            assert_eq!(refused, voided, "{answer:?}");
        }
    }
}

#[test]
fn an_ended_code_starts_nothing() {
    let expired = |model: &mut Model| model.pass(TTL_S);
    let refused = |model: &mut Model| {
        let mut request = commitment(0).request();
        request.login_hint = Some(terminal(2));
        assert_matches!(model.run(redeem(request)), Redeemed::Invalid(Denial::LoginHint));
    };
    let voided = |model: &mut Model| {
        assert_eq!(model.run(commitment(0).text(2, Trust::Operator)), Recorded::Voided);
    };
    let ends: [&dyn Fn(&mut Model); 3] = [&expired, &refused, &voided];
    for (end, by) in ends.iter().enumerate() {
        let mut model = Model::new();
        model.run(commitment(0).text(0, Trust::Operator));
        by(&mut model);
        for hours in [0, 24, 71] {
            let mut model = model.clone();
            model.pass(hours * 3600);
            model.purge();
            let before = model.codes.clone();
            assert_eq!(model.run(commitment(0).text(0, Trust::Operator)), Recorded::Duplicate);
            assert_eq!(model.run(commitment(0).text(1, Trust::Operator)), Recorded::Tombstone);
            assert_eq!(model.codes, before, "end {end} after {hours} hours");
            assert!(!matches!(model.run(commitment(0).redeem()), Redeemed::Issued(_)));
        }
    }
}

#[test]
fn an_expired_code_says_so_until_its_tombstone_goes() {
    let mut model = Model::new();
    model.run(commitment(0).text(0, Trust::Operator));
    model.pass(TTL_S - 1);
    assert_matches!(model.clone().run(commitment(0).redeem()), Redeemed::Issued(_));
    model.pass(1);
    assert_matches!(model.run(commitment(0).redeem()), Redeemed::Expired);
    model.pass(TOMBSTONE_S - 1);
    model.purge();
    assert_matches!(model.run(commitment(0).redeem()), Redeemed::Expired);
    model.pass(1);
    assert_matches!(model.run(commitment(0).redeem()), Redeemed::Pending);
    model.purge();
    assert!(model.codes.is_empty());
}

#[test]
fn other_words_use_the_code_up() {
    let lure = twinpath_wire::phrase::normalize("Vote for me");
    let mut model = Model::new();
    model.run(text(commitment(0).code(), 0, Trust::Operator, lure.clone()));
    assert_matches!(model.run(commitment(0).redeem()), Redeemed::Invalid(Denial::Words));
    assert_matches!(model.run(commitment(0).redeem()), Redeemed::Invalid(Denial::Used));
    // Where any words will do, they do.
    let mut model = Model::new();
    model.run(text(commitment(0).code(), 0, Trust::Operator, lure));
    let mut request = commitment(0).request();
    request.words = None;
    issued(model.run(redeem(request)));
}

#[test]
fn a_second_sender_days_later_still_ends_the_grant() {
    let mut model = Model::new();
    let grant = issued(model.sign_in(&commitment(0), 0)).grant;
    model.pass(71 * 3600);
    model.purge();
    assert_eq!(model.run(commitment(0).text(1, Trust::Operator)), Recorded::Voided);
    assert!(model.grant(grant.id).unwrap().revoked_at.is_some());
    // And who voided it may say so again.
    assert_eq!(model.run(commitment(0).text(1, Trust::Operator)), Recorded::Voided);
}

#[test]
fn the_words_of_outcomes_are_distinct() {
    use Recorded::{Duplicate, LowerTrust, New, OverLimit, Tombstone, Voided};
    let mut words: Vec<_> =
        [New, Duplicate, Voided, Tombstone, LowerTrust, OverLimit].map(Recorded::as_str).into();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 6);
}

fn delivered(number: usize, phone: usize, id: &str) -> RecordText {
    let vault = crate::fixtures::vault();
    commitment(number).text(phone, Trust::Aggregator).delivered_as(&vault, id)
}

#[test]
fn a_delivery_is_decided_on_once() {
    let mut model = Model::new();
    assert_eq!(model.run(delivered(0, 0, "m1")), Recorded::New);
    // Played back with another number, it voids nothing; another delivery does.
    assert_eq!(model.run(delivered(0, 1, "m1")), Recorded::Duplicate);
    assert_eq!(
        model.run(delivered(1, 0, "m1")),
        Recorded::Duplicate,
        "nor is another code recorded"
    );
    assert_eq!(model.codes.len(), 1);
    assert_eq!(model.run(delivered(0, 1, "m2")), Recorded::Voided);
    model.pass(DELIVERY_S);
    model.purge();
    assert_eq!(model.run(delivered(1, 0, "m1")), Recorded::New);
}

#[test]
fn a_delivery_that_failed_may_come_again() {
    let mut model = Model::new();
    let After::Next(quota) = model.step(&delivered(0, 0, "m1")) else { panic!("it goes on") };
    let After::Next(code) = model.step(&quota) else { panic!("it goes on") };
    // A crash before its code was recorded, and one before it was remembered.
    assert_eq!(model.run(delivered(0, 0, "m1")), Recorded::New);
    let mut model = Model::new();
    model.step(&code);
    assert_eq!(model.run(delivered(0, 0, "m1")), Recorded::Duplicate);
    assert_eq!(model.jtis.len(), 1);
}

#[test]
fn what_is_refused_is_remembered_too() {
    let (mut model, vault) = (Model::new(), crate::fixtures::vault());
    let over = RecordText { per_hour: 0, ..delivered(0, 0, "m1") };
    assert_eq!(model.run(over), Recorded::OverLimit);
    assert_eq!(model.run(delivered(0, 0, "m1")), Recorded::Duplicate);
    for record in [
        delivered(1, 0, "m2").only_announced(&vault),
        commitment(1).text(0, Trust::Aggregator).only_announced(&vault).delivered_as(&vault, "m3"),
    ] {
        assert_eq!(model.run(record), Recorded::Unannounced);
    }
    assert_eq!(model.jtis.len(), 3);
}
