//! Consuming a mapping: the one place where a code is used up.

use crate::ids::{CodeKey, Digest, GrantId, TerminalKey, Timestamp};
use crate::join::{Denial, TOMBSTONE_S};
use crate::records::{AuditEvent, CodeRecord, CodeState};
use crate::transaction::{Context, Missing, Rows, Write, random_bytes};

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
    /// Until when its text could arrive, if it was announced.
    pub(crate) awaited_until: Option<Timestamp>,
}

/// What becomes of a claim.
pub(crate) enum Consumed {
    /// No text came.
    Pending,
    /// The text's time is over.
    Expired,
    /// Used, void, or used up now.
    Denied(Vec<Write>, Denial),
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
            CodeState::Confirming { .. } => denied(Denial::Used),
            CodeState::Recorded if !live => Ok(Consumed::Expired),
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
        let purge_at = code.expires_at.max(cx.now).plus_seconds(TOMBSTONE_S);
        if let Some(denial) = denial {
            let used_up = CodeRecord { state: CodeState::Refused, purge_at, ..code.clone() };
            let event =
                AuditEvent { reason: Some(denial.as_str()), ..event(cx.now, "code.refused") };
            return Consumed::Denied(vec![Write::Code(used_up), Write::Audit(event)], denial);
        }
        let grant = GrantId(random_bytes(cx.random));
        let state = CodeState::Redeemed { grant, frozen: self.frozen, confirmed: false };
        let code = CodeRecord { state, purge_at, ..code.clone() };
        Consumed::Taken(vec![Write::Code(code.clone())], Box::new(code), grant)
    }
}
