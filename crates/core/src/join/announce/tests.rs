//! Announcements, with the texts and token requests they are for.

use serde_json::json;
use twinpath_wire::phrase::normalize;

use super::*;
use crate::fixtures::{Commitment, Model, TTL_S, assert_matches, client, issued, redeem, vault};
use crate::grant::Spend;
use crate::join::{AnnouncementRule, Denial, Recorded, Redeem, Redeemed, Redemption};
use crate::records::{Terms, Trust};

const SAID: (bool, bool, bool) = (true, true, true);
const UNSAID: (bool, bool, bool) = (false, false, false);

fn commitment() -> Commitment {
    Commitment::new("weather", "key", 1)
}

fn announcement(model: &Model, of: &Commitment) -> Announcement {
    Announcement {
        client_id: client(of.client),
        jkt: of.jkt.to_owned(),
        words: vault().words(&crate::fixtures::words()),
        scope: "openid phone".to_owned(),
        resources: vec!["https://api.example/".to_owned()],
        details: vec![json!({"type": "payment", "amount": 1})],
        expires_at: model.now.plus_seconds(TTL_S),
    }
}

fn announce(model: &mut Model, code: CodeKey, announcement: Announcement) -> Announcing {
    let key = announcement_key(&vault(), code);
    let said = Announced { key, announcement, kept_s: 2 * TTL_S };
    model.run(Announce::new(said, Spends::default(), None))
}

fn text(of: &Commitment, number: usize) -> crate::join::RecordText {
    of.text(number, Trust::Operator).only_announced(&vault())
}

fn request(of: &Commitment, said: (bool, bool, bool), required: bool) -> Redemption {
    let key = announcement_key(&vault(), of.key());
    Redemption { announcement: Some(AnnouncementRule { key, required, said }), ..of.request() }
}

#[test]
fn only_announced_texts_are_recorded_where_that_is_required() {
    let (mut model, own) = (Model::new(), commitment());
    assert_eq!(model.run(text(&own, 0)), Recorded::Unannounced);
    assert!(model.codes.is_empty() && model.quotas.is_empty(), "nothing is recorded");
    // Other words than those that were prepared.
    let mut other = announcement(&model, &own);
    other.words = vault().words(&normalize("Vote for me"));
    assert_eq!(announce(&mut model, own.key(), other), Announcing::Awaited);
    assert_eq!(model.run(text(&own, 0)), Recorded::Unannounced);
    let right = announcement(&model, &own);
    assert_eq!(announce(&mut model, own.key(), right.clone()), Announcing::Awaited);
    assert_eq!(model.run(text(&own, 0)), Recorded::New);
    // Late, but known: a redelivery changes nothing, a second sender voids.
    model.pass(TTL_S);
    let late = Commitment::new("weather", "key", 2);
    assert_eq!(announce(&mut model, late.key(), right), Announcing::Awaited);
    assert_eq!(model.run(text(&late, 0)), Recorded::Unannounced, "its time was over");
    assert_eq!(model.run(text(&own, 0)), Recorded::Duplicate);
}

#[test]
fn a_second_sender_voids_though_the_announcement_is_over() {
    let (mut model, own) = (Model::new(), commitment());
    let mut short = announcement(&model, &own);
    short.expires_at = model.now.plus_seconds(10);
    announce(&mut model, own.key(), short);
    assert_eq!(model.run(text(&own, 0)), Recorded::New);
    model.pass(20);
    assert_eq!(model.run(text(&own, 1)), Recorded::Voided);
}

#[test]
fn one_of_another_instance_is_not_ones_own() {
    let (mut model, own) = (Model::new(), commitment());
    let stranger = Announcement { jkt: "other".into(), ..announcement(&model, &own) };
    announce(&mut model, own.key(), stranger);
    // Its text is awaited, but its token request is nobody's.
    assert_eq!(model.run(text(&own, 0)), Recorded::New);
    assert_matches!(model.run(redeem(request(&own, UNSAID, true))), Redeemed::Pending);
    let issued = issued(model.run(redeem(request(&own, UNSAID, false))));
    assert_eq!(issued.grant.scope, "openid", "it is held to nothing");
}

#[test]
fn others_cannot_crowd_a_code_for_ever() {
    let (mut model, own) = (Model::new(), commitment());
    for n in 0..MAX_ANNOUNCEMENTS {
        let other = Announcement { jkt: format!("key {n}"), ..announcement(&model, &own) };
        assert_eq!(announce(&mut model, own.key(), other.clone()), Announcing::Awaited);
        assert_eq!(announce(&mut model, own.key(), other), Announcing::Awaited, "again");
    }
    let right = announcement(&model, &own);
    assert_eq!(announce(&mut model, own.key(), right.clone()), Announcing::Full);
    model.pass(3 * TTL_S);
    assert_eq!(announce(&mut model, own.key(), right), Announcing::Awaited);
}

#[test]
fn a_replayed_announcement_records_nothing() {
    let (mut model, own) = (Model::new(), commitment());
    let until = model.now.plus_seconds(60);
    let spends =
        Spends { assertion: Some(Spend { key: Digest([1; 16]), until }), ..Spends::default() };
    let said = |model: &Model, n| {
        let of = Commitment::new("weather", "key", n);
        let key = announcement_key(&vault(), of.key());
        Announced { key, announcement: announcement(model, &own), kept_s: 1 }
    };
    let first = Announce::new(said(&model, 1), spends, None);
    let mut keys = Vec::new();
    first.prefetch(&mut keys);
    assert_eq!(keys.len(), 2, "one round trip for all");
    assert_eq!(model.run(first), Announcing::Awaited);
    let again = Announce::new(said(&model, 2), spends, None);
    assert_eq!(model.run(again), Announcing::Replayed(Replay::Assertion));
    assert_eq!(model.notes.len(), 1);
}

/// What is granted of a request beside [`announcement`].
fn granted(change: impl FnOnce(&mut Redemption)) -> Result<crate::records::Grant, ErrorCode> {
    let (mut model, own) = (Model::new(), commitment());
    let said = announcement(&model, &own);
    announce(&mut model, own.key(), said);
    assert_eq!(model.run(text(&own, 0)), Recorded::New);
    let mut request = request(&own, SAID, true);
    change(&mut request);
    let before = model.codes.clone();
    match model.run(redeem(request.clone())) {
        Redeemed::Beyond(error) => {
            assert_eq!(model.codes, before, "a request that is refused uses nothing up");
            Err(error.code)
        }
        Redeemed::Issued(issued) => Ok(issued.grant),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_request_may_only_narrow() {
    let details = |amount: u32| {
        Some(Terms {
            authorization_details: vec![json!({"type": "payment", "amount": amount})],
            ..Terms::default()
        })
    };
    let uris = |uri: &str| vec![uri.to_owned()];
    let grant = granted(|request| request.scope = "phone".into()).unwrap();
    assert_eq!(
        (grant.scope.as_str(), grant.resources.len(), grant.details().len()),
        ("phone", 0, 0)
    );
    let grant = granted(|request| {
        request.resources = uris("https://api.example/");
        request.terms = details(1);
    });
    let grant = grant.unwrap();
    assert_eq!(
        (grant.resources, grant.terms.map(|terms| *terms)),
        (uris("https://api.example/"), details(1))
    );
    for (change, code) in [
        (
            Box::new(|request: &mut Redemption| request.scope = "openid admin".into())
                as Box<dyn FnOnce(&mut Redemption)>,
            ErrorCode::InvalidScope,
        ),
        (Box::new(|request| request.scope = "admin".into()), ErrorCode::InvalidScope),
        (
            Box::new(move |request| request.resources = uris("https://other.example/")),
            ErrorCode::InvalidTarget,
        ),
        (
            Box::new(move |request| request.terms = details(2)),
            ErrorCode::InvalidAuthorizationDetails,
        ),
    ] {
        assert_eq!(granted(change).unwrap_err(), code);
    }
}

#[test]
fn what_is_not_said_is_what_was_announced() {
    let grant = granted(|request| {
        // All that the app may have; the announcement asked for less.
        request.scope = "openid phone admin".into();
        request.announcement.as_mut().unwrap().said = UNSAID;
    });
    let grant = grant.unwrap();
    assert_eq!(grant.scope, "openid phone");
    assert_eq!(grant.resources, ["https://api.example/"]);
    assert_eq!(grant.details(), [json!({"type": "payment", "amount": 1})]);
    let nothing = granted(|request| {
        request.scope = "admin".into();
        request.announcement.as_mut().unwrap().said = UNSAID;
    });
    assert_eq!(nothing.unwrap_err(), ErrorCode::InvalidScope, "nothing of it may still be had");
}

#[test]
fn a_text_that_came_after_its_announcement_was_over_is_expired() {
    let (mut model, own) = (Model::new(), commitment());
    let said = announcement(&model, &own);
    announce(&mut model, own.key(), said);
    model.pass(TTL_S);
    // Where announcements are optional it is recorded all the same.
    assert_eq!(model.run(own.text(0, Trust::Operator)), Recorded::New);
    let outcome = model.run(redeem(request(&own, UNSAID, false)));
    assert_matches!(outcome, Redeemed::Expired);
}

#[test]
fn a_lost_answer_is_given_again_within_what_was_announced() {
    let (mut model, own) = (Model::new(), commitment());
    let said = announcement(&model, &own);
    announce(&mut model, own.key(), said);
    model.run(text(&own, 0));
    let first = issued(model.run(redeem(request(&own, UNSAID, true))));
    let again = issued(model.run(redeem(request(&own, UNSAID, true))));
    assert_eq!(first.grant.id, again.grant.id);
    assert_eq!(again.grant.scope, first.grant.scope);
    let frozen = vault().frozen(&[b"phone"]);
    let other = Redemption { scope: "phone".into(), frozen, ..request(&own, SAID, true) };
    let denied: Redeem = redeem(other);
    assert_matches!(model.run(denied), Redeemed::Invalid(Denial::Used));
}
