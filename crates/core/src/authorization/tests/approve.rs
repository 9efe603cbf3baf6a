//! The person approves or denies, in one tab or in two.

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{After, assert_matches};
use crate::records::{AccountStatus, Prompt};

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
}

/// The browser shows the answer to the last click, so that one has to be as good as the first.
#[test]
fn a_second_click_gets_what_the_first_one_got() {
    let mut model = Model::new();
    let page = proven(&mut model, 1);
    let first = model.run(page.approve());
    assert_matches!(&first, Approved::Yes(_, Some(_)));
    model.pass(CODE_S - 1);
    let before = format!("{:?} {:?}", model.interactions, model.sessions);
    assert_eq!(model.run(page.approve()), first);
    assert_eq!(format!("{:?} {:?}", model.interactions, model.sessions), before, "no longer life");
    for wrong in [Page { browser: bytes(9), ..page }, Page { code: bytes(9), ..page }] {
        assert_eq!(model.run(wrong.approve()), Approved::Gone);
    }
    assert!(page.find(&mut model).is_some());
    granted(model.run(page.exchange()));
    assert_eq!(model.run(page.approve()), Approved::Gone, "the app has it");
    let late = approved(&mut model, 2);
    model.pass(CODE_S);
    assert_eq!(model.run(late.approve()), Approved::Gone);
}

/// Whichever step the first click broke off at.
#[test]
fn a_second_click_begins_the_session_that_the_first_one_did_not() {
    for steps in 0..4 {
        let mut model = Model::new();
        let page = proven(&mut model, 1);
        let mut slow = page.approve();
        for _ in 0..steps {
            if let After::Next(next) = model.step(&slow) {
                slow = next;
            }
        }
        assert_matches!(model.run(page.approve()), Approved::Yes(_, Some(_)));
        assert_matches!(model.run(slow), Approved::Yes(_, Some(_)));
        assert!(page.find(&mut model).is_some(), "{steps}");
        assert_eq!(live_sessions(&model), 1);
        granted(model.run(page.exchange()));
    }
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    assert!(page.log_out(&mut model).is_some());
    assert_eq!(model.run(page.approve()), Approved::Denied(Box::new(asked())));
    assert_eq!(live_sessions(&model), 0, "it does not come back");
}

/// OIDC Core 2: `auth_time` is new, `sid` stays, so that logging out reaches every app of the session.
#[test]
fn a_session_of_the_same_account_goes_on_with_another_cookie() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    let grant = granted(model.run(first.exchange())).id;
    let begun = first.find(&mut model).unwrap().session;
    model.pass(3600);
    let second = proven(&mut model, 2);
    let renewing = renewing(&model, &second, &first);
    assert_matches!(model.run(renewing.clone()), Approved::Yes(_, Some(id)) if id == begun.id);
    assert_matches!(model.run(renewing), Approved::Yes(_, Some(id)) if id == begun.id);
    let session = second.find(&mut model).unwrap().session;
    assert_eq!((session.id, session.created_at), (begun.id, begun.created_at));
    assert_eq!(session.auth_time, second.by(&model).auth_time);
    assert_eq!(session.expires_at, model.now.plus_seconds(SESSION_TTL_S));
    assert!(first.find(&mut model).is_none(), "the cookie of before");
    assert!(model.grant(grant).unwrap().live(model.now), "what was granted in it stays");
    assert_eq!(live_sessions(&model), 1);
    granted(model.run(exchange(CodeRequest { jkt: "other".into(), ..second.token_request() })));
    assert!(second.log_out(&mut model).is_some());
    assert_eq!((live_sessions(&model), live_grants(&model)), (0, 0));
}

#[test]
fn a_session_that_ended_or_is_anothers_does_not_go_on() {
    for fall in 0..3 {
        let mut model = Model::new();
        let first = approved(&mut model, 1);
        let second = proven(&mut model, 2);
        let right = renewing(&model, &second, &first);
        let (id, shown) = (first.by(&model).session.unwrap(), bytes(9));
        let renewing = match fall {
            0 => right,
            1 => second.approve().renewing(id, shown),
            _ => second.approve().renewing(SessionId([7; 16]), shown),
        };
        if fall == 0 {
            first.log_out(&mut model);
        }
        assert_eq!(model.run(renewing), Approved::Denied(Box::new(asked())), "{fall}");
        assert_eq!(live_sessions(&model), usize::from(fall > 0));
        if fall < 2 {
            let later = model.run(second.approve());
            assert_eq!(later, Approved::Denied(Box::new(asked())), "{fall}");
        }
    }
}

/// OIDC Core 3.1.2.1: the person may look at the page for as long as the request lives.
#[test]
fn a_session_that_became_too_old_at_the_page_approves_nothing() {
    let aged = || AuthorizationRequest { max_age: Some(100), ..asked() };
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    model.pass(99);
    let page = by_session(&mut model, 2, &first, aged());
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
    let page = by_session(&mut model, 3, &first, aged());
    model.pass(1);
    assert_eq!(model.run(page.approve()), Approved::Again);
    assert_matches!(page.row(&model).stage, Stage::Asking { attempt: 0, .. });
    // A text that comes now is as young as it has to be, however long the person looks at it.
    assert_eq!(model.run(page.text(0, 0, Trust::Operator)), Recorded::New);
    assert_matches!(model.run(page.prove(0)), ProvenOutcome::Proven(_));
    model.pass(200);
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
}

#[test]
fn a_session_that_became_too_old_is_not_asked_about_where_nothing_may_be_shown() {
    let silent = AuthorizationRequest { max_age: Some(100), prompt: vec![Prompt::None], ..asked() };
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    granted(model.run(first.exchange()));
    model.pass(99);
    let page = Page::new(2);
    let session = first.find(&mut model).map(|found| (Arc::new(found), "sub".to_owned()));
    let arrived = model.run(Arrive { session, ..page.arrive(Some(silent.clone())) });
    assert_matches!(arrived, Arrived::Silent(_));
    model.pass(1);
    assert_eq!(model.run(page.approve()), Approved::LoginRequired(Box::new(silent)));
    assert_eq!(page.row(&model).stage, Stage::Ended);
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
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
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
            .filter(|(_, outcome)| matches!(outcome, Approved::Yes(..)))
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
            assert!(!matches!(outcome, Approved::Yes(..)), "{fall} {steps}: {outcome:?}");
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
