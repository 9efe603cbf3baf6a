//! The terminal authorization endpoint's decision (PROTOCOL 4): what an app announces of a code, so that
//! its text is awaited and its token request held to it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use twinpath_wire::oauth::ErrorCode;

use crate::grant::{ParameterError, Replay, Scope, Spends};
use crate::ids::{ClientId, CodeKey, Digest, Timestamp};
use crate::join::UnredeemedGate;
use crate::records::{Announcement, Content, Note};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// Instances that may have announced one code. A code is made for one; others only guess or repeat it.
const MAX_ANNOUNCEMENTS: usize = 4;

/// The key of what is announced of a code.
pub fn announcement_key(vault: &Vault, code: CodeKey) -> Digest {
    vault.identifier("announcement", "", &URL_SAFE_NO_PAD.encode(code.as_bytes()))
}

/// A checked announcement.
#[derive(Clone, Debug)]
pub struct Announced {
    /// [`announcement_key`].
    pub key: Digest,
    /// What is announced.
    pub announcement: Announcement,
    /// Seconds from `expires_at` for which its token request may still come.
    pub kept_s: i64,
}

/// How an announcement ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Announcing {
    /// The text is awaited.
    Awaited,
    /// Too many others announced this code.
    Full,
    /// The instance left too many codes unredeemed: seconds until it may try again.
    Limited(u64),
    /// The request's proof or assertion was seen before.
    Replayed(Replay),
}

/// Records an announcement, after what its request uses up and its instance's limit.
#[derive(Clone, Debug)]
pub struct Announce {
    said: Arc<Announced>,
    spends: Spends,
    gate: Option<UnredeemedGate>,
}

impl Announce {
    /// `gate` for an attested instance.
    pub fn new(said: Announced, spends: Spends, gate: Option<UnredeemedGate>) -> Self {
        Self { said: Arc::new(said), spends, gate }
    }

    fn record(&self, view: &Rows, now: Timestamp) -> Result<Step<Self>, Missing> {
        let said = &self.said;
        let mut by = awaited(view, said.key, now)?;
        let own = |known: &Announcement| same(known, &said.announcement);
        if by.contains(&said.announcement) {
            return Ok(Step::Done(Vec::new(), Announcing::Awaited));
        }
        by.retain(|known| !own(known));
        if by.len() >= MAX_ANNOUNCEMENTS {
            return Ok(Step::Done(Vec::new(), Announcing::Full));
        }
        by.push(said.announcement.clone());
        let latest = by.iter().map(|known| known.expires_at).max().unwrap_or(now);
        let note = Note {
            key: said.key,
            content: Content::Announced { by },
            listed_at: None,
            purge_at: latest.plus_seconds(said.kept_s),
        };
        Ok(Step::Done(vec![Write::Note(Box::new(note))], Announcing::Awaited))
    }
}

fn same(left: &Announcement, right: &Announcement) -> bool {
    left.client_id == right.client_id && left.jkt == right.jkt
}

/// What is announced of a code, as far as it need still be known.
fn awaited(view: &Rows, key: Digest, now: Timestamp) -> Result<Vec<Announcement>, Missing> {
    let note = view.note(key)?.filter(|note| now < note.purge_at);
    Ok(match note.map(|note| &note.content) {
        Some(Content::Announced { by }) => by.clone(),
        _ => Vec::new(),
    })
}

/// Whether a text with these words is awaited at `now`.
pub(super) fn is_awaited(
    view: &Rows,
    key: Digest,
    words: Digest,
    now: Timestamp,
) -> Result<bool, Missing> {
    let by = awaited(view, key, now)?;
    Ok(by.iter().any(|known| known.words == words && now < known.expires_at))
}

/// What an instance announced of a code itself.
pub(super) fn own(
    view: &Rows,
    key: Digest,
    (client_id, jkt): (&ClientId, &str),
    now: Timestamp,
) -> Result<Option<Announcement>, Missing> {
    let by = awaited(view, key, now)?;
    Ok(by.into_iter().find(|known| known.client_id == *client_id && known.jkt == jkt))
}

/// What a token request asks for beside its announcement.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) scope: String,
    pub(super) resources: Vec<String>,
    pub(super) details: Vec<Value>,
}

impl Announcement {
    /// PROTOCOL 4: a token request may only narrow what was announced. What it does not say itself is
    /// what was announced, as far as it may still be had.
    pub(super) fn narrow(
        &self,
        asked: Asked,
        (scope_said, resources_said, details_said): (bool, bool, bool),
    ) -> Result<Asked, ParameterError> {
        let beyond = |code, what: &str| {
            Err(ParameterError::new(code, format!("{what} goes beyond what was announced")))
        };
        let announced = Scope::parse(&self.scope)?;
        let scope = Scope::parse(&asked.scope)?.retain(announced.tokens());
        if scope_said && scope.join() != asked.scope {
            return beyond(ErrorCode::InvalidScope, "scope");
        }
        if scope.tokens().is_empty() && !announced.tokens().is_empty() {
            return beyond(ErrorCode::InvalidScope, "scope");
        }
        let resources = if resources_said { asked.resources } else { self.resources.clone() };
        if resources.iter().any(|uri| !self.resources.contains(uri)) {
            return beyond(ErrorCode::InvalidTarget, "resource");
        }
        let details = if details_said { asked.details } else { self.details.clone() };
        if details.iter().any(|object| !self.details.contains(object)) {
            return beyond(ErrorCode::InvalidAuthorizationDetails, "authorization_details");
        }
        Ok(Asked { scope: scope.join(), resources, details })
    }
}

impl Operation for Announce {
    type Outcome = Announcing;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.spends.prefetch(keys);
        keys.extend(self.gate.as_ref().map(UnredeemedGate::key));
        keys.push(Key::Note(self.said.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let then = |spends| Self { spends, ..self.clone() };
        if let Some(step) = self.spends.step(view, cx.now, then, Announcing::Replayed)? {
            return Ok(step);
        }
        if let Some(gate) = &self.gate {
            let then = |gate| Self { gate, ..self.clone() };
            return gate.step(view, cx.now, then, Announcing::Limited);
        }
        self.record(view, cx.now)
    }
}

#[cfg(test)]
mod tests;
