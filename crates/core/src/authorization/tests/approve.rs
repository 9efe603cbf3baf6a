//! The person approves or denies, in one tab or in two.

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{After, assert_matches};
use crate::records::AccountStatus;

#[test]
fn an_approval_gives_a_code_and_begins_a_session() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    assert_matches!(&page.row(&model).stage, Stage::Approved(approval)
        if approval.code == page.code);
    assert_eq!(page.row(&model).expires_at, model.now.plus_seconds(CODE_S));
    let found = page.find(&mut model).unwrap();
    let by = page.by(&model);
    assert_eq!(found.session.id, SessionId::of(by.grant));
    assert_eq!((found.session.account, found.session.auth_time), (by.account, by.auth_time));
    assert_eq!(found.session.expires_at, model.now.plus_seconds(SESSION_TTL_S));
    assert!(found.granted.is_empty());
    assert_eq!(model.run(page.approve()), Approved::Gone, "one code for one approval");
}

#[test]
fn only_its_own_proven_browser_approves_in_time() {
    let mut model = Model::new();
    assert_eq!(model.run(Page::new(1).approve()), Approved::Gone);
    let page = asking(&mut model, 1);
    assert_eq!(model.run(page.approve()), Approved::Gone);
    let page = proven(&mut model, 2);
    let other = Page { browser: bytes(9), ..page };
    assert_eq!(model.run(other.approve()), Approved::Gone);
    model.pass(INTERACTION_S);
    assert_eq!(model.run(page.approve()), Approved::Gone);
    assert!(model.sessions.is_empty());
}

#[test]
fn where_no_session_is_to_begin_none_does() {
    let mut model = Model::new();
    let page = Page { cookie: None, ..proven(&mut model, 1) };
    assert_matches!(model.run(page.approve()), Approved::Yes(_));
    assert!(model.sessions.is_empty());
    let grant = granted(model.run(page.exchange()));
    assert!(!grant.terms.unwrap().session_bound, "there is nothing that it could end with");
}

/// Whichever step the other comes at: who was told yes has the code that counts, and the cookie that
/// finds the session.
#[test]
fn of_two_tabs_that_approve_at_once_the_one_with_the_code_has_the_session() {
    for steps in 0..4 {
        let mut model = Model::new();
        let first = proven(&mut model, 1);
        let second = Page { code: bytes(50), cookie: Some(bytes(51)), ..first };
        let mut slow = first.approve();
        for _ in 0..steps {
            if let After::Next(next) = model.step(&slow) {
                slow = next;
            }
        }
        let outcomes = [model.run(second.approve()), model.run(slow)];
        let told: Vec<_> = [second, first]
            .into_iter()
            .zip(outcomes)
            .filter(|(_, outcome)| matches!(outcome, Approved::Yes(_)))
            .map(|(page, _)| page)
            .collect();
        let [winner] = told.as_slice() else { panic!("{steps}: told {told:?}") };
        assert!(winner.find(&mut model).is_some(), "{steps}: a cookie that finds nothing");
        assert_eq!(live_sessions(&model), 1);
        let loser = if winner.code == first.code { second } else { first };
        assert!(loser.find(&mut model).is_none());
        assert_matches!(model.run(loser.exchange()), CodeRedeemed::Invalid("unknown"));
        granted(model.run(winner.exchange()));
    }
}

#[test]
fn a_denial_that_comes_between_leaves_neither_code_nor_session() {
    for steps in 0..3 {
        let mut model = Model::new();
        let page = proven(&mut model, 1);
        let mut slow = page.approve();
        for _ in 0..steps {
            if let After::Next(next) = model.step(&slow) {
                slow = next;
            }
        }
        assert!(model.run(Deny(page.look())).is_some());
        assert_eq!(model.run(slow), Approved::Gone);
        assert_eq!((page.row(&model).stage.clone(), live_sessions(&model)), (Stage::Ended, 0));
        assert_matches!(model.run(page.exchange()), CodeRedeemed::Invalid(_));
    }
}

#[test]
fn its_own_browser_denies_what_is_not_approved() {
    let mut model = Model::new();
    assert_eq!(model.run(Deny(Page::new(1).look())), None);
    for page in [asking(&mut model, 1), proven(&mut model, 2)] {
        assert_eq!(model.run(Deny(Look { browser: bytes(9), ..page.look() })), None);
        assert_eq!(model.run(Deny(page.look())).as_deref(), Some(&asked()));
        assert_eq!(model.run(Deny(page.look())), None);
        assert_eq!(model.run(page.prove(0)), ProvenOutcome::Gone);
        assert_eq!(model.run(page.approve()), Approved::Gone);
    }
    let page = approved(&mut model, 3);
    assert_eq!(model.run(Deny(page.look())), None, "too late");
    let page = asking(&mut model, 4);
    model.pass(INTERACTION_S);
    assert_eq!(model.run(Deny(page.look())), None);
}

/// What the proof rests on may fall at any step: then no code is told, and none of use is left.
#[test]
fn what_no_longer_stands_is_not_approved() {
    let manage = |action| Manage { terminal: terminal(0), account: None, action };
    for fall in 0..4 {
        for steps in 0..4 {
            let mut model = Model::new();
            let page = proven(&mut model, 1);
            let mut slow = page.approve();
            for _ in 0..steps {
                if let After::Next(next) = model.step(&slow) {
                    slow = next;
                }
            }
            match fall {
                0 => drop(model.run(manage(Action::Block))),
                1 => drop(model.run(manage(Action::Erase))),
                2 => assert_eq!(model.run(page.text(0, 1, Trust::Operator)), Recorded::Voided),
                _ => {
                    let account = model.accounts.values_mut().next().unwrap();
                    account.status = AccountStatus::Replaced;
                }
            }
            let outcome = model.run(slow);
            assert!(!matches!(outcome, Approved::Yes(_)), "{fall} {steps}: {outcome:?}");
            assert!(!matches!(model.run(page.exchange()), CodeRedeemed::Issued { .. }));
            assert_eq!((live_sessions(&model), live_grants(&model)), (0, 0), "{fall} {steps}");
        }
    }
}

#[test]
fn a_session_that_ended_approves_nothing() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    let page = by_session(&mut model, 2, &first, asked());
    assert!(first.log_out(&mut model).is_some());
    assert_eq!(model.run(page.approve()), Approved::Denied(Box::new(asked())));
    assert_eq!(page.row(&model).stage, Stage::Ended);
    assert_eq!(model.audit.last().unwrap().reason, Some("not_standing"));
}

#[test]
fn an_account_keeps_so_many_sessions_and_what_is_bound_to_one_ends_with_it() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    let grant = granted(model.run(first.exchange())).id;
    for number in 2..=20 {
        model.pass(1);
        approved(&mut model, number);
    }
    assert!(first.find(&mut model).is_some());
    assert_eq!(live_sessions(&model), 20);
    model.pass(3600);
    approved(&mut model, 21);
    assert_eq!(live_sessions(&model), 20);
    assert!(first.find(&mut model).is_none(), "the oldest ended");
    assert!(model.grant(grant).unwrap().revoked_at.is_some(), "nobody could end it any more");
}
