use std::sync::Arc;

use crate::fixtures::{After, Commitment, DORMANT_S, Model, issued, redeem, terminal, vault};
use crate::ids::TerminalKey;
use crate::join::{Denial, Recorded, Redeem, Redeemed, Redemption};
use crate::records::{AccountStatus, CodeState, Trust};
use crate::risk::{RiskAnswer, RiskFinding, RiskQuestion, RiskReason, RiskRule, RiskVerdict};

const DENIED: RiskFinding =
    RiskFinding { verdict: RiskVerdict::Deny, reason: Some(RiskReason::SimSwap), recycled: false };
const RECYCLED: RiskFinding = RiskFinding { recycled: true, ..RiskFinding::CLEAR };

fn commitment(number: usize) -> Commitment {
    Commitment::new("weather", "key", number)
}

fn asking(of: &Commitment, risk: RiskRule) -> Redeem {
    redeem(Redemption { risk, ..of.request() })
}

fn answered(terminal: TerminalKey, finding: RiskFinding) -> RiskRule {
    RiskRule::Answered(RiskAnswer { terminal, finding })
}

#[track_caller]
fn asked(redeemed: Redeemed) -> RiskQuestion {
    match redeemed {
        Redeemed::Unasked(question) => *question,
        other => panic!("nobody is asked: {other:?}"),
    }
}

/// A whole sign-in of phone 0 by `of`, with this finding.
fn sign_in(model: &mut Model, of: &Commitment, finding: RiskFinding) -> Redeemed {
    assert_eq!(model.run(of.text(0, Trust::Operator)), Recorded::New);
    let question = asked(model.run(asking(of, RiskRule::Unasked)));
    model.run(asking(of, answered(question.terminal, finding)))
}

fn reasons(model: &Model, kind: &str) -> Vec<Option<&'static str>> {
    model.audit.iter().filter(|event| event.kind == kind).map(|event| event.reason).collect()
}

#[test]
fn nobody_is_asked_before_the_text_or_about_a_code_that_is_refused_anyway() {
    let (mut model, of) = (Model::new(), commitment(1));
    assert!(matches!(model.run(asking(&of, RiskRule::Unasked)), Redeemed::Pending));
    model.run(of.text(0, Trust::Operator));
    let hint = Some(terminal(1));
    let elsewhere = Redemption { login_hint: hint, risk: RiskRule::Unasked, ..of.request() };
    let refused = model.run(redeem(elsewhere));
    assert!(matches!(refused, Redeemed::Invalid(Denial::LoginHint)), "{refused:?}");
    let of = commitment(2);
    model.run(of.text(0, Trust::Operator));
    let words = Some(Arc::from([]));
    let other = Redemption { words, risk: RiskRule::Unasked, ..of.request() };
    let refused = model.run(redeem(other));
    assert!(matches!(refused, Redeemed::Invalid(Denial::Words)), "{refused:?}");
}

#[test]
fn asking_uses_nothing_up_and_says_what_is_known() {
    let (mut model, of) = (Model::new(), commitment(1));
    model.run(of.text(0, Trust::Aggregator));
    for _ in 0..2 {
        let question = asked(model.run(asking(&of, RiskRule::Unasked)));
        assert_eq!((question.terminal, question.trust), (terminal(0), Trust::Aggregator));
        assert_eq!(question.known, None);
        assert_eq!(model.codes[&of.key()].state, CodeState::Recorded);
    }
    let first = model.now;
    issued(model.run(asking(&of, answered(terminal(0), RiskFinding::CLEAR))));
    model.pass(60);
    let again = commitment(2);
    model.run(again.text(0, Trust::Operator));
    let question = asked(model.run(asking(&again, RiskRule::Unasked)));
    assert_eq!(question.known, Some((first, first)));
}

#[test]
fn a_refused_proof_uses_the_code_up_and_says_why() {
    let (mut model, of) = (Model::new(), commitment(1));
    let refused = sign_in(&mut model, &of, DENIED);
    assert!(matches!(refused, Redeemed::Risky(RiskReason::SimSwap)), "{refused:?}");
    assert!(model.grants.is_empty() && model.accounts.is_empty());
    assert_eq!(reasons(&model, "code.refused"), [Some("risk_sim_swap")]);
    // Neither another answer nor none brings it back.
    for rule in [RiskRule::Off, RiskRule::Unasked, answered(terminal(0), RiskFinding::CLEAR)] {
        let again = model.run(asking(&of, rule));
        assert!(matches!(again, Redeemed::Invalid(Denial::Used)), "{again:?}");
    }
}

#[test]
fn what_is_to_be_confirmed_is_granted_for_the_right_digits_only() {
    let (mut model, of) = (Model::new(), commitment(1));
    let confirm = RiskFinding { verdict: RiskVerdict::Confirm, ..DENIED };
    let waits = sign_in(&mut model, &of, confirm);
    assert!(matches!(waits, Redeemed::Unconfirmed(_)), "{waits:?}");
    assert!(model.grants.is_empty());
    let CodeState::Confirming { grant, .. } = model.codes[&of.key()].state else { panic!() };
    let mut showing = Redemption { risk: RiskRule::Unasked, ..of.request() };
    showing.texting.said = Some(vault().confirmation_code(of.key(), grant));
    // The request with the digits asks as well: what it is answered holds again.
    let question = asked(model.run(redeem(showing.clone())));
    for (finding, granted) in [(DENIED, false), (confirm, true)] {
        let mut model = model.clone();
        showing.risk = answered(question.terminal, finding);
        let redeemed = model.run(redeem(showing.clone()));
        assert_eq!(matches!(redeemed, Redeemed::Issued(_)), granted, "{redeemed:?}");
    }
}

#[test]
fn an_answer_about_one_terminal_is_good_for_no_other() {
    let (mut model, of) = (Model::new(), commitment(1));
    model.run(of.text(0, Trust::Operator));
    let wrong = answered(terminal(1), RiskFinding::CLEAR);
    assert_eq!(asked(model.run(asking(&of, wrong))).terminal, terminal(0));
    assert!(model.grants.is_empty());
}

#[test]
fn what_passed_though_nobody_could_tell_is_in_the_audit_trail() {
    let mut model = Model::new();
    let finding = RiskFinding { reason: Some(RiskReason::Unavailable), ..RiskFinding::CLEAR };
    issued(sign_in(&mut model, &commitment(1), finding));
    issued(sign_in(&mut model, &commitment(2), RiskFinding::CLEAR));
    assert_eq!(reasons(&model, "grant.issued"), [Some("risk_unavailable"), None]);
}

#[test]
fn a_recycled_number_gets_a_new_account_unless_its_key_takes_part() {
    let mut model = Model::new();
    let first = issued(sign_in(&mut model, &commitment(1), RiskFinding::CLEAR)).grant;
    // The same key: the person has another SIM perhaps, and the phone is the same.
    let same = issued(sign_in(&mut model, &commitment(2), RECYCLED)).grant;
    assert_eq!(same.account, first.account);
    let stranger = Commitment::new("weather", "other", 3);
    let new = issued(sign_in(&mut model, &stranger, RECYCLED));
    assert!(new.new_account && new.grant.account != first.account);
    assert_eq!(model.accounts[&(terminal(0), first.account)].status, AccountStatus::Replaced);
    let old = model.grants_of(terminal(0)).into_iter().filter(|it| it.account == first.account);
    assert!(old.clone().count() > 0 && old.clone().all(|grant| grant.revoked_at.is_some()));
    assert_eq!(reasons(&model, "account.replaced"), [Some("recycled")]);
    // It is no older for it.
    assert!(DORMANT_S > 0 && model.terminals[&terminal(0)].created_at == model.now);
}

/// Between question and answer anything may come: a second sender, a crash, another request.
#[test]
fn whatever_comes_in_between_no_grant_is_made_of_a_refused_or_voided_code() {
    for finding in [RiskFinding::CLEAR, DENIED] {
        for second in [false, true] {
            for steps in 0..3 {
                let (mut model, of) = (Model::new(), commitment(1));
                model.run(of.text(0, Trust::Operator));
                let question = asked(model.run(asking(&of, RiskRule::Unasked)));
                if second {
                    model.run(of.text(1, Trust::Operator));
                }
                let rule = answered(question.terminal, finding);
                crash(&mut model, asking(&of, rule), steps);
                // Whoever comes after the crash has no answer, and asks again if it is still open.
                let mut redeemed = model.run(asking(&of, RiskRule::Unasked));
                if let Redeemed::Unasked(question) = &redeemed {
                    redeemed = model.run(asking(&of, answered(question.terminal, finding)));
                }
                let granted = matches!(redeemed, Redeemed::Issued(_));
                let case = format!("{finding:?} {second} {steps}: {redeemed:?}");
                assert_eq!(granted, finding == RiskFinding::CLEAR && !second, "{case}");
                let live = model.grants.values().filter(|grant| grant.live(model.now)).count();
                assert_eq!(live, usize::from(granted), "{case}");
            }
        }
    }
}

fn crash(model: &mut Model, mut operation: Redeem, steps: usize) {
    for _ in 0..steps {
        match model.step(&operation) {
            After::Next(next) => operation = next,
            After::Done(_) => return,
        }
    }
}
