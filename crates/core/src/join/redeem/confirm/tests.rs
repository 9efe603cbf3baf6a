//! When a request must be confirmed, and what digits do.

use std::sync::Arc;

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{Commitment, Model, TTL_S, assert_matches, issued, redeem, terminal, vault};
use crate::join::{Awaiting, Denial, Recorded, Redemption};
use crate::outbound::{CONFIRMATION_S, ConfirmationCode, Digits, SpendingLimits, Texting};
use crate::records::{CodeState, Content, Trust};
use crate::token::{acr_of, amr_of};

fn asked(commitment: &Commitment, confirm: Confirm) -> Redemption {
    let texting = Texting { confirm, ..Texting::default() };
    Redemption { texting, ..commitment.request() }
}

/// The request as it comes back with digits.
fn showing(request: &Redemption, said: ConfirmationCode) -> Redemption {
    let mut request = request.clone();
    request.texting.said = Some(said);
    request
}

/// A model in which a text came and its request was answered `confirmation_required`.
fn waiting(jkt: &'static str) -> (Model, Redemption) {
    let mut model = Model::new();
    let commitment = Commitment::new("weather", jkt, 1);
    model.run(commitment.text(0, Trust::Operator));
    let request = asked(&commitment, Confirm::Always);
    let awaiting = awaiting(model.run(redeem(request.clone())));
    assert_eq!((awaiting.attempts_left, awaiting.expires_in), (3, CONFIRMATION_S));
    (model, request)
}

#[track_caller]
fn awaiting(outcome: Redeemed) -> Awaiting {
    match outcome {
        Redeemed::Unconfirmed(awaiting) => awaiting,
        other => panic!("{other:?}"),
    }
}

fn texts(model: &Model) -> usize {
    let texts = model.notes.values();
    texts.filter(|note| matches!(note.content, Content::Outbound(_))).count()
}

/// What the phone reads.
fn right(model: &Model) -> ConfirmationCode {
    let code = model.codes.values().next().unwrap();
    let CodeState::Confirming { grant, .. } = code.state else { panic!("{:?}", code.state) };
    vault().confirmation_code(code.key, grant)
}

fn wrong(model: &Model) -> ConfirmationCode {
    let right: u64 = right(model).as_str().parse().unwrap();
    Digits::of(right + 1)
}

#[test]
fn three_wrong_digits_use_the_code_up() {
    let (mut model, request) = waiting("k1");
    let right = right(&model);
    let guess = showing(&request, wrong(&model));
    for left in [2, 1] {
        assert_eq!(awaiting(model.run(redeem(guess.clone()))).attempts_left, left);
        // Asking again costs nothing, and sends nothing.
        assert_eq!(awaiting(model.run(redeem(request.clone()))).attempts_left, left);
    }
    assert_matches!(model.run(redeem(guess)), Redeemed::WrongDigits);
    assert_matches!(model.run(redeem(showing(&request, right))), Redeemed::Invalid(Denial::Used));
    assert!(model.grants.is_empty());
    assert_eq!(texts(&model), 1);
    let refused = model.audit.iter().find(|event| event.kind == "code.refused").unwrap();
    assert_eq!(refused.reason, Some("digits"));
}

#[test]
fn right_digits_come_too_late() {
    let (mut model, request) = waiting("k1");
    let right = right(&model);
    model.pass(CONFIRMATION_S);
    assert_matches!(model.run(redeem(showing(&request, right))), Redeemed::Expired);
    assert!(model.grants.is_empty());
}

#[test]
fn right_digits_for_something_else() {
    let (mut model, request) = waiting("k1");
    let right = right(&model);
    let other = Redemption { frozen: Digest([9; 16]), ..showing(&request, right) };
    assert_matches!(model.run(redeem(other)), Redeemed::Invalid(Denial::Used));
    // Nothing was used up by it, not even an attempt.
    assert_eq!(awaiting(model.run(redeem(request.clone()))).attempts_left, 3);
    let hinted = Redemption { login_hint: Some(terminal(1)), ..showing(&request, right) };
    assert_matches!(model.run(redeem(hinted)), Redeemed::Invalid(Denial::LoginHint));
    assert_matches!(model.run(redeem(showing(&request, right))), Redeemed::Invalid(Denial::Used));
}

#[test]
fn another_number_voids_what_waits() {
    let (mut model, request) = waiting("k1");
    let right = right(&model);
    let commitment = Commitment::new("weather", "k1", 1);
    assert_eq!(model.run(commitment.text(1, Trust::Test)), Recorded::LowerTrust);
    assert_eq!(model.run(commitment.text(1, Trust::Operator)), Recorded::Voided);
    assert_matches!(model.run(redeem(showing(&request, right))), Redeemed::Invalid(Denial::Voided));
}

#[test]
fn right_digits_make_a_confirmed_grant() {
    let (mut model, request) = waiting("k1");
    let showing = showing(&request, right(&model));
    let first = issued(model.run(redeem(showing.clone()))).grant;
    assert!(first.confirmed());
    assert_eq!(amr_of(&first), ["sms_mo", "sms", "swk"]);
    assert_eq!(acr_of(&first), "urn:twinpath:acr:terminal-confirmed");
    // The answer was lost: with the digits or without.
    assert_eq!(issued(model.run(redeem(showing))).grant.id, first.id);
    let again = issued(model.run(redeem(request))).grant;
    assert!(again.id == first.id && again.confirmed());
    assert_eq!(texts(&model), 1);
}

#[test]
fn without_a_key_the_digits_are_good_once() {
    let (mut model, request) = waiting("");
    let showing = showing(&request, right(&model));
    assert!(issued(model.run(redeem(showing.clone()))).grant.confirmed());
    assert_matches!(model.run(redeem(showing)), Redeemed::Invalid(Denial::Used));
}

#[test]
fn digits_before_the_text_are_no_attempt() {
    let mut model = Model::new();
    let commitment = Commitment::new("weather", "k1", 1);
    let request = showing(&asked(&commitment, Confirm::Always), Digits::of(1));
    assert_matches!(model.run(redeem(request.clone())), Redeemed::Pending);
    model.run(commitment.text(0, Trust::Operator));
    assert_eq!(awaiting(model.run(redeem(request))).attempts_left, 3);
}

#[test]
fn a_new_device_is_one_that_the_account_does_not_know() {
    let mut model = Model::new();
    let mut sign_in = |jkt, confirm| {
        let commitment = Commitment::new("weather", jkt, model.codes.len());
        model.run(commitment.text(0, Trust::Operator));
        let request = asked(&commitment, confirm);
        match model.run(redeem(request.clone())) {
            Redeemed::Issued(_) => false,
            outcome => {
                awaiting(outcome);
                let code = &model.codes[&commitment.key()];
                let CodeState::Confirming { grant, .. } = code.state else { panic!() };
                let digits = vault().confirmation_code(code.key, grant);
                assert!(issued(model.run(redeem(showing(&request, digits)))).grant.confirmed());
                true
            }
        }
    };
    assert!(sign_in("k1", Confirm::NewDevice), "it makes the account");
    assert!(!sign_in("k1", Confirm::NewDevice));
    assert!(sign_in("k2", Confirm::NewDevice));
    assert!(!sign_in("k2", Confirm::NewDevice));
    assert!(sign_in("", Confirm::NewDevice));
    assert!(sign_in("", Confirm::NewDevice), "without a key, always");
    assert!(!sign_in("k3", Confirm::Never));
    assert!(sign_in("k3", Confirm::Always));
}

#[test]
fn no_text_for_what_could_never_succeed() {
    let commitment = Commitment::new("weather", "k1", 1);
    let request = asked(&commitment, Confirm::Always);
    let refused = |model: &mut Model, request: Redemption, number| {
        model.run(commitment.text(number, Trust::Operator));
        let outcome = model.run(redeem(request));
        assert_eq!(texts(model), 0, "{outcome:?}");
        outcome
    };
    let words = Some(Arc::from([Digest([1; 16])]));
    let other_words = Redemption { words, ..request.clone() };
    let outcome = refused(&mut Model::new(), other_words, 0);
    assert_matches!(outcome, Redeemed::Invalid(Denial::Words));
    let hinted = Redemption { login_hint: Some(terminal(1)), ..request.clone() };
    let outcome = refused(&mut Model::new(), hinted, 0);
    assert_matches!(outcome, Redeemed::Invalid(Denial::LoginHint));

    let mut blocked = Model::new();
    blocked.sign_in(&Commitment::new("weather", "k1", 2), 0);
    let block = Manage { terminal: terminal(0), account: None, action: Action::Block };
    blocked.run(block).unwrap();
    assert_matches!(refused(&mut blocked, request.clone(), 0), Redeemed::Blocked);

    let countries = vec![rlibphonenumber::Region::from_code("FR").unwrap()];
    let limits = Arc::new(SpendingLimits { countries, ..SpendingLimits::default() });
    let abroad =
        Redemption { texting: Texting { limits, ..request.texting.clone() }, ..request.clone() };
    let mut model = Model::new();
    assert_matches!(refused(&mut model, abroad, 0), Redeemed::Unreachable);
    assert_eq!(model.codes[&commitment.key()].state, CodeState::Recorded);

    let limits = Arc::new(SpendingLimits { number_hour: 0, ..SpendingLimits::default() });
    let dear = Redemption { texting: Texting { limits, ..request.texting.clone() }, ..request };
    let mut model = Model::new();
    let outcome = refused(&mut model, dear, 0);
    assert_matches!(outcome, Redeemed::OverLimit(until) if until > model.now);
    assert_eq!(model.codes[&commitment.key()].state, CodeState::Recorded);
    let refusals = model.audit.iter().filter(|event| event.kind == "confirmation.refused");
    assert_eq!(refusals.count(), 1);
}

#[test]
fn a_crash_between_the_steps_loses_no_text_and_sends_no_second() {
    let mut model = Model::new();
    let commitment = Commitment::new("weather", "k1", 1);
    model.run(commitment.text(0, Trust::Operator));
    let mut request = asked(&commitment, Confirm::Always);
    // Each try is counted.
    let limits = SpendingLimits { number_hour: 100, number_day: 100, ..SpendingLimits::default() };
    request.texting.limits = Arc::new(limits);
    for steps in 0..12 {
        let mut operation = redeem(request.clone());
        for _ in 0..steps {
            match model.step(&operation) {
                crate::fixtures::After::Next(next) => operation = next,
                crate::fixtures::After::Done(_) => break,
            }
        }
        assert!(texts(&model) <= 1);
    }
    awaiting(model.run(redeem(request.clone())));
    assert_eq!(texts(&model), 1);
    model.pass(TTL_S - 1);
    assert!(issued(model.run(redeem(showing(&request, right(&model))))).grant.confirmed());
}
