//! Writes: every row of a batch, a few array statements, one round trip, the commit with them.
//!
//! Tables are always written in the same order, and rows of a table in the order of their keys: so
//! two transactions that want the same rows wait for each other in a line, never in a circle.

use std::collections::{BTreeMap, BTreeSet};

use twinpath_core::ids::{
    AccountId, ClientId, GrantId, InstanceId, SessionId, TerminalKey, Timestamp,
};
use twinpath_core::records::{
    Account, App, AuditEvent, CodeRecord, Grant, Instance, Interaction, Note, Session, SigningKey,
    Terminal, TextQuota, UsedJti,
};
use twinpath_core::transaction::Write;

use super::connection::{BEGIN, COMMIT, Call};
use super::load::Snapshot;
use super::partitions::{Parent, Wanted};
use crate::error::StoreError;
use crate::writes::WriteSet;

/// All that a batch writes, by table, in the order of keys.
#[derive(Default)]
pub(super) struct Sorted<'w> {
    codes: BTreeMap<[u8; 16], &'w CodeRecord>,
    quotas: BTreeMap<([u8; 16], &'w str), &'w TextQuota>,
    jtis: BTreeMap<[u8; 16], &'w UsedJti>,
    interactions: BTreeMap<[u8; 16], &'w Interaction>,
    /// `None`: its content goes.
    terminals: BTreeMap<TerminalKey, Option<&'w Terminal>>,
    /// Terminals of which only other rows change.
    touched: BTreeSet<TerminalKey>,
    accounts: BTreeMap<(TerminalKey, AccountId), Option<&'w Account>>,
    grants: BTreeMap<(TerminalKey, GrantId), &'w Grant>,
    sessions: BTreeMap<(TerminalKey, SessionId), &'w Session>,
    instances: BTreeMap<&'w InstanceId, &'w Instance>,
    notes: BTreeMap<[u8; 16], Option<&'w Note>>,
    apps: BTreeMap<&'w ClientId, Option<&'w App>>,
    signing_keys: BTreeMap<&'w str, Option<&'w SigningKey>>,
    audit: Vec<&'w AuditEvent>,
}

impl<'w> Sorted<'w> {
    pub(super) fn of(writes: &'w WriteSet) -> Self {
        let mut sorted = Self::default();
        for write in writes.iter() {
            match write {
                Write::Code(row) => drop(sorted.codes.insert(row.key.0, row)),
                Write::Quota(row) => {
                    sorted.quotas.insert((row.terminal.0, &row.route.0), row);
                }
                Write::Jti(row) => drop(sorted.jtis.insert(row.key.0, row)),
                Write::Interaction(row) => drop(sorted.interactions.insert(row.key.0, row)),
                Write::Terminal(row) => drop(sorted.terminals.insert(row.key, Some(row))),
                Write::DeleteTerminal(key) => drop(sorted.terminals.insert(*key, None)),
                Write::Account(row) => {
                    sorted.accounts.insert((row.terminal, row.id), Some(row));
                }
                Write::DeleteAccount(terminal, id) => {
                    sorted.accounts.insert((*terminal, *id), None);
                }
                Write::Grant(row) => drop(sorted.grants.insert((row.terminal, row.id), row)),
                Write::Session(row) => drop(sorted.sessions.insert((row.terminal, row.id), row)),
                Write::Instance(row) => drop(sorted.instances.insert(&row.id, row)),
                Write::Note(row) => drop(sorted.notes.insert(row.key.0, Some(row))),
                Write::DeleteNote(key) => drop(sorted.notes.insert(key.0, None)),
                Write::App(row) => drop(sorted.apps.insert(&row.client_id, Some(row))),
                Write::DeleteApp(id) => drop(sorted.apps.insert(id, None)),
                Write::SigningKey(row) => drop(sorted.signing_keys.insert(&row.kid, Some(row))),
                Write::DeleteSigningKey(kid) => drop(sorted.signing_keys.insert(kid, None)),
                Write::Audit(event) => sorted.audit.push(event),
            }
        }
        let of_accounts = sorted.accounts.keys().map(|(terminal, _)| *terminal);
        let of_grants = sorted.grants.keys().map(|(terminal, _)| *terminal);
        let of_sessions = sorted.sessions.keys().map(|(terminal, _)| *terminal);
        let touched = of_accounts.chain(of_grants).chain(of_sessions);
        sorted.touched =
            touched.filter(|terminal| !sorted.terminals.contains_key(terminal)).collect();
        sorted
    }

    /// Without touching terminals of which only other rows are written: for a database that no one
    /// else uses.
    pub(super) fn undisturbed(mut self) -> Self {
        self.touched.clear();
        self
    }
}

/// Numbers for lines of the audit trail without a sequence that all nodes would share: milliseconds
/// since 2020, then bits of this writer, then a count.
pub(super) struct LineNumbers {
    writer: i64,
    latest: i64,
}

impl LineNumbers {
    const EPOCH_MS: i64 = 1_577_836_800_000;
    const WRITER_BITS: u32 = 12;
    const COUNT_BITS: u32 = 10;

    /// `random` tells this writer from others. Where two still use one number, pages of the trail
    /// keep equal numbers together.
    pub(super) fn new(random: u16) -> Self {
        Self { writer: i64::from(random) & ((1 << Self::WRITER_BITS) - 1), latest: 0 }
    }

    /// Every number is greater than this one.
    pub(super) fn after(mut self, latest: i64) -> Self {
        self.latest = latest;
        self
    }

    pub(super) fn next(&mut self, now: Timestamp) -> i64 {
        let since = now.0.saturating_sub(Self::EPOCH_MS).clamp(0, 1 << 40);
        let first = ((since << Self::WRITER_BITS) | self.writer) << Self::COUNT_BITS;
        let count = (1 << Self::COUNT_BITS) - 1;
        self.latest = if first > self.latest {
            first
        } else if self.latest & count == count {
            // More lines than a millisecond has numbers: borrow from the next.
            (self.latest - count) + (1 << (Self::WRITER_BITS + Self::COUNT_BITS))
        } else {
            self.latest + 1
        };
        self.latest
    }
}

/// A batch's writes as statements.
pub(super) struct Flush<'w> {
    pub(super) calls: Vec<Call<'w>>,
    /// Partitions that have to be kept for longer than usual.
    pub(super) keep: Vec<Wanted>,
    /// Partitions that these rows go to.
    pub(super) into: Vec<Wanted>,
    /// Codes recorded for the first time.
    pub(super) recorded: Vec<twinpath_core::ids::CodeKey>,
    audit_days: u32,
}

/// Prepares everything up to the commit.
pub(super) fn flush<'w>(
    snapshot: &Snapshot,
    sorted: &'w Sorted<'w>,
    now: Timestamp,
    audit_days: u32,
    numbers: &mut LineNumbers,
) -> Result<Flush<'w>, StoreError> {
    let mut flush = Flush {
        calls: Vec::with_capacity(16),
        keep: Vec::new(),
        into: Vec::new(),
        recorded: Vec::new(),
        audit_days,
    };
    if !snapshot.begun {
        flush.calls.push(Call::new(BEGIN));
    }
    flush.codes(snapshot, sorted);
    flush.quotas(snapshot, sorted);
    flush.jtis(snapshot, sorted);
    flush.interactions(snapshot, sorted)?;
    flush.terminals(snapshot, sorted, now);
    flush.accounts(snapshot, sorted);
    flush.grants(snapshot, sorted)?;
    flush.sessions(snapshot, sorted);
    flush.instances(snapshot, sorted)?;
    flush.notes(snapshot, sorted)?;
    flush.registry(snapshot, sorted)?;
    flush.audit(sorted, now, numbers);
    flush.calls.push(Call::new(COMMIT));
    Ok(flush)
}

/// Columns of one statement: one array for each, of equal lengths.
macro_rules! columns {
    ($($name:ident: $ty:ty),* $(,)?) => {
        #[derive(Default)]
        struct Columns<'w> { $($name: Vec<$ty>),* }
        impl<'w> Columns<'w> {
            fn push(&mut self, ($($name),*): ($($ty),*)) { $(self.$name.push($name);)* }
            fn call(self, sql: &'static str) -> Call<'w> {
                Call::new(sql)$(.with(self.$name))*
            }
            fn is_empty(&self) -> bool { [$(self.$name.is_empty()),*].contains(&true) }
        }
    };
}

mod instances;
mod notes;
mod passing;
mod registry;
mod terminals;

impl<'w> Flush<'w> {
    fn push(&mut self, call: Option<Call<'w>>) {
        self.calls.extend(call);
    }

    fn goes_to(&mut self, parent: Parent, period: i32) {
        let keep_until = parent.kept_until(period, self.audit_days);
        let wanted = Wanted { parent, period, keep_until };
        if !self.into.contains(&wanted) {
            self.into.push(wanted);
        }
    }

    fn lasts(&mut self, parent: Parent, period: i32, purge_at: Timestamp) {
        if purge_at > parent.kept_until(period, self.audit_days) {
            let wanted = Wanted { parent, period, keep_until: purge_at };
            let same = |known: &&mut Wanted| known.parent == parent && known.period == period;
            match self.keep.iter_mut().find(same) {
                Some(known) => known.keep_until = known.keep_until.max(purge_at),
                None => self.keep.push(wanted),
            }
        }
    }
}

/// Enumerations are numbered from 0 to 3.
fn small(number: i64) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_numbers_grow_without_repeating() {
        let mut numbers = LineNumbers::new(u16::MAX);
        let now = Timestamp(LineNumbers::EPOCH_MS + 5);
        let mut drawn: Vec<i64> = (0..5000).map(|_| numbers.next(now)).collect();
        drawn.push(numbers.next(Timestamp(0)));
        drawn.push(numbers.next(now.plus_seconds(1)));
        assert!(drawn.is_sorted_by(|a, b| a < b));
    }
}
