//! Rows as bytes that do not depend on a backend, and sums over tables.
//!
//! Each row is hashed; the hashes are added. So the order in which two backends tell their rows does
//! not matter, and a row that is there twice does not cancel itself out. In the audit trail the order
//! is content: there a line's place is hashed with it, and its number, which is a backend's own, is
//! not.

use aws_lc_rs::digest::{SHA256, digest};
use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::records::{
    Account, CodeRecord, Grant, Session, SigningKey, Terminal, TextQuota,
};
use twinpath_core::transaction::Write;

use super::table::Row;
use crate::audit::AuditLine;
use crate::columns::{document, number, pack_texts, state_columns, terms};
use crate::error::StoreError;

/// How many rows a table has, and the sum of their hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    hashes: u128,
}

impl Sum {
    /// Adds a row. Rows of the audit trail come in order.
    pub(super) fn add(&mut self, row: &Row) -> Result<(), StoreError> {
        let mut bytes = encode(row)?;
        if matches!(row, Row::Line(_)) {
            bytes.extend(self.rows.to_be_bytes());
        }
        let hash = digest(&SHA256, &bytes);
        let (half, _) = hash.as_ref().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        self.hashes = self.hashes.wrapping_add(u128::from_be_bytes(*half));
        self.rows += 1;
        Ok(())
    }
}

/// Everything a row says, so that different rows give different bytes. The number of a line of the
/// audit trail is left out.
pub(super) fn encode(row: &Row) -> Result<Vec<u8>, StoreError> {
    let mut fields = Encoder(Vec::with_capacity(256));
    match row {
        Row::Put(Write::SigningKey(row)) => fields.signing_key(row)?,
        Row::Put(Write::App(row)) => fields.text(&document(row, "app")?),
        Row::Put(Write::Instance(row)) => fields.text(&document(row, "instance")?),
        Row::Put(Write::Terminal(row)) => fields.terminal(row),
        Row::Put(Write::Account(row)) => fields.account(row),
        Row::Put(Write::Grant(row)) => fields.grant(row)?,
        Row::Put(Write::Session(row)) => fields.session(row),
        Row::Put(Write::Code(row)) => fields.code(row),
        Row::Put(Write::Quota(row)) => fields.quota(row),
        Row::Put(Write::Jti(row)) => {
            fields.bytes(&row.key.0);
            fields.integer(row.purge_at.0);
        }
        Row::Put(Write::Interaction(row)) => fields.text(&document(row, "interaction")?),
        Row::Put(Write::Note(row)) => fields.text(&document(row, "note")?),
        Row::Line(line) => fields.line(line),
        Row::Put(
            Write::DeleteTerminal(_)
            | Write::DeleteAccount(..)
            | Write::DeleteNote(_)
            | Write::DeleteApp(_)
            | Write::DeleteSigningKey(_)
            | Write::Audit(_),
        ) => return Err(StoreError::inconsistent("no row to be copied")),
    }
    Ok(fields.0)
}

/// Each field with its length, or its absence.
struct Encoder(Vec<u8>);

impl Encoder {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend((bytes.len() as u64).to_be_bytes());
        self.0.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn integer(&mut self, integer: i64) {
        self.bytes(&integer.to_be_bytes());
    }

    /// No field is as long as this says.
    fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.0.extend([u8::MAX; 8]),
        }
    }

    fn optional_time(&mut self, at: Option<Timestamp>) {
        self.optional(at.map(|at| at.0.to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice));
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.optional(text.map(str::as_bytes));
    }

    fn code(&mut self, row: &CodeRecord) {
        let CodeRecord { key, terminal, number, route, trust, words, .. } = row;
        self.bytes(&key.0);
        self.bytes(&terminal.0);
        self.bytes(&number.0);
        self.text(&route.0);
        self.integer(number::trust(*trust));
        self.bytes(&words.0);
        self.integer(row.received_at.0);
        self.integer(row.expires_at.0);
        self.integer(row.purge_at.0);
        self.integer(number::state(row.state));
        let (grant, frozen, confirmation) = state_columns(&row.state);
        self.optional(grant.map(|grant| grant.0.as_slice()));
        self.optional(frozen.map(|frozen| frozen.0.as_slice()));
        self.optional(confirmation.map(u32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
    }

    fn terminal(&mut self, row: &Terminal) {
        let Terminal { key, number, account, created_at, proven_at } = row;
        self.bytes(&key.0);
        self.bytes(&number.0);
        self.bytes(&account.0);
        self.integer(created_at.0);
        self.integer(proven_at.0);
    }

    fn account(&mut self, row: &Account) {
        let Account { terminal, id, status, created_at, changed_at } = row;
        self.bytes(&terminal.0);
        self.bytes(&id.0);
        self.integer(number::status(*status));
        self.integer(created_at.0);
        self.integer(changed_at.0);
    }

    fn grant(&mut self, row: &Grant) -> Result<(), StoreError> {
        self.bytes(&row.terminal.0);
        self.bytes(&row.id.0);
        self.bytes(&row.account.0);
        self.text(row.client_id.as_str());
        self.text(&row.jkt);
        self.text(&row.scope);
        self.text(&document(&row.resources, "grants")?);
        self.integer(row.auth_time.0);
        self.text(&row.route.0);
        self.integer(number::trust(row.trust));
        self.optional_time(row.revoked_at);
        let refresh = &row.refresh;
        self.integer(i64::from(refresh.sequence));
        self.bytes(&refresh.hash.0);
        self.optional(refresh.previous.as_ref().map(|hash| hash.0.as_slice()));
        self.integer(i64::from(refresh.first));
        self.integer(i64::from(refresh.used));
        self.integer(row.expires_at.0);
        self.integer(row.purge_at.0);
        self.optional_text(terms(row)?.as_deref());
        Ok(())
    }

    fn session(&mut self, row: &Session) {
        self.bytes(&row.terminal.0);
        self.bytes(&row.id.0);
        self.bytes(&row.account.0);
        self.bytes(&row.cookie.0);
        self.integer(row.auth_time.0);
        self.text(&row.route.0);
        self.integer(number::trust(row.trust));
        self.integer(row.created_at.0);
        self.optional_time(row.ended_at);
        self.integer(row.expires_at.0);
        self.integer(row.purge_at.0);
    }

    fn quota(&mut self, row: &TextQuota) {
        let TextQuota { terminal, route, texts } = row;
        self.bytes(&terminal.0);
        self.text(&route.0);
        self.bytes(&pack_texts(texts));
    }

    fn signing_key(&mut self, row: &SigningKey) -> Result<(), StoreError> {
        let SigningKey { kid, private, public, created_at, signs_at, retired_at } = row;
        self.text(kid);
        self.bytes(&private.0);
        self.text(&document(public, "signing_key")?);
        self.integer(created_at.0);
        self.integer(signs_at.0);
        self.optional_time(*retired_at);
        Ok(())
    }

    fn line(&mut self, line: &AuditLine) {
        let AuditLine { id: _, at, kind, client_id, account, grant, route, reason, .. } = line;
        self.integer(at.0);
        self.text(kind);
        self.optional_text(client_id.as_ref().map(ClientId::as_str));
        self.optional_text(account.as_deref());
        self.optional_text(grant.as_deref());
        self.optional_text(route.as_deref());
        self.optional_text(reason.as_deref());
        self.optional_text(line.instance.as_deref());
        self.optional_text(line.evidence.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use twinpath_core::ids::{Digest, Timestamp};
    use twinpath_core::records::UsedJti;

    use super::*;

    fn jti(byte: u8) -> Row {
        Row::Put(Write::Jti(UsedJti { key: Digest([byte; 16]), purge_at: Timestamp(1) }))
    }

    fn line(id: i64, account: Option<&str>, grant: Option<&str>) -> Row {
        Row::Line(AuditLine {
            id,
            at: Timestamp(1),
            kind: "test".to_owned(),
            client_id: None,
            account: account.map(str::to_owned),
            grant: grant.map(str::to_owned),
            route: None,
            reason: None,
            instance: None,
            evidence: None,
        })
    }

    fn sum(rows: &[Row]) -> Sum {
        let mut sum = Sum::default();
        for row in rows {
            sum.add(row).unwrap();
        }
        sum
    }

    #[test]
    fn rows_may_come_in_any_order_but_not_twice() {
        assert_eq!(sum(&[jti(1), jti(2)]), sum(&[jti(2), jti(1)]));
        assert_ne!(sum(&[jti(1), jti(1), jti(2)]), sum(&[jti(2), jti(2), jti(2)]));
    }

    #[test]
    fn lines_have_their_order_and_not_their_numbers() {
        let (a, b) = (line(1, Some("a"), None), line(2, Some("b"), None));
        assert_eq!(sum(&[a.clone(), b.clone()]), sum(&[line(7, Some("a"), None), b.clone()]));
        assert_ne!(sum(&[a.clone(), b.clone()]), sum(&[b, a]));
    }

    #[test]
    fn what_is_not_there_is_not_empty_and_fields_do_not_run_together() {
        let lines = [
            line(1, None, None),
            line(1, Some(""), None),
            line(1, None, Some("")),
            line(1, Some("ab"), Some("c")),
            line(1, Some("a"), Some("bc")),
        ];
        for (at, one) in lines.iter().enumerate() {
            assert!(lines.iter().skip(at + 1).all(|other| encode(one) != encode(other)));
        }
    }
}
