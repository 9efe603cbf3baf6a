//! The limit of an attested instance (PROTOCOL 7.4): how many codes it may leave unredeemed. Keys without
//! attestation are free to make, so they are limited by source address and app instead.

use crate::ids::{ClientId, CodeKey, Digest, Timestamp};
use crate::records::{AuditEvent, CodeState, Content, Note, Unredeemed};
use crate::transaction::{Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// How long a code counts, and what leaving too many costs, in seconds.
const WINDOW_S: i64 = 600;
const DAY_S: i64 = 86_400;
/// Of so many blocks in a day the last is a long one.
const BLOCKS: usize = 3;

/// Lets an instance name a code, or does not. Steps of an operation: what the instance named before, and
/// only where that is too much, which of it was redeemed since.
#[derive(Clone, Debug)]
pub struct UnredeemedGate {
    key: Digest,
    client_id: ClientId,
    jkt: String,
    code: CodeKey,
    limit: usize,
    block_s: i64,
    /// Of the codes named before, those that were redeemed.
    redeemed: Option<Vec<CodeKey>>,
}

impl UnredeemedGate {
    /// For an instance that names `code`: at most `limit` unredeemed, `block_s` for the third block in a
    /// day.
    pub fn new(
        vault: &Vault,
        (client_id, jkt): (&ClientId, &str),
        code: CodeKey,
        (limit, block_s): (usize, i64),
    ) -> Self {
        Self {
            key: vault.identifier("unredeemed", client_id.as_str(), jkt),
            client_id: client_id.clone(),
            jkt: jkt.to_owned(),
            code,
            limit,
            block_s,
            redeemed: None,
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key::Note(self.key)
    }

    /// One step; `then` goes on with what is left of the gate, `None` when it is passed.
    pub(crate) fn step<O: Operation>(
        &self,
        view: &Rows,
        now: Timestamp,
        then: impl FnOnce(Option<Self>) -> O,
        limited: impl FnOnce(u64) -> O::Outcome,
    ) -> Result<Step<O>, Missing> {
        let mut state = self.state(view, now)?;
        if let Some(until) = state.blocked_until {
            return Ok(Step::Done(Vec::new(), limited(seconds(now, until))));
        }
        if state.codes.iter().any(|(code, _)| *code == self.code) {
            return Ok(Step::Next(Vec::new(), then(None)));
        }
        if let Some(redeemed) = &self.redeemed {
            state.codes.retain(|(code, _)| !redeemed.contains(code));
        }
        if state.codes.len() < self.limit {
            state.codes.push((self.code, now));
            return Ok(Step::Next(vec![self.note(state, now)], then(None)));
        }
        if self.redeemed.is_none() {
            let redeemed = Some(redeemed(&state, view)?);
            return Ok(Step::Next(Vec::new(), then(Some(Self { redeemed, ..self.clone() }))));
        }
        state.blocks.push(now);
        let cost = if state.blocks.len() % BLOCKS == 0 { self.block_s } else { WINDOW_S };
        let until = now.plus_seconds(cost);
        state.blocked_until = Some(until);
        let event = AuditEvent {
            client_id: Some(self.client_id.clone()),
            instance: Some(self.jkt.clone()),
            reason: Some("unredeemed_codes"),
            ..AuditEvent::new(now, "instance.limited")
        };
        let writes = vec![self.note(state, now), Write::Audit(event)];
        Ok(Step::Done(writes, limited(seconds(now, until))))
    }

    /// What still counts.
    fn state(&self, view: &Rows, now: Timestamp) -> Result<Unredeemed, Missing> {
        let note = view.note(self.key)?;
        let mut state = match note.map(|note| &note.content) {
            Some(Content::Unredeemed(state)) => state.clone(),
            _ => Unredeemed::default(),
        };
        state.codes.retain(|(_, at)| now < at.plus_seconds(WINDOW_S));
        state.blocks.retain(|at| now < at.plus_seconds(DAY_S));
        state.blocked_until = state.blocked_until.filter(|until| now < *until);
        Ok(state)
    }

    fn note(&self, state: Unredeemed, now: Timestamp) -> Write {
        let blocks = state.blocks.last().map(|at| at.plus_seconds(DAY_S));
        let ends = [Some(now.plus_seconds(WINDOW_S)), blocks, state.blocked_until];
        Write::Note(Box::new(Note {
            key: self.key,
            purge_at: ends.into_iter().flatten().max().unwrap_or(now),
            content: Content::Unredeemed(state),
            listed_at: None,
        }))
    }
}

/// Which of these codes were redeemed.
fn redeemed(state: &Unredeemed, view: &Rows) -> Result<Vec<CodeKey>, Missing> {
    let mut redeemed = Vec::new();
    for (code, _) in &state.codes {
        let known = view.code(*code)?;
        if known.is_some_and(|row| matches!(row.state, CodeState::Redeemed { .. })) {
            redeemed.push(*code);
        }
    }
    Ok(redeemed)
}

/// Whole seconds, at least one.
fn seconds(now: Timestamp, until: Timestamp) -> u64 {
    u64::try_from((until.0 - now.0 + 999) / 1000).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests;
