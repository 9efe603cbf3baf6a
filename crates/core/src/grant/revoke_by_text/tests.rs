//! Whose grants a text ends, and how often one may try.

use super::*;
use crate::fixtures::{Commitment, Model, assert_matches, issued, redeem, terminal, vault};
use crate::ids::GrantId;
use crate::join::Redemption;
use crate::outbound::{Digits, Texting};
use crate::records::Trust;

fn sign_in(model: &mut Model, jkt: &'static str, number: usize) -> Grant {
    let commitment = Commitment::new("weather", jkt, model.codes.len());
    model.run(commitment.text(number, Trust::Operator));
    let texting = Texting { notify: true, ..Texting::default() };
    issued(model.run(redeem(Redemption { texting, ..commitment.request() }))).grant
}

fn send(model: &mut Model, number: usize, digits: RevocationCode) -> RevokedByText {
    let route = RouteName::from("direct");
    model.run(RevokeByText::new(&vault(), terminal(number), digits, &route, 20))
}

fn digits(grant: &Grant) -> RevocationCode {
    notice::digits(&vault(), grant).expect("it was told of")
}

fn alive(model: &Model, id: GrantId) -> bool {
    model.grant(id).is_some_and(|grant| grant.revoked_at.is_none())
}

#[test]
fn only_the_number_itself_ends_its_grant() {
    let mut model = Model::new();
    let first = sign_in(&mut model, "k1", 0);
    assert_eq!(first.revocation(), None, "it made the account");
    let second = sign_in(&mut model, "k2", 0);
    let right = digits(&second);
    assert_eq!(send(&mut model, 1, right), RevokedByText::Unknown);
    assert_eq!(send(&mut model, 0, Digits::of(1)), RevokedByText::Unknown);
    assert!(alive(&model, second.id));
    assert_matches!(send(&mut model, 0, right), RevokedByText::Revoked(lost) if lost[0].id == second.id);
    assert!(!alive(&model, second.id) && alive(&model, first.id));
    assert_eq!(send(&mut model, 0, right), RevokedByText::Unknown, "once");
    let event = model.audit.iter().rfind(|event| event.kind == "grant.revoked").unwrap();
    assert_eq!(event.reason, Some("text"));
}

#[test]
fn a_known_installation_is_not_told_of_again_and_a_revoked_one_is() {
    let mut model = Model::new();
    sign_in(&mut model, "k1", 0);
    let told = sign_in(&mut model, "k2", 0);
    assert_eq!(sign_in(&mut model, "k2", 0).revocation(), None);
    assert_eq!(sign_in(&mut model, "k1", 0).revocation(), None);
    assert_eq!(send(&mut model, 0, digits(&told)), RevokedByText::Unknown, "superseded");
    let keyless = sign_in(&mut model, "", 0);
    assert!(keyless.revocation().is_some(), "without a key none is known");
    send(&mut model, 0, digits(&keyless));
    assert!(!alive(&model, keyless.id));
    assert!(sign_in(&mut model, "k3", 1).revocation().is_none(), "another account's first");
}

#[test]
fn guessing_ends_with_the_tenth_text_of_a_day() {
    let mut model = Model::new();
    sign_in(&mut model, "k1", 0);
    let grant = sign_in(&mut model, "k2", 0);
    for guess in 0..10 {
        assert_eq!(send(&mut model, 0, Digits::of(guess)), RevokedByText::Unknown);
    }
    assert_eq!(send(&mut model, 0, digits(&grant)), RevokedByText::OverLimit);
    assert!(alive(&model, grant.id));
    model.pass(86_400);
    assert_matches!(send(&mut model, 0, digits(&grant)), RevokedByText::Revoked(_));
}

#[test]
fn it_counts_among_the_texts_of_the_hour() {
    let mut model = Model::new();
    sign_in(&mut model, "k1", 0);
    let grant = sign_in(&mut model, "k2", 0);
    let route = RouteName::from("direct");
    let wanted = digits(&grant);
    let send = |model: &mut Model, per_hour| {
        model.run(RevokeByText::new(&vault(), terminal(0), wanted, &route, per_hour))
    };
    assert_eq!(send(&mut model, 2), RevokedByText::OverLimit, "two codes came this hour");
    assert_matches!(send(&mut model, 3), RevokedByText::Revoked(_));
}

#[test]
fn no_two_live_grants_of_a_number_have_the_same_digits() {
    let mut model = Model::new();
    sign_in(&mut model, "k1", 0);
    let grant = sign_in(&mut model, "k2", 0);
    // Another grant's id whose first digits are taken gets the next.
    let id = GrantId([9; 16]);
    let mut taken = grant;
    taken.id = id;
    let counter = notice::free_counter(&vault(), id, std::slice::from_ref(&taken));
    assert_eq!(counter, taken.revocation().unwrap() + 1);
}
