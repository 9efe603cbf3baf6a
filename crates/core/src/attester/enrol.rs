//! Uses a challenge up and remembers the installation.

use crate::grant::Spend;
use crate::ids::{InstanceId, Timestamp};
use crate::records::{Attestation, Evidence, Instance, InstanceStatus};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

/// Remembers what vouches for an installation's key.
#[derive(Clone, Debug)]
pub struct Enrol {
    /// The challenge; `None` once it is used up.
    pub challenge: Option<Spend>,
    /// The installation.
    pub id: InstanceId,
    /// What vouches for it.
    pub attestation: Attestation,
    /// What was stored and judged again; `None` if the evidence is new.
    pub stored: Option<Attestation>,
}

/// How that ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Enrolled {
    /// It is remembered.
    Done(Box<Instance>),
    /// The challenge was used before.
    ChallengeUsed,
    /// An operator refused the installation.
    Refused(InstanceStatus),
    /// What was judged again is no longer what is stored: another request was faster.
    Changed,
}

impl Enrol {
    fn remember(&self, view: &Rows, now: Timestamp) -> Result<Step<Self>, Missing> {
        let done = |outcome| Ok(Step::Done(Vec::new(), outcome));
        let known = view.instance(&self.id)?;
        if let Some(refused) = known.filter(|known| known.status != InstanceStatus::Active) {
            return done(Enrolled::Refused(refused.status));
        }
        if self.stored.is_some() && self.stored.as_ref() != known.map(|known| &known.attestation) {
            return done(Enrolled::Changed);
        }
        let row = Instance {
            id: self.id.clone(),
            name: known.and_then(|known| known.name.clone()),
            status: InstanceStatus::Active,
            attestation: self.attestation.clone(),
            created_at: known.map_or(now, |known| known.created_at),
            changed_at: known.map_or(now, |known| known.changed_at),
            purge_at: now.plus_seconds(Instance::KEPT_S),
        };
        let kind = match (&self.stored, self.attestation.evidence) {
            (None, _) => "instance.attested",
            // What was stored is not believed any more.
            (Some(stored), Evidence::None) if stored.evidence != Evidence::None => {
                "instance.refused"
            }
            (Some(_), _) => "instance.renewed",
        };
        let event = Write::Audit(row.event(now, kind, None));
        let writes = vec![Write::Instance(Box::new(row.clone())), event];
        Ok(Step::Done(writes, Enrolled::Done(Box::new(row))))
    }
}

impl Operation for Enrol {
    type Outcome = Enrolled;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.extend(self.challenge.iter().map(Spend::key));
        keys.push(Key::Instance(self.id.clone()));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some(challenge) = &self.challenge else { return self.remember(view, cx.now) };
        Ok(match challenge.decide(view, cx.now)? {
            Some(used) => {
                let rest = Self { challenge: None, ..self.clone() };
                Step::Next(vec![Write::Jti(used)], rest)
            }
            None => Step::Done(Vec::new(), Enrolled::ChallengeUsed),
        })
    }
}
