//! Installations of apps.

use super::{Flush, Sorted};
use crate::columns::document;
use crate::error::StoreError;
use crate::postgres::connection::Call;
use crate::postgres::load::Snapshot;

impl<'w> Flush<'w> {
    pub(super) fn instances(
        &mut self,
        snapshot: &Snapshot,
        sorted: &'w Sorted<'w>,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO instance (id, document, purge_at, due) \
            SELECT id, document, purge_at, purge_at \
            FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (id, document, purge_at)";
        const UPDATE: &str = "UPDATE instance i SET document = u.document, purge_at = u.purge_at \
            FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (id, document, purge_at) \
            WHERE i.id = u.id";
        let mut insert = (Vec::new(), Vec::new(), Vec::new());
        let mut update = (Vec::new(), Vec::new(), Vec::new());
        for (id, row) in &sorted.instances {
            let known = snapshot.instances.contains(*id);
            let (ids, documents, times) = if known { &mut update } else { &mut insert };
            ids.push(id.to_string());
            documents.push(document(row, "instance")?);
            times.push(row.purge_at.0);
        }
        for (sql, (ids, documents, times)) in [(INSERT, insert), (UPDATE, update)] {
            if !ids.is_empty() {
                self.calls.push(Call::new(sql).with(ids).with(documents).with(times));
            }
        }
        Ok(())
    }
}
