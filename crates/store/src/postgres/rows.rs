//! Selections, and rows as the driver gives them.

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use twinpath_core::records::{
    Account, App, CodeRecord, Grant, Instance, Interaction, Note, Session, SigningKey, Terminal,
    TextQuota, UsedJti,
};

use crate::audit::AuditLine;
use crate::columns::{
    self, Columns, Fields, Parsed, account, app, audit, code, grant, instance, interaction, jti,
    note, quota, select, session, signing_key, terminal,
};

impl Columns for Row {
    fn integer(&self, column: usize) -> Option<i64> {
        match *self.columns().get(column)?.type_() {
            Type::INT2 => self.try_get::<_, i16>(column).ok().map(i64::from),
            Type::INT4 => self.try_get::<_, i32>(column).ok().map(i64::from),
            _ => self.try_get(column).ok(),
        }
    }

    fn blob(&self, column: usize) -> Option<&[u8]> {
        self.try_get(column).ok()
    }

    fn text(&self, column: usize) -> Option<&str> {
        self.try_get(column).ok()
    }

    fn is_null(&self, column: usize) -> bool {
        /// Takes any type and keeps nothing of it.
        struct Any;
        impl<'a> tokio_postgres::types::FromSql<'a> for Any {
            fn from_sql(
                _: &Type,
                _: &'a [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                Ok(Self)
            }
            fn accepts(_: &Type) -> bool {
                true
            }
        }
        matches!(self.try_get::<_, Option<Any>>(column), Ok(None))
    }

    fn name(&self, column: usize) -> Option<&str> {
        self.columns().get(column).map(tokio_postgres::Column::name)
    }
}

/// A selection whose columns `parse` understands: they go by position.
pub(super) struct Query<T> {
    pub(super) table: &'static str,
    pub(super) sql: &'static str,
    pub(super) parse: fn(&Fields<'_>) -> Parsed<T>,
}

impl<T> Query<T> {
    pub(super) fn read(&self, row: &Row) -> Parsed<T> {
        (self.parse)(&Fields::new(self.table, row))
    }
}

/// By `key = ANY($1)`, claims left out. After the columns: the period.
pub(super) const CODE: Query<CodeRecord> = Query {
    table: "code",
    sql: select!(code and period, "WHERE key = ANY($1) AND state <> 4"),
    parse: code,
};
/// Where [`CODE`] has the period.
pub(super) const CODE_PERIOD: usize = 13;

pub(super) const TERMINAL: Query<Option<Terminal>> = Query {
    table: "terminal",
    sql: "SELECT terminal, number, account, created_at, proven_at FROM terminal \
        WHERE terminal = ANY($1)",
    parse: |row| row.optional(2, |row, _| terminal(row)),
};

pub(super) const ACCOUNT: Query<Account> =
    Query { table: "account", sql: select!(account, "WHERE terminal = ANY($1)"), parse: account };

pub(super) const GRANT: Query<Grant> =
    Query { table: "grants", sql: select!(grants, "WHERE terminal = ANY($1)"), parse: grant };

pub(super) const SESSION: Query<Session> =
    Query { table: "session", sql: select!(session, "WHERE terminal = ANY($1)"), parse: session };

/// By pairs of terminal and route. After the columns: the period.
pub(super) const QUOTA: Query<TextQuota> = Query {
    table: "quota",
    sql: "SELECT q.terminal, q.route, q.texts, q.period FROM unnest($1::bytea[], $2::text[]) \
        AS w (terminal, route) JOIN quota q ON q.terminal = w.terminal AND q.route = w.route",
    parse: quota,
};
/// Where [`QUOTA`] has the period.
pub(super) const QUOTA_PERIOD: usize = 3;

/// After the columns: the period.
pub(super) const JTI: Query<UsedJti> = Query {
    table: "jti",
    sql: "SELECT key, purge_at, period FROM jti WHERE key = ANY($1)",
    parse: jti,
};
/// Where [`JTI`] has the period.
pub(super) const JTI_PERIOD: usize = 2;

/// After the columns: the period.
pub(super) const INTERACTION: Query<Interaction> = Query {
    table: "interaction",
    sql: "SELECT key, document, period FROM interaction WHERE key = ANY($1)",
    parse: interaction,
};
/// Where [`INTERACTION`] has the period.
pub(super) const INTERACTION_PERIOD: usize = 2;

pub(super) const APP: Query<App> = Query {
    table: "app",
    sql: "SELECT client_id, document FROM app WHERE client_id = ANY($1)",
    parse: app,
};

pub(super) const INSTANCE: Query<Instance> = Query {
    table: "instance",
    sql: "SELECT id, document FROM instance WHERE id = ANY($1)",
    parse: instance,
};

pub(super) const NOTE: Query<Note> =
    Query { table: "note", sql: select!(note, "WHERE key = ANY($1)"), parse: note };

pub(super) const NOTES: Query<Note> = Query {
    table: "note",
    sql: select!(
        note,
        "WHERE kind = $1 AND (listed_at, key) > ($2, $3) AND listed_at <= $4 \
        ORDER BY listed_at, key LIMIT $5"
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
    sql: select!(account, "WHERE terminal BETWEEN $1 AND $2 AND id = $3 LIMIT 1"),
    parse: account,
};

pub(super) const APPS_AFTER: Query<App> = Query {
    table: "app",
    sql: "SELECT client_id, document FROM app WHERE client_id > $1 \
        ORDER BY client_id LIMIT $2",
    parse: app,
};

/// Those of one app lie between `client_id/` and `client_id0`.
pub(super) const INSTANCES_AFTER: Query<Instance> = Query {
    table: "instance",
    sql: "SELECT id, document FROM instance WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
    parse: instance,
};

/// Lines of one id are never torn apart: the next page begins after it.
pub(super) const AUDIT: Query<AuditLine> = Query {
    table: "audit",
    sql: select!(audit, "WHERE id > $1 ORDER BY id FETCH FIRST ($2) ROWS WITH TIES"),
    parse: audit,
};

pub(super) const AUDIT_NEWEST: Query<AuditLine> =
    Query { table: "audit", sql: select!(audit, "ORDER BY id DESC LIMIT $1"), parse: audit };

pub(super) const REGISTRY_VERSION: Query<u64> = Query {
    table: "meta",
    sql: "SELECT value FROM meta WHERE name = 'registry_version'",
    parse: columns::version,
};
