//! A connection, and many statements at once on it.
//!
//! Calls that go out together are sent without waiting for one another's answers, and the server
//! carries them out in order: one round trip for all. Every wait has an end.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{MaybeDone, maybe_done};
use tokio::sync::mpsc;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Row, Statement};

use super::clock::NodeClock;
use super::fault::Fault;
use super::target::Target;
use crate::options::Options;

/// How much longer than the server's own limit we wait for an answer before we give up a connection.
const GRACE: Duration = Duration::from_secs(2);

/// Settings of every session. The planner's switches leave one plan for each statement: along the
/// index, in the order of the array. So no statement reads a whole table however small it is, locks
/// are taken in the order of keys, and a plan made for an empty partition still serves a full one.
const SETTINGS: &str = "\
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; \
SET plan_cache_mode = force_generic_plan; SET idle_in_transaction_session_timeout = '10s'; \
SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; \
SET client_min_messages = warning; \
SELECT set_config('synchronous_commit', 'on', false) \
WHERE current_setting('synchronous_commit') IN ('off', 'local')";

pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";
pub(super) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
pub(super) const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const PROCESS: &str = "SELECT pid, backend_start::text FROM pg_stat_activity \
    WHERE pid = pg_backend_pid()";
const AWAITS_STANDBY: &str = "SELECT FROM pg_stat_activity WHERE pid = $1 \
    AND backend_start::text = $2 AND wait_event = 'SyncRep'";
const TIME: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// A value for a statement.
pub(super) type Value<'v> = Box<dyn ToSql + Sync + Send + 'v>;

/// One statement with its values.
pub(super) struct Call<'v> {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value<'v>>,
}

impl<'v> Call<'v> {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    #[must_use]
    pub(super) fn with(mut self, value: impl ToSql + Sync + Send + 'v) -> Self {
        self.values.push(Box::new(value));
        self
    }
}

/// What the server says without being asked.
#[derive(Debug)]
pub(super) struct Notification {
    pub(super) channel: String,
    pub(super) payload: String,
}

pub(super) struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    /// The server warned. While a commit waits for a standby, a warning means that it waits no more:
    /// someone cancelled the wait, and the server says "committed".
    warned: Arc<AtomicBool>,
    patience: Duration,
    /// An answer was given up. The server may still be about it.
    unanswered: AtomicBool,
    /// The server's process, and when it began, in its own words.
    process: (i32, String),
}

/// How long one transaction waits for another's row: far less than a statement may take, so that one
/// stuck transaction is told from a slow database.
fn lock_timeout(options: &Options) -> Duration {
    (options.statement_timeout / 4).min(Duration::from_millis(300))
}

impl Session {
    /// Connects and sets the session up.
    pub(super) async fn connect(target: &Target, options: &Options) -> Result<Self, Fault> {
        let (session, _) = Self::listening(target, options).await?;
        Ok(session)
    }

    /// Connects; notifications come through the channel.
    pub(super) async fn listening(
        target: &Target,
        options: &Options,
    ) -> Result<(Self, mpsc::Receiver<Notification>), Fault> {
        let patience = options.statement_timeout + GRACE;
        let slow = || Fault::Disconnected("the database did not answer in time".to_owned());
        let mut connected = Err(slow());
        for host in &target.hosts {
            let connecting = tokio::time::timeout(patience, host.connect(target.tls.clone())).await;
            connected = connecting.map_or_else(|_| Err(slow()), |done| Ok(done?));
            if connected.is_ok() {
                break;
            }
        }
        let (client, mut connection) = connected?;
        let warned = Arc::new(AtomicBool::new(false));
        let warn = Arc::clone(&warned);
        let (heard, notifications) = mpsc::channel(1024);
        tokio::spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        let severity = notice.parsed_severity();
                        // Our own ROLLBACK finds that a failed COMMIT has ended the transaction.
                        let ended = *notice.code() == SqlState::NO_ACTIVE_SQL_TRANSACTION;
                        if !ended && severity.is_none_or(|severity| severity == Severity::Warning) {
                            tracing::warn!(sqlstate = notice.code().code(), "the database warns");
                            warn.store(true, Ordering::Release);
                        }
                    }
                    Ok(AsyncMessage::Notification(told)) => {
                        let (channel, payload) =
                            (told.channel().to_owned(), told.payload().to_owned());
                        // A hint that finds no room is dropped.
                        let _full = heard.try_send(Notification { channel, payload });
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        });
        let mut session = Self {
            client,
            statements: HashMap::new(),
            warned,
            patience,
            unanswered: AtomicBool::new(false),
            process: Default::default(),
        };
        session.batch(SETTINGS).await?;
        let (statement, lock) =
            (options.statement_timeout.as_millis(), lock_timeout(options).as_millis());
        let timeouts = format!("SET statement_timeout = {statement}; SET lock_timeout = {lock}");
        session.batch(&timeouts).await?;
        let rows = session.ask(PROCESS, &[]).await?;
        if let Some(row) = rows.first() {
            session.process = (row.try_get(0)?, row.try_get(1)?);
        }
        Ok((session, notifications))
    }

    /// Statements without values, one after another.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.in_time(self.client.batch_execute(sql)).await
    }

    /// One statement that is not worth preparing.
    pub(super) async fn ask(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        self.in_time(self.client.query(sql, values)).await
    }

    /// All of these in one round trip, in order. The first failure, if any; whatever follows a failed
    /// statement in a transaction fails with it.
    pub(super) async fn all(&mut self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Fault> {
        self.prepare(calls).await?;
        let Self { client, statements, .. } = &*self;
        let sent = calls.iter().filter_map(|call| {
            let statement = statements.get(call.sql)?;
            let values = call.values.iter().map(|value| &**value as &(dyn ToSql + Sync));
            let values: Vec<_> = values.collect();
            Some(async move { client.query(statement, &values).await })
        });
        let answers = in_order(sent);
        let Ok(answers) = tokio::time::timeout(self.patience, answers).await else {
            return Err(self.give_up());
        };
        let mut failure: Option<Fault> = None;
        let mut rows = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer {
                Ok(answer) => rows.push(answer),
                // What the server refused first ended the transaction, whatever came after.
                Err(error) => failure = failure.or_else(|| Some(Fault::from(error))),
            }
        }
        failure.map_or(Ok(rows), Err)
    }

    /// Forgets warnings; see [`Session::warned`].
    pub(super) fn forget_warnings(&self) {
        self.warned.store(false, Ordering::Release);
    }

    /// Whether the server warned since.
    pub(super) fn warned(&self) -> bool {
        self.warned.load(Ordering::Acquire)
    }

    /// Ends a transaction without effect. `false` if even that failed.
    pub(super) async fn roll_back(&self) -> bool {
        !self.client.is_closed() && self.batch(ROLLBACK).await.is_ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether an answer was given up, so that the server may still be about it.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    /// Waits, without end, until the server is done with all it was asked. `None` if the connection
    /// ended meanwhile.
    pub(super) async fn settled(self) -> Option<Self> {
        self.client.batch_execute(ROLLBACK).await.ok()?;
        self.unanswered.store(false, Ordering::Relaxed);
        Some(self)
    }

    /// Which process of the server this is, in the words of [`Session::awaits_standby`].
    pub(super) fn process(&self) -> (i32, String) {
        self.process.clone()
    }

    /// Whether another of our sessions waits for a standby to confirm its commit.
    pub(super) async fn awaits_standby(&self, process: &(i32, String)) -> Result<bool, Fault> {
        Ok(!self.ask(AWAITS_STANDBY, &[&process.0, &process.1]).await?.is_empty())
    }

    /// For work that may take its time.
    #[must_use]
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Compares the database's clock with ours.
    pub(super) async fn read_clock(&self, clock: &NodeClock) -> Result<(), Fault> {
        let before = Instant::now();
        let rows = self.ask(TIME, &[]).await?;
        let database = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok());
        if let Some(database) = database {
            clock.measured(database, before.elapsed());
        }
        Ok(())
    }

    async fn prepare(&mut self, calls: &[Call<'_>]) -> Result<(), Fault> {
        for call in calls {
            if !self.statements.contains_key(call.sql) {
                let statement = self.in_time(self.client.prepare(call.sql)).await?;
                self.statements.insert(call.sql, statement);
            }
        }
        Ok(())
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        match tokio::time::timeout(self.patience, work).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(self.give_up()),
        }
    }

    fn give_up(&self) -> Fault {
        self.unanswered.store(true, Ordering::Relaxed);
        Fault::Disconnected("the database did not answer in time".to_owned())
    }
}

/// Runs these together, each begun before the next: statements go out in the order they are given in.
async fn in_order<F: Future>(work: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = work.map(|work| Box::pin(maybe_done(work))).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for work in &mut all {
            if !matches!(**work, MaybeDone::Done(_)) {
                pending |= work.as_mut().poll(cx).is_pending();
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    all.iter_mut().filter_map(|work| work.as_mut().take_output()).collect()
}
