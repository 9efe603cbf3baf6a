//! The writes of a batch, at most one for each row: the last one wins.

use std::collections::HashMap;

use twinpath_core::ids::{CodeKey, Digest, GrantId, InstanceId, SessionId, TerminalKey};
use twinpath_core::transaction::{Key, Rows, Write};

/// Collects writes in order, and drops those that a later one replaces.
#[derive(Default)]
pub(crate) struct WriteSet {
    writes: Vec<Option<Write>>,
    latest: HashMap<RowId, usize>,
}

impl WriteSet {
    pub(crate) fn push(&mut self, write: Write) {
        if let Some(row) = RowId::of(&write) {
            let replaced = self.latest.insert(row, self.writes.len());
            if let Some(slot) = replaced.and_then(|at| self.writes.get_mut(at)) {
                *slot = None;
            }
        }
        self.writes.push(Some(write));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().flatten()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

/// Whether the row of this write was read.
pub(crate) fn was_read(rows: &Rows, write: &Write) -> bool {
    RowId::of(write).is_none_or(|row| match row {
        RowId::Key(key) => rows.knows(&key),
        RowId::Grant(terminal, _) => rows.knows(&Key::Grants(terminal)),
        RowId::Session(terminal, _) => rows.knows(&Key::Sessions(terminal)),
        RowId::SigningKey(_) => rows.knows(&Key::SigningKeys),
    })
}

/// By what a row is spread over machines. The rows that one step writes share it, so that no step
/// would need a transaction of two machines.
#[derive(PartialEq, Eq)]
pub(crate) enum Shard {
    Code(CodeKey),
    Terminal(TerminalKey),
    Jti(Digest),
    Interaction(Digest),
    Instance(InstanceId),
    Note(Digest),
    /// Apps and signing keys: few, and everywhere.
    Registry,
}

impl Shard {
    /// `None` for an append, which may go anywhere.
    pub(crate) fn of(write: &Write) -> Option<Self> {
        Some(match write {
            Write::Code(row) => Self::Code(row.key),
            Write::Jti(row) => Self::Jti(row.key),
            Write::Interaction(row) => Self::Interaction(row.key),
            Write::Instance(row) => Self::Instance(row.id.clone()),
            Write::Note(row) => Self::Note(row.key),
            Write::DeleteNote(key) => Self::Note(*key),
            Write::Terminal(row) => Self::Terminal(row.key),
            Write::Account(row) => Self::Terminal(row.terminal),
            Write::Grant(row) => Self::Terminal(row.terminal),
            Write::Session(row) => Self::Terminal(row.terminal),
            Write::Quota(row) => Self::Terminal(row.terminal),
            Write::DeleteTerminal(key) | Write::DeleteAccount(key, _) => Self::Terminal(*key),
            Write::App(_)
            | Write::DeleteApp(_)
            | Write::SigningKey(_)
            | Write::DeleteSigningKey(_) => Self::Registry,
            Write::Audit(_) => return None,
        })
    }
}

/// Identity of the one row that a write touches; finer than [`Key`] where a key names a set.
#[derive(PartialEq, Eq, Hash)]
enum RowId {
    Key(Key),
    Grant(TerminalKey, GrantId),
    Session(TerminalKey, SessionId),
    SigningKey(String),
}

impl RowId {
    /// `None` for an append.
    fn of(write: &Write) -> Option<Self> {
        Some(Self::Key(match write {
            Write::Code(row) => Key::Code(row.key),
            Write::Terminal(row) => Key::Terminal(row.key),
            Write::Account(row) => Key::Account(row.terminal, row.id),
            Write::Quota(row) => Key::Quota(row.terminal, row.route.clone()),
            Write::Jti(row) => Key::Jti(row.key),
            Write::Interaction(row) => Key::Interaction(row.key),
            Write::App(row) => Key::App(row.client_id.clone()),
            Write::Instance(row) => Key::Instance(row.id.clone()),
            Write::Note(row) => Key::Note(row.key),
            Write::DeleteNote(key) => Key::Note(*key),
            Write::DeleteTerminal(key) => Key::Terminal(*key),
            Write::DeleteAccount(terminal, id) => Key::Account(*terminal, *id),
            Write::DeleteApp(id) => Key::App(id.clone()),
            Write::Grant(row) => return Some(Self::Grant(row.terminal, row.id)),
            Write::Session(row) => return Some(Self::Session(row.terminal, row.id)),
            Write::SigningKey(row) => return Some(Self::SigningKey(row.kid.clone())),
            Write::DeleteSigningKey(kid) => return Some(Self::SigningKey(kid.clone())),
            Write::Audit(_) => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use twinpath_core::ids::{ClientId, Timestamp};
    use twinpath_core::records::UsedJti;

    use super::*;

    fn jti(byte: u8, at: i64) -> Write {
        Write::Jti(UsedJti { key: Digest([byte; 16]), purge_at: Timestamp(at) })
    }

    #[test]
    fn the_last_write_of_a_row_wins() {
        let mut set = WriteSet::default();
        for write in [jti(1, 1), jti(2, 1), jti(1, 2)] {
            set.push(write);
        }
        let left: Vec<_> = set.iter().cloned().collect();
        assert_eq!(left, [jti(2, 1), jti(1, 2)]);
    }

    #[test]
    fn a_row_that_was_never_asked_for_was_not_read() {
        let id = ClientId::new("app").unwrap();
        assert!(!was_read(&Rows::new(), &Write::DeleteApp(id)));
    }
}
