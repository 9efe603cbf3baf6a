//! Requests that are pushed, and browsers that arrive.

use twinpath_wire::oauth::ErrorCode;

use super::*;
use crate::fixtures::assert_matches;
use crate::records::Prompt;

fn with_prompt(prompt: Prompt) -> AuthorizationRequest {
    AuthorizationRequest { prompt: vec![prompt], ..asked() }
}

#[test]
fn a_pushed_request_waits_for_one_browser() {
    let mut model = Model::new();
    let page = Page::new(1);
    assert_eq!(model.run(page.push(asked())), None);
    assert_eq!(page.row(&model).stage, Stage::Pushed);
    assert_eq!(page.row(&model).expires_at, model.now.plus_seconds(PUSHED_S));
    assert_eq!(model.run(page.look()), None, "nobody's yet");
    assert_matches!(model.run(page.arrive(None)), Arrived::Page(Arrival(row))
        if matches!(row.stage, Stage::Asking { attempt: 0, .. }) && row.request == asked());
    let other = Page { browser: bytes(9), ..page };
    assert_eq!(model.run(other.arrive(None)), Arrived::Unknown);
    assert_matches!(model.run(page.arrive(None)), Arrived::Page(_));
}

#[test]
fn a_pushed_request_is_its_apps_and_for_its_time() {
    let mut model = Model::new();
    let page = Page::new(1);
    assert_eq!(model.run(page.arrive(None)), Arrived::Unknown, "never pushed");
    model.run(page.push(asked()));
    let other = Page { client: "bank", ..page };
    assert_eq!(model.run(other.arrive(None)), Arrived::Unknown);
    model.pass(PUSHED_S);
    assert_eq!(model.run(page.arrive(None)), Arrived::Unknown);
}

#[test]
fn a_replayed_push_keeps_nothing() {
    let mut model = Model::new();
    let (first, second) = (Page::new(1), Page::new(2));
    let push = |page: &Page, spends| Push { spends, ..page.push(asked()) };
    assert_eq!(model.run(push(&first, spends(&model, 1, 2))), None);
    assert_eq!(model.run(push(&second, spends(&model, 1, 3))), Some(Replay::Proof));
    assert_eq!(model.run(push(&second, spends(&model, 4, 2))), Some(Replay::Assertion));
    assert!(!model.interactions.contains_key(&second.key()));
    assert_eq!(model.run(push(&second, spends(&model, 5, 3))), None, "3 was left");
    let mut keys = Vec::new();
    crate::transaction::Operation::prefetch(&push(&first, spends(&model, 1, 2)), &mut keys);
    assert_eq!(keys.len(), 3, "one round trip for all");
}

#[test]
fn whoever_is_unknown_is_asked_and_may_not_be_where_nothing_is_shown() {
    let mut model = Model::new();
    let page = Page::new(1);
    let refused = model.run(page.arrive(Some(with_prompt(Prompt::None))));
    assert_matches!(refused, Arrived::Refused(_, ErrorCode::LoginRequired));
    assert!(model.interactions.get(&page.key()).is_none_or(|row| row.stage == Stage::Ended));
    assert_eq!(model.run(page.arrive(None)), Arrived::Unknown);
    assert_eq!(model.run(page.look()), None);
}

#[test]
fn a_session_spares_the_text_and_a_grant_before_spares_the_question() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    let session = first.find(&mut model).map(|found| (Arc::new(found), "sub".to_owned()));
    let arrive =
        |page: &Page, request| Arrive { session: session.clone(), ..page.arrive(Some(request)) };
    assert_matches!(model.run(arrive(&Page::new(2), asked())), Arrived::Page(Arrival(row))
        if matches!(&row.stage, Stage::Proven { by, .. } if by.session == first.by(&model).session));
    let refused = model.run(arrive(&Page::new(3), with_prompt(Prompt::None)));
    assert_matches!(refused, Arrived::Refused(_, ErrorCode::ConsentRequired));
    assert_matches!(model.run(arrive(&Page::new(4), with_prompt(Prompt::Login))),
        Arrived::Page(Arrival(row)) if matches!(row.stage, Stage::Asking { .. }));
    let trusted = Arrive { trusted: true, ..arrive(&Page::new(5), with_prompt(Prompt::None)) };
    assert_matches!(model.run(trusted), Arrived::Silent(_));
    granted(model.run(first.exchange()));
    let session = first.find(&mut model).map(|found| (Arc::new(found), "sub".to_owned()));
    let page = Page::new(6);
    let arrived = model.run(Arrive { session, ..page.arrive(Some(asked())) });
    assert_matches!(arrived, Arrived::Silent(_));
    assert_ne!(page.by(&model).grant, first.by(&model).grant, "each has a grant of its own");
}

/// A crash between arrival and approval, or an impatient browser.
#[test]
fn where_nothing_may_be_shown_nothing_is_shown_when_it_loads_again() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    granted(model.run(first.exchange()));
    let page = Page { cookie: None, ..Page::new(2) };
    model.run(page.push(with_prompt(Prompt::None)));
    let session = first.find(&mut model).map(|found| (Arc::new(found), "sub".to_owned()));
    let arrive = Arrive { session, ..page.arrive(None) };
    assert_matches!(model.run(arrive.clone()), Arrived::Silent(_));
    assert_matches!(model.run(arrive), Arrived::Silent(_));
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
}

#[test]
fn a_request_is_looked_at_by_its_browser_in_its_time() {
    let mut model = Model::new();
    let page = asking(&mut model, 1);
    assert!(model.run(page.look()).is_some());
    assert_eq!(model.run(Look { browser: bytes(9), ..page.look() }), None);
    assert_eq!(model.run(Look { key: bytes(9), ..page.look() }), None);
    model.pass(INTERACTION_S);
    assert_eq!(model.run(page.look()), None);
}

#[test]
fn what_is_over_is_remembered_for_a_while_and_then_forgotten() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    model.pass(CODE_S);
    model.purge();
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Invalid("over"));
    model.pass(3600);
    model.purge();
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Invalid("unknown"));
}
