//! Grants bound to a certificate: all users of an app may come with the same one.

use crate::fixtures::{Commitment, DORMANT_S, Model, issued, redeem};
use crate::join::{Denial, Issued, Redeemed};
use crate::records::Trust;
use crate::token::Bound;

/// Signs in at an app whose back end holds the certificate.
fn sign_in(model: &mut Model, commitment: &Commitment, phone: usize) -> Redeemed {
    model.run(commitment.text(phone, Trust::Operator));
    let mut request = commitment.request();
    request.jkt = Bound::Certificate("c").name();
    model.run(redeem(request))
}

fn bank(model: &mut Model, number: usize, phone: usize) -> Issued {
    issued(sign_in(model, &Commitment::new("bank", "", number), phone))
}

#[test]
fn a_new_grant_leaves_those_of_other_installations() {
    let mut model = Model::new();
    let (one, two) = (bank(&mut model, 0, 0), bank(&mut model, 1, 0));
    assert_eq!(one.grant.jkt, "x5t#S256:c");
    assert_eq!(one.grant.account, two.grant.account);
    for id in [one.grant.id, two.grant.id] {
        assert_eq!(model.grant(id).unwrap().revoked_at, None);
    }
}

#[test]
fn a_dormant_number_gets_a_new_account_whatever_certificate_comes() {
    let mut model = Model::new();
    let old = bank(&mut model, 0, 0);
    model.pass(DORMANT_S);
    let new = bank(&mut model, 1, 0);
    assert!(new.new_account);
    assert_ne!(old.grant.account, new.grant.account);
}

#[test]
fn a_lost_answer_is_not_given_again() {
    let mut model = Model::new();
    let commitment = Commitment::new("bank", "", 0);
    issued(sign_in(&mut model, &commitment, 0));
    let again = sign_in(&mut model, &commitment, 0);
    assert!(matches!(again, Redeemed::Invalid(Denial::Used)), "{again:?}");
}
