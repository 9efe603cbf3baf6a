//! Consuming a mapping: the one place where a code is used up.

use crate::ids::{CodeKey, Digest, GrantId, TerminalKey, Timestamp};
use crate::join::{Denial, TOMBSTONE_S};
use crate::outbound::{CONFIRMATION_ATTEMPTS, CONFIRMATION_S, ConfirmationCode};
use crate::records::{AuditEvent, CodeRecord, CodeState};
use crate::transaction::{Context, Missing, Rows, Write, random_bytes};
use crate::vault::Vault;

/// What a request says of the mapping it wants to use up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    /// The code's key.
    pub(crate) code: CodeKey,
    /// Keyed hash of what a repeated request must repeat.
    pub(crate) frozen: Digest,
    /// Whether a request may be repeated at all. An app without a key could be anyone who saw the
    /// verifier.
    pub(crate) repeatable: bool,
    /// The words the text may have said; `None` where any will do.
    pub(crate) words: Option<&'a [Digest]>,
    /// The terminal that is expected.
    pub(crate) login_hint: Option<TerminalKey>,
    /// How it is confirmed; `None` for a request that cannot be.
    pub(crate) confirming: Option<Confirming<'a>>,
    /// Until when its text could arrive, if it was announced.
    pub(crate) awaited_until: Option<Timestamp>,
}

/// How a claim is confirmed (PROTOCOL 6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirming<'a> {
    /// Whether it may have to be.
    pub(crate) asked: bool,
    /// The digits it shows.
    pub(crate) said: Option<&'a ConfirmationCode>,
    /// For those that were texted.
    pub(crate) vault: &'a Vault,
}

/// What becomes of a claim.
pub(crate) enum Consumed {
    /// No text came.
    Pending,
    /// The text's time is over.
    Expired,
    /// Used, void, or used up now.
    Denied(Vec<Write>, Denial),
    /// The text came, and the claim is right; but it may have to be confirmed. Nothing is used up.
    Unjudged(Box<CodeRecord>),
    /// It waits for digits that are, or will be, texted to the terminal.
    Unconfirmed(Vec<Write>, Box<CodeRecord>),
    /// The mapping is the claimant's, with the id of the grant that may come of it.
    Taken(Vec<Write>, Box<CodeRecord>, GrantId),
}

impl Claim<'_> {
    /// Uses up the mapping. `event` begins the audit trail's line of a refusal.
    pub(crate) fn consume(
        &self,
        view: &Rows,
        cx: &mut Context<'_>,
        event: impl FnOnce(Timestamp, &'static str) -> AuditEvent,
    ) -> Result<Consumed, Missing> {
        let denied = |denial| Ok(Consumed::Denied(Vec::new(), denial));
        let Some(code) = view.code(self.code)? else {
            return Ok(Consumed::Pending);
        };
        let in_time = self.awaited_until.is_none_or(|until| code.received_at < until);
        let live = in_time && cx.now < code.expires_at;
        match code.state {
            _ if cx.now >= code.purge_at => Ok(Consumed::Pending),
            CodeState::Voided { .. } => denied(Denial::Voided),
            CodeState::Refused => denied(Denial::Used),
            CodeState::Redeemed { grant, frozen, .. } => {
                // The answer may have been lost: the same claimant may ask again.
                if !(live && self.repeatable && frozen == self.frozen) {
                    return denied(Denial::Used);
                }
                // `login_hint` is not frozen, but what a request says of the number has to hold.
                if self.login_hint.is_some_and(|hint| hint != code.terminal) {
                    return denied(Denial::LoginHint);
                }
                Ok(Consumed::Taken(Vec::new(), Box::new(code.clone()), grant))
            }
            CodeState::Confirming { .. } | CodeState::Recorded if !live => Ok(Consumed::Expired),
            CodeState::Confirming { grant, frozen, attempts } => {
                Ok(self.confirm(code, (grant, frozen, attempts), cx.now, event))
            }
            CodeState::Recorded => Ok(self.take(code, cx, event)),
        }
    }

    fn take(
        &self,
        code: &CodeRecord,
        cx: &mut Context<'_>,
        event: impl FnOnce(Timestamp, &'static str) -> AuditEvent,
    ) -> Consumed {
        let words_match = self.words.is_none_or(|words| words.contains(&code.words));
        let hint_matches = self.login_hint.is_none_or(|hint| hint == code.terminal);
        let denial = match (words_match, hint_matches) {
            (true, true) => None,
            (false, _) => Some(Denial::Words),
            (true, false) => Some(Denial::LoginHint),
        };
        if let Some(denial) = denial {
            return Consumed::Denied(used_up(code, denial, event(cx.now, "code.refused")), denial);
        }
        if self.confirming.is_some_and(|confirming| confirming.asked) {
            return Consumed::Unjudged(Box::new(code.clone()));
        }
        self.taken(code, GrantId(random_bytes(cx.random)), false, cx.now)
    }

    /// Uses up what [`Consumed::Unjudged`] told of and need not be confirmed, or has it wait until it is.
    /// `None` if it is not as it was.
    pub(crate) fn judged(
        &self,
        must_confirm: bool,
        view: &Rows,
        cx: &mut Context<'_>,
    ) -> Result<Option<Consumed>, Missing> {
        let known = view.code(self.code)?.filter(|code| {
            code.state == CodeState::Recorded && cx.now < code.expires_at.min(code.purge_at)
        });
        let Some(code) = known else {
            return Ok(None);
        };
        let grant = GrantId(random_bytes(cx.random));
        if !must_confirm {
            return Ok(Some(self.taken(code, grant, false, cx.now)));
        }
        let (frozen, attempts) = (self.frozen, CONFIRMATION_ATTEMPTS);
        let expires_at = cx.now.plus_seconds(CONFIRMATION_S);
        let waiting = CodeRecord {
            state: CodeState::Confirming { grant, frozen, attempts },
            expires_at,
            purge_at: expires_at.plus_seconds(TOMBSTONE_S),
            ..code.clone()
        };
        let writes = vec![Write::Code(waiting.clone())];
        Ok(Some(Consumed::Unconfirmed(writes, Box::new(waiting))))
    }

    fn taken(
        &self,
        code: &CodeRecord,
        grant: GrantId,
        confirmed: bool,
        now: Timestamp,
    ) -> Consumed {
        let state = CodeState::Redeemed { grant, frozen: self.frozen, confirmed };
        let code = CodeRecord { state, purge_at: purge_at(code, now), ..code.clone() };
        Consumed::Taken(vec![Write::Code(code.clone())], Box::new(code), grant)
    }

    /// The digits that a request shows, or does not.
    fn confirm(
        &self,
        code: &CodeRecord,
        (grant, frozen, attempts): (GrantId, Digest, u8),
        now: Timestamp,
        event: impl FnOnce(Timestamp, &'static str) -> AuditEvent,
    ) -> Consumed {
        let Some(confirming) = self.confirming.filter(|_| frozen == self.frozen) else {
            return Consumed::Denied(Vec::new(), Denial::Used);
        };
        if self.login_hint.is_some_and(|hint| hint != code.terminal) {
            let denial = Denial::LoginHint;
            return Consumed::Denied(used_up(code, denial, event(now, "code.refused")), denial);
        }
        let Some(said) = confirming.said else {
            return Consumed::Unconfirmed(Vec::new(), Box::new(code.clone()));
        };
        if *said == confirming.vault.confirmation_code(code.key, grant) {
            return self.taken(code, grant, true, now);
        }
        let attempts = attempts.saturating_sub(1);
        if attempts == 0 {
            let denial = Denial::Digits;
            return Consumed::Denied(used_up(code, denial, event(now, "code.refused")), denial);
        }
        let state = CodeState::Confirming { grant, frozen, attempts };
        let left = CodeRecord { state, ..code.clone() };
        Consumed::Unconfirmed(vec![Write::Code(left.clone())], Box::new(left))
    }
}

fn purge_at(code: &CodeRecord, now: Timestamp) -> Timestamp {
    code.expires_at.max(now).plus_seconds(TOMBSTONE_S)
}

/// Ends a code without a grant.
fn used_up(code: &CodeRecord, denial: Denial, event: AuditEvent) -> Vec<Write> {
    let purge_at = purge_at(code, event.at);
    let ended = CodeRecord { state: CodeState::Refused, purge_at, ..code.clone() };
    let event = AuditEvent { reason: Some(denial.as_str()), ..event };
    vec![Write::Code(ended), Write::Audit(event)]
}
