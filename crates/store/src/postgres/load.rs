//! Reads: all rows that a batch wants, in one round trip.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;
use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, RouteName, SessionId, TerminalKey,
};
use twinpath_core::records::{Account, TextQuota};
use twinpath_core::transaction::{Key, Loaded, Random};

use super::connection::{Call, Session};
use super::fault::Fault;
use super::rows;
use crate::error::StoreError;
use crate::executor::Batch;
use crate::options::Clock;

/// What a transaction knows of the database as it was when it began: which rows there are. What is
/// written later is inserted or updated accordingly.
#[derive(Default)]
pub(super) struct Snapshot {
    /// Whether the transaction has begun.
    pub(super) begun: bool,
    /// Each code's period.
    pub(super) codes: HashMap<CodeKey, i32>,
    pub(super) jtis: HashMap<Digest, i32>,
    pub(super) interactions: HashMap<Digest, i32>,
    pub(super) quotas: HashMap<(TerminalKey, RouteName), i32>,
    /// Terminals looked at, and whether there is a row, with or without content.
    pub(super) terminals: HashMap<TerminalKey, bool>,
    pub(super) accounts: HashSet<(TerminalKey, AccountId)>,
    pub(super) grants: HashSet<(TerminalKey, GrantId)>,
    pub(super) sessions: HashSet<(TerminalKey, SessionId)>,
    pub(super) apps: HashSet<ClientId>,
    pub(super) signing_keys: HashSet<String>,
}

/// Runs a batch to its end, loading what it wants. A malformed row fails those that asked for it; any
/// other fault fails the whole batch.
pub(super) async fn drive(
    session: &mut Session,
    begin: &'static str,
    batch: &mut Batch,
    clock: &Clock,
    random: &mut (dyn Random + Send),
) -> Result<Snapshot, Fault> {
    let mut snapshot = Snapshot::default();
    loop {
        let wanted = batch.advance(clock, random);
        if wanted.is_empty() {
            return Ok(snapshot);
        }
        snapshot.load(session, begin, wanted, batch).await?;
    }
}

/// Keys of one kind go into one statement.
#[derive(Default)]
struct Wanted {
    codes: Vec<CodeKey>,
    jtis: Vec<Digest>,
    interactions: Vec<Digest>,
    quotas: Vec<(TerminalKey, RouteName)>,
    /// Everything of these terminals but sessions: they are small, and whoever asks for one row soon
    /// asks for the others.
    terminals: HashSet<TerminalKey>,
    /// Only the sign-in page asks for these.
    sessions: Vec<TerminalKey>,
    accounts: Vec<(TerminalKey, AccountId)>,
    apps: Vec<ClientId>,
    signing_keys: bool,
}

impl Wanted {
    fn of(keys: HashSet<Key>) -> Self {
        let mut wanted = Self::default();
        for key in keys {
            match key {
                Key::Code(key) => wanted.codes.push(key),
                Key::Jti(key) => wanted.jtis.push(key),
                Key::Interaction(key) => wanted.interactions.push(key),
                Key::Sessions(terminal) => wanted.sessions.push(terminal),
                Key::Quota(terminal, route) => wanted.quotas.push((terminal, route)),
                Key::Terminal(terminal) | Key::Grants(terminal) => {
                    wanted.terminals.insert(terminal);
                }
                Key::Account(terminal, id) => wanted.accounts.push((terminal, id)),
                Key::App(id) => wanted.apps.push(id),
                Key::SigningKeys => wanted.signing_keys = true,
            }
        }
        wanted
    }
}

/// What a statement of a load is for.
enum Part {
    Begin,
    Codes,
    Jtis,
    Interactions,
    Quotas,
    Terminals,
    Accounts,
    Grants,
    Sessions,
    Apps,
    SigningKeys,
}

impl Snapshot {
    async fn load(
        &mut self,
        session: &mut Session,
        begin: &'static str,
        keys: HashSet<Key>,
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        let mut wanted = Wanted::of(keys);
        let accounts = &wanted.accounts;
        wanted.terminals.extend(accounts.iter().map(|(terminal, _)| *terminal));
        // Whoever writes a session also writes its terminal's row: see `schema`.
        wanted.terminals.extend(&wanted.sessions);
        wanted.terminals.retain(|terminal| !self.terminals.contains_key(terminal));
        let (mut parts, mut calls) = (Vec::new(), Vec::new());
        let mut call = |part: Part, call: Call<'static>| {
            parts.push(part);
            calls.push(call);
        };
        if !self.begun {
            call(Part::Begin, Call::new(begin));
        }
        if !wanted.codes.is_empty() {
            let keys: Vec<Vec<u8>> = wanted.codes.iter().map(|key| key.0.to_vec()).collect();
            call(Part::Codes, Call::new(rows::CODE.sql).with(keys));
        }
        if !wanted.jtis.is_empty() {
            let keys: Vec<Vec<u8>> = wanted.jtis.iter().map(|key| key.0.to_vec()).collect();
            call(Part::Jtis, Call::new(rows::JTI.sql).with(keys));
        }
        if !wanted.interactions.is_empty() {
            let keys: Vec<Vec<u8>> = wanted.interactions.iter().map(|key| key.0.to_vec()).collect();
            call(Part::Interactions, Call::new(rows::INTERACTION.sql).with(keys));
        }
        if !wanted.quotas.is_empty() {
            let split = |(terminal, route): &(TerminalKey, RouteName)| {
                (terminal.0.to_vec(), route.0.to_string())
            };
            let (keys, routes): (Vec<_>, Vec<_>) = wanted.quotas.iter().map(split).unzip();
            call(Part::Quotas, Call::new(rows::QUOTA.sql).with(keys).with(routes));
        }
        if !wanted.terminals.is_empty() {
            let keys: Vec<Vec<u8>> = wanted.terminals.iter().map(|key| key.0.to_vec()).collect();
            call(Part::Terminals, Call::new(rows::TERMINAL.sql).with(keys.clone()));
            call(Part::Accounts, Call::new(rows::ACCOUNT.sql).with(keys.clone()));
            call(Part::Grants, Call::new(rows::GRANT.sql).with(keys));
        }
        if !wanted.sessions.is_empty() {
            let keys: Vec<Vec<u8>> = wanted.sessions.iter().map(|key| key.0.to_vec()).collect();
            call(Part::Sessions, Call::new(rows::SESSION.sql).with(keys));
        }
        if !wanted.apps.is_empty() {
            let ids: Vec<String> = wanted.apps.iter().map(|id| id.as_str().to_owned()).collect();
            call(Part::Apps, Call::new(rows::APP.sql).with(ids));
        }
        if wanted.signing_keys {
            call(Part::SigningKeys, Call::new(rows::SIGNING_KEY.sql));
        }
        self.begun = true;
        let answers = session.all(&calls).await?;
        let mut group = Group::default();
        for (part, answer) in parts.iter().zip(answers) {
            match part {
                Part::Begin => {}
                Part::Codes => self.take_codes(&answer, batch)?,
                Part::Jtis => self.take_jtis(&answer, batch)?,
                Part::Interactions => self.take_interactions(&answer, batch)?,
                Part::Quotas => self.take_quotas(&answer, batch)?,
                Part::Terminals => group.terminals = answer,
                Part::Accounts => group.accounts = answer,
                Part::Grants => group.grants = answer,
                Part::Sessions => self.take_sessions(&wanted.sessions, &answer, batch)?,
                Part::Apps => self.take_apps(&answer, batch)?,
                Part::SigningKeys => self.take_signing_keys(&answer, batch),
            }
        }
        self.take_group(&wanted.terminals, &group, batch)?;
        supply_absent(wanted, batch);
        Ok(())
    }

    fn take_codes(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in latest_first(answer, rows::CODE_PERIOD) {
            let key = key(row, 0, CodeKey::from_slice, "code")?;
            self.codes.entry(key).or_insert(period(row, rows::CODE_PERIOD, "code")?);
            batch.supply(Key::Code(key), rows::CODE.read(row).map(|row| Loaded::Code(Some(row))));
        }
        Ok(())
    }

    fn take_jtis(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        // An identifier whose time was moved may have left rows in several periods: the latest counts.
        for row in latest_first(answer, rows::JTI_PERIOD) {
            let key = key(row, 0, Digest::from_slice, "jti")?;
            self.jtis.entry(key).or_insert(period(row, rows::JTI_PERIOD, "jti")?);
            batch.supply(Key::Jti(key), rows::JTI.read(row).map(|row| Loaded::Jti(Some(row))));
        }
        Ok(())
    }

    fn take_interactions(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in answer {
            let key = key(row, 0, Digest::from_slice, "interaction")?;
            self.interactions.insert(key, period(row, rows::INTERACTION_PERIOD, "interaction")?);
            let read = rows::INTERACTION.read(row);
            let loaded = read.map(|row| Loaded::Interaction(Some(Box::new(row))));
            batch.supply(Key::Interaction(key), loaded);
        }
        Ok(())
    }

    fn take_sessions(
        &mut self,
        asked: &[TerminalKey],
        answer: &[Row],
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        let mut sets = Sets::of(asked.iter().copied());
        for row in answer {
            let terminal = key(row, 0, TerminalKey::from_slice, "session")?;
            self.sessions.insert((terminal, key(row, 1, SessionId::from_slice, "session")?));
            sets.add(terminal, rows::SESSION.read(row));
        }
        for (terminal, sessions) in sets.0 {
            batch.supply(Key::Sessions(terminal), sessions.map(Loaded::Sessions));
        }
        Ok(())
    }

    fn take_quotas(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in latest_first(answer, rows::QUOTA_PERIOD) {
            let quota: Result<TextQuota, _> = rows::QUOTA.read(row);
            let terminal = key(row, 0, TerminalKey::from_slice, "quota")?;
            let route = match &quota {
                Ok(quota) => quota.route.clone(),
                Err(_) => RouteName::from(row.try_get::<_, &str>(1)?),
            };
            let period = period(row, rows::QUOTA_PERIOD, "quota")?;
            self.quotas.entry((terminal, route.clone())).or_insert(period);
            batch.supply(Key::Quota(terminal, route), quota.map(|row| Loaded::Quota(Some(row))));
        }
        Ok(())
    }

    fn take_apps(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in answer {
            let id = ClientId::new(row.try_get(0)?).ok_or_else(|| malformed("app"))?;
            self.apps.insert(id.clone());
            let app = rows::APP.read(row).map(|app| Loaded::App(Some(Box::new(app))));
            batch.supply(Key::App(id), app);
        }
        Ok(())
    }

    fn take_signing_keys(&mut self, answer: &[Row], batch: &mut Batch) {
        let keys: Result<Vec<_>, _> =
            answer.iter().map(|row| rows::SIGNING_KEY.read(row)).collect();
        if let Ok(keys) = &keys {
            self.signing_keys.extend(keys.iter().map(|key| key.kid.clone()));
        }
        batch.supply(Key::SigningKeys, keys.map(Loaded::SigningKeys));
    }

    /// Supplies everything of these terminals.
    fn take_group(
        &mut self,
        asked: &HashSet<TerminalKey>,
        group: &Group,
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        self.terminals.extend(asked.iter().map(|terminal| (*terminal, false)));
        for row in &group.terminals {
            let terminal = key(row, 0, TerminalKey::from_slice, "terminal")?;
            self.terminals.insert(terminal, true);
            batch.supply(Key::Terminal(terminal), rows::TERMINAL.read(row).map(Loaded::Terminal));
        }
        for row in &group.accounts {
            let terminal = key(row, 0, TerminalKey::from_slice, "account")?;
            let id = key(row, 1, AccountId::from_slice, "account")?;
            self.accounts.insert((terminal, id));
            let account: Result<Account, _> = rows::ACCOUNT.read(row);
            let loaded = account.map(|account| Loaded::Account(Some(account)));
            batch.supply(Key::Account(terminal, id), loaded);
        }
        let mut grants = Sets::of(asked.iter().copied());
        for row in &group.grants {
            let terminal = key(row, 0, TerminalKey::from_slice, "grants")?;
            self.grants.insert((terminal, key(row, 1, GrantId::from_slice, "grants")?));
            grants.add(terminal, rows::GRANT.read(row));
        }
        for (terminal, grants) in grants.0 {
            batch.supply(Key::Grants(terminal), grants.map(Loaded::Grants));
            // Does nothing where there was a row.
            batch.supply(Key::Terminal(terminal), Ok(Loaded::Terminal(None)));
        }
        Ok(())
    }
}

/// The rows of some terminals.
#[derive(Default)]
struct Group {
    terminals: Vec<Row>,
    accounts: Vec<Row>,
    grants: Vec<Row>,
}

/// Rows of one kind by their terminal. One that could not be understood speaks for all of it.
struct Sets<T>(HashMap<TerminalKey, Result<Vec<T>, StoreError>>);

impl<T> Sets<T> {
    fn of(asked: impl Iterator<Item = TerminalKey>) -> Self {
        Self(asked.map(|terminal| (terminal, Ok(Vec::new()))).collect())
    }

    fn add(&mut self, terminal: TerminalKey, row: Result<T, StoreError>) {
        let Some(all) = self.0.get_mut(&terminal) else { return };
        match (&mut *all, row) {
            (Ok(all), Ok(row)) => all.push(row),
            (_, Err(error)) => *all = Err(error),
            (Err(_), Ok(_)) => {}
        }
    }
}

/// Whatever was asked for and not found is not there. Does nothing where something was found.
fn supply_absent(wanted: Wanted, batch: &mut Batch) {
    for key in wanted.codes {
        batch.supply(Key::Code(key), Ok(Loaded::Code(None)));
    }
    for key in wanted.jtis {
        batch.supply(Key::Jti(key), Ok(Loaded::Jti(None)));
    }
    for key in wanted.interactions {
        batch.supply(Key::Interaction(key), Ok(Loaded::Interaction(None)));
    }
    for (terminal, route) in wanted.quotas {
        batch.supply(Key::Quota(terminal, route), Ok(Loaded::Quota(None)));
    }
    for (terminal, id) in wanted.accounts {
        batch.supply(Key::Account(terminal, id), Ok(Loaded::Account(None)));
    }
    for id in wanted.apps {
        batch.supply(Key::App(id), Ok(Loaded::App(None)));
    }
}

/// What is supplied first stays.
fn latest_first(answer: &[Row], column: usize) -> Vec<&Row> {
    let mut rows: Vec<&Row> = answer.iter().collect();
    rows.sort_by_key(|row| Reverse(row.try_get::<_, i32>(column).unwrap_or(i32::MIN)));
    rows
}

fn key<T>(
    row: &Row,
    column: usize,
    make: fn(&[u8]) -> Option<T>,
    table: &str,
) -> Result<T, StoreError> {
    row.try_get(column).ok().and_then(make).ok_or_else(|| malformed(table))
}

fn period(row: &Row, column: usize, table: &str) -> Result<i32, StoreError> {
    row.try_get(column).map_err(|_| malformed(table))
}

fn malformed(table: &str) -> StoreError {
    StoreError::Inconsistent(format!("malformed row in table {table}: key"))
}
