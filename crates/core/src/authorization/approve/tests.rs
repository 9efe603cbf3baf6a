//! For whom a request is approved.

use super::*;
use crate::fixtures::{Commitment, Model, client, issued};
use crate::ids::{GrantId, Timestamp};
use crate::records::Grant;
use crate::records::Sealed;

const LOOK: Look = Look { key: Digest([1; 16]), browser: Digest([2; 16]) };
const COOKIE: Digest = Digest([4; 16]);

/// Somebody was proven for a request that expects this `sub`.
fn proven(expected_sub: Option<&str>) -> (Model, Grant) {
    let mut model = Model::new();
    let grant = issued(model.sign_in(&Commitment::new("weather", "k1", 0), 0)).grant;
    let by = ProvenTerminal {
        terminal: grant.terminal,
        account: grant.account,
        number: Sealed(Vec::new()),
        auth_time: grant.auth_time,
        route: "direct".to_owned(),
        trust: grant.trust,
        session: None,
        grant: GrantId([5; 16]),
        confirmed: false,
    };
    let request = AuthorizationRequest {
        expected_sub: expected_sub.map(str::to_owned),
        ..AuthorizationRequest::default()
    };
    let row = Interaction {
        key: LOOK.key,
        client_id: client("weather"),
        request,
        stage: InteractionStage::Proven { browser: LOOK.browser, by },
        created_at: model.now,
        expires_at: model.now.plus_seconds(60),
        purge_at: Timestamp(i64::MAX),
    };
    model.interactions.insert(row.key, row);
    (model, grant)
}

fn approve() -> Approve {
    Approve::new(LOOK, Digest([3; 16]), Some(COOKIE), 3600)
}

fn is_approved(expected: Option<&str>, known: Option<&str>) -> bool {
    let (mut model, grant) = proven(expected);
    let approve = match known {
        Some(sub) => approve().known_as(grant.account, sub.to_owned()),
        None => approve(),
    };
    let approved = matches!(model.run(approve), Approved::Yes(..));
    // Nobody is signed in by a request that was for somebody else.
    assert_eq!(model.sessions.len(), usize::from(approved));
    let stage = &model.interactions[&LOOK.key].stage;
    assert_eq!(matches!(stage, InteractionStage::Approved(_)), approved);
    approved || {
        assert_eq!(model.audit.last().unwrap().reason, Some("another_person"));
        false
    }
}

#[test]
fn a_request_that_expects_a_person_is_approved_for_no_other() {
    assert!(is_approved(Some("right"), Some("right")));
    assert!(!is_approved(Some("right"), Some("wrong")));
    assert!(!is_approved(Some("right"), None), "nobody said who it is");
    assert!(is_approved(None, None));
    assert!(is_approved(None, Some("anyone")));
}

#[test]
fn a_sub_counts_for_the_account_it_was_made_for() {
    let (mut model, _) = proven(Some("right"));
    let other = approve().known_as(AccountId([9; 16]), "right".to_owned());
    assert!(matches!(model.run(other), Approved::Denied(_)));
}
