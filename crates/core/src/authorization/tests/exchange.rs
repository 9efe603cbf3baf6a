//! Codes are used, come back, or are somebody else's.

use twinpath_wire::oauth::ErrorCode;

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{After, assert_matches};

const OTHER_VERIFIER: &str = "another-verifier-of-forty-three-characters!";

#[test]
fn a_code_gives_what_was_asked() {
    let mut model = Model::new();
    let request = AuthorizationRequest {
        scope: "openid offline_access".to_owned(),
        resources: vec!["https://api.example".to_owned(), "https://b.example".to_owned()],
        nonce: Some("n".to_owned()),
        ..asked()
    };
    let page = approved_for(&mut model, 1, request.clone());
    let by = page.by(&model).clone();
    let resources = vec!["https://api.example".to_owned()];
    let redeemed = model.run(exchange(CodeRequest { resources, ..page.token_request() }));
    let CodeRedeemed::Issued { grant, number, refresh_token, asked, .. } = redeemed else {
        panic!("{redeemed:?}");
    };
    assert_eq!((*asked, number, grant.id), (request.clone(), by.number, by.grant));
    assert!(refresh_token.is_some());
    assert_eq!((grant.terminal, grant.account, &*grant.jkt), (by.terminal, by.account, "key"));
    assert_eq!((&grant.scope, &grant.resources), (&request.scope, &request.resources));
    assert_eq!((grant.auth_time, grant.trust), (by.auth_time, by.trust));
    let terms = grant.terms.as_deref().unwrap();
    assert_eq!((terms.session, terms.session_bound, terms.no_refresh), (by.session, false, false));
    assert_eq!(model.grants.len(), 1);
}

#[test]
fn without_offline_access_the_grant_is_bound_to_the_session() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    let request = CodeRequest { refreshable: false, ..page.token_request() };
    let redeemed = model.run(exchange(request));
    assert_matches!(&redeemed, CodeRedeemed::Issued { refresh_token: None, .. });
    let terms = granted(redeemed).terms.unwrap();
    assert!(terms.session_bound && terms.no_refresh);
}

/// None of these uses the code up or ends it: whoever saw a code pass must not be able to spoil it.
#[test]
fn a_code_is_for_its_request_only() {
    let mut model = Model::new();
    let jkt = "k".repeat(43);
    let bound = AuthorizationRequest { jkt: jkt.clone(), ..asked() };
    let page = approved_for(&mut model, 1, bound);
    let good = CodeRequest { jkt, ..page.token_request() };
    let uri = |uri: &str| Some(uri.to_owned());
    let wrong = [
        ("unknown", CodeRequest { interaction: bytes(7), ..good.clone() }),
        ("unknown", CodeRequest { code: bytes(7), ..good.clone() }),
        ("unknown", CodeRequest { client_id: client("bank"), ..good.clone() }),
        ("redirect_uri", CodeRequest { redirect_uri: uri("https://app.example"), ..good.clone() }),
        ("code_verifier", CodeRequest { code_verifier: OTHER_VERIFIER.into(), ..good.clone() }),
        ("code_verifier", CodeRequest { code_verifier: challenge(), ..good.clone() }),
        ("dpop_jkt", CodeRequest { jkt: "thief".into(), ..good.clone() }),
        ("dpop_jkt", CodeRequest { jkt: String::new(), ..good.clone() }),
    ];
    let before = page.row(&model).clone();
    for (why, request) in wrong.clone() {
        assert_matches!(model.run(exchange(request)), CodeRedeemed::Invalid(said) if said == why);
        assert_eq!(page.row(&model), &before);
    }
    let redirect_uri = uri("https://app.example/cb");
    granted(model.run(exchange(CodeRequest { redirect_uri, ..good.clone() })));
    // Nor does it end the grant, unless it shows the verifier.
    for (why, request) in wrong {
        let outcome = model.run(exchange(request));
        let own = why == "redirect_uri" || why == "dpop_jkt";
        match outcome {
            CodeRedeemed::Reused if own => return assert_eq!(live_grants(&model), 0),
            CodeRedeemed::Invalid(_) if !own => assert_eq!(live_grants(&model), 1),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[test]
fn a_code_asks_for_no_more_than_its_request() {
    let one = |uri: &str| vec![uri.to_owned()];
    for allowed in [Vec::new(), one("https://api.example")] {
        let mut model = Model::new();
        let request = AuthorizationRequest { resources: allowed, ..asked() };
        let page = approved_for(&mut model, 1, request);
        let wider = CodeRequest { resources: one("https://evil.example"), ..page.token_request() };
        assert_matches!(model.run(exchange(wider)), CodeRedeemed::Widened(error)
            if error.code == ErrorCode::InvalidTarget);
        granted(model.run(page.exchange()));
    }
}

#[test]
fn a_code_is_good_for_its_time() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    model.pass(CODE_S - 1);
    granted(model.clone().run(page.exchange()));
    model.pass(1);
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Invalid("over"));
}

#[test]
fn only_an_approved_request_has_a_code() {
    let mut model = Model::new();
    let pushed = Page::new(1);
    model.run(pushed.push(asked()));
    let (asking, proven) = (asking(&mut model, 2), proven(&mut model, 3));
    for page in [pushed, asking, proven] {
        assert_matches!(model.run(page.exchange()), CodeRedeemed::Invalid("used"));
    }
}

#[test]
fn a_code_that_comes_back_revokes_what_came_of_it() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    let grant = granted(model.run(page.exchange())).id;
    model.pass(CODE_S);
    model.purge();
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Reused);
    assert!(model.grant(grant).unwrap().revoked_at.is_some());
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Reused);
    assert_eq!(model.grants.len(), 1);
}

/// A crash must not turn a good code into one that was used twice.
#[test]
fn a_crash_before_the_grant_is_made_up_for_by_the_same_claimant() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    crash(&mut model, page.exchange(), 1);
    assert_matches!(page.row(&model).stage, Stage::Redeemed { .. });
    assert!(model.grants.is_empty());
    let grant = granted(model.run(page.exchange()));
    assert_eq!((grant.id, grant.jkt.as_str()), (page.by(&model).grant, "key"));
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Reused);
    assert_eq!((model.grants.len(), live_grants(&model)), (1, 0));
}

#[test]
fn after_a_crash_nobody_else_may_finish_and_not_later() {
    let request = AuthorizationRequest { resources: vec!["https://a.example".into()], ..asked() };
    let others: [fn(CodeRequest) -> CodeRequest; 4] = [
        |request| CodeRequest { jkt: "thief".into(), ..request },
        |request| CodeRequest { jkt: String::new(), ..request },
        |request| CodeRequest { redirect_uri: Some("https://evil.example".into()), ..request },
        |request| CodeRequest { resources: vec!["https://evil.example".into()], ..request },
    ];
    for other in others {
        let mut model = Model::new();
        let page = approved_for(&mut model, 1, request.clone());
        crash(&mut model, page.exchange(), 1);
        let outcome = model.run(exchange(other(page.token_request())));
        assert_matches!(outcome, CodeRedeemed::Reused);
        assert_matches!(model.run(page.exchange()), CodeRedeemed::Reused);
        assert_eq!(live_grants(&model), 0);
    }
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    crash(&mut model, page.exchange(), 1);
    let stolen = CodeRequest { code_verifier: OTHER_VERIFIER.into(), ..page.token_request() };
    assert_matches!(model.run(exchange(stolen)), CodeRedeemed::Invalid("used"));
    model.pass(CODE_S);
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Reused);
    assert_eq!(live_grants(&model), 0);
}

/// RFC 6749 4.1.2, also where the two are at it at the same moment.
#[test]
fn of_two_uses_at_once_no_grant_is_left() {
    for steps in 1..2 {
        let mut model = Model::new();
        let page = approved(&mut model, 1);
        let mut slow = page.exchange();
        for _ in 0..steps {
            if let After::Next(next) = model.step(&slow) {
                slow = next;
            }
        }
        let fast = granted(model.run(page.exchange()));
        assert_matches!(model.run(slow), CodeRedeemed::Reused);
        assert!(model.grant(fast.id).unwrap().revoked_at.is_some());
        assert_eq!(model.grants.len(), 1);
    }
}

#[test]
fn a_replayed_proof_or_assertion_uses_nothing() {
    let mut model = Model::new();
    let page = approved(&mut model, 1);
    let run = |model: &mut Model, proof, assertion| {
        let spends = spends(model, proof, assertion);
        model.run(Exchange::new(page.token_request(), vault(), spends))
    };
    let wrong = CodeRequest { code: bytes(9), ..page.token_request() };
    let spent = spends(&model, 1, 2);
    let first = model.run(Exchange::new(wrong, vault(), spent));
    assert_matches!(first, CodeRedeemed::Invalid("unknown"));
    assert_matches!(run(&mut model, 1, 3), CodeRedeemed::Replayed(Replay::Proof));
    assert_matches!(run(&mut model, 4, 2), CodeRedeemed::Replayed(Replay::Assertion));
    assert_matches!(page.row(&model).stage, Stage::Approved(_));
    granted(run(&mut model, 5, 3));
}

/// What the approval rests on may fall before the code is used, and while it is.
#[test]
fn what_no_longer_stands_gives_nothing_and_never_will() {
    let manage = |action| Manage { terminal: terminal(0), account: None, action };
    for fall in 0..4 {
        for steps in 0..2 {
            let mut model = Model::new();
            let page = approved(&mut model, 1);
            let mut slow = page.exchange();
            for _ in 0..steps {
                if let After::Next(next) = model.step(&slow) {
                    slow = next;
                }
            }
            match fall {
                0 => drop(model.run(manage(Action::Block))),
                1 => drop(model.run(manage(Action::Erase))),
                2 => assert_eq!(model.run(page.text(0, 1, Trust::Operator)), Recorded::Voided),
                _ => assert!(page.log_out(&mut model).is_some()),
            }
            assert_matches!(model.run(slow), CodeRedeemed::Denied);
            model.run(manage(Action::Unblock));
            assert_matches!(model.run(page.exchange()), CodeRedeemed::Reused);
            assert_eq!(live_grants(&model), 0, "{fall} {steps}");
        }
    }
}

/// However long ago it ended: its row is there as long as such a code can be.
#[test]
fn a_session_that_ended_is_remembered_while_a_code_of_it_is_on_its_way() {
    let mut model = Model::new();
    let first = approved(&mut model, 1);
    model.pass(SESSION_TTL_S - 1);
    let page = by_session(&mut model, 2, &first, asked());
    assert_matches!(model.run(page.approve()), Approved::Yes(..));
    model.run(first.text(0, 1, Trust::Operator));
    model.pass(CODE_S - 1);
    model.purge();
    assert_matches!(model.run(page.exchange()), CodeRedeemed::Denied);
}
