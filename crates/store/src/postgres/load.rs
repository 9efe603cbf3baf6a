//! Reads: all rows that a batch wants, in one round trip.

mod take;

use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;
use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, InstanceId, RouteName, SessionId, TerminalKey,
};
use twinpath_core::transaction::{Key, Loaded, Random};

use super::connection::{Call, Session};
use super::fault::Fault;
use super::rows;
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
    pub(super) instances: HashSet<InstanceId>,
    pub(super) notes: HashSet<Digest>,
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
    instances: Vec<InstanceId>,
    notes: Vec<Digest>,
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
                Key::Instance(id) => wanted.instances.push(id),
                Key::Note(key) => wanted.notes.push(key),
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
    Instances,
    Notes,
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
        if !wanted.instances.is_empty() {
            let ids: Vec<String> = wanted.instances.iter().map(InstanceId::to_string).collect();
            call(Part::Instances, Call::new(rows::INSTANCE.sql).with(ids));
        }
        if !wanted.notes.is_empty() {
            let keys: Vec<Vec<u8>> = wanted.notes.iter().map(|key| key.0.to_vec()).collect();
            call(Part::Notes, Call::new(rows::NOTE.sql).with(keys));
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
                Part::Instances => self.take_instances(&answer, batch)?,
                Part::Notes => self.take_notes(&answer, batch)?,
                Part::SigningKeys => self.take_signing_keys(&answer, batch),
            }
        }
        self.take_group(&wanted.terminals, &group, batch)?;
        supply_absent(wanted, batch);
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
    for id in wanted.instances {
        batch.supply(Key::Instance(id), Ok(Loaded::Instance(None)));
    }
    for key in wanted.notes {
        batch.supply(Key::Note(key), Ok(Loaded::Note(None)));
    }
}
