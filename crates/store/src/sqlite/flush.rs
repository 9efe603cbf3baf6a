//! Writes: every row of a batch, inside the writer's transaction.
//!
//! Puts are upserts that leave `due` as it was inserted, but for a revoked grant's and an ended
//! session's (see `schema`).

use rusqlite::{Connection, Params, params};
use twinpath_core::ids::ClientId;
use twinpath_core::records::{
    Account, App, AuditEvent, CodeRecord, Evidence, Grant, Instance, Interaction, Note, Session,
    SigningKey, Terminal, TextQuota, UsedJti,
};
use twinpath_core::transaction::Write;

use super::fault::Fault;
use crate::columns::{document, number, pack_texts, quota_purge_at, state_columns, terms};
use crate::writes::{Shard, WriteSet};

/// Puts and deletes everything. Bumps `registry_version` if apps or signing keys are among it.
pub(super) fn flush(connection: &Connection, writes: &WriteSet) -> Result<(), Fault> {
    let mut registry = false;
    for write in writes.iter() {
        put(connection, write)?;
        registry |= Shard::of(write) == Some(Shard::Registry);
    }
    if registry {
        run(connection, "UPDATE meta SET value = value + 1 WHERE name = 'registry_version'", [])?;
    }
    Ok(())
}

/// A write that means nothing but has to become durable like any other.
pub(super) fn probe(connection: &Connection) -> Result<(), Fault> {
    run(connection, "UPDATE meta SET value = (value + 1) & 65535 WHERE name = 'probe'", [])
}

fn put(connection: &Connection, write: &Write) -> Result<(), Fault> {
    match write {
        Write::Code(row) => put_code(connection, row),
        Write::Terminal(row) => put_terminal(connection, row),
        Write::Account(row) => put_account(connection, row),
        Write::Grant(row) => put_grant(connection, row),
        Write::Session(row) => put_session(connection, row),
        Write::Quota(row) => put_quota(connection, row),
        Write::Jti(row) => put_jti(connection, *row),
        Write::Interaction(row) => put_interaction(connection, row),
        Write::App(row) => put_app(connection, row),
        Write::Instance(row) => put_instance(connection, row),
        Write::Note(row) => put_note(connection, row),
        Write::DeleteNote(key) => run(connection, "DELETE FROM note WHERE key = ?1", [key.0]),
        Write::SigningKey(row) => put_signing_key(connection, row),
        Write::DeleteTerminal(key) => {
            run(connection, "DELETE FROM terminal WHERE key = ?1", [key.0])
        }
        Write::DeleteAccount(terminal, id) => run(
            connection,
            "DELETE FROM account WHERE terminal = ?1 AND id = ?2",
            [terminal.0, id.0],
        ),
        Write::DeleteApp(id) => {
            run(connection, "DELETE FROM app WHERE client_id = ?1", [id.as_str()])
        }
        Write::DeleteSigningKey(kid) => {
            run(connection, "DELETE FROM signing_key WHERE kid = ?1", [kid])
        }
        Write::Audit(event) => append_audit(connection, event),
    }
}

fn run(connection: &Connection, sql: &str, params: impl Params) -> Result<(), Fault> {
    connection.prepare_cached(sql)?.execute(params)?;
    Ok(())
}

fn put_code(connection: &Connection, row: &CodeRecord) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO code VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, \
        ?13) \
        ON CONFLICT (key) DO UPDATE SET terminal = ?2, number = ?3, route = ?4, trust = ?5, \
        words = ?6, received_at = ?7, expires_at = ?8, state = ?9, grant_id = ?10, frozen = ?11, \
        purge_at = ?12, confirmation = ?13";
    let (grant, frozen, confirmation) = state_columns(&row.state);
    run(
        connection,
        SQL,
        params![
            row.key.0,
            row.terminal.0,
            row.number.0,
            row.route.0,
            number::trust(row.trust),
            row.words.0,
            row.received_at.0,
            row.expires_at.0,
            number::state(row.state),
            grant.map(|grant| grant.0),
            frozen.map(|frozen| frozen.0),
            row.purge_at.0,
            confirmation
        ],
    )
}

fn put_terminal(connection: &Connection, row: &Terminal) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO terminal VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (key) DO UPDATE SET number = ?2, account = ?3, created_at = ?4, proven_at = ?5";
    let values = params![row.key.0, row.number.0, row.account.0, row.created_at.0, row.proven_at.0];
    run(connection, SQL, values)
}

fn put_account(connection: &Connection, row: &Account) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO account VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (terminal, id) DO UPDATE SET status = ?3, created_at = ?4, changed_at = ?5";
    let status = number::status(row.status);
    let values = params![row.terminal.0, row.id.0, status, row.created_at.0, row.changed_at.0];
    run(connection, SQL, values)
}

fn put_grant(connection: &Connection, row: &Grant) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO grants VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
        ?13, ?14, ?15, ?16, ?17, ?18, ?18, ?19) \
        ON CONFLICT (terminal, id) DO UPDATE SET account = ?3, client_id = ?4, jkt = ?5, scope = ?6, \
        resources = ?7, auth_time = ?8, route = ?9, trust = ?10, revoked_at = ?11, sequence = ?12, \
        hash = ?13, previous = ?14, first = ?15, used = ?16, expires_at = ?17, purge_at = ?18, \
        terms = ?19";
    // A revoked grant goes earlier than it was first thought to.
    const REVOKED: &str = "UPDATE grants SET due = purge_at WHERE terminal = ?1 AND id = ?2 \
        AND due > purge_at";
    let refresh = &row.refresh;
    run(
        connection,
        SQL,
        params![
            row.terminal.0,
            row.id.0,
            row.account.0,
            row.client_id.as_str(),
            row.jkt,
            row.scope,
            document(&row.resources, "grants")?,
            row.auth_time.0,
            row.route.0,
            number::trust(row.trust),
            row.revoked_at.map(|at| at.0),
            refresh.sequence,
            refresh.hash.0,
            refresh.previous.map(|hash| hash.0),
            refresh.first,
            refresh.used,
            row.expires_at.0,
            row.purge_at.0,
            terms(row)?
        ],
    )?;
    if row.revoked_at.is_some() {
        run(connection, REVOKED, params![row.terminal.0, row.id.0])?;
    }
    Ok(())
}

fn put_session(connection: &Connection, row: &Session) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11) \
        ON CONFLICT (terminal, id) DO UPDATE SET account = ?3, cookie = ?4, auth_time = ?5, \
        route = ?6, trust = ?7, created_at = ?8, ended_at = ?9, expires_at = ?10, purge_at = ?11";
    // One that ended goes earlier than it was first thought to.
    const ENDED: &str = "UPDATE session SET due = purge_at WHERE terminal = ?1 AND id = ?2 \
        AND due > purge_at";
    run(
        connection,
        SQL,
        params![
            row.terminal.0,
            row.id.0,
            row.account.0,
            row.cookie.0,
            row.auth_time.0,
            row.route.0,
            number::trust(row.trust),
            row.created_at.0,
            row.ended_at.map(|at| at.0),
            row.expires_at.0,
            row.purge_at.0
        ],
    )?;
    if row.ended_at.is_some() {
        run(connection, ENDED, params![row.terminal.0, row.id.0])?;
    }
    Ok(())
}

fn put_interaction(connection: &Connection, row: &Interaction) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO interaction VALUES (?1, ?2, ?3, ?3) \
        ON CONFLICT (key) DO UPDATE SET document = ?2, purge_at = ?3";
    run(connection, SQL, params![row.key.0, document(row, "interaction")?, row.purge_at.0])
}

fn put_quota(connection: &Connection, row: &TextQuota) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO quota VALUES (?1, ?2, ?3, ?4, ?4) \
        ON CONFLICT (terminal, route) DO UPDATE SET texts = ?3, purge_at = ?4";
    let values =
        params![row.terminal.0, row.route.0, pack_texts(&row.texts), quota_purge_at(row).0];
    run(connection, SQL, values)
}

fn put_jti(connection: &Connection, row: UsedJti) -> Result<(), Fault> {
    const SQL: &str =
        "INSERT INTO jti VALUES (?1, ?2, ?2) ON CONFLICT (key) DO UPDATE SET purge_at = ?2";
    run(connection, SQL, params![row.key.0, row.purge_at.0])
}

fn put_app(connection: &Connection, row: &App) -> Result<(), Fault> {
    const SQL: &str =
        "INSERT INTO app VALUES (?1, ?2) ON CONFLICT (client_id) DO UPDATE SET document = ?2";
    run(connection, SQL, params![row.client_id.as_str(), document(row, "app")?])
}

/// One that was refused stays for longer than was first thought, one that comes back too.
fn put_instance(connection: &Connection, row: &Instance) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO instance VALUES (?1, ?2, ?3, ?3) \
        ON CONFLICT (id) DO UPDATE SET document = ?2, purge_at = ?3";
    run(connection, SQL, params![row.id.to_string(), document(row, "instance")?, row.purge_at.0])
}

fn put_note(connection: &Connection, row: &Note) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO note VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
        ON CONFLICT (key) DO UPDATE SET kind = ?2, listed_at = ?3, document = ?4, purge_at = ?5";
    let document = document(&row.content, "note")?;
    let (kind, listed_at) = (row.content.kind().as_str(), row.listed_at.map(|at| at.0));
    run(connection, SQL, params![row.key.0, kind, listed_at, document, row.purge_at.0])
}

fn put_signing_key(connection: &Connection, row: &SigningKey) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO signing_key VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
        ON CONFLICT (kid) DO UPDATE SET private = ?2, public = ?3, created_at = ?4, \
        retired_at = ?5, signs_at = ?6";
    let public = document(&row.public, "signing_key")?;
    let retired = row.retired_at.map(|at| at.0);
    let (created, signs) = (row.created_at.0, row.signs_at.0);
    run(connection, SQL, params![row.kid, row.private.0, public, created, retired, signs])
}

/// Appends. Lines are never deleted from the end, so that the greatest id grows.
fn append_audit(connection: &Connection, event: &AuditEvent) -> Result<(), Fault> {
    const SQL: &str = "INSERT INTO audit (at, kind, client_id, account, grant_id, route, reason, \
        instance, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let client_id = event.client_id.as_ref().map(ClientId::as_str);
    run(
        connection,
        SQL,
        params![
            event.at.0,
            event.kind,
            client_id,
            event.account,
            event.grant,
            event.route,
            event.reason,
            event.instance,
            event.evidence.map(Evidence::as_str)
        ],
    )
}
