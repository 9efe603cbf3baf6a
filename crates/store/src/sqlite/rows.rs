//! Selections, and rows as the driver gives them.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use twinpath_core::records::{
    Account, App, CodeRecord, Grant, Instance, Interaction, Note, Session, SigningKey, Terminal,
    TextQuota, UsedJti,
};

use crate::audit::AuditLine;
use crate::columns::{
    Columns, Fields, Parsed, account, app, audit, code, grant, instance, interaction, jti, note,
    quota, select, session, signing_key, terminal, version,
};

impl Columns for Row<'_> {
    fn integer(&self, column: usize) -> Option<i64> {
        self.get_ref(column).ok()?.as_i64().ok()
    }

    fn blob(&self, column: usize) -> Option<&[u8]> {
        self.get_ref(column).ok()?.as_blob().ok()
    }

    fn text(&self, column: usize) -> Option<&str> {
        self.get_ref(column).ok()?.as_str().ok()
    }

    fn is_null(&self, column: usize) -> bool {
        matches!(self.get_ref(column), Ok(ValueRef::Null))
    }

    fn name(&self, column: usize) -> Option<&str> {
        self.as_ref().column_name(column).ok()
    }
}

/// A selection whose columns `parse` understands. The two stand together below, because columns go
/// by position.
pub(super) struct Query<T> {
    pub(super) table: &'static str,
    pub(super) sql: &'static str,
    pub(super) parse: fn(&Fields<'_>) -> Parsed<T>,
}

pub(super) const CODE: Query<CodeRecord> =
    Query { table: "code", sql: select!(code, "WHERE key = ?1"), parse: code };

pub(super) const TERMINAL: Query<Terminal> = Query {
    table: "terminal",
    sql: "SELECT key, number, account, created_at, proven_at FROM terminal WHERE key = ?1",
    parse: terminal,
};

pub(super) const ACCOUNT: Query<Account> = Query {
    table: "account",
    sql: select!(account, "WHERE terminal = ?1 AND id = ?2"),
    parse: account,
};

pub(super) const GRANT: Query<Grant> =
    Query { table: "grants", sql: select!(grants, "WHERE terminal = ?1"), parse: grant };

pub(super) const SESSION: Query<Session> =
    Query { table: "session", sql: select!(session, "WHERE terminal = ?1"), parse: session };

pub(super) const QUOTA: Query<TextQuota> = Query {
    table: "quota",
    sql: "SELECT terminal, route, texts FROM quota WHERE terminal = ?1 AND route = ?2",
    parse: quota,
};

pub(super) const JTI: Query<UsedJti> =
    Query { table: "jti", sql: "SELECT key, purge_at FROM jti WHERE key = ?1", parse: jti };

pub(super) const INTERACTION: Query<Interaction> = Query {
    table: "interaction",
    sql: "SELECT key, document FROM interaction WHERE key = ?1",
    parse: interaction,
};

pub(super) const APP: Query<App> = Query {
    table: "app",
    sql: "SELECT client_id, document FROM app WHERE client_id = ?1",
    parse: app,
};

pub(super) const INSTANCE: Query<Instance> = Query {
    table: "instance",
    sql: "SELECT id, document FROM instance WHERE id = ?1",
    parse: instance,
};

pub(super) const NOTE: Query<Note> =
    Query { table: "note", sql: select!(note, "WHERE key = ?1"), parse: note };

pub(super) const NOTES: Query<Note> = Query {
    table: "note",
    sql: select!(
        note,
        "WHERE kind = ?1 AND (listed_at, key) > (?2, ?3) AND listed_at <= ?4 \
        ORDER BY listed_at, key LIMIT ?5"
    ),
    parse: note,
};

pub(super) const SIGNING_KEY: Query<SigningKey> = Query {
    table: "signing_key",
    sql: select!(signing_key, "ORDER BY created_at, kid"),
    parse: signing_key,
};

pub(super) const ACCOUNT_BY_ID: Query<Account> = Query {
    table: "account",
    sql: select!(account, "WHERE terminal BETWEEN ?1 AND ?2 AND id = ?3 LIMIT 1"),
    parse: account,
};

pub(super) const APPS_AFTER: Query<App> = Query {
    table: "app",
    sql: "SELECT client_id, document FROM app WHERE client_id > ?1 ORDER BY client_id LIMIT ?2",
    parse: app,
};

/// Those of one app lie between `client_id/` and `client_id0`.
pub(super) const INSTANCES_AFTER: Query<Instance> = Query {
    table: "instance",
    sql: "SELECT id, document FROM instance WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
    parse: instance,
};

pub(super) const AUDIT_NEWEST: Query<AuditLine> =
    Query { table: "audit", sql: select!(audit, "ORDER BY id DESC LIMIT ?1"), parse: audit };

pub(super) const AUDIT: Query<AuditLine> = Query {
    table: "audit",
    sql: select!(audit, "WHERE id > ?1 ORDER BY id LIMIT ?2"),
    parse: audit,
};

pub(super) const REGISTRY_VERSION: Query<u64> = Query {
    table: "meta",
    sql: "SELECT value FROM meta WHERE name = 'registry_version'",
    parse: version,
};
