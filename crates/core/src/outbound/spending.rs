//! What texts to phones may cost: limits within windows of time, counted in rows.
//!
//! A window begins with the hour or the day (UTC), so that at most twice a limit passes within any hour
//! or day. First all meters are read, so that what is refused costs nothing; then each is counted in a
//! step of its own. Two requests at once may pass a limit by as many as are under way.

use std::collections::VecDeque;

use rlibphonenumber::Region;

use crate::ids::{ClientId, Digest, TerminalKey, Timestamp};
use crate::number::E164;
use crate::records::{Content, Note, TextPurpose};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
/// Operators are given numbers in blocks of thousands, and farms have theirs in a row.
const BLOCK_DIGITS: usize = 4;

/// How many texts may be sent, and whereto.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpendingLimits {
    /// Countries to which texts are sent; empty allows all.
    pub countries: Vec<Region>,
    /// Confirmations to one number.
    pub number_hour: u32,
    /// Confirmations to one number.
    pub number_day: u32,
    /// All texts to one block: numbers that have all but their last four digits in common.
    pub block_hour: u32,
    /// All texts to one country.
    pub country_hour: u32,
    /// All texts for one app.
    pub app_day: u32,
    /// All texts.
    pub day: u32,
}

impl Default for SpendingLimits {
    fn default() -> Self {
        Self {
            countries: Vec::new(),
            number_hour: 5,
            number_day: 20,
            block_hour: 200,
            country_hour: 1000,
            app_day: 10_000,
            day: 50_000,
        }
    }
}

/// A count within one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meter {
    /// The key of its row.
    pub key: Digest,
    /// The most that it counts.
    pub limit: u32,
    /// When its window ends.
    pub until: Timestamp,
}

/// Whether something may still be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spent {
    /// Counted.
    Counted,
    /// One of the limits is reached, until then.
    Over(Timestamp),
    /// Nothing is sent to this country.
    Country,
}

impl Meter {
    /// Of what `name` and `value` say, in the window of `seconds` in which `now` lies.
    pub(crate) fn new(
        vault: &Vault,
        (name, value): (&str, &str),
        limit: u32,
        seconds: i64,
        now: Timestamp,
    ) -> Self {
        let window = now.seconds().div_euclid(seconds);
        let value = format!("{value}/{window}");
        let until =
            Timestamp(window.saturating_add(1).saturating_mul(seconds).saturating_mul(1000));
        Self { key: vault.identifier("meter", name, &value), limit, until }
    }

    fn count(&self, view: &Rows) -> Result<u32, Missing> {
        Ok(match view.note(self.key)?.map(|note| &note.content) {
            Some(Content::Tally { count }) => *count,
            _ => 0,
        })
    }

    /// Whether it has counted all that it may.
    pub(crate) fn is_full(&self, view: &Rows) -> Result<bool, Missing> {
        Ok(self.count(view)? >= self.limit)
    }

    /// Counts one more.
    pub(crate) fn add(&self, view: &Rows) -> Result<Write, Missing> {
        let count = self.count(view)?.saturating_add(1);
        let content = Content::Tally { count };
        let purge_at = self.until.plus_seconds(HOUR_S);
        Ok(Write::Note(Box::new(Note { key: self.key, content, listed_at: None, purge_at })))
    }
}

/// What a text is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) terminal: TerminalKey,
    pub(crate) number: &'a E164,
    pub(crate) client_id: &'a ClientId,
    pub(crate) purpose: TextPurpose,
}

impl SpendingLimits {
    /// The meters of a text, or why none is sent. A notice follows a text that the number itself sent, and
    /// those are limited: no meter of the number's own could be run up to keep it from being told.
    pub(crate) fn meters(
        &self,
        text: Measured<'_>,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<VecDeque<Meter>, Spent> {
        let country = text.number.country();
        if !self.countries.is_empty() && !country.is_some_and(|it| self.countries.contains(&it)) {
            return Err(Spent::Country);
        }
        let number = format!("{:?}", text.terminal);
        let country = country.map_or_else(|| "ZZ".to_owned(), |country| country.to_string());
        let app = text.client_id.as_str();
        let digits = text.number.as_str();
        let block = digits.get(..digits.len().saturating_sub(BLOCK_DIGITS)).unwrap_or(digits);
        let of_number = [
            (("number-hour", number.as_str()), self.number_hour, HOUR_S),
            (("number-day", number.as_str()), self.number_day, DAY_S),
        ];
        let of_all = [
            (("block-hour", block), self.block_hour, HOUR_S),
            (("country-hour", country.as_str()), self.country_hour, HOUR_S),
            (("app-day", app), self.app_day, DAY_S),
            (("day", ""), self.day, DAY_S),
        ];
        let own = matches!(text.purpose, TextPurpose::Confirmation { .. });
        let meters = of_number.into_iter().filter(|_| own).chain(of_all);
        Ok(meters.map(|(name, limit, s)| Meter::new(vault, name, limit, s, now)).collect())
    }
}

/// Counts a text at all its meters, unless one of them is full. Its steps: all of them, then each.
#[derive(Clone, Debug)]
pub struct Spend {
    meters: VecDeque<Meter>,
    admitted: bool,
}

impl Spend {
    /// At these.
    pub fn new(meters: VecDeque<Meter>) -> Self {
        Self { meters, admitted: false }
    }

    /// Of a text that waits to be sent.
    pub fn of(
        outbound: &crate::records::Outbound,
        number: &E164,
        limits: &SpendingLimits,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Self, Spent> {
        let (terminal, client_id) = (outbound.terminal, &outbound.client_id);
        let text = Measured { terminal, number, client_id, purpose: outbound.purpose };
        limits.meters(text, vault, now).map(Self::new)
    }

    /// One step of an operation that spends: `Ok(Err(spent))` once it is known.
    pub(crate) fn step(&self, view: &Rows) -> Result<Result<(Vec<Write>, Self), Spent>, Missing> {
        if !self.admitted {
            for meter in &self.meters {
                if meter.is_full(view)? {
                    return Ok(Err(Spent::Over(meter.until)));
                }
            }
            return Ok(Ok((Vec::new(), Self { admitted: true, ..self.clone() })));
        }
        let mut rest = self.clone();
        match rest.meters.pop_front() {
            Some(meter) => Ok(Ok((vec![meter.add(view)?], rest))),
            None => Ok(Err(Spent::Counted)),
        }
    }

    /// The rows that the next step reads.
    pub(crate) fn hint(&self, keys: &mut Vec<Key>) {
        let next = if self.admitted { 1 } else { self.meters.len() };
        keys.extend(self.meters.iter().take(next).map(|meter| Key::Note(meter.key)));
    }
}

impl Operation for Spend {
    type Outcome = Spent;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.hint(keys);
    }

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(match self.step(view)? {
            Ok((writes, rest)) => Step::Next(writes, rest),
            Err(spent) => Step::Done(Vec::new(), spent),
        })
    }
}
