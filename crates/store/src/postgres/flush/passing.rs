//! Rows that pass with their partition: codes, quotas, used identifiers, authorization requests.

use std::sync::Arc;

use twinpath_core::ids::RouteName;

use super::{Flush, Sorted, small};
use crate::columns::{document, number, pack_texts, quota_purge_at, state_columns};
use crate::error::StoreError;
use crate::postgres::connection::Call;
use crate::postgres::load::Snapshot;
use crate::postgres::partitions::{Parent, claim};

/// The number of a claim among a code's states; see `partitions`.
const CLAIM: i16 = 4;

impl<'w> Flush<'w> {
    pub(super) fn codes(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
        const INSERT: &str = "INSERT INTO code (key, terminal, number, route, trust, words, \
            received_at, expires_at, state, grant_id, frozen, purge_at, confirmation, period) \
            SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], \
            $5::smallint[], $6::bytea[], $7::bigint[], $8::bigint[], $9::smallint[], \
            $10::bytea[], $11::bytea[], $12::bigint[], $13::smallint[], $14::integer[])";
        const UPDATE: &str = "UPDATE code c SET terminal = u.terminal, number = u.number, \
            route = u.route, trust = u.trust, words = u.words, received_at = u.received_at, \
            expires_at = u.expires_at, state = u.state, grant_id = u.grant_id, \
            frozen = u.frozen, purge_at = u.purge_at, confirmation = u.confirmation \
            FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::smallint[], \
            $6::bytea[], $7::bigint[], $8::bigint[], $9::smallint[], $10::bytea[], \
            $11::bytea[], $12::bigint[], $13::smallint[], $14::integer[]) AS u (key, terminal, number, route, \
            trust, words, received_at, expires_at, state, grant_id, frozen, purge_at, confirmation, period) \
            WHERE c.key = u.key AND c.period = u.period";
        columns! {
            key: &'w [u8], terminal: &'w [u8], number: &'w [u8], route: &'w str, trust: i16,
            words: &'w [u8], received_at: i64, expires_at: i64, state: i16,
            grant_id: Option<&'w [u8]>, frozen: Option<&'w [u8]>, purge_at: i64,
            confirmation: Option<i16>, period: i32,
        }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for row in sorted.codes.values() {
            let (grant, frozen, confirmation) = state_columns(&row.state);
            let confirmation = confirmation.map(|number| small(i64::from(number)));
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
                    grant.map(|grant| grant.0.as_slice()),
                    frozen.map(|frozen| frozen.0.as_slice()),
                    row.purge_at.0,
                    confirmation,
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

    pub(super) fn quotas(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
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
            let known: Option<i32> =
                snapshot.quotas.get(&(row.terminal, RouteName(Arc::clone(&row.route.0)))).copied();
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

    pub(super) fn jtis(&mut self, snapshot: &Snapshot, sorted: &'w Sorted<'w>) {
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

    /// A row's period is that of its beginning, so every later put finds it where it was inserted.
    /// Its key is random and told to no one before the insert is durable: no two inserts can meet.
    pub(super) fn interactions(
        &mut self,
        snapshot: &Snapshot,
        sorted: &'w Sorted<'w>,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO interaction (key, period, document, purge_at) \
            SELECT * FROM unnest($1::bytea[], $2::integer[], $3::text[], $4::bigint[])";
        const UPDATE: &str = "UPDATE interaction i SET document = u.document, \
            purge_at = u.purge_at FROM unnest($1::bytea[], $2::integer[], $3::text[], \
            $4::bigint[]) AS u (key, period, document, purge_at) \
            WHERE i.key = u.key AND i.period = u.period";
        columns! { key: &'w [u8], period: i32, document: String, purge_at: i64 }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        for row in sorted.interactions.values() {
            let (columns, period) = if let Some(period) = snapshot.interactions.get(&row.key) {
                (&mut updates, *period)
            } else {
                let period = Parent::Interaction.period(row.created_at);
                self.goes_to(Parent::Interaction, period);
                (&mut inserts, period)
            };
            self.lasts(Parent::Interaction, period, row.purge_at);
            let document = document(row, "interaction")?;
            columns.push((row.key.0.as_slice(), period, document, row.purge_at.0));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
        Ok(())
    }
}
