//! Rotation, lost answers and replays: by example, and by every sequence against a small oracle.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::account::{Action, Manage};
use crate::fixtures::{
    Commitment, GRANT_TTL_S, Model, TTL_S, assert_matches, client, issued, redeem, terminal, vault,
};
use crate::grant::Spend;
use crate::instance::ScopeRule;
use crate::join::{Denial, Redeemed};

const ROTATED: bool = true;
const KEPT: bool = false;

fn commitment() -> Commitment {
    Commitment::new("weather", "k1", 0)
}

fn request(token: &str, rotate: bool) -> RefreshRequest {
    RefreshRequest {
        attestation: None,
        handle: Handle::read(&vault(), &client("weather"), token).unwrap(),
        presented: vault().token(token),
        client_id: client("weather"),
        jkt: "k1".into(),
        rotate,
        renewable: true,
    }
}

fn refresh(model: &mut Model, request: RefreshRequest) -> Refreshed {
    model.run(Refresh::new(request, vault(), Spends::default()))
}

/// The token after one that must be granted and rotated.
#[track_caller]
fn next(model: &mut Model, token: &str) -> String {
    match refresh(model, request(token, ROTATED)) {
        Refreshed::Granted(_, Some(next)) => next.as_str().to_owned(),
        other => panic!("not rotated but {other:?}"),
    }
}

fn signed_in() -> (Model, String) {
    let mut model = Model::new();
    let issued = issued(model.sign_in(&commitment(), 0));
    let token = issued.refresh_token.as_str().to_owned();
    (model, token)
}

fn revoked(model: &Model) -> bool {
    model.grants.values().all(|grant| grant.revoked_at.is_some())
}

#[test]
fn rotation_goes_from_token_to_token() {
    let (mut model, first) = signed_in();
    let second = next(&mut model, &first);
    let third = next(&mut model, &second);
    assert!(first != second && second != third && first != third);
    let grant = model.grants.values().next().unwrap();
    assert_eq!((grant.refresh.sequence, grant.refresh.first, grant.refresh.used), (3, 1, true));
    assert_eq!(grant.refresh.hash, vault().token(&third));
}

#[test]
fn only_hashes_of_tokens_are_kept() {
    let (mut model, first) = signed_in();
    let second = next(&mut model, &first);
    let rows = format!("{model:?}");
    for token in [first, second] {
        assert!(!rows.contains(&token));
        assert!(!rows.contains(&format!("{:?}", token.as_bytes())));
    }
}

#[test]
fn a_lost_answer_is_given_again_until_its_token_is_used() {
    let (mut model, first) = signed_in();
    let lost = next(&mut model, &first);
    let lost_too = next(&mut model, &first);
    let told = next(&mut model, &first);
    assert!(lost != told && lost_too != told);
    let after = next(&mut model, &told);
    // The successor was used: its predecessor is a replay now, and ends everything.
    assert_matches!(refresh(&mut model, request(&first, ROTATED)), Refreshed::Reused);
    assert!(revoked(&model));
    assert_matches!(refresh(&mut model, request(&after, ROTATED)), Refreshed::Invalid);
}

#[test]
fn of_two_answers_for_one_token_the_older_is_a_replay() {
    // A thief who comes second is told a token, so the first to have one must not stay unnoticed.
    let (mut model, first) = signed_in();
    let own = next(&mut model, &first);
    let thiefs = next(&mut model, &first);
    assert_matches!(refresh(&mut model, request(&own, ROTATED)), Refreshed::Reused);
    assert_matches!(refresh(&mut model, request(&thiefs, ROTATED)), Refreshed::Invalid);
}

#[test]
fn a_replay_of_any_past_token_revokes() {
    for replayed in 0..3 {
        let (mut model, first) = signed_in();
        let mut tokens = vec![first];
        for at in 0..4 {
            let token = next(&mut model, &tokens[at]);
            tokens.push(token);
        }
        let replay = refresh(&mut model, request(&tokens[replayed], ROTATED));
        assert_matches!(replay, Refreshed::Reused);
        assert!(revoked(&model), "{replayed}");
        let event = model.audit.iter().find(|event| event.kind == "grant.revoked").unwrap();
        assert_eq!(event.reason, Some("refresh_token_reused"));
    }
}

#[test]
fn a_token_is_kept_where_app_and_key_are_proven() {
    let (mut model, token) = signed_in();
    for _ in 0..3 {
        assert_matches!(refresh(&mut model, request(&token, KEPT)), Refreshed::Granted(_, None));
    }
    let grant = model.grants.values().next().unwrap();
    assert_eq!((grant.refresh.sequence, grant.refresh.used), (1, true));
}

#[test]
fn tokens_that_died_with_a_lost_redemption_are_refused_without_penalty() {
    for rotate in [ROTATED, KEPT] {
        let (mut model, dead) = signed_in();
        let told = issued(model.run(commitment().redeem())).refresh_token;
        assert_matches!(refresh(&mut model, request(&dead, rotate)), Refreshed::Invalid);
        assert!(!revoked(&model));
        let granted = refresh(&mut model, request(told.as_str(), rotate));
        assert_matches!(granted, Refreshed::Granted(..));
        assert_matches!(refresh(&mut model, request(&dead, rotate)), Refreshed::Invalid);
        assert!(!revoked(&model));
        // Once a token was used the redemption cannot be repeated.
        assert_matches!(model.run(commitment().redeem()), Redeemed::Invalid(Denial::Used));
    }
}

#[test]
fn another_key_or_app_is_refused_without_penalty() {
    let (mut model, token) = signed_in();
    let before = format!("{:?}", model.grants);
    let right = request(&token, ROTATED);
    for jkt in ["k2", "", "k", "k11", "x5t#S256:k1"] {
        let wrong = RefreshRequest { jkt: jkt.into(), ..right.clone() };
        assert_matches!(refresh(&mut model, wrong), Refreshed::Invalid);
    }
    let wrong = RefreshRequest { client_id: client("bank"), ..right.clone() };
    assert_matches!(refresh(&mut model, wrong), Refreshed::Invalid);
    let elsewhere = Handle { terminal: terminal(1), ..right.handle };
    let wrong = RefreshRequest { handle: elsewhere, ..right.clone() };
    assert_matches!(refresh(&mut model, wrong), Refreshed::Invalid);
    let unknown = Handle { grant: crate::ids::GrantId([1; 16]), ..right.handle };
    let wrong = RefreshRequest { handle: unknown, ..right };
    assert_matches!(refresh(&mut model, wrong), Refreshed::Invalid);
    assert_eq!(format!("{:?}", model.grants), before);
}

#[test]
fn a_wrong_secret_under_a_right_handle_revokes() {
    // Only this server seals handles, so it was a token once.
    let (mut model, token) = signed_in();
    let wrong = RefreshRequest { presented: Digest([1; 16]), ..request(&token, KEPT) };
    assert_matches!(refresh(&mut model, wrong), Refreshed::Reused);
    assert!(revoked(&model));
}

#[test]
fn a_blocked_account_refreshes_after_it_is_unblocked() {
    let (mut model, token) = signed_in();
    let command = |action| Manage { terminal: terminal(0), account: None, action };
    model.run(command(Action::Block));
    assert_matches!(refresh(&mut model, request(&token, ROTATED)), Refreshed::Blocked);
    model.run(command(Action::Unblock));
    next(&mut model, &token);
}

#[test]
fn an_expired_grant_is_refused() {
    let (mut model, token) = signed_in();
    model.pass(GRANT_TTL_S);
    assert_matches!(refresh(&mut model, request(&token, KEPT)), Refreshed::Invalid);
    model.pass(-1);
    assert_matches!(refresh(&mut model, request(&token, KEPT)), Refreshed::Granted(..));
}

#[test]
fn refreshing_does_not_lengthen_the_grant() {
    let (mut model, token) = signed_in();
    model.pass(GRANT_TTL_S / 2);
    let token = next(&mut model, &token);
    model.pass(GRANT_TTL_S / 2);
    assert_matches!(refresh(&mut model, request(&token, ROTATED)), Refreshed::Invalid);
}

#[test]
fn a_replayed_assertion_changes_nothing() {
    let (mut model, token) = signed_in();
    let spend = Spend { key: Digest([3; 16]), until: model.now.plus_seconds(60) };
    let run = |model: &mut Model, token: &str| {
        let spends = Spends { proof: None, assertion: Some(spend), challenge: None };
        model.run(Refresh::new(request(token, ROTATED), vault(), spends))
    };
    assert_matches!(run(&mut model, &token), Refreshed::Granted(..));
    let before = format!("{:?}", model.grants);
    assert_matches!(run(&mut model, &token), Refreshed::Replayed(Replay::Assertion));
    assert_eq!(format!("{:?}", model.grants), before);
}

#[test]
fn a_replayed_proof_changes_nothing_and_leaves_the_assertion() {
    let (mut model, token) = signed_in();
    let until = model.now.plus_seconds(60);
    let spend = |n| Some(Spend { key: Digest([n; 16]), until });
    let run = |model: &mut Model, token: &str, proof, assertion| {
        let spends = Spends { proof: spend(proof), assertion: spend(assertion), challenge: None };
        let refresh = Refresh::new(request(token, ROTATED), vault(), spends);
        let mut keys = Vec::new();
        refresh.prefetch(&mut keys);
        assert_eq!(keys.len(), 3, "one round trip for all");
        model.run(refresh)
    };
    assert_matches!(run(&mut model, &token, 3, 4), Refreshed::Granted(..));
    let before = format!("{:?}", model.grants);
    assert_matches!(run(&mut model, &token, 3, 5), Refreshed::Replayed(Replay::Proof));
    assert_eq!((format!("{:?}", model.grants), model.jtis.len()), (before.clone(), 2));
    assert_matches!(run(&mut model, &token, 6, 4), Refreshed::Replayed(Replay::Assertion));
    assert_eq!((format!("{:?}", model.grants), model.jtis.len()), (before, 3));
}

#[test]
fn asking_for_more_than_the_grant_uses_nothing_up() {
    let (mut model, token) = signed_in();
    let before = format!("{:?}", model.grants);
    let ask = |scope: Option<&str>, resources: &[&str]| {
        let resources = resources.iter().map(|&uri| uri.to_owned()).collect();
        let narrowed = Narrowed {
            scope: scope.map(str::to_owned),
            resources,
            details: None,
            rule: ScopeRule::default(),
        };
        Refresh::new(request(&token, ROTATED), vault(), Spends::default()).narrowed(narrowed)
    };
    assert_matches!(model.run(ask(Some("openid phone"), &[])), Refreshed::Widened(_));
    assert_matches!(model.run(ask(None, &["https://api.example.com"])), Refreshed::Widened(_));
    assert_eq!(format!("{:?}", model.grants), before);
    assert_matches!(model.run(ask(Some("openid"), &[])), Refreshed::Granted(..));
}

#[test]
fn a_granted_resource_may_be_chosen() {
    let grant = |resources: &[&str]| {
        let mut model = Model::new();
        let mut grant = issued(model.sign_in(&commitment(), 0)).grant;
        grant.resources = resources.iter().map(|&uri| uri.to_owned()).collect();
        grant
    };
    let ask = |uri: &str| Narrowed {
        scope: None,
        resources: vec![uri.to_owned()],
        details: None,
        rule: ScopeRule::default(),
    };
    let both = grant(&["https://a.example", "https://b.example"]);
    assert_eq!(ask("https://b.example").within(&both).unwrap().1.0, ["https://b.example"]);
    assert!(ask("https://c.example").within(&both).is_err());
    assert!(ask("https://a.example").within(&grant(&[])).is_err());
    assert_eq!(Narrowed::default().within(&both).unwrap().1.0, both.resources);
}

/// What an app may do with the tokens it was told.
#[derive(Clone, Debug)]
enum Act {
    /// Uses the n-th token it was told, counted from the newest.
    Use(usize),
    /// Repeats the redemption.
    Redeem,
}

/// The rule in one sentence each: what a token is for the app that holds it.
#[derive(Default)]
struct Oracle {
    /// For each token: whether the redemption gave it, the token it came of, whether it was used.
    tokens: Vec<(Option<usize>, bool)>,
    revoked: bool,
}

impl Oracle {
    fn expect(&self, token: usize, rotate: bool) -> &'static str {
        let newest = self.tokens.len() - 1;
        let last_redeemed = self.tokens.iter().rposition(|(from, _)| from.is_none());
        let (from, used) = self.tokens[newest];
        match token {
            _ if self.revoked => "invalid",
            _ if last_redeemed > Some(token) => "invalid",
            _ if token == newest => "granted",
            _ if rotate && from == Some(token) && !used => "granted",
            _ => "reused",
        }
    }

    fn redeems(&self) -> bool {
        !self.revoked && self.tokens.iter().all(|(_, used)| !used)
    }
}

fn play(rotate: bool, acts: Vec<Act>) {
    let (mut model, first) = signed_in();
    let mut tokens = vec![first];
    let mut oracle = Oracle { tokens: vec![(None, false)], revoked: false };
    for act in acts {
        match act {
            Act::Redeem => match model.run(commitment().redeem()) {
                Redeemed::Issued(issued) => {
                    assert!(oracle.redeems(), "given again: {tokens:?}");
                    tokens.push(issued.refresh_token.as_str().to_owned());
                    oracle.tokens.push((None, false));
                }
                Redeemed::Invalid(Denial::Used | Denial::Revoked) => assert!(!oracle.redeems()),
                other => panic!("{other:?}"),
            },
            Act::Use(back) => {
                let token = tokens.len() - 1 - back % tokens.len();
                let expected = oracle.expect(token, rotate);
                let said = match refresh(&mut model, request(&tokens[token], rotate)) {
                    Refreshed::Granted(_, next) => {
                        oracle.tokens[token].1 = true;
                        assert_eq!(next.is_some(), rotate);
                        let told = next.map(|next| next.as_str().to_owned());
                        oracle.tokens.extend(told.iter().map(|_| (Some(token), false)));
                        tokens.extend(told);
                        "granted"
                    }
                    Refreshed::Invalid => "invalid",
                    Refreshed::Reused => {
                        oracle.revoked = true;
                        "reused"
                    }
                    other => panic!("{other:?}"),
                };
                assert_eq!(said, expected, "token {token} of {}", tokens.len());
            }
        }
        assert_eq!(revoked(&model), oracle.revoked);
        model.pass(TTL_S / 100);
    }
}

#[test]
fn every_sequence_of_uses_is_as_the_oracle_says() {
    let back = prop_oneof![4 => Just(0usize), 3 => Just(1usize), 1 => 2..6usize];
    let act = prop_oneof![8 => back.prop_map(Act::Use), 2 => Just(Act::Redeem)];
    let cases = (any::<bool>(), prop::collection::vec(act, 1..12));
    let config = ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&cases, |(rotate, acts)| {
        play(rotate, acts);
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_bearer_app_rotates_and_is_held_to_having_no_key() {
    let bank = Commitment::new("bank", "", 0);
    let mut model = Model::new();
    let first = issued(model.sign_in(&bank, 0)).refresh_token;
    let request = |jkt: &str| RefreshRequest {
        attestation: None,
        handle: Handle::read(&vault(), &client("bank"), first.as_str()).unwrap(),
        presented: vault().token(first.as_str()),
        client_id: client("bank"),
        jkt: jkt.into(),
        rotate: true,
        renewable: true,
    };
    assert_matches!(refresh(&mut model, request("k1")), Refreshed::Invalid);
    assert_matches!(refresh(&mut model, request("")), Refreshed::Granted(_, Some(_)));
    assert_matches!(model.run(redeem(bank.request())), Redeemed::Invalid(Denial::Used));
}

/// RFC 8705 7.1: the app is who it was; its certificate need not be.
#[test]
fn an_app_that_authenticates_may_renew_its_certificate() {
    let name = |thumbprint| Bound::Certificate(thumbprint).name();
    for renewable in [false, true] {
        let (mut model, token) = signed_in();
        let grant = model.grants.values_mut().next().unwrap();
        grant.jkt = name("old");
        let shows =
            |jkt: &str| RefreshRequest { jkt: jkt.into(), renewable, ..request(&token, KEPT) };
        for wrong in ["", "k1", "old"] {
            assert_matches!(refresh(&mut model, shows(wrong)), Refreshed::Invalid);
        }
        let outcome = refresh(&mut model, shows(&name("new")));
        let kept = model.grants.values().next().unwrap();
        if renewable {
            assert_matches!(outcome, Refreshed::Granted(grant, None) if grant.jkt == name("new"));
            assert_eq!(kept.jkt, name("new"));
        } else {
            assert_matches!(outcome, Refreshed::Invalid);
            assert_eq!(kept.jkt, name("old"));
        }
    }
}
