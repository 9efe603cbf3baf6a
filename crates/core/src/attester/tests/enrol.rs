//! Challenges used up, and installations remembered.

use super::*;
use crate::fixtures::{Model, client};
use crate::grant::Spend;
use crate::ids::{Digest, InstanceId};
use crate::records::{Instance, InstanceStatus};

fn id() -> InstanceId {
    InstanceId::new(client("weather"), &jwk().thumbprint()).unwrap()
}

fn enrol(model: &mut Model, challenge: u8, judged: Option<Attestation>) -> Enrolled {
    let challenge = Spend { key: Digest([challenge; 16]), until: model.now.plus_seconds(300) };
    let attestation = Attestation { attested_at: model.now, ..of_play() };
    model.run(Enrol { challenge: Some(challenge), id: id(), attestation, judged })
}

fn kinds(model: &Model) -> Vec<&'static str> {
    model.audit.iter().map(|event| event.kind).collect()
}

fn enrolled() -> Model {
    let mut model = Model::new();
    assert!(matches!(enrol(&mut model, 1, None), Enrolled::Done(_)));
    model
}

#[test]
fn an_installation_is_remembered() {
    let model = enrolled();
    let row = &model.instances[&id()];
    assert_eq!((row.status, row.created_at, &row.name), (InstanceStatus::Active, model.now, &None));
    assert_eq!(row.purge_at, model.now.plus_seconds(Instance::KEPT_S));
    let [event] = &model.audit[..] else { panic!("one event: {:?}", model.audit) };
    assert_eq!((event.kind, event.evidence), ("instance.attested", Some(Evidence::Software)));
    assert_eq!(event.instance.as_deref(), Some(id().jkt.as_str()));
    assert_eq!(event.client_id, Some(client("weather")));
}

#[test]
fn a_challenge_is_answered_once() {
    let mut model = enrolled();
    let before = model.instances.clone();
    model.pass(1);
    assert_eq!(enrol(&mut model, 1, None), Enrolled::ChallengeUsed);
    assert_eq!((&model.instances, kinds(&model)), (&before, vec!["instance.attested"]));
}

#[test]
fn what_an_operator_refused_stays_refused() {
    for status in [InstanceStatus::Blocked, InstanceStatus::Revoked] {
        let mut model = enrolled();
        model.instances.get_mut(&id()).unwrap().status = status;
        let before = model.instances.clone();
        let stored = before[&id()].attestation.clone();
        model.pass(60);
        assert_eq!(enrol(&mut model, 2, None), Enrolled::Refused(status));
        assert_eq!(enrol(&mut model, 3, Some(stored)), Enrolled::Refused(status));
        assert_eq!((&model.instances, kinds(&model)), (&before, vec!["instance.attested"]));
        // A challenge is used up all the same.
        assert_eq!(enrol(&mut model, 2, None), Enrolled::ChallengeUsed);
    }
}

#[test]
fn of_two_renewals_at_once_one_is_told_to_ask_again() {
    let mut model = enrolled();
    let stored = model.instances[&id()].attestation.clone();
    model.pass(60);
    assert!(matches!(enrol(&mut model, 2, Some(stored.clone())), Enrolled::Done(_)));
    let before = model.instances.clone();
    assert_eq!(enrol(&mut model, 3, Some(stored.clone())), Enrolled::Changed);
    assert_eq!(model.instances, before);
    assert_eq!(kinds(&model), ["instance.attested", "instance.renewed"]);
    // Nor is an installation renewed that is forgotten.
    model.instances.clear();
    assert_eq!(enrol(&mut model, 4, Some(stored)), Enrolled::Changed);
    assert!(model.instances.is_empty());
}

#[test]
fn evidence_anew_keeps_name_and_first_time() {
    let mut model = enrolled();
    let first = model.now;
    model.instances.get_mut(&id()).unwrap().name = Some("Ann's".to_owned());
    model.pass(60);
    let Enrolled::Done(row) = enrol(&mut model, 2, None) else { panic!("it is remembered") };
    assert_eq!(model.instances[&id()], *row);
    assert_eq!((row.name.as_deref(), row.created_at), (Some("Ann's"), first));
    assert_eq!(row.attestation.attested_at, model.now);
    assert_eq!(kinds(&model), ["instance.attested", "instance.attested"]);
}
