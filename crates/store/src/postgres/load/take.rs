//! Takes in what the database answered.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use tokio_postgres::Row;
use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, InstanceId, RouteName, SessionId, TerminalKey,
};
use twinpath_core::records::{Account, TextQuota};
use twinpath_core::transaction::{Key, Loaded};

use super::{Group, Snapshot};
use crate::error::StoreError;
use crate::executor::Batch;
use crate::postgres::fault::Fault;
use crate::postgres::rows;

impl Snapshot {
    pub(super) fn take_codes(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in latest_first(answer, rows::CODE_PERIOD) {
            let key = key(row, 0, CodeKey::from_slice, "code")?;
            self.codes.entry(key).or_insert(period(row, rows::CODE_PERIOD, "code")?);
            batch.supply(Key::Code(key), rows::CODE.read(row).map(|row| Loaded::Code(Some(row))));
        }
        Ok(())
    }

    pub(super) fn take_jtis(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        // An identifier whose time was moved may have left rows in several periods: the latest counts.
        for row in latest_first(answer, rows::JTI_PERIOD) {
            let key = key(row, 0, Digest::from_slice, "jti")?;
            self.jtis.entry(key).or_insert(period(row, rows::JTI_PERIOD, "jti")?);
            batch.supply(Key::Jti(key), rows::JTI.read(row).map(|row| Loaded::Jti(Some(row))));
        }
        Ok(())
    }

    pub(super) fn take_interactions(
        &mut self,
        answer: &[Row],
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        for row in answer {
            let key = key(row, 0, Digest::from_slice, "interaction")?;
            self.interactions.insert(key, period(row, rows::INTERACTION_PERIOD, "interaction")?);
            let read = rows::INTERACTION.read(row);
            let loaded = read.map(|row| Loaded::Interaction(Some(Box::new(row))));
            batch.supply(Key::Interaction(key), loaded);
        }
        Ok(())
    }

    pub(super) fn take_sessions(
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

    pub(super) fn take_quotas(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
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

    pub(super) fn take_apps(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in answer {
            let id = ClientId::new(row.try_get(0)?).ok_or_else(|| malformed("app"))?;
            self.apps.insert(id.clone());
            let app = rows::APP.read(row).map(|app| Loaded::App(Some(Box::new(app))));
            batch.supply(Key::App(id), app);
        }
        Ok(())
    }

    pub(super) fn take_instances(
        &mut self,
        answer: &[Row],
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        for row in answer {
            let id = InstanceId::parse(row.try_get(0)?).ok_or_else(|| malformed("instance"))?;
            self.instances.insert(id.clone());
            let read = rows::INSTANCE.read(row);
            let loaded = read.map(|row| Loaded::Instance(Some(Box::new(row))));
            batch.supply(Key::Instance(id), loaded);
        }
        Ok(())
    }

    pub(super) fn take_notes(&mut self, answer: &[Row], batch: &mut Batch) -> Result<(), Fault> {
        for row in answer {
            let key = key(row, 0, Digest::from_slice, "note")?;
            self.notes.insert(key);
            let read = rows::NOTE.read(row);
            batch.supply(Key::Note(key), read.map(|row| Loaded::Note(Some(Box::new(row)))));
        }
        Ok(())
    }

    pub(super) fn take_signing_keys(&mut self, answer: &[Row], batch: &mut Batch) {
        let keys: Result<Vec<_>, _> =
            answer.iter().map(|row| rows::SIGNING_KEY.read(row)).collect();
        if let Ok(keys) = &keys {
            self.signing_keys.extend(keys.iter().map(|key| key.kid.clone()));
        }
        batch.supply(Key::SigningKeys, keys.map(Loaded::SigningKeys));
    }

    /// Supplies everything of these terminals.
    pub(super) fn take_group(
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
