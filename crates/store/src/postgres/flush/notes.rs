//! Short-lived documents.

use twinpath_core::ids::Digest;

use super::{Flush, Sorted};
use crate::columns::document;
use crate::error::StoreError;
use crate::postgres::connection::Call;
use crate::postgres::load::Snapshot;

impl<'w> Flush<'w> {
    pub(super) fn notes(
        &mut self,
        snapshot: &Snapshot,
        sorted: &'w Sorted<'w>,
    ) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO note (key, kind, listed_at, document, purge_at, due) \
            SELECT key, kind, listed_at, document, purge_at, purge_at \
            FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) \
            AS u (key, kind, listed_at, document, purge_at)";
        const UPDATE: &str = "UPDATE note n SET kind = u.kind, listed_at = u.listed_at, \
            document = u.document, purge_at = u.purge_at \
            FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) \
            AS u (key, kind, listed_at, document, purge_at) WHERE n.key = u.key";
        const DELETE: &str = "DELETE FROM note WHERE key = ANY($1)";
        columns! {
            key: &'w [u8], kind: &'static str, listed_at: Option<i64>, document: String,
            purge_at: i64,
        }
        let (mut inserts, mut updates) = (Columns::default(), Columns::default());
        let mut deletes: Vec<&[u8]> = Vec::new();
        for (key, row) in &sorted.notes {
            let known = snapshot.notes.contains(&Digest(*key));
            let Some(row) = row else {
                deletes.extend(known.then_some(key.as_slice()));
                continue;
            };
            let columns = if known { &mut updates } else { &mut inserts };
            columns.push((
                key.as_slice(),
                row.content.kind().as_str(),
                row.listed_at.map(|at| at.0),
                document(&row.content, "note")?,
                row.purge_at.0,
            ));
        }
        self.push((!inserts.is_empty()).then(|| inserts.call(INSERT)));
        self.push((!updates.is_empty()).then(|| updates.call(UPDATE)));
        self.push((!deletes.is_empty()).then(|| Call::new(DELETE).with(deletes)));
        Ok(())
    }
}
