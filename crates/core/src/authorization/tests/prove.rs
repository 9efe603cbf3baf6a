//! The text comes, or does not.

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{TTL_S, assert_matches, phone};
use crate::join::Denial;
use crate::records::AccountStatus;

#[test]
fn a_text_proves_its_sender_once_and_for_this_browser() {
    let mut model = Model::new();
    let page = asking(&mut model, 1);
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Waiting);
    assert_eq!(model.run(page.text(0, 0, Trust::Operator)), Recorded::New);
    let other = Page { browser: bytes(9), ..page };
    assert_eq!(model.run(other.prove(0)), ProvenOutcome::Gone);
    let other = Page { client: "bank", ..page };
    assert_eq!(model.run(other.prove(0)), ProvenOutcome::Gone);
    assert_matches!(model.run(page.prove(0)), ProvenOutcome::Proven(_));
    let by = page.by(&model).clone();
    assert_eq!((by.terminal, by.session, by.trust), (terminal(0), None, Trust::Operator));
    assert_eq!(vault().open_number(by.terminal, &by.number).ok(), Some(phone(0)));
    assert_matches!(model.run(page.prove(0)), ProvenOutcome::Proven(_));
    assert_eq!(page.by(&model), &by, "proven before: nothing changes");
    assert_eq!(model.accounts.len(), 1);
}

/// The page's events and its refresh button ask at once.
#[test]
fn two_that_look_at_once_find_the_same() {
    for first in 0..4 {
        let mut model = Model::new();
        let page = asking(&mut model, 1);
        model.run(page.text(0, 0, Trust::Operator));
        let mut slow = page.prove(0);
        for _ in 0..first {
            if let crate::fixtures::After::Next(next) = model.step(&slow) {
                slow = next;
            }
        }
        assert_matches!(model.run(page.prove(0)), ProvenOutcome::Proven(_));
        let by = page.by(&model).clone();
        assert_matches!(model.run(slow), ProvenOutcome::Proven(row)
            if matches!(&row.stage, Stage::Proven { by: same, .. } if *same == by));
        assert_eq!((page.by(&model), model.accounts.len()), (&by, 1));
    }
}

#[test]
fn a_crash_at_any_step_is_made_up_for_by_looking_again() {
    for steps in 0..4 {
        let mut model = Model::new();
        let page = asking(&mut model, 1);
        model.run(page.text(0, 0, Trust::Operator));
        crash(&mut model, page.prove(0), steps);
        assert_matches!(model.run(page.prove(0)), ProvenOutcome::Proven(_));
    }
}

#[test]
fn a_text_that_is_good_for_nothing_is_told_and_another_code_shown() {
    let hint = AuthorizationRequest { login_hint: Some(terminal(1)), ..asked() };
    let mut model = Model::new();
    let page = asking_for(&mut model, 1, hint);
    model.run(page.text(0, 0, Trust::Operator));
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Failed(Denial::LoginHint));
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Failed(Denial::Used));
    assert!(model.run(Retry { look: page.look(), attempt: 0 }));
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Waiting, "the old code is not shown");
    assert_eq!(model.run(page.prove(1)), ProvenOutcome::Waiting);
    model.run(page.text(1, 1, Trust::Operator));
    assert_matches!(model.run(page.prove(1)), ProvenOutcome::Proven(_));

    let page = asking(&mut model, 2);
    let code = page.id.terminal_code(&vault(), ISSUER, &client("weather"), 0);
    let lure = twinpath_wire::phrase::normalize("Vote for me!");
    model.run(text(code, 0, Trust::Operator, lure));
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Failed(Denial::Words));
}

#[test]
fn a_text_is_good_for_its_time() {
    let mut model = Model::new();
    let page = asking(&mut model, 1);
    model.run(page.text(0, 0, Trust::Operator));
    model.pass(TTL_S - 1);
    assert_matches!(model.clone().run(page.prove(0)), ProvenOutcome::Proven(_));
    model.pass(1);
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Late);
    model.pass(INTERACTION_S);
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Gone);
}

#[test]
fn a_second_sender_of_no_lower_trust_voids_at_any_step() {
    for (trust, voids) in [(Trust::Operator, true), (Trust::Aggregator, false)] {
        for steps in 0..3 {
            let mut model = Model::new();
            let page = asking(&mut model, 1);
            model.run(page.text(0, 0, Trust::Operator));
            let mut slow = page.prove(0);
            for _ in 0..steps {
                if let crate::fixtures::After::Next(next) = model.step(&slow) {
                    slow = next;
                }
            }
            let second = model.run(page.text(0, 1, trust));
            assert_eq!(second == Recorded::Voided, voids);
            match (voids, model.run(slow)) {
                (true, ProvenOutcome::Failed(Denial::Voided))
                | (false, ProvenOutcome::Proven(_)) => {}
                (_, other) => panic!("{steps} {trust:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_blocked_account_proves_nothing() {
    let mut model = Model::new();
    approved(&mut model, 1);
    let manage = |action| Manage { terminal: terminal(0), account: None, action };
    model.run(manage(Action::Block));
    let page = asking(&mut model, 2);
    model.run(page.text(0, 0, Trust::Operator));
    assert_eq!(model.run(page.prove(0)), ProvenOutcome::Blocked);
    assert_matches!(page.row(&model).stage, Stage::Asking { .. });
    model.run(manage(Action::Unblock));
    assert_matches!(model.run(page.prove(0)), ProvenOutcome::Proven(_));
}

#[test]
fn a_dormant_number_proves_a_new_account() {
    let mut model = Model::new();
    let old = approved(&mut model, 1);
    granted(model.run(old.exchange()));
    let old = old.by(&model).account;
    model.pass(DORMANT_S);
    let page = approved(&mut model, 2);
    assert_ne!(page.by(&model).account, old);
    assert_eq!(model.accounts[&(terminal(0), old)].status, AccountStatus::Replaced);
    assert_eq!(granted(model.run(page.exchange())).account, page.by(&model).account);
    assert_eq!(live_grants(&model), 1);
}

#[test]
fn codes_are_tried_a_few_times_one_after_the_other() {
    let mut model = Model::new();
    let page = asking(&mut model, 1);
    let retry = |attempt| Retry { look: page.look(), attempt };
    for attempt in 0..MAX_ATTEMPTS - 1 {
        assert!(model.run(retry(attempt)));
        assert!(model.run(retry(attempt)), "the same button in another tab");
        let shown = Stage::Asking { browser: page.browser, attempt: attempt + 1 };
        assert_eq!(page.row(&model).stage, shown);
    }
    assert!(!model.run(retry(MAX_ATTEMPTS - 1)), "the last");
    assert!(!model.run(retry(MAX_ATTEMPTS)), "never shown");
    let look = Look { browser: bytes(9), ..page.look() };
    assert!(!model.run(Retry { look, attempt: 0 }), "another browser's");
    assert!(!model.run(Retry { look: Page::new(7).look(), attempt: 0 }));
    let page = proven(&mut model, 2);
    assert!(!model.run(Retry { look: page.look(), attempt: 0 }), "proven already");
    let page = asking(&mut model, 3);
    model.pass(INTERACTION_S);
    assert!(!model.run(Retry { look: page.look(), attempt: 0 }), "over");
}
