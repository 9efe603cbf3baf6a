//! Sessions: found by their cookie, ended by logging out, by a block, and by a second sender.

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{assert_matches, phone};
use crate::grant::RevokeGrant;
use crate::ids::GrantId;
use crate::records::Prompt;

fn manage(action: Action) -> Manage {
    Manage { terminal: terminal(0), account: None, action }
}

#[test]
fn a_session_is_found_by_its_own_cookie_in_its_time() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    let grant = granted(model.run(page.exchange()));
    let found = page.find(&mut model).unwrap();
    assert_eq!(found.granted, [grant]);
    assert_eq!(vault().open_number(terminal(0), &found.number).ok(), Some(phone(0)));
    let by = page.by(&model).clone();
    let find = FindSession {
        terminal: by.terminal,
        id: by.session.unwrap(),
        cookie: page.cookie.unwrap(),
        confirmed: false,
        client_id: client("bank"),
    };
    assert!(model.run(find.clone()).unwrap().granted.is_empty(), "another app's grants");
    let wrong = [
        FindSession { cookie: bytes(7), ..find.clone() },
        FindSession { id: SessionId([7; 16]), ..find.clone() },
        FindSession { terminal: terminal(1), ..find.clone() },
    ];
    for find in wrong {
        assert!(model.run(find).is_none());
    }
    model.pass(SESSION_TTL_S - 1);
    assert!(page.find(&mut model).is_some());
    model.pass(1);
    assert!(page.find(&mut model).is_none());
    assert_eq!(page.log_out(&mut model), None);
}

#[test]
fn a_revoked_grant_is_no_consent() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    let grant = granted(model.run(page.exchange()));
    let (terminal, grant) = (grant.terminal, grant.id);
    assert!(model.run(RevokeGrant { terminal, grant, reason: "by_app" }));
    assert!(page.find(&mut model).unwrap().granted.is_empty());
    model.run(manage(Action::Revoke));
    assert!(page.find(&mut model).is_none(), "revoking all ends the sessions, too");
}

#[test]
fn a_blocked_account_has_no_session_meanwhile_and_an_erased_one_never_again() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    model.run(manage(Action::Block));
    assert!(page.find(&mut model).is_none());
    model.run(manage(Action::Unblock));
    assert!(page.find(&mut model).is_some());
    model.run(manage(Action::Erase));
    assert!(page.find(&mut model).is_none());
    approved(&mut model, 2);
    assert!(page.find(&mut model).is_none(), "the number came back, its session did not");
    model.purge();
    assert_eq!(model.sessions.len(), 1);
}

#[test]
fn logging_out_ends_what_is_bound_to_the_session_and_names_its_apps() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    let bound = granted(model.run(first.exchange())).id;
    let lasting = AuthorizationRequest { scope: "openid offline_access".into(), ..asked() };
    let second = by_session(&mut model, 2, &first, lasting);
    model.run(second.approve());
    let lasting = granted(model.run(second.exchange())).id;
    let elsewhere = approved(&mut model, 3);
    let other = granted(
        model.run(exchange(CodeRequest { jkt: "other".into(), ..elsewhere.token_request() })),
    );
    let by = first.by(&model);
    let wrong = EndSession {
        terminal: by.terminal,
        id: by.session.unwrap(),
        cookie: elsewhere.cookie.unwrap(),
    };
    assert_eq!(model.run(wrong), None);
    let ended = first.log_out(&mut model).unwrap();
    assert_eq!(ended.apps, [client("bank"), client("weather")]);
    let live = |id| model.grant(id).unwrap().live(model.now);
    assert_eq!([live(bound), live(lasting), live(other.id)], [false, true, true]);
    assert_eq!(first.log_out(&mut model), None);
    assert!(first.find(&mut model).is_none() && elsewhere.find(&mut model).is_some());
}

/// The second sender may be the owner: nothing that the first one's proof led to may stay.
#[test]
fn a_second_sender_ends_the_session_and_every_grant_of_it() {
    for late in [false, true] {
        let mut model = Model::new();
        let first = approved(&mut model, 1);
        granted(model.run(first.exchange()));
        let lasting = AuthorizationRequest { scope: "openid offline_access".into(), ..asked() };
        let second = by_session(&mut model, 2, &first, lasting.clone());
        model.run(second.approve());
        granted(model.run(second.exchange()));
        let third = by_session(&mut model, 3, &first, lasting);
        model.run(third.approve());
        model.pass(1);
        let elsewhere = approved(&mut model, 4);
        let spared = CodeRequest { jkt: "other".into(), ..elsewhere.token_request() };
        let spared = granted(model.run(exchange(spared))).id;
        if late {
            // The session's row is forgotten; the code's and the grants' are not.
            model.pass(2 * 24 * 3600);
            model.purge();
            assert!(model.sessions.is_empty());
        }
        assert_eq!(model.run(first.text(0, 1, Trust::Aggregator)), Recorded::LowerTrust);
        // What is bound to a session is over by then.
        assert_eq!(live_grants(&model), if late { 1 } else { 3 });
        assert_eq!(model.run(first.text(0, 1, Trust::Operator)), Recorded::Voided);
        let left: Vec<_> =
            model.grants.values().filter(|grant| grant.live(model.now)).map(|g| g.id).collect();
        let expected = if late { Vec::new() } else { vec![spared] };
        assert_eq!(left, expected, "late: {late}");
        if !late {
            assert!(first.find(&mut model).is_none());
            assert_matches!(model.run(third.exchange()), CodeRedeemed::Denied);
        }
    }
}

/// A session that goes on by a voided proof ends, with what was granted by that proof; what was granted
/// before, and outlives sessions, stays.
#[test]
fn a_second_sender_ends_the_session_that_went_on_by_the_first_ones_text() {
    let prompt = || vec![Prompt::Consent];
    let brief = || AuthorizationRequest { prompt: prompt(), ..asked() };
    let lasting = || AuthorizationRequest { scope: "openid offline_access".into(), ..brief() };
    let mut model = Model::new();
    let first = approved_for(&mut model, 1, lasting());
    let before = granted(model.run(first.exchange())).id;
    let bound = by_session(&mut model, 2, &first, brief());
    model.run(bound.approve());
    let bound = granted(model.run(bound.exchange())).id;
    model.pass(60);
    let second = proven_for(&mut model, 3, lasting());
    let renewing = renewing(&model, &second, &first);
    assert_matches!(model.run(renewing), Approved::Yes(..));
    let by_it = by_session(&mut model, 4, &second, lasting());
    model.run(by_it.approve());
    let other = CodeRequest { jkt: "other".into(), ..by_it.token_request() };
    let by_it = granted(model.run(exchange(other))).id;
    assert_eq!(model.run(second.text(0, 1, Trust::Operator)), Recorded::Voided);
    let lost = model.run(VoidedGrants::of(second.code_key(0)));
    let mut lost: Vec<_> = lost.iter().map(|grant| grant.id).collect();
    lost.sort_unstable_by_key(|id| *id != bound);
    assert_eq!(lost, [bound, by_it], "whose apps are told");
    let live = |id| model.grant(id).unwrap().live(model.now);
    assert_eq!([live(before), live(bound), live(by_it)], [true, false, false]);
    assert_eq!(live_sessions(&model), 0);
    assert!(model.run(VoidedGrants::of(first.code_key(0))).is_empty(), "not voided");
}

#[test]
fn a_cookie_reads_back_and_nothing_else_does() {
    let mut random = Seeded(5);
    let (terminal, id) = (terminal(0), SessionId([3; 16]));
    let secret = |proof| CookieSecret::of(GrantId([proof; 16]), &vault());
    let mut made = |confirmed| {
        SessionCookie::new(&vault(), (terminal, id), (secret(1), confirmed), &mut random)
    };
    let cookie = made(false);
    let read = SessionCookie::parse(&vault(), cookie.as_str()).unwrap();
    assert_eq!((read.terminal(), read.id()), (terminal, id));
    assert_eq!(read.hash(&vault()), cookie.hash(&vault()));
    assert_eq!(read.hash(&vault()), secret(1).hash(&vault()));
    assert_eq!(format!("{cookie:?}"), "SessionCookie(..)");
    assert!(!read.confirmed());
    let sure = SessionCookie::parse(&vault(), made(true).as_str()).unwrap();
    assert!(sure.confirmed() && sure.hash(&vault()) == cookie.hash(&vault()));
    let again = made(false);
    assert_eq!(again.hash(&vault()), cookie.hash(&vault()), "a second click's");
    assert_ne!(secret(2).hash(&vault()), cookie.hash(&vault()), "each proof has its own");
    assert_eq!(format!("{:?}", secret(1)), "CookieSecret(..)");
    for at in [0, 20, cookie.as_str().len() - 1] {
        let mut bad = cookie.as_str().as_bytes().to_vec();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(SessionCookie::parse(&vault(), std::str::from_utf8(&bad).unwrap()), None);
    }
    for bad in ["", "A", "é", &"A".repeat(300)] {
        assert_eq!(SessionCookie::parse(&vault(), bad), None);
    }
}

#[test]
fn each_app_knows_a_session_by_another_name() {
    let sid = |session, app| SessionId([session; 16]).claim(&vault(), &client(app));
    assert_eq!(sid(1, "weather"), sid(1, "weather"));
    assert_ne!(sid(1, "weather"), sid(1, "bank"));
    assert_ne!(sid(1, "weather"), sid(2, "weather"));
}
