//! What an operator does with one installation.

use crate::ids::{InstanceId, Timestamp};
use crate::records::{Instance, InstanceStatus};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InstanceAction {
    /// Calls it something; `None` takes the name away.
    Name(Option<String>),
    /// Refuses its key until it is unblocked.
    Block,
    /// Lets a blocked one act again.
    Unblock,
    /// Refuses its key for good.
    Revoke,
}

/// Does it. Idempotent.
#[derive(Clone, Debug)]
pub struct OperateInstance {
    /// The installation.
    pub id: InstanceId,
    /// What is to be done.
    pub action: InstanceAction,
}

impl OperateInstance {
    fn apply(&self, known: &Instance, now: Timestamp) -> (Instance, Option<&'static str>) {
        use InstanceStatus::{Active, Blocked, Revoked};
        let turn = |status, kind| {
            let purge_at = match status {
                Active => known.purge_at.min(now.plus_seconds(Instance::KEPT_S)),
                Blocked | Revoked => now.plus_seconds(Instance::REFUSED_KEPT_S),
            };
            (Instance { status, changed_at: now, purge_at, ..known.clone() }, Some(kind))
        };
        match (&self.action, known.status) {
            (InstanceAction::Name(name), _) if *name != known.name => {
                (Instance { name: name.clone(), ..known.clone() }, Some("instance.named"))
            }
            (InstanceAction::Block, Active) => turn(Blocked, "instance.blocked"),
            (InstanceAction::Unblock, Blocked) => turn(Active, "instance.unblocked"),
            (InstanceAction::Revoke, Active | Blocked) => turn(Revoked, "instance.revoked"),
            _ => (known.clone(), None),
        }
    }
}

impl Operation for OperateInstance {
    /// The installation as it is now; `None` if it is not known.
    type Outcome = Option<Instance>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Instance(self.id.clone()));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some(known) = view.instance(&self.id)? else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let (row, changed) = self.apply(known, cx.now);
        let writes = changed.map_or_else(Vec::new, |kind| {
            let event = row.event(cx.now, kind, Some("operator"));
            vec![Write::Instance(Box::new(row.clone())), Write::Audit(event)]
        });
        Ok(Step::Done(writes, Some(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Model;
    use crate::instance::{Admit, Voucher};
    use crate::records::Evidence;

    #[test]
    fn blocking_can_be_taken_back_and_revoking_cannot() {
        use InstanceAction::{Block, Revoke, Unblock};
        use InstanceStatus::{Active, Blocked, Revoked};
        let mut model = Model::new();
        let id = InstanceId::parse(&format!("weather/{}", "A".repeat(43))).unwrap();
        let act = |model: &mut Model, action| {
            model.run(OperateInstance { id: id.clone(), action }).map(|row| row.status)
        };
        assert_eq!(act(&mut model, InstanceAction::Block), None);
        let attester = "mdm".to_owned();
        let by = Voucher::External { attester, evidence: Evidence::Tee, attested_at: model.now };
        let since = model.now;
        model.run(Admit { id: id.clone(), by, since });
        let kept = model.instances[&id].purge_at;
        for (action, status) in [
            (Unblock, Active),
            (Block, Blocked),
            (Block, Blocked),
            (Unblock, Active),
            (Block, Blocked),
            (Revoke, Revoked),
            (Unblock, Revoked),
            (Block, Revoked),
            (Revoke, Revoked),
        ] {
            assert_eq!(act(&mut model, action), Some(status));
        }
        assert!(model.instances[&id].purge_at > kept, "what was refused is not forgotten");
        let told: Vec<_> = model.audit.iter().map(|event| event.kind).collect();
        let blocked = ["instance.blocked", "instance.unblocked", "instance.blocked"];
        assert_eq!(told, [&["instance.attested"][..], &blocked, &["instance.revoked"]].concat());
        let name = InstanceAction::Name(Some("lost phone".to_owned()));
        act(&mut model, name.clone());
        act(&mut model, name);
        assert_eq!(model.instances[&id].name.as_deref(), Some("lost phone"));
        assert_eq!(model.audit.len(), told.len() + 1);
        assert!(model.audit.iter().skip(1).all(|event| event.reason == Some("operator")));
    }
}
