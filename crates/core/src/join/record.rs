//! The mapping recorder: code -> (terminal identifier, route, time).

use crate::authorization::end;
use crate::first_message::{FirstMessage, Route};
use crate::grant::{revoke, revoke_grant};
use crate::ids::{CodeKey, Digest, GrantId, RouteName, TerminalKey};
use crate::join::announce::is_awaited;
use crate::join::{LedTo, TOMBSTONE_S, announcement_key};
use crate::records::{AuditEvent, CodeRecord, CodeState, Sealed, TextQuota, Trust, UsedJti};
use crate::transaction::{Context, Key, Missing, Operation, Random, Rows, Step, Write};
use crate::vault::{Vault, VaultError};

/// How long a provider's name of a delivery is remembered: as long as a code can matter.
const DELIVERY_S: i64 = TOMBSTONE_S + 86_400;

const REASON: &str = "second_sender";

/// Records one accepted text. Its steps: where texts must be announced, whether this one was; the number's quota, the code, and, where the text voids a
/// redeemed code, the grant.
#[derive(Clone, Debug)]
pub struct RecordText {
    stage: Stage,
    code: CodeKey,
    terminal: TerminalKey,
    number: Sealed,
    words: Digest,
    route: RouteName,
    trust: Trust,
    ttl_s: i64,
    per_hour: usize,
    /// Where a code that nobody announced is not recorded: the key of what is announced of it.
    announcement: Option<Digest>,
    /// What the text's provider calls this delivery.
    delivery: Option<Digest>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Delivery,
    Announced,
    Remember(Recorded),
    Quota,
    Code,
    Revoke { terminal: TerminalKey, led: LedTo },
}

/// What became of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// The mapping is recorded.
    New,
    /// The same number sent the same code before: nothing changed.
    Duplicate,
    /// Another number sent the code before: it is void now, and its grant revoked.
    Voided,
    /// The code has ended: nothing changed.
    Tombstone,
    /// A route of higher trust recorded the code: nothing changed.
    LowerTrust,
    /// Nobody announced the code with these words, and texts must be announced: nothing recorded.
    Unannounced,
    /// The number sent too many different codes: nothing recorded.
    OverLimit,
}

impl Recorded {
    /// A stable word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "recorded",
            Self::Duplicate => "duplicate",
            Self::Voided => "voided",
            Self::Tombstone => "tombstone",
            Self::LowerTrust => "lower_trust",
            Self::Unannounced => "unannounced",
            Self::OverLimit => "over_limit",
        }
    }
}

impl RecordText {
    /// Prepares the record of `message`; `per_hour` is how many different codes a number may text
    /// over one route in an hour.
    pub fn new(
        vault: &Vault,
        route: &Route,
        message: &FirstMessage,
        per_hour: usize,
        random: &mut dyn Random,
    ) -> Result<Self, VaultError> {
        Ok(Self {
            stage: Stage::Quota,
            code: vault.code_key(&message.code),
            terminal: vault.terminal_key(&message.number),
            number: vault.seal_number(&message.number, random)?,
            words: vault.words(&message.words),
            route: route.name.clone(),
            trust: route.senders.trust,
            ttl_s: route.ttl_s,
            per_hour,
            announcement: None,
            delivery: None,
        })
    }

    /// Records nothing of a code that nobody announced with these words (PROTOCOL 4).
    #[must_use]
    pub fn only_announced(mut self, vault: &Vault) -> Self {
        self.announcement = Some(announcement_key(vault, self.code));
        if self.delivery.is_none() {
            self.stage = Stage::Announced;
        }
        self
    }

    /// Takes a delivery that its provider repeats under the same name for what it is: once it was decided
    /// on, it changes nothing.
    #[must_use]
    pub fn delivered_as(mut self, vault: &Vault, id: &str) -> Self {
        self.delivery = Some(vault.identifier("delivery", &self.route.0, id));
        self.stage = Stage::Delivery;
        self
    }

    /// The code's key, by which waiting requests are woken.
    pub fn code(&self) -> CodeKey {
        self.code
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }

    /// A delivery that was seen is a repetition, or somebody plays back what a provider signed once.
    fn delivery(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let seen = match self.delivery {
            Some(key) => view.jti(key)?.is_some_and(|seen| cx.now < seen.purge_at),
            None => false,
        };
        if seen {
            return Ok(Step::Done(Vec::new(), Recorded::Duplicate));
        }
        let next = if self.announcement.is_some() { Stage::Announced } else { Stage::Quota };
        Ok(Step::Next(Vec::new(), self.at(next)))
    }

    /// The end: the delivery is remembered behind what it came to, so that one that failed may come again.
    /// Between the two it may come again, too, and then changes nothing: the same number, the same code.
    fn end(&self, writes: Vec<Write>, outcome: Recorded) -> Step<Self> {
        match self.delivery {
            Some(_) => Step::Next(writes, self.at(Stage::Remember(outcome))),
            None => Step::Done(writes, outcome),
        }
    }

    fn remember(
        &self,
        outcome: Recorded,
        view: &Rows,
        cx: &Context<'_>,
    ) -> Result<Step<Self>, Missing> {
        let Some(key) = self.delivery else { return Ok(Step::Done(Vec::new(), outcome)) };
        let _seen = view.jti(key)?;
        let purge_at = cx.now.plus_seconds(DELIVERY_S);
        Ok(Step::Done(vec![Write::Jti(UsedJti { key, purge_at })], outcome))
    }

    /// What is known already is decided on, announced or not: a second sender voids it whenever it comes.
    fn announced(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let awaited = match self.announcement {
            Some(key) => is_awaited(view, key, self.words, cx.now)?,
            None => true,
        };
        if awaited || view.code(self.code)?.is_some_and(|known| cx.now < known.purge_at) {
            return Ok(Step::Next(Vec::new(), self.at(Stage::Quota)));
        }
        Ok(self.end(Vec::new(), Recorded::Unannounced))
    }

    /// A number's different codes within an hour; redeliveries do not count.
    fn quota(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let hour_ago = cx.now.plus_seconds(-3600);
        let mut texts: Vec<_> = match view.quota(self.terminal, &self.route)? {
            Some(quota) => quota.texts.iter().filter(|(_, at)| *at > hour_ago).copied().collect(),
            None => Vec::new(),
        };
        if texts.iter().any(|(code, _)| *code == self.code) {
            return Ok(Step::Next(Vec::new(), self.at(Stage::Code)));
        }
        if texts.len() >= self.per_hour {
            return Ok(self.end(Vec::new(), Recorded::OverLimit));
        }
        texts.push((self.code, cx.now));
        let quota = TextQuota { terminal: self.terminal, route: self.route.clone(), texts };
        Ok(Step::Next(vec![Write::Quota(quota)], self.at(Stage::Code)))
    }

    fn record(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let done = |outcome| Ok(self.end(Vec::new(), outcome));
        let known = match view.code(self.code)? {
            Some(known) if cx.now < known.purge_at => known,
            _ => return Ok(self.end(vec![Write::Code(self.fresh(cx))], Recorded::New)),
        };
        if known.terminal == self.terminal {
            return done(Recorded::Duplicate);
        }
        if self.trust < known.trust {
            return done(Recorded::LowerTrust);
        }
        match known.state {
            CodeState::Recorded | CodeState::Confirming { .. } if cx.now < known.expires_at => {
                Ok(self.end(self.void(known, None, cx), Recorded::Voided))
            }
            CodeState::Redeemed { grant, .. } => Ok(Step::Next(
                self.void(known, Some(grant), cx),
                self.at(Stage::Revoke { terminal: known.terminal, led: LedTo::of(known, grant) }),
            )),
            // A crash may have come between the void and the revocation.
            CodeState::Voided { grant: Some(grant) } => Ok(Step::Next(
                Vec::new(),
                self.at(Stage::Revoke { terminal: known.terminal, led: LedTo::of(known, grant) }),
            )),
            CodeState::Recorded
            | CodeState::Confirming { .. }
            | CodeState::Refused
            | CodeState::Voided { grant: None } => done(Recorded::Tombstone),
        }
    }

    fn fresh(&self, cx: &Context<'_>) -> CodeRecord {
        let expires_at = cx.now.plus_seconds(self.ttl_s);
        CodeRecord {
            key: self.code,
            terminal: self.terminal,
            number: self.number.clone(),
            route: self.route.clone(),
            trust: self.trust,
            words: self.words,
            received_at: cx.now,
            expires_at,
            state: CodeState::Recorded,
            purge_at: expires_at.plus_seconds(TOMBSTONE_S),
        }
    }

    fn void(&self, known: &CodeRecord, grant: Option<GrantId>, cx: &Context<'_>) -> Vec<Write> {
        let voided = CodeRecord {
            state: CodeState::Voided { grant },
            purge_at: cx.now.plus_seconds(TOMBSTONE_S),
            ..known.clone()
        };
        let event = AuditEvent {
            route: Some(self.route.0.to_string()),
            grant: grant.map(|id| id.to_string()),
            reason: Some(REASON),
            ..AuditEvent::new(cx.now, "code.voided")
        };
        vec![Write::Code(voided), Write::Audit(event)]
    }
}

impl Operation for RecordText {
    type Outcome = Recorded;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.extend(self.delivery.map(Key::Jti));
        keys.extend(self.announcement.map(Key::Note));
        keys.push(Key::Quota(self.terminal, self.route.clone()));
        keys.push(Key::Code(self.code));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self.stage {
            Stage::Delivery => self.delivery(view, cx),
            Stage::Remember(outcome) => self.remember(outcome, view, cx),
            Stage::Announced => self.announced(view, cx),
            Stage::Quota => self.quota(view, cx),
            Stage::Code => self.record(view, cx),
            Stage::Revoke { terminal, led } => {
                let mut writes = revoke_grant(view, terminal, led.grant, REASON, cx)?;
                let (sessions, grants) = (view.sessions(terminal)?, view.grants(terminal)?);
                let others = led.others(sessions, grants);
                writes.extend(others.flat_map(|other| revoke(other, REASON, cx.now)));
                let ended = led.sessions(sessions).filter(|session| session.ended_at.is_none());
                writes.extend(ended.flat_map(|session| end(session, &[], REASON, cx.now)));
                Ok(self.end(writes, Recorded::Voided))
            }
        }
    }
}

#[cfg(test)]
mod tests;
