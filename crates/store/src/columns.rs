//! Rows are parsed, not trusted: whatever a column holds, the answer is a typed row or an error with
//! the table's name, never a panic. Every backend selects the columns of a table in the same order,
//! the one of the parsers below, and puts by the same conversions.

mod select;
mod sign_in;

use std::sync::Arc;

use serde::Serialize;
use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, RouteName, TerminalKey, Timestamp,
};
use twinpath_core::records::{
    Account, AccountStatus, App, CodeRecord, CodeState, Grant, Instance, Note, RefreshState,
    Sealed, SigningKey, Terminal, TextQuota, Trust, UsedJti,
};

use crate::audit::AuditLine;
use crate::error::StoreError;

pub(crate) use select::select;
pub(crate) use sign_in::{interaction, session, terms};

pub(crate) mod number {
    //! The numbers by which enumerations are stored.
    use super::{AccountStatus, CodeState, Trust};

    pub(crate) fn trust(trust: Trust) -> i64 {
        match trust {
            Trust::Test => 0,
            Trust::Aggregator => 1,
            Trust::Operator => 2,
        }
    }

    pub(crate) fn status(status: AccountStatus) -> i64 {
        match status {
            AccountStatus::Active => 0,
            AccountStatus::Blocked => 1,
            AccountStatus::Replaced => 2,
        }
    }

    pub(crate) fn state(state: CodeState) -> i64 {
        match state {
            CodeState::Recorded => 0,
            CodeState::Redeemed { .. } => 1,
            CodeState::Refused => 2,
            CodeState::Voided { .. } => 3,
            // 4 is a claim of the PostgreSQL backend.
            CodeState::Confirming { .. } => 5,
        }
    }
}

/// One row of a result, as a driver gives it. `None`: the column holds something else.
pub(crate) trait Columns {
    fn integer(&self, column: usize) -> Option<i64>;
    fn blob(&self, column: usize) -> Option<&[u8]>;
    fn text(&self, column: usize) -> Option<&str>;
    fn is_null(&self, column: usize) -> bool;
    fn name(&self, column: usize) -> Option<&str>;
}

/// A row of a named table.
pub(crate) struct Fields<'r> {
    table: &'static str,
    row: &'r dyn Columns,
}

pub(crate) type Parsed<T> = Result<T, StoreError>;

impl<'r> Fields<'r> {
    pub(crate) fn new(table: &'static str, row: &'r dyn Columns) -> Self {
        Self { table, row }
    }

    fn malformed(&self, what: &str) -> StoreError {
        StoreError::Inconsistent(format!("malformed row in table {}: {what}", self.table))
    }

    pub(crate) fn at_fault(&self, column: usize) -> StoreError {
        self.malformed(self.row.name(column).unwrap_or("a missing column"))
    }

    pub(crate) fn integer(&self, column: usize) -> Parsed<i64> {
        self.row.integer(column).ok_or_else(|| self.at_fault(column))
    }

    fn unsigned(&self, column: usize) -> Parsed<u32> {
        u32::try_from(self.integer(column)?).map_err(|_| self.at_fault(column))
    }

    pub(crate) fn time(&self, column: usize) -> Parsed<Timestamp> {
        self.integer(column).map(Timestamp)
    }

    fn blob(&self, column: usize) -> Parsed<&'r [u8]> {
        self.row.blob(column).ok_or_else(|| self.at_fault(column))
    }

    fn sealed(&self, column: usize) -> Parsed<Sealed> {
        self.blob(column).map(|bytes| Sealed(bytes.to_vec()))
    }

    fn text(&self, column: usize) -> Parsed<&'r str> {
        self.row.text(column).ok_or_else(|| self.at_fault(column))
    }

    fn string(&self, column: usize) -> Parsed<String> {
        self.text(column).map(str::to_owned)
    }

    fn route(&self, column: usize) -> Parsed<RouteName> {
        self.text(column).map(|name| RouteName(Arc::from(name)))
    }

    fn client_id(&self, column: usize) -> Parsed<ClientId> {
        ClientId::new(self.text(column)?).ok_or_else(|| self.at_fault(column))
    }

    fn bytes16<T>(&self, column: usize, make: fn(&[u8]) -> Option<T>) -> Parsed<T> {
        make(self.blob(column)?).ok_or_else(|| self.at_fault(column))
    }

    fn choice<T: Copy>(&self, column: usize, choices: &[T]) -> Parsed<T> {
        let index = usize::try_from(self.integer(column)?).ok();
        index.and_then(|at| choices.get(at)).copied().ok_or_else(|| self.at_fault(column))
    }

    fn trust(&self, column: usize) -> Parsed<Trust> {
        self.choice(column, &[Trust::Test, Trust::Aggregator, Trust::Operator])
    }

    pub(crate) fn optional<T>(
        &self,
        column: usize,
        read: impl FnOnce(&Self, usize) -> Parsed<T>,
    ) -> Parsed<Option<T>> {
        if self.row.is_null(column) { Ok(None) } else { read(self, column).map(Some) }
    }

    fn optional16<T>(&self, column: usize, make: fn(&[u8]) -> Option<T>) -> Parsed<Option<T>> {
        self.optional(column, |row, column| row.bytes16(column, make))
    }
}

pub(crate) fn code(row: &Fields<'_>) -> Parsed<CodeRecord> {
    Ok(CodeRecord {
        key: row.bytes16(0, CodeKey::from_slice)?,
        terminal: row.bytes16(1, TerminalKey::from_slice)?,
        number: row.sealed(2)?,
        route: row.route(3)?,
        trust: row.trust(4)?,
        words: row.bytes16(5, Digest::from_slice)?,
        received_at: row.time(6)?,
        expires_at: row.time(7)?,
        state: code_state(row)?,
        purge_at: row.time(11)?,
    })
}

/// Of a redeemed code that was confirmed, its column `confirmation`.
const CONFIRMED: u32 = 0;

/// A code's columns `grant_id`, `frozen` and `confirmation`.
pub(crate) fn state_columns(state: &CodeState) -> (Option<&GrantId>, Option<&Digest>, Option<u32>) {
    match state {
        CodeState::Recorded | CodeState::Refused => (None, None, None),
        CodeState::Redeemed { grant, frozen, confirmed } => {
            (Some(grant), Some(frozen), confirmed.then_some(CONFIRMED))
        }
        CodeState::Confirming { grant, frozen, attempts } => {
            (Some(grant), Some(frozen), Some(u32::from(*attempts)))
        }
        CodeState::Voided { grant } => (grant.as_ref(), None, None),
    }
}

fn code_state(row: &Fields<'_>) -> Parsed<CodeState> {
    let grant = row.optional16(9, GrantId::from_slice)?;
    let frozen = row.optional16(10, Digest::from_slice)?;
    let confirmation = row.optional(12, Fields::unsigned)?;
    match (row.integer(8)?, grant, frozen, confirmation) {
        (0, None, None, None) => Ok(CodeState::Recorded),
        (1, Some(grant), Some(frozen), None | Some(CONFIRMED)) => {
            Ok(CodeState::Redeemed { grant, frozen, confirmed: confirmation.is_some() })
        }
        (2, None, None, None) => Ok(CodeState::Refused),
        (3, grant, None, None) => Ok(CodeState::Voided { grant }),
        (5, Some(grant), Some(frozen), Some(attempts)) => {
            let attempts = u8::try_from(attempts).map_err(|_| row.at_fault(12))?;
            Ok(CodeState::Confirming { grant, frozen, attempts })
        }
        _ => Err(row.malformed("state")),
    }
}

pub(crate) fn terminal(row: &Fields<'_>) -> Parsed<Terminal> {
    Ok(Terminal {
        key: row.bytes16(0, TerminalKey::from_slice)?,
        number: row.sealed(1)?,
        account: row.bytes16(2, AccountId::from_slice)?,
        created_at: row.time(3)?,
        proven_at: row.time(4)?,
    })
}

pub(crate) fn account(row: &Fields<'_>) -> Parsed<Account> {
    let statuses = [AccountStatus::Active, AccountStatus::Blocked, AccountStatus::Replaced];
    Ok(Account {
        terminal: row.bytes16(0, TerminalKey::from_slice)?,
        id: row.bytes16(1, AccountId::from_slice)?,
        status: row.choice(2, &statuses)?,
        created_at: row.time(3)?,
        changed_at: row.time(4)?,
    })
}

pub(crate) fn grant(row: &Fields<'_>) -> Parsed<Grant> {
    Ok(Grant {
        terminal: row.bytes16(0, TerminalKey::from_slice)?,
        id: row.bytes16(1, GrantId::from_slice)?,
        account: row.bytes16(2, AccountId::from_slice)?,
        client_id: row.client_id(3)?,
        jkt: row.string(4)?,
        scope: row.string(5)?,
        resources: serde_json::from_str(row.text(6)?).map_err(|_| row.at_fault(6))?,
        auth_time: row.time(7)?,
        route: row.route(8)?,
        trust: row.trust(9)?,
        revoked_at: row.optional(10, Fields::time)?,
        refresh: RefreshState {
            sequence: row.unsigned(11)?,
            hash: row.bytes16(12, Digest::from_slice)?,
            previous: row.optional16(13, Digest::from_slice)?,
            first: row.unsigned(14)?,
            used: row.choice(15, &[false, true])?,
        },
        expires_at: row.time(16)?,
        purge_at: row.time(17)?,
        terms: row.optional(18, sign_in::terms_at)?,
    })
}

pub(crate) fn quota(row: &Fields<'_>) -> Parsed<TextQuota> {
    Ok(TextQuota {
        terminal: row.bytes16(0, TerminalKey::from_slice)?,
        route: row.route(1)?,
        texts: unpack_texts(row.blob(2)?).ok_or_else(|| row.at_fault(2))?,
    })
}

/// Each text: 16 bytes of key, 8 bytes of milliseconds, big-endian.
pub(crate) fn pack_texts(texts: &[(CodeKey, Timestamp)]) -> Vec<u8> {
    let pack = |(key, at): &(CodeKey, Timestamp)| key.0.into_iter().chain(at.0.to_be_bytes());
    texts.iter().flat_map(pack).collect()
}

pub(crate) fn unpack_texts(packed: &[u8]) -> Option<Vec<(CodeKey, Timestamp)>> {
    let unpack = |entry: &[u8]| {
        let (key, at) = entry.split_at_checked(16)?;
        let at = i64::from_be_bytes(at.try_into().ok()?);
        Some((CodeKey::from_slice(key)?, Timestamp(at)))
    };
    packed.chunks(24).map(unpack).collect()
}

pub(crate) fn jti(row: &Fields<'_>) -> Parsed<UsedJti> {
    Ok(UsedJti { key: row.bytes16(0, Digest::from_slice)?, purge_at: row.time(1)? })
}

pub(crate) fn app(row: &Fields<'_>) -> Parsed<App> {
    let app: App = serde_json::from_str(row.text(1)?).map_err(|_| row.at_fault(1))?;
    if app.client_id == row.client_id(0)? { Ok(app) } else { Err(row.at_fault(0)) }
}

pub(crate) fn instance(row: &Fields<'_>) -> Parsed<Instance> {
    let instance: Instance = serde_json::from_str(row.text(1)?).map_err(|_| row.at_fault(1))?;
    if instance.id.to_string() == row.text(0)? { Ok(instance) } else { Err(row.at_fault(0)) }
}

/// The kind in its column is the document's, or the row would be listed wrongly.
pub(crate) fn note(row: &Fields<'_>) -> Parsed<Note> {
    let note = Note {
        key: row.bytes16(0, Digest::from_slice)?,
        listed_at: row.optional(2, Fields::time)?,
        content: serde_json::from_str(row.text(3)?).map_err(|_| row.at_fault(3))?,
        purge_at: row.time(4)?,
    };
    if note.content.kind().as_str() == row.text(1)? { Ok(note) } else { Err(row.at_fault(1)) }
}

pub(crate) fn signing_key(row: &Fields<'_>) -> Parsed<SigningKey> {
    Ok(SigningKey {
        kid: row.string(0)?,
        private: row.sealed(1)?,
        public: serde_json::from_str(row.text(2)?).map_err(|_| row.at_fault(2))?,
        created_at: row.time(3)?,
        // What a program of before made signs from the start.
        signs_at: row.optional(5, Fields::time)?.map_or_else(|| row.time(3), Ok)?,
        retired_at: row.optional(4, Fields::time)?,
    })
}

pub(crate) fn audit(row: &Fields<'_>) -> Parsed<AuditLine> {
    Ok(AuditLine {
        id: row.integer(0)?,
        at: row.time(1)?,
        kind: row.string(2)?,
        client_id: row.optional(3, Fields::client_id)?,
        account: row.optional(4, Fields::string)?,
        grant: row.optional(5, Fields::string)?,
        route: row.optional(6, Fields::string)?,
        reason: row.optional(7, Fields::string)?,
        instance: row.optional(8, Fields::string)?,
        evidence: row.optional(9, Fields::string)?,
    })
}

/// How long after its newest text a quota says nothing any more: it counts one hour, the rest allows
/// for clocks that differ.
const QUOTA_KEPT_SECONDS: i64 = 2 * 3600;

/// When a quota may be forgotten.
pub(crate) fn quota_purge_at(row: &TextQuota) -> Timestamp {
    let newest = row.texts.iter().map(|(_, at)| *at).max().unwrap_or_default();
    newest.plus_seconds(QUOTA_KEPT_SECONDS)
}

/// A column that is a JSON document.
pub(crate) fn document(value: &impl Serialize, table: &str) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|_| StoreError::Inconsistent(format!("a row of table {table} has no JSON form")))
}

/// A counter in table `meta`.
pub(crate) fn version(row: &Fields<'_>) -> Parsed<u64> {
    u64::try_from(row.integer(0)?).map_err(|_| row.at_fault(0))
}
