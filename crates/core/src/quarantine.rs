//! The quarantine: what came in by the first path and could not be read is kept for an operator to look
//! at, encrypted, as it may hold numbers and texts. A ring of [`SLOTS`] places of [`OCTETS_MAX`] each:
//! what is full drops its oldest, so poison costs no more room however much of it comes.

use crate::ids::{Digest, RouteName, Timestamp};
use crate::records::{Content, Note, Quarantined, Sealed};
use crate::transaction::{Context, Key, Missing, Operation, Random, Rows, Step, Write};
use crate::vault::{Purpose, Vault, VaultError};

/// How many are kept.
pub const SLOTS: u32 = 1000;
/// How much of each is kept, in octets.
pub const OCTETS_MAX: usize = 2048;
/// For how long.
const KEPT_S: i64 = 30 * 86_400;
/// The longest reason.
const REASON_MAX: usize = 200;

fn key(vault: &Vault, slot: Option<u32>) -> Digest {
    let slot = slot.map(|slot| slot.to_string());
    vault.identifier("quarantine", "", slot.as_deref().unwrap_or("next"))
}

/// Puts one aside. Its steps: the next place, that place.
#[derive(Clone, Debug)]
pub struct PutAside {
    next: Digest,
    keys: std::sync::Arc<Vault>,
    route: RouteName,
    reason: String,
    octets: u32,
    raw: Sealed,
    slot: Option<u32>,
}

impl PutAside {
    /// `raw` as it came in by `route`, and what is wrong with it, which must not repeat any of it.
    pub fn new(
        vault: &std::sync::Arc<Vault>,
        route: &RouteName,
        (raw, reason): (&[u8], &str),
        random: &mut dyn Random,
    ) -> Result<Self, VaultError> {
        let kept = raw.get(..OCTETS_MAX).unwrap_or(raw);
        Ok(Self {
            next: key(vault, None),
            raw: vault.seal(Purpose::Quarantine, route.0.as_bytes(), kept, random)?,
            keys: std::sync::Arc::clone(vault),
            route: route.clone(),
            reason: reason.chars().take(REASON_MAX).collect(),
            octets: u32::try_from(raw.len()).unwrap_or(u32::MAX),
            slot: None,
        })
    }

    fn claim(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let slot = match view.note(self.next)?.map(|note| &note.content) {
            Some(Content::Tally { count }) => *count % SLOTS,
            _ => 0,
        };
        // Were it forgotten before the places are, these would be written over out of turn.
        let purge_at = cx.now.plus_seconds(2 * KEPT_S);
        let content = Content::Tally { count: slot + 1 };
        let next = Note { key: self.next, content, listed_at: None, purge_at };
        let step = Self { slot: Some(slot), ..self.clone() };
        Ok(Step::Next(vec![Write::Note(Box::new(next))], step))
    }

    fn put(&self, slot: u32, view: &Rows, now: Timestamp) -> Result<Step<Self>, Missing> {
        let key = key(&self.keys, Some(slot));
        let _oldest = view.note(key)?;
        let content = Content::Quarantined(Quarantined {
            slot,
            route: self.route.0.to_string(),
            reason: self.reason.clone(),
            octets: self.octets,
            raw: self.raw.clone(),
            at: now,
        });
        let purge_at = now.plus_seconds(KEPT_S);
        let note = Note { key, content, listed_at: Some(now), purge_at };
        Ok(Step::Done(vec![Write::Note(Box::new(note))], ()))
    }
}

impl Operation for PutAside {
    type Outcome = ();

    fn prefetch(&self, keys: &mut Vec<Key>) {
        let slot = self.slot.map(|slot| key(&self.keys, Some(slot)));
        keys.push(Key::Note(slot.unwrap_or(self.next)));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self.slot {
            None => self.claim(view, cx),
            Some(slot) => self.put(slot, view, cx.now),
        }
    }
}

/// Looks at one, or takes it out.
#[derive(Clone, Copy, Debug)]
pub struct Quarantine {
    key: Digest,
    remove: bool,
}

impl Quarantine {
    /// Looks at the one in this place.
    pub fn look(vault: &Vault, slot: u32) -> Self {
        Self { key: key(vault, Some(slot)), remove: false }
    }

    /// Takes the one in this place out.
    pub fn remove(vault: &Vault, slot: u32) -> Self {
        Self { key: key(vault, Some(slot)), remove: true }
    }
}

impl Operation for Quarantine {
    /// `None` if the place is empty.
    type Outcome = Option<Quarantined>;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Note(self.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let note = view.note(self.key)?.filter(|note| cx.now < note.purge_at);
        let Some(Content::Quarantined(found)) = note.map(|note| &note.content) else {
            return Ok(Step::Done(Vec::new(), None));
        };
        let writes = if self.remove { vec![Write::DeleteNote(self.key)] } else { Vec::new() };
        Ok(Step::Done(writes, Some(found.clone())))
    }
}

impl Quarantined {
    /// What came in, as far as it was kept.
    pub fn open(&self, vault: &Vault) -> Result<Vec<u8>, VaultError> {
        vault.open(Purpose::Quarantine, self.route.as_bytes(), &self.raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Model, Seeded, vault};

    fn put(model: &mut Model, raw: &[u8]) {
        let route = RouteName::from("lab");
        model.run(PutAside::new(&vault(), &route, (raw, "odd"), &mut Seeded(1)).unwrap());
    }

    fn look(model: &mut Model, slot: u32) -> Option<Quarantined> {
        model.run(Quarantine::look(&vault(), slot))
    }

    #[test]
    fn what_is_put_aside_opens_again_and_is_sealed_meanwhile() {
        let mut model = Model::new();
        put(&mut model, b"+447911123456 vote");
        let found = look(&mut model, 0).unwrap();
        assert_eq!(found.open(&vault()).unwrap(), b"+447911123456 vote");
        assert_eq!((found.octets, found.reason.as_str(), found.at), (18, "odd", model.now));
        assert!(!found.raw.0.windows(4).any(|part| part == b"4479"));
        let moved = Quarantined { route: "other".into(), ..found };
        assert!(moved.open(&vault()).is_err());
        assert!(model.run(Quarantine::remove(&vault(), 0)).is_some());
        assert!(look(&mut model, 0).is_none());
    }

    #[test]
    fn neither_many_nor_long_ones_take_more_room() {
        let mut model = Model::new();
        put(&mut model, &vec![7; OCTETS_MAX + 1]);
        let long = look(&mut model, 0).unwrap();
        assert_eq!(long.open(&vault()).unwrap().len(), OCTETS_MAX);
        assert_eq!(long.octets, u32::try_from(OCTETS_MAX + 1).unwrap());
        for n in 1..SLOTS + 3 {
            put(&mut model, &n.to_be_bytes());
        }
        let kept = |note: &&Note| matches!(note.content, Content::Quarantined(_));
        assert_eq!(model.notes.values().filter(kept).count(), SLOTS as usize);
        // The oldest went first.
        for (slot, n) in [(0, SLOTS), (2, SLOTS + 2), (3, 3), (SLOTS - 1, SLOTS - 1)] {
            let found = look(&mut model, slot).unwrap();
            assert_eq!(found.open(&vault()).unwrap(), n.to_be_bytes());
        }
    }
}
