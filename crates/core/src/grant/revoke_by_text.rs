//! Revoking by text (PROTOCOL 6): `REVOKE` and six digits, from the grant's own number.
//!
//! Whatever the route's trust: who could forge the sender would still have to guess digits, ten times a
//! day, and would end a grant and get none.

use std::sync::Arc;

use crate::authorization::end;
use crate::grant::revoke;
use crate::ids::{CodeKey, RouteName, TerminalKey};
use crate::join::LedTo;
use crate::outbound::{Meter, RevocationCode, notice};
use crate::records::{Grant, TextQuota};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// How many such texts of one number count within a day, right or wrong.
const ATTEMPTS_A_DAY: u32 = 10;
const REASON: &str = "text";

/// Revokes the grant of these digits. Its steps: the number's attempts of the day; its texts of the hour,
/// and its grants.
#[derive(Clone, Debug)]
pub struct RevokeByText {
    vault: Arc<Vault>,
    terminal: TerminalKey,
    digits: RevocationCode,
    route: RouteName,
    per_hour: usize,
    counted: bool,
}

/// What became of a revocation by text.
#[derive(Clone, PartialEq, Debug)]
pub enum RevokedByText {
    /// The grant it named and what else rested on its proof, as they were before.
    Revoked(Vec<Grant>),
    /// No live grant of this number has these digits.
    Unknown,
    /// The number sent too many.
    OverLimit,
}

impl RevokedByText {
    /// A stable word for counters.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Revoked(_) => "revoked",
            Self::Unknown => "revoked_nothing",
            Self::OverLimit => "over_limit",
        }
    }
}

impl RevokeByText {
    /// From a number over a route; `per_hour` is how many different texts it may send over it in an hour.
    pub fn new(
        vault: &Arc<Vault>,
        terminal: TerminalKey,
        digits: RevocationCode,
        route: &RouteName,
        per_hour: usize,
    ) -> Self {
        let (vault, route) = (Arc::clone(vault), route.clone());
        Self { vault, terminal, digits, route, per_hour, counted: false }
    }

    fn meter(&self, cx: &Context<'_>) -> Meter {
        let number = format!("{:?}", self.terminal);
        Meter::new(&self.vault, ("revoke-day", &number), ATTEMPTS_A_DAY, 86_400, cx.now)
    }

    fn count(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let meter = self.meter(cx);
        if meter.is_full(view)? {
            return Ok(Step::Done(Vec::new(), RevokedByText::OverLimit));
        }
        Ok(Step::Next(vec![meter.add(view)?], Self { counted: true, ..self.clone() }))
    }

    /// It is one of the number's different texts of the hour, as a code is.
    fn quota(&self, view: &Rows, cx: &Context<'_>) -> Result<Option<Write>, Missing> {
        let number = format!("{:?}", self.terminal);
        let text = CodeKey(self.vault.identifier("revoke", &number, self.digits.as_str()).0);
        let hour_ago = cx.now.plus_seconds(-3600);
        let known = view.quota(self.terminal, &self.route)?;
        let texts = known.map_or(&[][..], |quota| &quota.texts);
        let mut texts: Vec<_> = texts.iter().filter(|(_, at)| *at > hour_ago).copied().collect();
        if !texts.iter().any(|(known, _)| *known == text) {
            if texts.len() >= self.per_hour {
                return Ok(None);
            }
            texts.push((text, cx.now));
        }
        let (terminal, route) = (self.terminal, self.route.clone());
        Ok(Some(Write::Quota(TextQuota { terminal, route, texts })))
    }

    fn revoke(&self, view: &Rows, cx: &Context<'_>) -> Result<Step<Self>, Missing> {
        let (grants, sessions) = (view.grants(self.terminal)?, view.sessions(self.terminal)?);
        let Some(quota) = self.quota(view, cx)? else {
            return Ok(Step::Done(Vec::new(), RevokedByText::OverLimit));
        };
        let mut writes = vec![quota];
        let live = || grants.iter().filter(|grant| grant.revoked_at.is_none());
        let named = |grant: &&Grant| notice::digits(&self.vault, grant) == Some(self.digits);
        let Some(grant) = live().find(named) else {
            return Ok(Step::Done(writes, RevokedByText::Unknown));
        };
        // Who got it may hold a session by the same proof, and could have it granted again.
        let led = LedTo::of_grant(grant);
        let own = |id| grant.session() == Some(id);
        let ended = sessions.iter().filter(|session| led.is_session(session) || own(session.id));
        let ended: Vec<_> = ended.filter(|session| session.ended_at.is_none()).collect();
        let bound = |other: &Grant| {
            other.terms.as_ref().is_some_and(|terms| terms.session_bound)
                && ended.iter().any(|session| other.session() == Some(session.id))
        };
        let others: Vec<_> = led.others(sessions, grants).map(|other| other.id).collect();
        let lost = live()
            .filter(|other| other.id == grant.id || others.contains(&other.id) || bound(other));
        let lost: Vec<_> = lost.cloned().collect();
        writes.extend(lost.iter().flat_map(|grant| revoke(grant, REASON, cx.now)));
        writes.extend(ended.into_iter().flat_map(|session| end(session, &[], REASON, cx.now)));
        Ok(Step::Done(writes, RevokedByText::Revoked(lost)))
    }
}

impl Operation for RevokeByText {
    type Outcome = RevokedByText;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        if self.counted {
            keys.push(Key::Grants(self.terminal));
            keys.push(Key::Sessions(self.terminal));
            keys.push(Key::Quota(self.terminal, self.route.clone()));
        }
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if self.counted { self.revoke(view, cx) } else { self.count(view, cx) }
    }
}

#[cfg(test)]
mod tests;
