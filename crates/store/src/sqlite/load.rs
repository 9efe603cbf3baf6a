//! Reads: the rows under a key, and pages for operators. Every statement stays prepared.

use rusqlite::{Connection, Params, params};
use twinpath_core::ids::AccountId;
use twinpath_core::records::Account;
use twinpath_core::transaction::{Key, Loaded, Random};

use super::fault::Fault;
use super::rows::{self, Query};
use crate::columns::Fields;
use crate::error::StoreError;
use crate::executor::Batch;
use crate::job::Reply;
use crate::options::Clock;
use crate::work::{Listing, instances_of};

/// The most rows of one page.
const PAGE_MAX: usize = 1000;

/// Runs a batch to its end, loading what it wants. A malformed row fails those that asked for it; any
/// other fault fails the whole batch.
pub(super) fn drive(
    connection: &Connection,
    batch: &mut Batch,
    clock: &Clock,
    random: &mut dyn Random,
) -> Result<(), Fault> {
    loop {
        let wanted = batch.advance(clock, random);
        if wanted.is_empty() {
            return Ok(());
        }
        for key in wanted {
            match load(connection, &key) {
                Ok(loaded) => batch.supply(key, Ok(loaded)),
                Err(Fault::Row(error)) => batch.supply(key, Err(error)),
                Err(fault) => return Err(fault),
            }
        }
    }
}

pub(super) fn load(connection: &Connection, key: &Key) -> Result<Loaded, Fault> {
    Ok(match key {
        Key::Code(key) => Loaded::Code(one(connection, &rows::CODE, [key.0])?),
        Key::Terminal(key) => Loaded::Terminal(one(connection, &rows::TERMINAL, [key.0])?),
        Key::Account(terminal, id) => {
            Loaded::Account(one(connection, &rows::ACCOUNT, [terminal.0, id.0])?)
        }
        Key::Grants(terminal) => Loaded::Grants(many(connection, &rows::GRANT, [terminal.0])?),
        Key::Quota(terminal, route) => {
            Loaded::Quota(one(connection, &rows::QUOTA, params![terminal.0, route.0])?)
        }
        Key::Sessions(terminal) => {
            Loaded::Sessions(many(connection, &rows::SESSION, [terminal.0])?)
        }
        Key::Jti(key) => Loaded::Jti(one(connection, &rows::JTI, [key.0])?),
        Key::Interaction(key) => {
            let row = one(connection, &rows::INTERACTION, [key.0])?;
            Loaded::Interaction(row.map(Box::new))
        }
        Key::App(id) => Loaded::App(one(connection, &rows::APP, [id.as_str()])?.map(Box::new)),
        Key::Instance(id) => {
            let row = one(connection, &rows::INSTANCE, [id.to_string()])?;
            Loaded::Instance(row.map(Box::new))
        }
        Key::Note(key) => Loaded::Note(one(connection, &rows::NOTE, [key.0])?.map(Box::new)),
        Key::SigningKeys => Loaded::SigningKeys(many(connection, &rows::SIGNING_KEY, [])?),
    })
}

/// Reads one page and answers whoever asked for it.
pub(super) fn list(connection: &Connection, listing: Listing) -> Result<(), Fault> {
    match listing {
        Listing::Apps { after, limit, reply } => {
            let after = after.as_ref().map_or("", |id| id.as_str());
            answer(reply, many(connection, &rows::APPS_AFTER, params![after, page(limit)]))
        }
        Listing::Instances { client_id, after, limit, reply } => {
            let (first, last) = instances_of(&client_id, after.as_deref());
            let bounds = params![first, last, page(limit)];
            answer(reply, many(connection, &rows::INSTANCES_AFTER, bounds))
        }
        Listing::Notes { kind, after: (at, key), until, limit, reply } => {
            let bounds = params![kind.as_str(), at.0, key.0, until.0, page(limit)];
            answer(reply, many(connection, &rows::NOTES, bounds))
        }
        Listing::Audit { after, limit, reply } => {
            answer(reply, many(connection, &rows::AUDIT, [after, page(limit)]))
        }
        Listing::AuditNewest { limit, reply } => {
            let newest = many(connection, &rows::AUDIT_NEWEST, [page(limit)]);
            answer(reply, newest.map(|lines| lines.into_iter().rev().collect()))
        }
        Listing::FindAccount { id, reply } => answer(reply, find_account(connection, id)),
        Listing::RegistryVersion(reply) => {
            let version = one(connection, &rows::REGISTRY_VERSION, []);
            let missing = || Fault::Row(StoreError::inconsistent("table meta has lost a row"));
            answer(reply, version.and_then(|version| version.ok_or_else(missing)))
        }
    }
}

/// An account's terminal begins with the same bytes as its id: a short range of the primary key.
fn find_account(connection: &Connection, id: AccountId) -> Result<Option<Account>, Fault> {
    let bound = |fill: u8| {
        let mut key = [fill; 16];
        for (to, from) in key.iter_mut().zip(id.terminal_prefix()) {
            *to = from;
        }
        key
    };
    one(connection, &rows::ACCOUNT_BY_ID, [bound(0), bound(u8::MAX), id.0])
}

fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_MAX)).unwrap_or(0)
}

/// Tells the caller; what breaks the connection is told to the thread too.
fn answer<T>(reply: Reply<T>, result: Result<T, Fault>) -> Result<(), Fault> {
    let (told, fault) = match result {
        Ok(value) => (Ok(value), Ok(())),
        Err(Fault::Broken(why)) => {
            (Err(StoreError::Unavailable(why.clone())), Err(Fault::Broken(why)))
        }
        Err(fault) => (Err(fault.into()), Ok(())),
    };
    let _gone = reply.send(told);
    fault
}

fn one<T>(
    connection: &Connection,
    query: &Query<T>,
    params: impl Params,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(query.sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => Ok(Some((query.parse)(&Fields::new(query.table, row))?)),
        None => Ok(None),
    }
}

fn many<T>(
    connection: &Connection,
    query: &Query<T>,
    params: impl Params,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(query.sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((query.parse)(&Fields::new(query.table, row))?);
    }
    Ok(all)
}
