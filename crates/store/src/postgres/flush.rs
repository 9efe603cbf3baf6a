//! Writes: every row of a batch, a few array statements, one round trip, the commit with them.
//!
//! Tables are always written in the same order, and rows of a table in the order of their keys: so
//! two transactions that want the same rows wait for each other in a line, never in a circle.

use std::collections::{BTreeMap, BTreeSet};

use twinpath_core::ids::{AccountId, ClientId, GrantId, RouteName, TerminalKey, Timestamp};
use twinpath_core::records::{
    Account, App, AuditEvent, CodeRecord, CodeState, Grant, SigningKey, Terminal, TextQuota,
    UsedJti,
};
use twinpath_core::transaction::Write;

use super::connection::{BEGIN, COMMIT, Call};
use super::load::Snapshot;
use super::partitions::{Parent, Wanted, claim};
use crate::columns::{document, number, pack_texts, quota_purge_at};
use crate::error::StoreError;
use crate::writes::WriteSet;

/// The number of a claim among a code's states; see `partitions`.
const CLAIM: i16 = 4;

/// The row of a terminal without content is forgotten a day after its erasure.
const ERASED_KEPT_SECONDS: i64 = 24 * 3600;

/// All that a batch writes, by table, in the order of keys.
#[derive(Default)]
pub(super) struct Sorted<'w> {
    codes: BTreeMap<[u8; 16], &'w CodeRecord>,
    quotas: BTreeMap<([u8; 16], &'w str), &'w TextQuota>,
    jtis: BTreeMap<[u8; 16], &'w UsedJti>,
    /// `None`: its content goes.
    terminals: BTreeMap<TerminalKey, Option<&'w Terminal>>,
    /// Terminals of which only other rows change.
    touched: BTreeSet<TerminalKey>,
    accounts: BTreeMap<(TerminalKey, AccountId), Option<&'w Account>>,
    grants: BTreeMap<(TerminalKey, GrantId), &'w Grant>,
    apps: BTreeMap<&'w ClientId, Option<&'w App>>,
    signing_keys: BTreeMap<&'w str, &'w SigningKey>,
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
                Write::Terminal(row) => drop(sorted.terminals.insert(row.key, Some(row))),
                Write::DeleteTerminal(key) => drop(sorted.terminals.insert(*key, None)),
                Write::Account(row) => {
                    sorted.accounts.insert((row.terminal, row.id), Some(row));
                }
                Write::DeleteAccount(terminal, id) => {
                    sorted.accounts.insert((*terminal, *id), None);
                }
                Write::Grant(row) => drop(sorted.grants.insert((row.terminal, row.id), row)),
                Write::App(row) => drop(sorted.apps.insert(&row.client_id, Some(row))),
                Write::DeleteApp(id) => drop(sorted.apps.insert(id, None)),
                Write::SigningKey(row) => drop(sorted.signing_keys.insert(&row.kid, row)),
                Write::Audit(event) => sorted.audit.push(event),
            }
        }
        let of_accounts = sorted.accounts.keys().map(|(terminal, _)| *terminal);
        let of_grants = sorted.grants.keys().map(|(terminal, _)| *terminal);
        let touched = of_accounts.chain(of_grants);
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
        calls: Vec::with_capacity(12),
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
    flush.terminals(snapshot, sorted, now);
    flush.accounts(snapshot, sorted);
    flush.grants(snapshot, sorted)?;
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

    fn codes(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
        const INSERT: &str = "INSERT INTO code (key, terminal, number, route, trust, words, \
            received_at, expires_at, state, grant_id, frozen, purge_at, period) \
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], \
            $5::smallint[], $6::bytea[], $7::bigint[], $8::bigint[], $9::smallint[], \
            $10::bytea[], $11::bytea[], $12::bigint[], $13::integer[])";
        const UPDATE: &str = "UPDATE code c SET terminal = u.terminal, number = u.number, \
            route = u.route, trust = u.trust, words = u.words, received_at = u.received_at, \
            expires_at = u.expires_at, state = u.state, grant_id = u.grant_id, \
            frozen = u.frozen, purge_at = u.purge_at \
            FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::smallint[], \
            $6::bytea[], $7::bigint[], $8::bigint[], $9::smallint[], $10::bytea[], \
            $11::bytea[], $12::bigint[], $13::integer[]) AS u (key, terminal, number, route, \
            trust, words, received_at, expires_at, state, grant_id, frozen, purge_at, period) \
            WHERE c.key = u.key AND c.period = u.period";
        columns! {
            key: &'w [u8], terminal: &'w [u8], number: &'w [u8], route: &'w str, trust: i16,
            words: &'w [u8], received_at: i64, expires_at: i64, state: i16,
            grant_id: Option<&'w [u8]>, frozen: Option<&'w [u8]>, purge_at: i64, period: i32,
        }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for row in sorted.codes.values() {
            let (grant, frozen) = match &row.state {
                CodeState::Recorded | CodeState::Refused => (None, None),
                CodeState::Redeemed { grant, frozen } => {
                    (Some(grant.0.as_slice()), Some(frozen.0.as_slice()))
                }
                CodeState::Voided { grant } => {
                    (grant.as_ref().map(|grant| grant.0.as_slice()), None)
                }
            };
            let push = |columns: &mut Columns<'w>, state: i16, period: i32| {
                columns.push((
                    row.key.0.as_slice(),
                    row.terminal.0.as_slice(),
                    row.number.0.as_slice(),
                    row.route.0.as_ref(),
                    small(number::trust(row.trust)),
                    row.words.0.as_slice(),
                    row.received_at.0,
                    row.expires_at.0,
                    state,
                    grant,
                    frozen,
                    row.purge_at.0,
                    period,
                ));
            };
            let state = small(number::state(row.state));
            if let Some(period) = snapshot.codes.get(&row.key) {
                push(&mut updates, state, *period);
                self.lasts(Parent::Code, *period, row.purge_at);
                continue;
            }
            self.recorded.push(row.key);
            let period = Parent::Code.period(row.received_at);
            let mut periods = vec![(period, state)];
            periods.extend(claim(row.received_at).map(|period| (period, CLAIM)));
            periods.sort_unstable();
            for (period, state) in periods {
                push(&mut inserts, state, period);
                self.goes_to(Parent::Code, period);
            }
            self.lasts(Parent::Code, period, row.purge_at);
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
    }

    fn quotas(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
        const INSERT: &str = "INSERT INTO quota (terminal, route, period, texts, purge_at) \
            SELECT * FROM unnest($1::bytea[], $2::text[], $3::integer[], $4::bytea[], \
            $5::bigint[])";
        const UPDATE: &str = "UPDATE quota q SET texts = u.texts, purge_at = u.purge_at \
            FROM unnest($1::bytea[], $2::text[], $3::integer[], $4::bytea[], $5::bigint[]) \
            AS u (terminal, route, period, texts, purge_at) \
            WHERE q.terminal = u.terminal AND q.route = u.route AND q.period = u.period";
        columns! { terminal: &'w [u8], route: &'w str, period: i32, texts: Vec<u8>, purge_at: i64 }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for row in sorted.quotas.values() {
            let newest = row.texts.iter().map(|(_, at)| *at).max().unwrap_or_default();
            let own = Parent::Quota.period(newest);
            let known: Option<i32> = snapshot
                .quotas
                .get(&(row.terminal, RouteName(std::sync::Arc::clone(&row.route.0))))
                .copied();
            // A new period gets a new row; the old one goes with its partition.
            let (columns, period) = if let Some(known) = known.filter(|known| *known >= own) {
                (&mut updates, known)
            } else {
                self.goes_to(Parent::Quota, own);
                (&mut inserts, own)
            };
            columns.push((
                row.terminal.0.as_slice(),
                row.route.0.as_ref(),
                period,
                pack_texts(&row.texts),
                quota_purge_at(row).0,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
    }

    fn jtis(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
        const INSERT: &str = "INSERT INTO jti (key, period, purge_at) \
            SELECT * FROM unnest($1::bytea[], $2::integer[], $3::bigint[])";
        const UPDATE: &str = "UPDATE jti j SET purge_at = u.purge_at \
            FROM unnest($1::bytea[], $2::integer[], $3::bigint[]) AS u (key, period, purge_at) \
            WHERE j.key = u.key AND j.period = u.period";
        columns! { key: &'w [u8], period: i32, purge_at: i64 }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for row in sorted.jtis.values() {
            let (columns, period) = if let Some(period) = snapshot.jtis.get(&row.key) {
                self.lasts(Parent::Jti, *period, row.purge_at);
                (&mut updates, *period)
            } else {
                let period = Parent::Jti.period(row.purge_at);
                self.goes_to(Parent::Jti, period);
                (&mut inserts, period)
            };
            columns.push((row.key.0.as_slice(), period, row.purge_at.0));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
    }

    /// Every terminal of which any row changes is written: see `schema`.
    fn terminals(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>, now: Timestamp) {
        const INSERT: &str = "INSERT INTO terminal (terminal, touched, number, account, \
            created_at, proven_at, due) SELECT * FROM unnest($1::bytea[], $2::bigint[], \
            $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[])";
        const UPDATE: &str = "UPDATE terminal t SET touched = u.touched, number = u.number, \
            account = u.account, created_at = u.created_at, proven_at = u.proven_at, \
            due = u.due FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], \
            $5::bigint[], $6::bigint[], $7::bigint[]) AS u (terminal, touched, number, \
            account, created_at, proven_at, due) WHERE t.terminal = u.terminal";
        const TOUCH: &str = "UPDATE terminal t SET touched = $2 FROM unnest($1::bytea[]) \
            AS u (terminal) WHERE t.terminal = u.terminal";
        columns! {
            terminal: &'w [u8], touched: i64, number: Option<&'w [u8]>, account: Option<&'w [u8]>,
            created_at: Option<i64>, proven_at: Option<i64>, due: Option<i64>,
        }
        let exists = |terminal| snapshot.terminals.get(terminal).copied().unwrap_or(false);
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        let mut touches: Vec<&[u8]> = Vec::new();
        let mut all: BTreeMap<&TerminalKey, Option<&Terminal>> =
            sorted.terminals.iter().map(|(terminal, row)| (terminal, *row)).collect();
        for terminal in &sorted.touched {
            if exists(terminal) {
                touches.push(terminal.0.as_slice());
            } else {
                all.insert(terminal, None);
            }
        }
        for (terminal, row) in all {
            let columns = if exists(terminal) { &mut updates } else { &mut inserts };
            columns.push((
                terminal.0.as_slice(),
                now.0,
                row.map(|row| row.number.0.as_slice()),
                row.map(|row| row.account.0.as_slice()),
                row.map(|row| row.created_at.0),
                row.map(|row| row.proven_at.0),
                row.is_none().then(|| now.plus_seconds(ERASED_KEPT_SECONDS).0),
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
        let touch = || Call::new(TOUCH).with(touches.clone()).with(now.0);
        self.push((!touches.is_empty()).then(touch));
    }

    fn accounts(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
        const INSERT: &str = "INSERT INTO account (terminal, id, status, created_at, changed_at) \
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::smallint[], $4::bigint[], \
            $5::bigint[])";
        const UPDATE: &str = "UPDATE account a SET status = u.status, \
            created_at = u.created_at, changed_at = u.changed_at \
            FROM unnest($1::bytea[], $2::bytea[], $3::smallint[], $4::bigint[], $5::bigint[]) \
            AS u (terminal, id, status, created_at, changed_at) \
            WHERE a.terminal = u.terminal AND a.id = u.id";
        const DELETE: &str = "DELETE FROM account a USING unnest($1::bytea[], $2::bytea[]) \
            AS u (terminal, id) WHERE a.terminal = u.terminal AND a.id = u.id";
        columns! {
            terminal: &'w [u8], id: &'w [u8], status: i16, created_at: i64, changed_at: i64,
        }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        let mut deletes: (Vec<&[u8]>, Vec<&[u8]>) = Default::default();
        for ((terminal, id), row) in &sorted.accounts {
            let exists = snapshot.accounts.contains(&(*terminal, *id));
            let Some(row) = row else {
                if exists {
                    deletes.0.push(terminal.0.as_slice());
                    deletes.1.push(id.0.as_slice());
                }
                continue;
            };
            let columns = if exists { &mut updates } else { &mut inserts };
            columns.push((
                terminal.0.as_slice(),
                id.0.as_slice(),
                small(number::status(row.status)),
                row.created_at.0,
                row.changed_at.0,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
        if !deletes.0.is_empty() {
            self.push(Some(Call::new(DELETE).with(deletes.0).with(deletes.1)));
        }
    }

    fn grants(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO grants (terminal, id, account, client_id, jkt, scope, \
            resources, auth_time, route, trust, revoked_at, sequence, hash, previous, first, \
            used, expires_at, purge_at, due) \
            SELECT *, purge_at FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], \
            $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::smallint[], \
            $11::bigint[], $12::bigint[], $13::bytea[], $14::bytea[], $15::bigint[], \
            $16::smallint[], $17::bigint[], $18::bigint[]) AS u (terminal, id, account, \
            client_id, jkt, scope, resources, auth_time, route, trust, revoked_at, sequence, \
            hash, previous, first, used, expires_at, purge_at)";
        const UPDATE: &str = "UPDATE grants g SET account = u.account, \
            client_id = u.client_id, jkt = u.jkt, scope = u.scope, resources = u.resources, \
            auth_time = u.auth_time, route = u.route, trust = u.trust, \
            revoked_at = u.revoked_at, sequence = u.sequence, hash = u.hash, \
            previous = u.previous, first = u.first, used = u.used, expires_at = u.expires_at, \
            purge_at = u.purge_at, due = least(g.due, u.purge_at) \
            FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], \
            $6::text[], $7::text[], $8::bigint[], $9::text[], $10::smallint[], $11::bigint[], \
            $12::bigint[], $13::bytea[], $14::bytea[], $15::bigint[], $16::smallint[], \
            $17::bigint[], $18::bigint[]) AS u (terminal, id, account, client_id, jkt, scope, \
            resources, auth_time, route, trust, revoked_at, sequence, hash, previous, first, \
            used, expires_at, purge_at) WHERE g.terminal = u.terminal AND g.id = u.id";
        columns! {
            terminal: &'w [u8], id: &'w [u8], account: &'w [u8], client_id: &'w str, jkt: &'w str,
            scope: &'w str, resources: String, auth_time: i64, route: &'w str, trust: i16,
            revoked_at: Option<i64>, sequence: i64, hash: &'w [u8], previous: Option<&'w [u8]>,
            first: i64, used: i16, expires_at: i64, purge_at: i64,
        }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for ((terminal, id), row) in &sorted.grants {
            let exists = snapshot.grants.contains(&(*terminal, *id));
            let refresh = &row.refresh;
            let columns = if exists { &mut updates } else { &mut inserts };
            columns.push((
                terminal.0.as_slice(),
                id.0.as_slice(),
                row.account.0.as_slice(),
                row.client_id.as_str(),
                row.jkt.as_str(),
                row.scope.as_str(),
                document(&row.resources, "grants")?,
                row.auth_time.0,
                row.route.0.as_ref(),
                small(number::trust(row.trust)),
                row.revoked_at.map(|at| at.0),
                i64::from(refresh.sequence),
                refresh.hash.0.as_slice(),
                refresh.previous.as_ref().map(|hash| hash.0.as_slice()),
                i64::from(refresh.first),
                i16::from(refresh.used),
                row.expires_at.0,
                row.purge_at.0,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
        Ok(())
    }

    /// Apps and signing keys: rare, one statement each. All writers meet in the version's row.
    fn registry(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) -> Result<(), StoreError> {
        if sorted.apps.is_empty() && sorted.signing_keys.is_empty() {
            return Ok(());
        }
        self.calls
            .push(Call::new("UPDATE meta SET value = value + 1 WHERE name = 'registry_version'"));
        for (id, row) in &sorted.apps {
            let exists = snapshot.apps.contains(*id);
            let call = match (row, exists) {
                (Some(row), true) => Call::new("UPDATE app SET document = $2 WHERE client_id = $1")
                    .with(id.as_str())
                    .with(document(row, "app")?),
                (Some(row), false) => Call::new("INSERT INTO app VALUES ($1, $2)")
                    .with(id.as_str())
                    .with(document(row, "app")?),
                (None, _) => Call::new("DELETE FROM app WHERE client_id = $1").with(id.as_str()),
            };
            self.calls.push(call);
        }
        for (kid, row) in &sorted.signing_keys {
            let sql = if snapshot.signing_keys.contains(*kid) {
                "UPDATE signing_key SET private = $2, public = $3, created_at = $4, \
                 retired_at = $5 WHERE kid = $1"
            } else {
                "INSERT INTO signing_key VALUES ($1, $2, $3, $4, $5)"
            };
            let call = Call::new(sql)
                .with(*kid)
                .with(row.private.0.as_slice())
                .with(document(&row.public, "signing_key")?)
                .with(row.created_at.0)
                .with(row.retired_at.map(|at| at.0));
            self.calls.push(call);
        }
        self.calls.push(Call::new("SELECT pg_notify('twinpath_registry', '')"));
        Ok(())
    }

    fn audit(&mut self, sorted: &'w Sorted<'w>, now: Timestamp, numbers: &mut LineNumbers) {
        const INSERT: &str = "INSERT INTO audit (id, period, at, kind, client_id, account, \
            grant_id, route, reason) SELECT * FROM unnest($1::bigint[], $2::integer[], \
            $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
            $9::text[])";
        columns! {
            id: i64, period: i32, at: i64, kind: &'w str, client_id: Option<&'w str>,
            account: Option<&'w str>, grant_id: Option<&'w str>, route: Option<&'w str>,
            reason: Option<&'w str>,
        }
        let mut inserts = Columns::default();
        for event in &sorted.audit {
            let period = Parent::Audit.period(event.at);
            self.goes_to(Parent::Audit, period);
            inserts.push((
                numbers.next(now),
                period,
                event.at.0,
                event.kind,
                event.client_id.as_ref().map(|id: &ClientId| id.as_str()),
                event.account.as_deref(),
                event.grant.as_deref(),
                event.route.as_deref(),
                event.reason,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
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
