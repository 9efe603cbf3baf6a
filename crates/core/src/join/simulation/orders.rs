//! Every order of a few operations' steps, one by one: the outcome does not depend on which came
//! first.

use crate::fixtures::{
    After, Commitment, Model, assert_matches, client, issued, redeem, terminal, vault,
};
use crate::grant::{Handle, Refresh, RefreshRequest, Refreshed, Spends};
use crate::join::{Denial, Issued, RecordText, Recorded, Redeem, Redeemed};
use crate::records::Trust;

#[derive(Clone)]
enum Actor {
    Text(RecordText),
    Ask(Redeem),
}

#[derive(Debug)]
enum Told {
    Text(Recorded),
    Ask(Redeemed),
}

fn text(commitment: &Commitment, phone: usize) -> Actor {
    Actor::Text(commitment.text(phone, Trust::Operator))
}

fn ask(commitment: &Commitment) -> Actor {
    Actor::Ask(commitment.redeem())
}

/// Every order in which actors can take up to so many steps each.
fn orders(left: &mut [usize], order: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
    if left.iter().all(|&steps| steps == 0) {
        return visit(order);
    }
    for actor in 0..left.len() {
        if left[actor] > 0 {
            left[actor] -= 1;
            order.push(actor);
            orders(left, order, visit);
            order.pop();
            left[actor] += 1;
        }
    }
}

/// Runs actors in this order, and a crash before step `crash`: whoever was not answered begins anew,
/// as networks redeliver and apps retry. Answers in the order in which they were given.
fn run(model: &mut Model, actors: &[Actor], order: &[usize], crash: Option<usize>) -> Vec<Told> {
    let mut present: Vec<Option<Actor>> = actors.iter().cloned().map(Some).collect();
    let mut told = Vec::new();
    let rest = (0..actors.len()).flat_map(|actor| [actor; 4]);
    for (at, actor) in order.iter().copied().chain(rest).enumerate() {
        if crash == Some(at) {
            for (actor, fresh) in present.iter_mut().zip(actors) {
                *actor = actor.is_some().then(|| fresh.clone());
            }
        }
        present[actor] = match present[actor].take() {
            Some(Actor::Text(operation)) => match model.step(&operation) {
                After::Next(next) => Some(Actor::Text(next)),
                After::Done(outcome) => {
                    told.push(Told::Text(outcome));
                    None
                }
            },
            Some(Actor::Ask(operation)) => match model.step(&operation) {
                After::Next(next) => Some(Actor::Ask(next)),
                After::Done(outcome) => {
                    told.push(Told::Ask(outcome));
                    None
                }
            },
            None => None,
        };
    }
    assert!(present.iter().all(Option::is_none), "an operation without end");
    told
}

fn refresh(model: &mut Model, issued: &Issued) -> Refreshed {
    let token = issued.refresh_token.as_str();
    let request = RefreshRequest {
        attestation: None,
        handle: Handle::read(&vault(), &client("weather"), token).unwrap(),
        presented: vault().token(token),
        client_id: client("weather"),
        jkt: issued.grant.jkt.clone(),
        rotate: false,
        renewable: true,
    };
    model.run(Refresh::new(request, vault(), Spends::default()))
}

fn grants_told(told: Vec<Told>) -> Vec<Issued> {
    let issued = told.into_iter().filter_map(|told| match told {
        Told::Ask(Redeemed::Issued(issued)) => Some(*issued),
        _ => None,
    });
    issued.collect()
}

#[test]
fn a_text_and_two_requests_end_in_one_grant_in_any_order() {
    let commitment = Commitment::new("weather", "k1", 0);
    let actors = [text(&commitment, 0), ask(&commitment), ask(&commitment)];
    let mut count = 0;
    orders(&mut [2, 2, 2], &mut Vec::new(), &mut |order| {
        for crash in [None].into_iter().chain((0..=order.len()).map(Some)) {
            let mut model = Model::new();
            let told = run(&mut model, &actors, order, crash);
            let mut answers = grants_told(told);
            answers.push(issued(model.run(commitment.redeem())));
            let newest = answers.pop().expect("pushed");
            for older in &answers {
                assert_eq!(older.grant.id, newest.grant.id, "{order:?} {crash:?}");
                assert_matches!(refresh(&mut model, older), Refreshed::Invalid);
            }
            assert_matches!(refresh(&mut model, &newest), Refreshed::Granted(..));
            assert_eq!((model.grants.len(), model.accounts.len()), (1, 1));
            count += 1;
        }
    });
    assert_eq!(count, 90 * 8);
}

#[test]
fn two_senders_end_without_a_grant_in_any_order() {
    let commitment = Commitment::new("weather", "k1", 0);
    let actors = [text(&commitment, 0), text(&commitment, 1), ask(&commitment)];
    orders(&mut [3, 3, 2], &mut Vec::new(), &mut |order| {
        for crash in [None].into_iter().chain((0..=order.len()).map(Some)) {
            let mut model = Model::new();
            let told = run(&mut model, &actors, order, crash);
            check_void(&mut model, &commitment, told);
        }
    });
}

#[test]
fn two_senders_and_two_requests_end_without_a_grant_in_any_order() {
    let commitment = Commitment::new("weather", "k1", 0);
    let actors = [text(&commitment, 0), text(&commitment, 1), ask(&commitment), ask(&commitment)];
    orders(&mut [2, 3, 2, 2], &mut Vec::new(), &mut |order| {
        let mut model = Model::new();
        let told = run(&mut model, &actors, order, None);
        check_void(&mut model, &commitment, told);
    });
}

/// No token once the voiding text was answered, and none left alive.
fn check_void(model: &mut Model, commitment: &Commitment, told: Vec<Told>) {
    let voided = told.iter().position(|told| matches!(told, Told::Text(Recorded::Voided)));
    let voided = voided.expect("two senders void");
    assert!(
        !told[voided..].iter().any(|told| matches!(told, Told::Ask(Redeemed::Issued(_)))),
        "a token for a voided code: {told:?}"
    );
    for issued in grants_told(told) {
        assert_matches!(refresh(model, &issued), Refreshed::Invalid);
    }
    assert!(model.grants.values().all(|grant| grant.revoked_at.is_some()));
    let last = model.run(commitment.redeem());
    assert_matches!(last, Redeemed::Invalid(Denial::Voided));
}

#[test]
fn the_thief_of_a_verifier_is_told_what_anyone_is() {
    let commitment = Commitment::new("weather", "k1", 0);
    let thieves = [
        Commitment { jkt: "k2", ..commitment.clone() },
        Commitment { jkt: "", ..commitment.clone() },
        Commitment { client: "bank", ..commitment.clone() },
    ];
    let never_texted = Commitment::new("weather", "k1", 9);
    for thief in thieves {
        let actors = [text(&commitment, 0), ask(&thief), ask(&commitment)];
        orders(&mut [2, 1, 2], &mut Vec::new(), &mut |order| {
            let mut model = Model::new();
            let told = run(&mut model, &actors, order, None);
            let issued = grants_told(told);
            assert!(issued.iter().all(|issued| issued.grant.jkt == "k1"));
            let nobody = crate::fixtures::shown(&model.run(never_texted.redeem()));
            assert_eq!(crate::fixtures::shown(&model.run(thief.redeem())), nobody);
            crate::fixtures::issued(model.run(commitment.redeem()));
        });
    }
}

#[test]
fn a_hint_of_another_number_uses_the_code_up_in_any_order() {
    let commitment = Commitment::new("weather", "k1", 0);
    let mut hinted = commitment.request();
    hinted.login_hint = Some(terminal(1));
    let mut model = Model::new();
    assert_matches!(model.run(redeem(hinted.clone())), Redeemed::Pending);
    model.run(commitment.text(0, Trust::Operator));
    assert_matches!(model.run(redeem(hinted.clone())), Redeemed::Invalid(Denial::LoginHint));
    assert_matches!(model.run(commitment.redeem()), Redeemed::Invalid(Denial::Used));

    // A repeated request is held to its hint as well; it no longer uses anything up.
    let mut model = Model::new();
    let first = issued(model.sign_in(&commitment, 0));
    assert_matches!(model.run(redeem(hinted)), Redeemed::Invalid(Denial::LoginHint));
    assert_eq!(issued(model.run(commitment.redeem())).grant.id, first.grant.id);
}
