//! What others say of a proof (PROTOCOL 5, 8), as the join heeds it: asked before a code is used up, and
//! never about a code that would be refused anyway, as each question may cost money.

use crate::ids::{ClientId, CodeKey, Digest, TerminalKey};
use crate::join::TOMBSTONE_S;
use crate::records::{AuditEvent, CodeRecord, CodeState};
use crate::risk::{RiskFinding, RiskQuestion, RiskReason, RiskRule, RiskVerdict};
use crate::transaction::{Context, Missing, Rows, Write};

/// How a claim on a code stands with them.
pub(crate) enum Weighed {
    /// Nothing keeps it from being used.
    Go,
    /// They are to be asked about this.
    Ask(Box<CodeRecord>),
    /// They refuse it: the code is used up.
    Denied(Vec<Write>, RiskReason),
}

/// A claim, as far as this concerns it.
#[derive(Clone, Copy)]
pub(crate) struct Weigh<'a> {
    pub(crate) rule: RiskRule,
    pub(crate) code: CodeKey,
    pub(crate) client_id: &'a ClientId,
    pub(crate) words: Option<&'a [Digest]>,
    pub(crate) login_hint: Option<TerminalKey>,
    /// Whether the person can be asked to confirm.
    pub(crate) confirmable: bool,
}

impl RiskRule {
    /// What was answered of this terminal; `None` if it was not asked about.
    pub(crate) fn finding(self, terminal: TerminalKey) -> Option<RiskFinding> {
        match self {
            Self::Off => Some(RiskFinding::CLEAR),
            Self::Answered(answer) if answer.terminal == terminal => Some(answer.finding),
            Self::Unasked | Self::Answered(_) => None,
        }
    }
}

/// Why a finding refuses: plainly, or because it asks for a confirmation that there was none of, and can
/// be none of.
pub(crate) fn refusal(finding: RiskFinding, confirmable: bool) -> Option<RiskReason> {
    let refused = match finding.verdict {
        RiskVerdict::Allow => false,
        RiskVerdict::Confirm => !confirmable,
        RiskVerdict::Deny => true,
    };
    refused.then(|| finding.reason.unwrap_or(RiskReason::Unavailable))
}

impl Weigh<'_> {
    /// Looks at the code before it is used up.
    pub(crate) fn weigh(self, view: &Rows, cx: &Context<'_>) -> Result<Weighed, Missing> {
        if self.rule == RiskRule::Off {
            return Ok(Weighed::Go);
        }
        let waits = |code: &&CodeRecord| {
            let state = code.state;
            matches!(state, CodeState::Recorded | CodeState::Confirming { .. })
                && cx.now < code.expires_at.min(code.purge_at)
                && self.words.is_none_or(|words| words.contains(&code.words))
                && self.login_hint.is_none_or(|hint| hint == code.terminal)
        };
        let Some(code) = view.code(self.code)?.filter(waits) else {
            return Ok(Weighed::Go);
        };
        let Some(finding) = self.rule.finding(code.terminal) else {
            return Ok(Weighed::Ask(Box::new(code.clone())));
        };
        let Some(reason) = refusal(finding, self.confirmable) else {
            return Ok(Weighed::Go);
        };
        let purge_at = code.expires_at.max(cx.now).plus_seconds(TOMBSTONE_S);
        let used_up = CodeRecord { state: CodeState::Refused, purge_at, ..code.clone() };
        let event = AuditEvent {
            client_id: Some(self.client_id.clone()),
            route: Some(code.route.0.to_string()),
            reason: Some(reason.as_str()),
            ..AuditEvent::new(cx.now, "code.refused")
        };
        Ok(Weighed::Denied(vec![Write::Code(used_up), Write::Audit(event)], reason))
    }
}

/// What they are asked of `code`, whose terminal's row is loaded.
pub(crate) fn question(
    code: &CodeRecord,
    client_id: &ClientId,
    view: &Rows,
) -> Result<RiskQuestion, Missing> {
    let known = view.terminal(code.terminal)?;
    Ok(RiskQuestion {
        terminal: code.terminal,
        number: code.number.clone(),
        client_id: client_id.clone(),
        trust: code.trust,
        received_at: code.received_at,
        known: known.map(|terminal| (terminal.created_at, terminal.proven_at)),
    })
}

#[cfg(test)]
mod tests;
