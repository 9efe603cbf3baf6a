//! Whether a key that an attester vouches for may be used.

use crate::ids::{InstanceId, Timestamp};
use crate::records::{
    AppAttestation, Attestation, AuditEvent, BUILT_IN, Evidence, Instance, InstanceStatus,
    Statement,
};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// Seconds for which another look at the same evidence is not worth a write.
const WORTH_A_WRITE_S: i64 = 3600;

/// Who vouches for the key of a request. The request was held against the voucher's own key before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Voucher {
    /// The platform's own attester: its row says what it saw.
    BuiltIn,
    /// Another, by its configured name.
    External {
        /// Its name.
        attester: String,
        /// What its word is worth.
        evidence: Evidence,
        /// When it vouched.
        attested_at: Timestamp,
    },
}

/// What becomes of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// The key may be used; tokens say this of it.
    Admitted(AppAttestation),
    /// The platform has forgotten what it saw: it has to look again.
    Forgotten,
    /// An operator refused the installation.
    Refused(InstanceStatus),
}

/// Decides on a known or unknown installation. With a row if there is something to remember. `since` is
/// when the app was registered: what was attested to an earlier app of its name is forgotten, but for what
/// an operator refused.
pub fn admission(
    known: Option<&Instance>,
    id: &InstanceId,
    by: &Voucher,
    (since, now): (Timestamp, Timestamp),
) -> (Admission, Option<Instance>) {
    if let Some(refused) = known.filter(|known| known.status != InstanceStatus::Active) {
        return (Admission::Refused(refused.status), None);
    }
    let (attester, evidence, attested_at) = match (by, known) {
        (Voucher::BuiltIn, Some(known))
            if known.attestation.attester == BUILT_IN && known.attestation.attested_at >= since =>
        {
            return (Admission::Admitted(known.claim()), None);
        }
        (Voucher::BuiltIn, _) => return (Admission::Forgotten, None),
        (Voucher::External { attester, evidence, attested_at }, _) => {
            (attester, *evidence, *attested_at)
        }
    };
    let said = Attestation {
        evidence,
        attester: attester.clone(),
        attested_at,
        statement: Statement::External,
    };
    let claim = said.claim();
    let stale = |known: &Attestation| {
        let newer = attested_at > known.attested_at.plus_seconds(WORTH_A_WRITE_S);
        // What the platform saw itself is worth more than another's word, and is kept.
        let other = known.attester != said.attester || known.evidence != said.evidence;
        known.attester != BUILT_IN && (newer || other)
    };
    let row = match known {
        None => Some(Instance {
            id: id.clone(),
            name: None,
            status: InstanceStatus::Active,
            created_at: now,
            changed_at: now,
            purge_at: now.plus_seconds(Instance::KEPT_S),
            attestation: said,
        }),
        Some(known) if stale(&known.attestation) => Some(Instance {
            purge_at: now.plus_seconds(Instance::KEPT_S),
            attestation: said,
            ..known.clone()
        }),
        Some(_) => None,
    };
    (Admission::Admitted(claim), row)
}

/// Looks an installation up. Writes nothing.
#[derive(Clone, Debug)]
pub struct Look(pub InstanceId);

impl Operation for Look {
    type Outcome = Option<Instance>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Instance(self.0.clone()));
    }

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(Vec::new(), view.instance(&self.0)?.cloned()))
    }
}

/// Admits an installation that has something to be remembered.
#[derive(Clone, Debug)]
pub struct Admit {
    /// The installation.
    pub id: InstanceId,
    /// Who vouches for its key.
    pub by: Voucher,
    /// When its app was registered.
    pub since: Timestamp,
}

impl Operation for Admit {
    type Outcome = Admission;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Instance(self.id.clone()));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let known = view.instance(&self.id)?;
        let (admission, row) = admission(known, &self.id, &self.by, (self.since, cx.now));
        let Some(row) = row else { return Ok(Step::Done(Vec::new(), admission)) };
        let mut writes = Vec::new();
        if known.is_none() {
            writes.push(Write::Audit(row.event(cx.now, "instance.attested", None)));
        }
        writes.push(Write::Instance(Box::new(row)));
        Ok(Step::Done(writes, admission))
    }
}

impl Instance {
    /// An event about this installation.
    pub fn event(
        &self,
        at: Timestamp,
        kind: &'static str,
        reason: Option<&'static str>,
    ) -> AuditEvent {
        AuditEvent {
            client_id: Some(self.id.client_id.clone()),
            instance: Some(self.id.jkt.clone()),
            evidence: Some(self.attestation.evidence),
            reason,
            ..AuditEvent::new(at, kind)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Model, START};

    fn id() -> InstanceId {
        InstanceId::parse(&format!("weather/{}", "A".repeat(43))).unwrap()
    }

    fn external(attester: &str, evidence: Evidence, attested_at: Timestamp) -> Voucher {
        Voucher::External { attester: attester.to_owned(), evidence, attested_at }
    }

    fn admit(model: &mut Model, by: Voucher) -> Admission {
        model.run(Admit { id: id(), by, since: START })
    }

    #[test]
    fn the_platforms_own_word_needs_its_row() {
        let mut model = Model::new();
        assert_eq!(admit(&mut model, Voucher::BuiltIn), Admission::Forgotten);
        let now = model.now;
        admit(&mut model, external("mdm", Evidence::Tee, now));
        assert_eq!(admit(&mut model, Voucher::BuiltIn), Admission::Forgotten, "another's word");
        let mut row = model.instances[&id()].clone();
        row.attestation.attester = BUILT_IN.to_owned();
        row.attestation.evidence = Evidence::Strongbox;
        model.instances.insert(id(), row.clone());
        let Admission::Admitted(claim) = admit(&mut model, Voucher::BuiltIn) else { panic!() };
        assert_eq!((claim.evidence, claim.attester.as_str()), (Evidence::Strongbox, BUILT_IN));
        // Another's word for the same key counts for what it is worth, and replaces nothing.
        let Admission::Admitted(claim) =
            admit(&mut model, external("mdm", Evidence::Software, now))
        else {
            panic!()
        };
        assert_eq!((claim.evidence, claim.attester.as_str()), (Evidence::Software, "mdm"));
        assert_eq!(model.instances[&id()], row);
    }

    #[test]
    fn what_was_attested_to_an_earlier_app_of_the_name_is_forgotten() {
        let mut model = Model::new();
        let now = model.now;
        admit(&mut model, external("mdm", Evidence::Tee, now));
        model.instances.get_mut(&id()).unwrap().attestation.attester = BUILT_IN.to_owned();
        let again = |since| Admit { id: id(), by: Voucher::BuiltIn, since };
        assert!(matches!(model.run(again(now)), Admission::Admitted(_)));
        assert_eq!(model.run(again(now.plus_seconds(1))), Admission::Forgotten);
        model.instances.get_mut(&id()).unwrap().status = InstanceStatus::Blocked;
        let refused = Admission::Refused(InstanceStatus::Blocked);
        assert_eq!(model.run(again(now.plus_seconds(1))), refused);
    }

    #[test]
    fn anothers_word_is_remembered_and_seldom_written() {
        let mut model = Model::new();
        let start = model.now;
        let at = |seconds| external("mdm", Evidence::Software, start.plus_seconds(seconds));
        assert!(matches!(admit(&mut model, at(0)), Admission::Admitted(_)));
        assert_eq!(model.audit.len(), 1);
        let row = model.instances[&id()].clone();
        admit(&mut model, at(WORTH_A_WRITE_S));
        assert_eq!(model.instances[&id()], row);
        admit(&mut model, at(WORTH_A_WRITE_S + 1));
        assert_eq!(model.instances[&id()].attestation.attested_at, start.plus_seconds(3601));
        admit(&mut model, external("mdm", Evidence::Tee, start));
        assert_eq!(model.instances[&id()].attestation.evidence, Evidence::Tee);
        assert_eq!(model.audit.len(), 1, "an installation appears once");
    }

    #[test]
    fn what_an_operator_refused_is_refused_whoever_vouches() {
        for status in [InstanceStatus::Blocked, InstanceStatus::Revoked] {
            let mut model = Model::new();
            let now = model.now;
            admit(&mut model, external("mdm", Evidence::Tee, now));
            model.instances.get_mut(&id()).unwrap().status = status;
            let before = model.instances.clone();
            for by in [
                Voucher::BuiltIn,
                external("mdm", Evidence::Strongbox, now.plus_seconds(9_000_000)),
            ] {
                assert_eq!(admit(&mut model, by), Admission::Refused(status));
            }
            assert_eq!(model.instances, before);
        }
    }
}
