//! What must be confirmed (PROTOCOL 6), and what digits do.

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{After, assert_matches};
use crate::join::Denial;
use crate::outbound::{CONFIRMATION_S, Confirm, ConfirmationCode, Digits, SpendingLimits, Texting};
use crate::records::{CodeState, Content, Prompt};
use crate::risk::{RiskAnswer, RiskFinding, RiskRule, RiskVerdict};
use crate::token::acr_of;

fn sensitive() -> AuthorizationRequest {
    AuthorizationRequest { confirm: Confirm::Always, ..asked() }
}

/// A look that shows these digits.
fn showing(page: &Page, said: Option<ConfirmationCode>) -> ProveTerminal {
    page.prove(0).texting(Some(Texting { said, ..Texting::default() }))
}

fn limited(page: &Page, limits: SpendingLimits) -> ProveTerminal {
    let limits = Arc::new(limits);
    page.prove(0).texting(Some(Texting { limits, ..Texting::default() }))
}

/// A page whose text came from phone 0, and that asks for digits.
fn waiting(model: &mut Model, number: u8) -> Page {
    let page = asking_for(model, number, sensitive());
    assert_eq!(model.run(page.text(0, 0, Trust::Operator)), Recorded::New);
    assert_eq!(left(model, showing(&page, None)), 3);
    page
}

#[track_caller]
fn left(model: &mut Model, look: ProveTerminal) -> u8 {
    match model.run(look) {
        ProvenOutcome::Unconfirmed(awaiting) => awaiting.attempts_left,
        other => panic!("{other:?}"),
    }
}

/// What the phone reads.
fn right(model: &Model, page: &Page) -> ConfirmationCode {
    let code = &model.codes[&page.code_key(0)];
    let CodeState::Confirming { grant, .. } = code.state else { panic!("{:?}", code.state) };
    vault().confirmation_code(code.key, grant)
}

fn wrong(model: &Model, page: &Page) -> ConfirmationCode {
    let right: u64 = right(model, page).as_str().parse().unwrap();
    Digits::of(right + 1)
}

fn texts(model: &Model) -> usize {
    let texts = model.notes.values();
    texts.filter(|note| matches!(note.content, Content::Outbound(_))).count()
}

#[test]
fn three_wrong_digits_end_the_request() {
    let mut model = Model::new();
    let page = waiting(&mut model, 1);
    let (right, guess) = (right(&model, &page), wrong(&model, &page));
    for expected in [2, 1] {
        assert_eq!(left(&mut model, showing(&page, Some(guess))), expected);
        // Loading the page again costs nothing, and sends nothing.
        assert_eq!(left(&mut model, showing(&page, None)), expected);
    }
    assert_matches!(model.run(showing(&page, Some(guess))), ProvenOutcome::WrongDigits(request)
        if *request == sensitive());
    assert_eq!(page.row(&model).stage, Stage::Ended);
    assert_eq!(model.run(showing(&page, Some(right))), ProvenOutcome::Gone);
    assert_eq!((model.accounts.len(), texts(&model)), (0, 1));
}

#[test]
fn digits_are_one_browsers_and_one_codes() {
    let mut model = Model::new();
    let (page, other) = (waiting(&mut model, 1), waiting(&mut model, 2));
    let right = Some(right(&model, &page));
    let stolen = Page { browser: other.browser, ..page };
    assert_eq!(model.run(showing(&stolen, right)), ProvenOutcome::Gone);
    let other_app = Page { client: "bank", ..page };
    assert_eq!(model.run(showing(&other_app, right)), ProvenOutcome::Gone);
    assert_eq!(left(&mut model, showing(&page, None)), 3, "none of it was an attempt");
    assert_eq!(left(&mut model, showing(&other, right)), 2, "another code's digits");
    assert_matches!(model.run(showing(&page, right)), ProvenOutcome::Proven(_));
}

#[test]
fn right_digits_come_too_late_or_after_a_second_sender() {
    let mut model = Model::new();
    let page = waiting(&mut model, 1);
    let said = Some(right(&model, &page));
    model.pass(CONFIRMATION_S);
    assert_eq!(model.run(showing(&page, said)), ProvenOutcome::Late);

    let page = waiting(&mut model, 2);
    let said = Some(right(&model, &page));
    assert_eq!(model.run(page.text(0, 1, Trust::Operator)), Recorded::Voided);
    assert_eq!(model.run(showing(&page, said)), ProvenOutcome::Failed(Denial::Voided));
}

#[test]
fn right_digits_make_a_confirmed_grant() {
    let mut model = Model::new();
    let page = waiting(&mut model, 1);
    let said = Some(right(&model, &page));
    assert_matches!(model.run(showing(&page, said)), ProvenOutcome::Proven(_));
    assert!(page.by(&model).confirmed);
    assert_matches!(model.run(showing(&page, said)), ProvenOutcome::Proven(_));
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
    let grant = granted(model.run(page.exchange()));
    assert_eq!(acr_of(&grant), "urn:twinpath:acr:terminal-confirmed");
    assert_eq!(texts(&model), 1);
    let plain = approved(&mut model, 2);
    assert!(!granted(model.run(plain.exchange())).confirmed(), "only what was");
}

#[test]
fn the_request_is_not_over_before_the_digits() {
    let mut model = Model::new();
    let page = asking_for(&mut model, 1, sensitive());
    model.pass(INTERACTION_S - 1);
    model.run(page.text(0, 0, Trust::Operator));
    assert_eq!(left(&mut model, showing(&page, None)), 3);
    model.pass(CONFIRMATION_S - 1);
    assert_eq!(left(&mut model, showing(&page, None)), 3);
    let said = Some(right(&model, &page));
    assert_matches!(model.run(showing(&page, said)), ProvenOutcome::Proven(_));
}

#[test]
fn no_text_for_what_could_never_succeed() {
    let refused = |model: &mut Model, look: fn(&Page) -> ProveTerminal| {
        let page = asking_for(model, 9, sensitive());
        model.run(page.text(0, 0, Trust::Operator));
        let outcome = model.run(look(&page));
        assert_eq!(texts(model), 0, "{outcome:?}");
        assert_eq!(model.codes[&page.code_key(0)].state, CodeState::Recorded);
        assert_matches!(page.row(model).stage, Stage::Asking { .. });
        outcome
    };
    let outcome = refused(&mut Model::new(), |page| page.prove(0));
    assert_eq!(outcome, ProvenOutcome::Unreachable, "where no texts go to phones");
    let outcome = refused(&mut Model::new(), |page| {
        let countries = vec![rlibphonenumber::Region::from_code("FR").unwrap()];
        limited(page, SpendingLimits { countries, ..SpendingLimits::default() })
    });
    assert_eq!(outcome, ProvenOutcome::Unreachable);
    let mut model = Model::new();
    let outcome = refused(&mut model, |page| {
        limited(page, SpendingLimits { number_hour: 0, ..SpendingLimits::default() })
    });
    assert_matches!(outcome, ProvenOutcome::OverLimit(until) if until > model.now);
    let refusals = model.audit.iter().filter(|event| event.kind == "confirmation.refused");
    assert_eq!(refusals.count(), 1);
    let mut model = Model::new();
    approved(&mut model, 1);
    let block = Manage { terminal: terminal(0), account: None, action: Action::Block };
    model.run(block).unwrap();
    let outcome = refused(&mut model, |page| showing(page, None));
    assert_eq!(outcome, ProvenOutcome::Blocked);
}

#[test]
fn digits_before_the_text_are_no_attempt() {
    let mut model = Model::new();
    let page = asking_for(&mut model, 1, sensitive());
    let guess = || showing(&page, Some(Digits::of(1)));
    assert_eq!(model.run(guess()), ProvenOutcome::Waiting);
    model.run(page.text(0, 0, Trust::Operator));
    assert_eq!(left(&mut model, guess()), 3);
}

#[test]
fn what_others_want_confirmed_is_refused_where_it_cannot_be() {
    let finding = RiskFinding { verdict: RiskVerdict::Confirm, ..RiskFinding::CLEAR };
    let rule = RiskRule::Answered(RiskAnswer { terminal: terminal(0), finding });
    let mut model = Model::new();
    let page = asking(&mut model, 1);
    model.run(page.text(0, 0, Trust::Operator));
    assert_eq!(left(&mut model, showing(&page, None).risking(rule)), 3);
    let said = Some(right(&model, &page));
    assert_matches!(model.run(showing(&page, said).risking(rule)), ProvenOutcome::Proven(_));
    assert!(page.by(&model).confirmed);
    let page = asking(&mut model, 2);
    model.run(page.text(0, 0, Trust::Operator));
    assert_matches!(model.run(page.prove(0).risking(rule)), ProvenOutcome::Risky(_));
}

#[test]
fn an_installation_without_a_browser_may_be_known() {
    let request = |jkt: &str| AuthorizationRequest {
        confirm: Confirm::NewDevice,
        jkt: jkt.to_owned(),
        ..asked()
    };
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    granted(model.run(first.exchange()));
    for (number, jkt, known) in [(2, "key", true), (3, "other", false), (4, "", false)] {
        let page = asking_for(&mut model, number, request(jkt));
        model.run(page.text(0, 0, Trust::Operator));
        let outcome = model.run(showing(&page, None));
        assert_eq!(matches!(outcome, ProvenOutcome::Proven(_)), known, "{jkt}: {outcome:?}");
    }
}

/// A session says no more of its person than the proof by which it stands.
#[test]
fn only_a_confirmed_session_is_good_for_what_must_be_confirmed() {
    let mut model = Model::new();
    let plain = approved(&mut model, 1);
    let sure = waiting(&mut model, 2);
    let said = Some(right(&model, &sure));
    assert_matches!(model.run(showing(&sure, said)), ProvenOutcome::Proven(_));
    assert_matches!(model.run(sure.approve()), Approved::Yes(..));
    let mut arrive = |of: &Page, number, prompt: &[Prompt]| {
        let session = of.find(&mut model).map(|found| (Arc::new(found), "sub".to_owned()));
        let request = AuthorizationRequest { prompt: prompt.to_vec(), ..sensitive() };
        let page = Page::new(number);
        (model.run(Arrive { session, trusted: true, ..page.arrive(Some(request)) }), page)
    };
    let (arrived, _) = arrive(&plain, 3, &[]);
    assert_matches!(arrived, Arrived::Page(Arrival(row))
        if matches!(row.stage, Stage::Asking { .. }));
    let (arrived, _) = arrive(&plain, 4, &[Prompt::None]);
    assert_matches!(arrived, Arrived::Refused(_, error)
        if error == twinpath_wire::oauth::ErrorCode::LoginRequired);
    let (arrived, page) = arrive(&sure, 5, &[Prompt::None]);
    assert_matches!(arrived, Arrived::Silent(_));
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
    assert!(granted(model.run(page.exchange())).confirmed(), "it is told on");
}

#[test]
fn a_crash_between_the_steps_loses_no_text_and_sends_no_second() {
    let mut model = Model::new();
    let page = asking_for(&mut model, 1, sensitive());
    model.run(page.text(0, 0, Trust::Operator));
    // Each try is counted.
    let limits = SpendingLimits { number_hour: 100, number_day: 100, ..SpendingLimits::default() };
    let mut stopped = 0;
    while stops(&mut model, limited(&page, limits.clone()), stopped) {
        assert_eq!(texts(&model), 0, "the last step puts the text");
        stopped += 1;
    }
    assert!(stopped > 4, "{stopped}");
    assert_eq!(texts(&model), 1);
    assert_eq!(left(&mut model, limited(&page, limits)), 3);
    assert_eq!(texts(&model), 1);
    let said = Some(right(&model, &page));
    for steps in 0..4 {
        crash(&mut model, showing(&page, said), steps);
    }
    assert_matches!(model.run(showing(&page, None)), ProvenOutcome::Proven(_));
    assert!(page.by(&model).confirmed);
}

#[test]
fn two_guesses_at_once_are_two_attempts() {
    let mut model = Model::new();
    let page = waiting(&mut model, 1);
    let guess = wrong(&model, &page);
    let mut slow = showing(&page, Some(guess));
    if let After::Next(next) = model.step(&slow) {
        slow = next;
    }
    assert_eq!(left(&mut model, showing(&page, Some(guess))), 2);
    assert_eq!(left(&mut model, slow), 1);
}
