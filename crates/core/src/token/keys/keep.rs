//! Decides what becomes of the keys: one more, one less, a change of date. The same at every node and
//! any number of times: what is done already is not done again.

use serde::{Deserialize, Serialize};

use super::life::{KeyPolicy, KeyState};
use super::signer::SigningAlgorithm;
use super::software::new_signing_key;
use crate::ids::Timestamp;
use crate::records::{AuditEvent, SigningKey};
use crate::transaction::{Context, Key, Missing, Operation, Random, Rows, Step, Write};
use crate::vault::{Vault, VaultError};

/// What an operator asks for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Successors are published now and sign after the announce window, if none are on their way.
    #[default]
    Announce,
    /// New keys sign at once. What signed until now stays published.
    Now,
    /// New keys sign at once, and no other key is published any more: tokens they signed end.
    Withdraw,
}

/// Does what is due, or what an operator asks for. The outcome: the `kid`s of new keys.
#[derive(Clone, Debug)]
pub struct KeepKeys {
    policy: KeyPolicy,
    rotation: Option<Rotation>,
    /// One for each algorithm of the policy; those not needed are dropped.
    offered: Vec<SigningKey>,
}

impl KeepKeys {
    /// Makes the private keys that may be needed; their dates are the decision's.
    pub fn new(
        policy: &KeyPolicy,
        rotation: Option<Rotation>,
        vault: &Vault,
        random: &mut dyn Random,
    ) -> Result<Self, VaultError> {
        let mut make = |alg: &_| new_signing_key(*alg, vault, Timestamp::default(), random);
        let offered = policy.algorithms.iter().map(&mut make).collect::<Result<_, _>>()?;
        Ok(Self { policy: policy.clone(), rotation, offered })
    }

    /// Whether nothing is due, so that no key need be made.
    pub fn is_idle(policy: &KeyPolicy, keys: &[SigningKey], now: Timestamp) -> bool {
        Plan::new(policy, keys, now).due(None).is_empty()
    }
}

impl Operation for KeepKeys {
    type Outcome = Vec<String>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SigningKeys);
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let plan = Plan::new(&self.policy, view.signing_keys()?, cx.now);
        let changes = match self.rotation {
            None => plan.due(None),
            Some(Rotation::Announce) => plan.due(self.rotation),
            Some(rotation) => plan.emergency(rotation == Rotation::Withdraw),
        };
        let (mut writes, mut made) = (Vec::new(), Vec::new());
        for change in changes {
            let kind = change.kind();
            match change {
                Change::Make { alg, signs_at, .. } => {
                    let offered = self
                        .offered
                        .iter()
                        .find(|key| SigningAlgorithm::of(&key.public) == Some(alg));
                    let Some(new) = offered.cloned() else { continue };
                    made.push(new.kid.clone());
                    writes.push(Write::SigningKey(SigningKey {
                        created_at: cx.now,
                        signs_at,
                        ..new
                    }));
                }
                Change::Retire(key, at) => {
                    let retired_at = Some(at);
                    writes.push(Write::SigningKey(SigningKey { retired_at, ..key.clone() }));
                }
                Change::Delete(key) => writes.push(Write::DeleteSigningKey(key.kid.clone())),
            }
            writes.push(Write::Audit(AuditEvent::new(cx.now, kind)));
        }
        Ok(Step::Done(writes, made))
    }
}

/// One thing to do.
#[derive(Debug)]
enum Change<'a> {
    Make { alg: SigningAlgorithm, signs_at: Timestamp, at_once: bool },
    Retire(&'a SigningKey, Timestamp),
    Delete(&'a SigningKey),
}

impl Change<'_> {
    /// Of its line in the audit trail.
    fn kind(&self) -> &'static str {
        match self {
            Self::Make { at_once: true, .. } => "key.rotated",
            Self::Make { .. } => "key.announced",
            Self::Retire(..) => "key.retired",
            Self::Delete(_) => "key.deleted",
        }
    }
}

/// The keys at a moment, and what is to be done about them.
struct Plan<'a> {
    policy: &'a KeyPolicy,
    keys: Vec<(&'a SigningKey, KeyState, Option<SigningAlgorithm>)>,
    now: Timestamp,
}

impl<'a> Plan<'a> {
    fn new(policy: &'a KeyPolicy, keys: &'a [SigningKey], now: Timestamp) -> Self {
        let keys = keys
            .iter()
            .map(|key| (key, policy.state(key, now), SigningAlgorithm::of(&key.public)))
            .collect();
        Self { policy, keys, now }
    }

    fn of(&self, alg: SigningAlgorithm, state: KeyState) -> impl Iterator<Item = &'a SigningKey> {
        let of = move |(key, is, has): &(&'a SigningKey, _, _)| {
            (*is == state && *has == Some(alg)).then_some(*key)
        };
        self.keys.iter().filter_map(of)
    }

    /// What time asks for, or an operator in no hurry.
    fn due(&self, rotation: Option<Rotation>) -> Vec<Change<'a>> {
        let mut changes = Vec::new();
        for alg in &self.policy.algorithms {
            self.succeed(*alg, rotation.is_some(), &mut changes);
        }
        self.drop_other_algorithms(&mut changes);
        let gone = self.keys.iter().filter(|(_, state, _)| *state == KeyState::Gone);
        changes.extend(gone.map(|(key, _, _)| Change::Delete(key)));
        changes
    }

    /// One active key, and in time one announced.
    fn succeed(&self, alg: SigningAlgorithm, asked: bool, changes: &mut Vec<Change<'a>>) {
        let newest = self.of(alg, KeyState::Active).max_by_key(|key| (key.signs_at, &key.kid));
        let older = self.of(alg, KeyState::Active).filter(|key| Some(*key) != newest);
        changes.extend(older.map(|key| Change::Retire(key, self.now)));
        if self.of(alg, KeyState::Announced).next().is_some() {
            return;
        }
        let soonest = self.now.plus_seconds(self.policy.announce_s);
        match newest {
            Some(active) => {
                let asked = asked.then_some(soonest);
                if let Some(signs_at) = asked.or_else(|| self.policy.succession(active, self.now)) {
                    changes.push(Change::Make { alg, signs_at, at_once: false });
                    changes.push(Change::Retire(active, signs_at));
                }
            }
            // Another key signs until the world knows this one.
            None if self.keys.iter().any(|(_, state, _)| *state == KeyState::Active) => {
                changes.push(Change::Make { alg, signs_at: soonest, at_once: false });
            }
            None => changes.push(Change::Make { alg, signs_at: self.now, at_once: true }),
        }
    }

    /// An algorithm taken out of the configuration ends when all that are in it can sign.
    fn drop_other_algorithms(&self, changes: &mut Vec<Change<'a>>) {
        let signs = |alg: &SigningAlgorithm| self.of(*alg, KeyState::Active).next().is_some();
        if !self.policy.algorithms.iter().all(signs) {
            return;
        }
        for (key, state, alg) in &self.keys {
            if alg.is_some_and(|alg| !self.policy.algorithms.contains(&alg)) {
                self.end(key, *state, changes);
            }
        }
    }

    /// No key of before signs any more.
    fn emergency(&self, withdraw: bool) -> Vec<Change<'a>> {
        let make = |alg: &_| Change::Make { alg: *alg, signs_at: self.now, at_once: true };
        let mut changes: Vec<_> = self.policy.algorithms.iter().map(make).collect();
        for (key, state, _) in &self.keys {
            if withdraw || *state == KeyState::Gone {
                changes.push(Change::Delete(key));
            } else {
                self.end(key, *state, &mut changes);
            }
        }
        changes
    }

    /// Ends a key now. One that never signed needs no further publication.
    fn end(&self, key: &'a SigningKey, state: KeyState, changes: &mut Vec<Change<'a>>) {
        match state {
            KeyState::Active => changes.push(Change::Retire(key, self.now)),
            KeyState::Announced => changes.push(Change::Delete(key)),
            KeyState::Retired | KeyState::Gone => {}
        }
    }
}
