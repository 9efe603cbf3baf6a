//! Operators' commands, and what becomes of accounts and grants as numbers and instances change.

use super::*;
use crate::fixtures::{
    Commitment, DORMANT_S, Model, assert_matches, client, issued, redeem, terminal, vault,
};
use crate::grant::{Handle, Inspect, Refresh, RefreshRequest, Refreshed, Spends};
use crate::ids::{Digest, SessionId};
use crate::join::{Denial, Issued, Redeemed};
use crate::records::Trust;

/// The n-th code of an app instance.
fn code(jkt: &'static str, number: usize) -> Commitment {
    Commitment::new(if jkt.is_empty() { "bank" } else { "weather" }, jkt, number)
}

fn manage(model: &mut Model, account: Option<AccountId>, action: Action) -> Option<Profile> {
    model.run(Manage { terminal: terminal(0), account, action })
}

fn command(model: &mut Model, action: Action) -> Profile {
    manage(model, None, action).expect("there is an account")
}

fn refresh(model: &mut Model, issued: &Issued) -> Refreshed {
    let token = issued.refresh_token.as_str();
    let request = RefreshRequest {
        attestation: None,
        handle: Handle::read(&vault(), &issued.grant.client_id, token).unwrap(),
        presented: vault().token(token),
        client_id: issued.grant.client_id.clone(),
        jkt: issued.grant.jkt.clone(),
        rotate: false,
        renewable: true,
    };
    model.run(Refresh::new(request, vault(), Spends::default()))
}

fn inspected(model: &mut Model, issued: &Issued) -> bool {
    let inspect = Inspect { terminal: terminal(0), grant: issued.grant.id, token: None };
    model.run(inspect).is_some()
}

fn works(model: &mut Model, issued: &Issued) -> bool {
    let granted = matches!(refresh(model, issued), Refreshed::Granted(..));
    assert_eq!(granted, inspected(model, issued), "refreshing and introspection agree");
    granted
}

fn sign_in(model: &mut Model, jkt: &'static str, number: usize) -> Issued {
    issued(model.sign_in(&code(jkt, number), 0))
}

#[test]
fn one_number_is_one_account() {
    let mut model = Model::new();
    let first = sign_in(&mut model, "k1", 0);
    let second = sign_in(&mut model, "k2", 1);
    let bank = sign_in(&mut model, "", 2);
    assert!(first.new_account && !second.new_account && !bank.new_account);
    assert_eq!(first.grant.account, second.grant.account);
    assert_eq!(first.grant.account, bank.grant.account);
    assert_eq!(first.grant.account.terminal_prefix(), terminal(0).0[..4]);
    let other = issued(model.sign_in(&code("k1", 3), 1));
    assert!(other.new_account);
    assert_ne!(other.grant.account, first.grant.account);
    assert!(works(&mut model, &first) && works(&mut model, &second) && works(&mut model, &bank));
}

#[test]
fn a_profile_shows_live_grants_and_changes_nothing() {
    let mut model = Model::new();
    assert!(manage(&mut model, None, Action::Show).is_none());
    let grant = sign_in(&mut model, "k1", 0).grant;
    let before = format!("{model:?}");
    let profile = command(&mut model, Action::Show);
    assert_eq!(profile.account.id, grant.account);
    assert_eq!(profile.grants, vec![grant]);
    assert_eq!(vault().open_number(terminal(0), &profile.number), Ok(crate::fixtures::phone(0)));
    assert_eq!(format!("{model:?}"), before);
    assert!(manage(&mut model, Some(AccountId([9; 16])), Action::Erase).is_none());
}

#[test]
fn a_block_stops_sign_in_refresh_and_introspection_until_it_is_taken_back() {
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    let profile = command(&mut model, Action::Block);
    assert_eq!(profile.account.status, AccountStatus::Blocked);
    assert_matches!(refresh(&mut model, &old), Refreshed::Blocked);
    assert!(!inspected(&mut model, &old));
    assert_matches!(model.run(code("k1", 0).redeem()), Redeemed::Blocked);
    assert_matches!(model.sign_in(&code("k2", 1), 0), Redeemed::Blocked);
    assert_matches!(model.sign_in(&code("", 2), 0), Redeemed::Blocked);
    assert_eq!(model.accounts.len(), 1);
    command(&mut model, Action::Block);
    command(&mut model, Action::Unblock);
    assert!(works(&mut model, &old));
    // Refused with its code consumed: the holder of the key gets it now, within the code's life.
    let late = issued(model.run(code("k2", 1).redeem()));
    assert!(works(&mut model, &late));
    assert_matches!(model.run(code("", 2).redeem()), Redeemed::Invalid(Denial::Used));
}

#[test]
fn a_block_outlives_dormancy() {
    let mut model = Model::new();
    sign_in(&mut model, "k1", 0);
    command(&mut model, Action::Block);
    model.pass(DORMANT_S);
    assert_matches!(model.sign_in(&code("k2", 1), 0), Redeemed::Blocked);
}

#[test]
fn revoking_ends_what_is_there_and_nothing_later() {
    let mut model = Model::new();
    let old = [sign_in(&mut model, "k1", 0), sign_in(&mut model, "", 1)];
    assert_eq!(command(&mut model, Action::Revoke).grants.len(), 2);
    for old in &old {
        assert!(!works(&mut model, old));
    }
    assert_matches!(model.run(code("k1", 0).redeem()), Redeemed::Invalid(Denial::Revoked));
    let new = sign_in(&mut model, "k1", 2);
    assert_eq!(new.grant.account, old[0].grant.account);
    assert!(works(&mut model, &new));
}

#[test]
fn a_revoked_grant_does_not_come_back_when_the_clock_does() {
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    let expires_at = old.grant.expires_at;
    for action in [Action::Revoke, Action::Erase] {
        let mut model = model.clone();
        let before = std::mem::replace(&mut model.now, expires_at);
        command(&mut model, action);
        model.now = before;
        assert!(!works(&mut model, &old), "{action:?}");
        assert_matches!(model.run(code("k1", 0).redeem()), Redeemed::Invalid(Denial::Revoked));
    }
}

#[test]
fn erasing_leaves_no_trace_of_number_and_key() {
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    let revoked = sign_in(&mut model, "k1", 1);
    command(&mut model, Action::Erase);
    assert!(model.accounts.is_empty() && model.terminals.is_empty());
    for grant in model.grants.values() {
        assert!(grant.revoked_at.is_some());
        assert!(grant.jkt.is_empty() && grant.scope.is_empty() && grant.resources.is_empty());
    }
    assert!(manage(&mut model, None, Action::Show).is_none());
    assert!(!works(&mut model, &old) && !works(&mut model, &revoked));
    for number in [0, 1] {
        let retry = model.run(code("k1", number).redeem());
        assert_matches!(retry, Redeemed::Invalid(Denial::Revoked));
    }
    assert!(model.accounts.is_empty(), "a repeated request brings nothing back");
    let new = sign_in(&mut model, "k1", 2);
    assert!(new.new_account && new.grant.account != old.grant.account);
    model.pass(TOMBSTONE_S);
    model.purge();
    assert_eq!(model.grants.len(), 1);
}

#[test]
fn a_dormant_number_gets_a_new_account() {
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    let bearer = sign_in(&mut model, "", 1);
    model.pass(DORMANT_S - 1);
    assert!(!sign_in(&mut model.clone(), "k2", 2).new_account);
    model.pass(1);
    let new = sign_in(&mut model, "k2", 2);
    assert!(new.new_account);
    assert_ne!(new.grant.account, old.grant.account);
    let account = model.accounts[&(terminal(0), old.grant.account)].clone();
    assert_eq!(account.status, AccountStatus::Replaced);
    assert!(!works(&mut model, &old) && !works(&mut model, &bearer) && works(&mut model, &new));
    assert_eq!(command(&mut model, Action::Show).account.id, new.grant.account);
    let kinds: Vec<_> = model.audit.iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&"account.replaced"));
}

#[test]
fn an_instance_key_of_the_old_account_keeps_a_dormant_number() {
    // Long after the grant itself has ended, and been swept if it could be.
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    model.pass(DORMANT_S);
    model.purge();
    assert!(!inspected(&mut model, &old));
    for (jkt, kept) in [("k1", true), ("k2", false), ("", false)] {
        let new = sign_in(&mut model.clone(), jkt, 1);
        assert_eq!(new.grant.account == old.grant.account, kept, "{jkt}");
    }
    // A key whose grant was revoked takes no part.
    command(&mut model, Action::Revoke);
    assert!(sign_in(&mut model, "k1", 1).new_account);
}

#[test]
fn a_bearer_grant_is_no_key_of_a_dormant_account() {
    let mut model = Model::new();
    model.run(code("", 0).text(0, Trust::Operator));
    let mut request = code("", 0).request();
    request.grant_ttl_s = 2 * DORMANT_S;
    let old = issued(model.run(redeem(request)));
    model.pass(DORMANT_S);
    let new = sign_in(&mut model, "", 1);
    assert_ne!(new.grant.account, old.grant.account);
}

fn replaced() -> (Model, Issued, Issued) {
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    model.pass(DORMANT_S);
    let new = sign_in(&mut model, "k2", 1);
    (model, old, new)
}

#[test]
fn a_replaced_account_can_be_restored() {
    let (mut model, old, new) = replaced();
    let profile = manage(&mut model, Some(old.grant.account), Action::Restore).unwrap();
    assert_eq!(profile.account.status, AccountStatus::Active);
    assert_eq!(command(&mut model, Action::Show).account.id, old.grant.account);
    let replaced = &model.accounts[&(terminal(0), new.grant.account)];
    assert_eq!(replaced.status, AccountStatus::Replaced);
    assert!(!works(&mut model, &old), "its grants were revoked");
    assert!(!works(&mut model, &new));
    // Found by this suite: the code that made the replaced account's grant gave it out again.
    let retry = model.run(code("k2", 1).redeem());
    assert_matches!(retry, Redeemed::Invalid(Denial::Revoked));
    let again = sign_in(&mut model, "k2", 2);
    assert_eq!(again.grant.account, old.grant.account);
    // Restoring what is restored changes nothing.
    let before = model.accounts.clone();
    manage(&mut model, None, Action::Restore);
    assert_eq!(model.accounts, before);
    assert!(works(&mut model, &again));
}

#[test]
fn restoring_does_not_lift_a_block() {
    let (mut model, old, new) = replaced();
    command(&mut model, Action::Block);
    manage(&mut model, Some(old.grant.account), Action::Restore);
    let blocked = &model.accounts[&(terminal(0), new.grant.account)];
    assert_eq!(blocked.status, AccountStatus::Blocked);
    manage(&mut model, Some(new.grant.account), Action::Restore);
    assert_eq!(command(&mut model, Action::Show).account.id, old.grant.account);

    let (mut model, old, _) = replaced();
    let old = Some(old.grant.account);
    manage(&mut model, old, Action::Block);
    let profile = manage(&mut model, old, Action::Restore).unwrap();
    assert_eq!(profile.account.status, AccountStatus::Blocked);
    let profile = manage(&mut model, old, Action::Unblock).unwrap();
    assert_eq!(profile.account.status, AccountStatus::Replaced, "it is nobody's present one");
    let profile = manage(&mut model, old, Action::Restore).unwrap();
    assert_eq!(profile.account.status, AccountStatus::Active);
}

#[test]
fn erasing_one_of_two_accounts_keeps_the_other() {
    let (mut model, old, new) = replaced();
    manage(&mut model, Some(old.grant.account), Action::Erase).unwrap();
    assert_eq!(command(&mut model, Action::Show).account.id, new.grant.account);
    assert!(works(&mut model, &new));
    assert_eq!(model.accounts.len(), 1);
}

/// A session of an account, begun now.
fn session(model: &mut Model, byte: u8, account: AccountId) -> Session {
    let session = Session {
        terminal: terminal(0),
        id: SessionId([byte; 16]),
        account,
        cookie: Digest([byte; 16]),
        auth_time: model.now,
        route: "modem".into(),
        trust: Trust::Operator,
        created_at: model.now,
        ended_at: None,
        expires_at: model.now.plus_seconds(3600),
        purge_at: model.now.plus_seconds(7200),
    };
    model.sessions.insert((session.terminal, session.id), session.clone());
    session
}

#[test]
fn erasing_ends_the_sessions_of_that_account_alone() {
    let (mut model, old, new) = replaced();
    session(&mut model, 1, old.grant.account);
    let other = session(&mut model, 2, new.grant.account);
    let mut ended = session(&mut model, 3, old.grant.account);
    ended.ended_at = Some(model.now);
    model.sessions.insert((ended.terminal, ended.id), ended.clone());
    model.pass(60);
    for action in [Action::Show, Action::Block, Action::Unblock] {
        let before = model.sessions.clone();
        manage(&mut model, Some(old.grant.account), action).unwrap();
        assert_eq!(model.sessions, before, "{action:?}");
    }
    manage(&mut model, Some(old.grant.account), Action::Revoke).unwrap();
    let first = &model.sessions[&(terminal(0), SessionId([1; 16]))];
    assert_eq!(first.ended_at, Some(model.now), "and so does revoking");
    manage(&mut model, Some(old.grant.account), Action::Erase).unwrap();
    let at = |byte: u8| &model.sessions[&(terminal(0), SessionId([byte; 16]))];
    assert_eq!((at(1).ended_at, at(3).ended_at), (Some(model.now), ended.ended_at));
    // Also for a clock that steps back.
    assert!(!at(1).live(at(1).created_at) && at(2).live(model.now));
    model.purge();
    assert_eq!(model.sessions.into_values().collect::<Vec<_>>(), [other]);
}

#[test]
fn an_instance_has_one_live_grant() {
    let mut model = Model::new();
    let old = sign_in(&mut model, "k1", 0);
    let other_instance = sign_in(&mut model, "k2", 1);
    let other_phone = issued(model.sign_in(&code("k1", 9), 1));
    let new = sign_in(&mut model, "k1", 2);
    assert!(!works(&mut model, &old));
    assert!(works(&mut model, &new) && works(&mut model, &other_instance));
    assert_matches!(refresh(&mut model, &other_phone), Refreshed::Granted(..));
    assert_matches!(model.run(code("k1", 0).redeem()), Redeemed::Invalid(Denial::Revoked));
}

#[test]
fn the_same_key_in_two_apps_is_two_instances() {
    let mut model = Model::new();
    let weather = sign_in(&mut model, "k1", 0);
    let bank = Commitment::new("bank", "k1", 1);
    let bank = issued(model.sign_in(&bank, 0));
    assert_eq!(bank.grant.client_id, client("bank"));
    assert!(works(&mut model, &weather) && works(&mut model, &bank));
}

#[test]
fn an_app_without_keys_keeps_its_newest_grants() {
    use crate::grant::APP_GRANTS;
    let mut model = Model::new();
    let mut grants = Vec::new();
    for number in 0..APP_GRANTS + 3 {
        model.pass(3600);
        grants.push(sign_in(&mut model, "", number));
    }
    let alive: Vec<_> = grants.iter().map(|grant| inspected(&mut model, grant)).collect();
    assert_eq!(alive[..3], [false; 3]);
    assert!(alive[3..].iter().all(|&alive| alive));
    assert_eq!(alive.len() - 3, APP_GRANTS);
}
