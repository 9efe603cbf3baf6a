//! Rows of terminals: numbers, accounts, grants, sessions.

use std::collections::BTreeMap;

use twinpath_core::ids::{TerminalKey, Timestamp};
use twinpath_core::records::Terminal;

use super::{Flush, Sorted, small};
use crate::columns::{document, number, terms};
use crate::error::StoreError;
use crate::postgres::connection::Call;
use crate::postgres::load::Snapshot;

/// The row of a terminal without content is forgotten a day after its erasure.
const ERASED_KEPT_SECONDS: i64 = 24 * 3600;

impl<'w> Flush<'w> {
    /// Every terminal of which any row changes is written: see `schema`.
    pub(super) fn terminals(
        &mut self,
        snapshot: &Snapshot,
        sorted: &'w Sorted<'w>,
        now: Timestamp,
    ) {
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

    pub(super) fn accounts(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
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

    pub(super) fn grants(
        &mut self,
        snapshot: &Snapshot,
        sorted: &'w Sorted<'w>,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO grants (terminal, id, account, client_id, jkt, scope, \
            resources, auth_time, route, trust, revoked_at, sequence, hash, previous, first, \
            used, expires_at, purge_at, terms, due) \
            SELECT *, purge_at FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], \
            $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::smallint[], \
            $11::bigint[], $12::bigint[], $13::bytea[], $14::bytea[], $15::bigint[], \
            $16::smallint[], $17::bigint[], $18::bigint[], $19::text[]) AS u (terminal, id, \
            account, client_id, jkt, scope, resources, auth_time, route, trust, revoked_at, sequence, \
            hash, previous, first, used, expires_at, purge_at, terms)";
        const UPDATE: &str = "UPDATE grants g SET account = u.account, \
            client_id = u.client_id, jkt = u.jkt, scope = u.scope, resources = u.resources, \
            auth_time = u.auth_time, route = u.route, trust = u.trust, \
            revoked_at = u.revoked_at, sequence = u.sequence, hash = u.hash, \
            previous = u.previous, first = u.first, used = u.used, expires_at = u.expires_at, \
            purge_at = u.purge_at, terms = u.terms, due = least(g.due, u.purge_at) \
            FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], \
            $6::text[], $7::text[], $8::bigint[], $9::text[], $10::smallint[], $11::bigint[], \
            $12::bigint[], $13::bytea[], $14::bytea[], $15::bigint[], $16::smallint[], \
            $17::bigint[], $18::bigint[], $19::text[]) AS u (terminal, id, account, client_id, \
            jkt, scope, resources, auth_time, route, trust, revoked_at, sequence, hash, previous, first, \
            used, expires_at, purge_at, terms) WHERE g.terminal = u.terminal AND g.id = u.id";
        columns! {
            terminal: &'w [u8], id: &'w [u8], account: &'w [u8], client_id: &'w str, jkt: &'w str,
            scope: &'w str, resources: String, auth_time: i64, route: &'w str, trust: i16,
            revoked_at: Option<i64>, sequence: i64, hash: &'w [u8], previous: Option<&'w [u8]>,
            first: i64, used: i16, expires_at: i64, purge_at: i64, terms: Option<String>,
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
                terms(row)?,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
        Ok(())
    }

    pub(super) fn sessions(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
        const INSERT: &str = "INSERT INTO session (terminal, id, account, cookie, auth_time, \
            route, trust, created_at, ended_at, expires_at, purge_at, due) \
            SELECT *, purge_at FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], \
            $5::bigint[], $6::text[], $7::smallint[], $8::bigint[], $9::bigint[], $10::bigint[], \
            $11::bigint[]) AS u (terminal, id, account, cookie, auth_time, route, trust, \
            created_at, ended_at, expires_at, purge_at)";
        const UPDATE: &str = "UPDATE session s SET account = u.account, cookie = u.cookie, \
            auth_time = u.auth_time, route = u.route, trust = u.trust, \
            created_at = u.created_at, ended_at = u.ended_at, expires_at = u.expires_at, \
            purge_at = u.purge_at, due = least(s.due, u.purge_at) \
            FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[], \
            $6::text[], $7::smallint[], $8::bigint[], $9::bigint[], $10::bigint[], \
            $11::bigint[]) AS u (terminal, id, account, cookie, auth_time, route, trust, \
            created_at, ended_at, expires_at, purge_at) \
            WHERE s.terminal = u.terminal AND s.id = u.id";
        columns! {
            terminal: &'w [u8], id: &'w [u8], account: &'w [u8], cookie: &'w [u8], auth_time: i64,
            route: &'w str, trust: i16, created_at: i64, ended_at: Option<i64>, expires_at: i64,
            purge_at: i64,
        }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for ((terminal, id), row) in &sorted.sessions {
            let exists = snapshot.sessions.contains(&(*terminal, *id));
            let columns = if exists { &mut updates } else { &mut inserts };
            columns.push((
                terminal.0.as_slice(),
                id.0.as_slice(),
                row.account.0.as_slice(),
                row.cookie.0.as_slice(),
                row.auth_time.0,
                row.route.0.as_ref(),
                small(number::trust(row.trust)),
                row.created_at.0,
                row.ended_at.map(|at| at.0),
                row.expires_at.0,
                row.purge_at.0,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
    }
}
