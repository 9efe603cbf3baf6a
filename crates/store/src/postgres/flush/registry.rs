//! Apps, signing keys, and the audit trail.

use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::records::Evidence;

use super::{Flush, LineNumbers, Sorted};
use crate::columns::document;
use crate::error::StoreError;
use crate::postgres::connection::Call;
use crate::postgres::load::Snapshot;
use crate::postgres::partitions::Parent;

impl<'w> Flush<'w> {
    /// Apps and signing keys: rare, one statement each. All writers meet in the version's row.
    pub(super) fn registry(
        &mut self,
        snapshot: &Snapshot,
        sorted: &'w Sorted<'w>,
    ) -> Result<(), StoreError> {
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
            let Some(row) = row else {
                let delete = "DELETE FROM signing_key WHERE kid = $1";
                self.calls.push(Call::new(delete).with(*kid));
                continue;
            };
            let sql = if snapshot.signing_keys.contains(*kid) {
                "UPDATE signing_key SET private = $2, public = $3, created_at = $4, \
                 signs_at = $5, retired_at = $6 WHERE kid = $1"
            } else {
                "INSERT INTO signing_key (kid, private, public, created_at, signs_at, retired_at) \
                 VALUES ($1, $2, $3, $4, $5, $6)"
            };
            let call = Call::new(sql)
                .with(*kid)
                .with(row.private.0.as_slice())
                .with(document(&row.public, "signing_key")?)
                .with(row.created_at.0)
                .with(row.signs_at.0)
                .with(row.retired_at.map(|at| at.0));
            self.calls.push(call);
        }
        self.calls.push(Call::new("SELECT pg_notify('twinpath_registry', '')"));
        Ok(())
    }

    pub(super) fn audit(
        &mut self,
        sorted: &'w Sorted<'w>,
        now: Timestamp,
        numbers: &mut LineNumbers,
    ) {
        const INSERT: &str = "INSERT INTO audit (id, period, at, kind, client_id, account, \
            grant_id, route, reason, instance, evidence) SELECT * FROM unnest($1::bigint[], \
            $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], \
            $8::text[], $9::text[], $10::text[], $11::text[])";
        columns! {
            id: i64, period: i32, at: i64, kind: &'w str, client_id: Option<&'w str>,
            account: Option<&'w str>, grant_id: Option<&'w str>, route: Option<&'w str>,
            reason: Option<&'w str>, instance: Option<&'w str>, evidence: Option<&'w str>,
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
                event.instance.as_deref(),
                event.evidence.map(Evidence::as_str),
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
    }
}
