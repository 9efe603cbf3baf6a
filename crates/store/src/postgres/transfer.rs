//! This backend as one side of a copy: pages along the indexes, and the writer's own array statements.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::Row as Columns;
use tokio_postgres::types::ToSql;
use twinpath_core::ids::{ClientId, Timestamp};

use super::connection::{COMMIT, Call, Session};
use super::fault::Fault;
use super::flush::{LineNumbers, Sorted, flush};
use super::load::Snapshot;
use super::partitions::{Parent, Wanted, ensure};
use super::target::Target;
use super::{new_runtime, schema};
use crate::audit::AuditLine;
use crate::columns::select;
use crate::error::StoreError;
use crate::options::{Migrate, Options, system_time};
use crate::transfer::{
    Bounds, Cursor, Mark, PAGE_ROWS, Row, SOURCE, Side, Standing, Table, TransferError, Which,
    overtaken, standing, unfinished,
};
use crate::writes::WriteSet;

/// Our own sessions' name: what is left of a copy that was killed is no user.
const NAME: &str = "twinpath copy";

/// Whole tables are read here, but pages always along an index, whatever the planner knows of them.
const SETTINGS: &str = "SET enable_seqscan = on; SET enable_sort = off; SET enable_bitmapscan = off; \
    SET plan_cache_mode = force_custom_plan";

/// How long someone who is about to leave may take.
const LEAVING: Duration = Duration::from_secs(2);

const COPYING: &str = "CREATE TABLE copying (part text PRIMARY KEY, mark bytea NOT NULL, \
    rows bigint NOT NULL, done boolean NOT NULL)";

/// A database, open for a copy.
pub(crate) struct PostgresSide {
    runtime: Runtime,
    session: Session,
    audit_days: u32,
    identity: String,
    /// What sessions of our programs are called here.
    program: String,
    numbers: LineNumbers,
    /// Partitions that are there, and until when they are kept.
    kept: HashMap<(Parent, i32), Timestamp>,
}

/// Refuses a database that is the destination of an unfinished copy.
pub(super) async fn refuse_unfinished(session: &Session) -> Result<(), Fault> {
    if is_copied_into(session).await? { Err(unfinished().into()) } else { Ok(()) }
}

async fn is_copied_into(session: &Session) -> Result<bool, Fault> {
    one(session, "SELECT to_regclass('copying') IS NOT NULL", &[]).await
}

async fn one<T: for<'r> tokio_postgres::types::FromSql<'r>>(
    session: &Session,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<T, Fault> {
    let rows = session.ask(sql, values).await?;
    let row = rows.first().ok_or_else(|| StoreError::inconsistent("a row is missing"))?;
    Ok(row.try_get(0)?)
}

impl PostgresSide {
    /// Connects. A destination gets its tables if it has none; a source is taken as it is.
    pub(crate) fn open(url: &str, options: &Options, which: Which) -> Result<Self, TransferError> {
        let failed = |error: StoreError| TransferError::Store(which, error);
        let mut target = Target::parse(url).map_err(failed)?;
        let first = target.hosts.first().and_then(|host| host.get_application_name());
        let program = first.unwrap_or_default().to_owned();
        for host in &mut target.hosts {
            host.application_name(NAME);
        }
        let runtime = new_runtime().map_err(failed)?;
        let newest = schema::newest(options);
        let opened = runtime.block_on(async {
            if which == Which::To {
                let options = Options { migrate: Migrate::IfEmpty, ..options.clone() };
                schema::migrate(&target, &options).await?;
            }
            let session = Session::connect(&target, options).await?;
            let present = schema::version(&session).await?.0;
            session.batch(SETTINGS).await?;
            let identity = identity(&session, &target).await;
            Ok::<_, StoreError>((session, present, identity))
        });
        let (session, present, identity) = opened.map_err(failed)?;
        if present != newest && which == Which::From {
            return Err(TransferError::Version { present, newest });
        }
        let numbers = LineNumbers::new(0);
        let (audit_days, kept) = (options.audit_days, HashMap::new());
        Ok(Self { runtime, session, audit_days, identity, program, numbers, kept })
    }

    fn count_of<T: for<'r> tokio_postgres::types::FromSql<'r>>(
        &self,
        sql: &str,
    ) -> Result<T, StoreError> {
        Ok(self.runtime.block_on(one(&self.session, sql, &[]))?)
    }

    /// Makes the partitions that rows go to.
    fn make_room(&mut self, wanted: &[Wanted]) -> Result<(), Fault> {
        // A day more than asked, so that the next page need not ask again.
        let day = |at: Timestamp| at.plus_seconds(24 * 3600);
        for wanted in wanted {
            let kept =
                self.kept.entry((wanted.parent, wanted.period)).or_insert(Timestamp(i64::MIN));
            if *kept < wanted.keep_until {
                let usual = wanted.parent.kept_until(wanted.period, self.audit_days);
                let longer = wanted.keep_until > usual;
                let keep_until = if longer { day(wanted.keep_until) } else { usual };
                let wanted = Wanted { keep_until, ..*wanted };
                self.runtime.block_on(ensure(&self.session, &[wanted]))?;
                *kept = keep_until;
            }
        }
        Ok(())
    }
}

/// Which database of which server this is, by whatever name and address it was found.
async fn identity(session: &Session, target: &Target) -> String {
    const SQL: &str = "SELECT 'postgres ' || (SELECT system_identifier FROM pg_control_system()) \
        || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())";
    if let Ok(identity) = one::<String>(session, SQL, &[]).await {
        return identity;
    }
    // The rare role that may not see it: then by name.
    let place = |host: &tokio_postgres::Config| {
        let database = host.get_dbname().unwrap_or_default();
        format!("{:?} {:?} {database}", host.get_hosts(), host.get_ports())
    };
    format!("postgres {}", target.hosts.iter().map(place).collect::<Vec<_>>().join(", "))
}

impl Side for PostgresSide {
    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn registry_version(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = 'registry_version'";
        let version: i64 = self.count_of(sql)?;
        Ok(u64::try_from(version).unwrap_or_default())
    }

    fn is_used(&mut self) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = \
            current_database() AND pid <> pg_backend_pid() AND application_name IN ('twinpath', $1))";
        let begun = Instant::now();
        loop {
            let used: bool = self.runtime.block_on(one(&self.session, SQL, &[&self.program]))?;
            if !used || begun.elapsed() > LEAVING {
                return Ok(used);
            }
            thread::sleep(LEAVING / 20);
        }
    }

    fn has_rows(&mut self, table: Table) -> Result<bool, StoreError> {
        self.count_of(&format!("SELECT EXISTS (SELECT FROM {table})"))
    }

    fn count(&mut self, table: Table) -> Result<u64, StoreError> {
        let sql = match table {
            Table::Codes => "SELECT count(*) FROM code WHERE state <> 4",
            Table::Terminals => "SELECT count(account) FROM terminal",
            Table::Jtis => "SELECT count(DISTINCT key) FROM jti",
            Table::Quotas => {
                "SELECT count(*) FROM (SELECT DISTINCT terminal, route FROM quota) AS quotas"
            }
            _ => &format!("SELECT count(*) FROM {table}"),
        };
        let count: i64 = self.count_of(sql)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    fn page(&mut self, table: Table, after: &Cursor) -> Result<Vec<Row>, StoreError> {
        let call = Call::new(select(table));
        let call = match table.bounds(after)? {
            Bounds::Key(key) => call.with(key),
            Bounds::Pair(first, second) => call.with(first).with(second),
            Bounds::Named(key, name) => call.with(key).with(name),
            Bounds::Text(text) => call.with(text),
            Bounds::Number(number) => call.with(number),
        };
        let answers = self.runtime.block_on(self.session.all(&[call.with(PAGE_ROWS)]))?;
        answers.iter().flatten().map(|row: &Columns| table.parse(row)).collect()
    }

    fn standing(&mut self) -> Result<Option<Standing>, StoreError> {
        let session = &self.session;
        let rows = self.runtime.block_on(async {
            if !is_copied_into(session).await? {
                return Ok(None);
            }
            session.ask("SELECT part, mark, rows, done FROM copying", &[]).await.map(Some)
        });
        let Some(rows) = rows? else { return Ok(None) };
        let part = |row: &Columns| {
            let part = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            Ok::<_, Fault>(part)
        };
        let parts = rows.iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let latest: i64 = self.count_of("SELECT coalesce(max(id), 0) FROM audit")?;
        self.numbers = LineNumbers::new(0).after(latest);
        standing(parts).map(Some)
    }

    fn begin(&mut self, source: &str) -> Result<(), StoreError> {
        let (session, none): (_, &[u8]) = (&self.session, &[]);
        let begun = self.runtime.block_on(async {
            const INSERT: &str = "INSERT INTO copying VALUES ($1, $2, 0, false)";
            session.batch("BEGIN").await?;
            session.batch(COPYING).await?;
            session.ask(INSERT, &[&SOURCE, &source.as_bytes()]).await?;
            for table in Table::ALL {
                session.ask(INSERT, &[&table.name(), &none]).await?;
            }
            session.batch(COMMIT).await
        });
        Ok(begun?)
    }

    fn put(
        &mut self,
        table: Table,
        rows: Vec<Row>,
        before: &Mark,
        after: &Mark,
    ) -> Result<(), StoreError> {
        const MOVE: &str = "UPDATE copying SET mark = $2, rows = $3, done = $4 WHERE part = $1 AND \
            mark = $5 AND rows = $6 AND done = $7 RETURNING part";
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        let now = system_time();
        let (mut writes, mut lines) = (WriteSet::default(), Vec::new());
        for row in rows {
            match row {
                Row::Put(write) => writes.push(write),
                Row::Line(line) => lines.push(line),
            }
        }
        let sorted = Sorted::of(&writes).undisturbed();
        let none = Snapshot::default();
        let mut flush = flush(&none, &sorted, now, self.audit_days, &mut self.numbers)?;
        // Committed only when the mark has moved.
        flush.calls.pop();
        let room: Vec<Wanted> = flush.into.iter().chain(&flush.keep).copied().collect();
        self.make_room(&room)?;
        if !lines.is_empty() {
            let (call, room) = append(&lines, now, &mut self.numbers, self.audit_days);
            self.make_room(&room)?;
            flush.calls.push(call);
        }
        flush.calls.push(
            Call::new(MOVE)
                .with(table.name())
                .with(after.cursor.0.as_slice())
                .with(count(after.rows))
                .with(after.done)
                .with(before.cursor.0.as_slice())
                .with(count(before.rows))
                .with(before.done),
        );
        let session = &mut self.session;
        let put = self.runtime.block_on(async {
            session.forget_warnings();
            let answers = session.all(&flush.calls).await?;
            if answers.last().is_none_or(Vec::is_empty) {
                return Err(Fault::Row(overtaken()));
            }
            session.batch(COMMIT).await?;
            if session.warned() {
                return Err(Fault::Unknown("the database warned while it committed".to_owned()));
            }
            Ok(())
        });
        if put.is_err() {
            self.runtime.block_on(self.session.roll_back());
        }
        Ok(put?)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        // What the planner knows of the tables is better known before the first server comes.
        let end = "DROP TABLE copying; ANALYZE";
        Ok(self.runtime.block_on(self.session.batch(end))?)
    }
}

/// Lines get new numbers, in the order in which they come; as far as that allows, those of their time.
fn append<'l>(
    lines: &'l [AuditLine],
    now: Timestamp,
    numbers: &mut LineNumbers,
    audit_days: u32,
) -> (Call<'l>, Vec<Wanted>) {
    const INSERT: &str = "INSERT INTO audit (id, period, at, kind, client_id, account, grant_id, \
        route, reason, instance, evidence) SELECT * FROM unnest($1::bigint[], $2::integer[], \
        $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
        $10::text[], $11::text[])";
    let mut room: Vec<Wanted> = Vec::new();
    for line in lines {
        let (parent, period) = (Parent::Audit, Parent::Audit.period(line.at));
        if room.last().is_none_or(|wanted| wanted.period != period) {
            let keep_until = parent.kept_until(period, audit_days);
            room.push(Wanted { parent, period, keep_until });
        }
    }
    let ids = column(lines, |line| numbers.next(line.at.min(now)));
    let call = Call::new(INSERT)
        .with(ids)
        .with(column(lines, |line| Parent::Audit.period(line.at)))
        .with(column(lines, |line| line.at.0))
        .with(column(lines, |line| line.kind.as_str()))
        .with(column(lines, |line| line.client_id.as_ref().map(ClientId::as_str)))
        .with(column(lines, |line| line.account.as_deref()))
        .with(column(lines, |line| line.grant.as_deref()))
        .with(column(lines, |line| line.route.as_deref()))
        .with(column(lines, |line| line.reason.as_deref()))
        .with(column(lines, |line| line.instance.as_deref()))
        .with(column(lines, |line| line.evidence.as_deref()));
    (call, room)
}

fn column<'l, T>(lines: &'l [AuditLine], of: impl FnMut(&'l AuditLine) -> T) -> Vec<T> {
    lines.iter().map(of).collect()
}

/// The columns are those of the parsers in `columns`. A row that was written in several periods is the
/// latest of them.
fn select(table: Table) -> &'static str {
    match table {
        Table::SigningKeys => {
            select!(signing_key, "WHERE kid > $1 ORDER BY kid LIMIT $2")
        }
        Table::Instances => "SELECT id, document FROM instance WHERE id > $1 ORDER BY id LIMIT $2",
        Table::Apps => {
            "SELECT client_id, document FROM app WHERE client_id > $1 ORDER BY client_id LIMIT $2"
        }
        Table::Terminals => {
            "SELECT terminal, number, account, created_at, proven_at FROM terminal \
            WHERE terminal > $1 AND account IS NOT NULL ORDER BY terminal LIMIT $2"
        }
        Table::Accounts => {
            select!(account, "WHERE (terminal, id) > ($1, $2) ORDER BY terminal, id LIMIT $3")
        }
        Table::Grants => {
            select!(grants, "WHERE (terminal, id) > ($1, $2) ORDER BY terminal, id LIMIT $3")
        }
        Table::Sessions => {
            select!(session, "WHERE (terminal, id) > ($1, $2) ORDER BY terminal, id LIMIT $3")
        }
        Table::Codes => {
            select!(code, "WHERE key > $1 AND state <> 4 ORDER BY key LIMIT $2")
        }
        Table::Quotas => {
            "SELECT DISTINCT ON (terminal, route) terminal, route, texts FROM quota \
            WHERE (terminal, route) > ($1, $2) ORDER BY terminal, route, period DESC LIMIT $3"
        }
        Table::Jtis => {
            "SELECT DISTINCT ON (key) key, purge_at FROM jti WHERE key > $1 \
            ORDER BY key, period DESC LIMIT $2"
        }
        Table::Notes => select!(note, "WHERE key > $1 ORDER BY key LIMIT $2"),
        Table::Interactions => {
            "SELECT key, document FROM interaction WHERE key > $1 ORDER BY key LIMIT $2"
        }
        Table::Audit => {
            select!(audit, "WHERE id > $1 ORDER BY id FETCH FIRST ($2) ROWS WITH TIES")
        }
    }
}
