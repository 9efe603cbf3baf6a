//! Reads: the rows under a key, and pages for operators. Every statement stays prepared.

use rusqlite::{Connection, Params, params};
use twinpath_core::ids::{AccountId, ClientId};
use twinpath_core::records::{Account, App};
use twinpath_core::transaction::{Key, Loaded, Random};

use super::fault::Fault;
use super::rows::{self, Fields};
use crate::audit::AuditLine;
use crate::executor::Batch;
use crate::options::Clock;

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

macro_rules! select {
    ($columns:expr, $from:literal) => {
        const_format(&["SELECT ", $columns, " FROM ", $from])
    };
}

fn load(connection: &Connection, key: &Key) -> Result<Loaded, Fault> {
    let read = Reader(connection);
    Ok(match key {
        Key::Code(key) => Loaded::Code(read.one(&sql::CODE, [key.0], rows::code)?),
        Key::Terminal(key) => Loaded::Terminal(read.one(&sql::TERMINAL, [key.0], rows::terminal)?),
        Key::Account(terminal, id) => {
            Loaded::Account(read.one(&sql::ACCOUNT, [terminal.0, id.0], rows::account)?)
        }
        Key::Grants(terminal) => Loaded::Grants(read.many(&sql::GRANTS, [terminal.0], rows::grant)?),
        Key::Quota(terminal, route) => {
            Loaded::Quota(read.one(&sql::QUOTA, params![terminal.0, route.0], rows::quota)?)
        }
        Key::Jti(key) => Loaded::Jti(read.one(&sql::JTI, [key.0], rows::jti)?),
        Key::App(id) => Loaded::App(read.one(&sql::APP, [id.as_str()], rows::app)?.map(Box::new)),
        Key::SigningKeys => Loaded::SigningKeys(read.many(&sql::SIGNING_KEYS, [], rows::signing_key)?),
    })
}
