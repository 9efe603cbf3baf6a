//! A writer: a thread with a connection. What waits is decided together and becomes durable in one
//! commit; several writers do so side by side.
//!
//! Invariants:
//! * nothing is answered before its transaction is durable, or known to be without effect, or its
//!   fate is unknown and the answer says "unavailable";
//! * nothing read is kept from one transaction to the next: other nodes write in between;
//! * whatever loses against another transaction is decided again. What keeps losing, or is refused by
//!   the server, is taken apart until the one at fault stands alone: no operation fails with others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use twinpath_core::ids::Timestamp;
use twinpath_core::transaction::{Random, random_bytes};

use super::Shared;
use super::connection::{BEGIN, COMMIT, Call, Session};
use super::fault::Fault;
use super::flush::{LineNumbers, Sorted, flush};
use super::load::drive;
use super::partitions::{Parent, Wanted, ahead, ensure};
use super::purge::{Purged, purge};
use crate::error::StoreError;
use crate::executor::{Access, Batch};
use crate::job::Job;
use crate::nodes::NodeWork;
use crate::queue::Queue;
use crate::stats::add;
use crate::work::{Chore, Work, WriteWork};

/// The first pause after losing against another transaction; each further one is longer.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Between two tries to connect.
const RECONNECT: Duration = Duration::from_millis(50);
/// How long a stuck session is waited for before a batch is told, and how often it is looked after.
const SETTLE: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_secs(2);
/// How long partitions are left alone after one was found in use: whoever asks for the lock makes all
/// users of the table wait behind it.
const IN_USE: Duration = Duration::from_secs(30);
/// A write that means nothing, but is as durable as any other.
const PROBE: &str = "INSERT INTO meta VALUES ('probe', 0) ON CONFLICT (name) DO UPDATE \
    SET value = (meta.value + 1) & 65535";
/// After how many losses a batch is taken apart.
const LOSSES: u32 = 2;

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    /// `None` until it is needed, and after a fault.
    pub(super) session: Option<Session>,
    /// A session that did not answer in time, and is not given up: the server may be waiting for a
    /// standby with it, and each new session would soon wait like it.
    pub(super) stuck: Option<Stuck>,
    pub(super) random: Box<dyn Random + Send>,
    pub(super) numbers: LineNumbers,
    /// Partitions that rows asked to be kept for longer than usual.
    pub(super) kept: HashMap<(Parent, i32), Timestamp>,
    pub(super) nodes: mpsc::Sender<NodeWork>,
    /// When a partition that is over was last found in use.
    pub(super) in_use_at: Option<Instant>,
}

/// A session whose last answer is outstanding.
pub(super) struct Stuck {
    settled: JoinHandle<Option<Session>>,
    process: (i32, String),
    looked: Instant,
}

/// How a batch fared.
enum Fate {
    Ended(Result<(), StoreError>),
    /// It has to be taken apart.
    Apart,
}

impl Writer {
    pub(super) fn new(shared: &Arc<Shared>, nodes: mpsc::Sender<NodeWork>) -> Self {
        let mut random = (shared.options.random)();
        let numbers = LineNumbers::new(u16::from_be_bytes(random_bytes(&mut *random)));
        let (shared, kept) = (Arc::clone(shared), HashMap::new());
        Self { shared, session: None, stuck: None, random, numbers, kept, nodes, in_use_at: None }
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, runtime: &Runtime, queue: &Queue<WriteWork>) {
        while let Some(taken) = queue.take(self.shared.options.max_batch) {
            let (jobs, chores) = Work::sort(taken);
            runtime.block_on(async {
                if !jobs.is_empty() {
                    self.decide(jobs).await;
                }
                for chore in chores {
                    self.chore(chore).await;
                }
            });
        }
    }

    async fn decide(&mut self, jobs: Vec<Box<dyn Job>>) {
        let deadline = Instant::now() + self.shared.options.busy_timeout;
        let mut waiting = vec![Batch::new(jobs, Access::Write)];
        while let Some(mut batch) = waiting.pop() {
            match self.carry(&mut batch, deadline).await {
                Fate::Ended(result) => {
                    // Before the answers: who has one finds it counted.
                    self.shared.counters.wrote(batch.len(), result.is_ok());
                    batch.answer(&result);
                }
                Fate::Apart => {
                    waiting.push(batch.split());
                    waiting.push(batch);
                }
            }
        }
    }

    /// Tries until the batch is durable, or time is up, or it has to be taken apart.
    async fn carry(&mut self, batch: &mut Batch, deadline: Instant) -> Fate {
        let mut losses = 0;
        let mut pause = PAUSE;
        loop {
            let fault = match self.attempt(batch).await {
                Ok(()) => {
                    self.shared.counters.failed.store(false, Ordering::Relaxed);
                    return Fate::Ended(Ok(()));
                }
                Err(fault) => fault,
            };
            self.clear_up(&fault).await;
            // While the database is away, each batch is told so at once, not after its full time.
            let hopeless = self.shared.counters.failed.load(Ordering::Relaxed);
            let late = Instant::now() >= deadline;
            match fault {
                Fault::Conflict if batch.len() > 1 && losses >= LOSSES => return Fate::Apart,
                Fault::Locked | Fault::Refused(_) | Fault::Row(_) if batch.len() > 1 => {
                    return Fate::Apart;
                }
                Fault::Conflict | Fault::Locked | Fault::Partition if !late => losses += 1,
                Fault::Disconnected(_) | Fault::Unavailable(_) if !late && !hopeless => {
                    pause = pause.max(RECONNECT);
                }
                fault => {
                    if fault.breaks() {
                        self.shared.failed(&fault);
                    }
                    return Fate::Ended(Err(fault.into()));
                }
            }
            batch.restart();
            tokio::time::sleep(self.jitter(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX.max(RECONNECT));
        }
    }

    /// Two that lost against each other should not meet again.
    fn jitter(&mut self, pause: Duration) -> Duration {
        let [part] = random_bytes::<1>(&mut *self.random);
        pause.mul_f64(0.5 + f64::from(part) / 256.0)
    }

    /// Makes the session ready for another transaction, or gives it up.
    async fn clear_up(&mut self, fault: &Fault) {
        let Some(session) = self.session.take() else { return };
        if fault.breaks() {
            // What was seen since may not have reached a standby, or not survived.
            self.shared.unsure.store(true, Ordering::Relaxed);
        }
        if session.is_unanswered() {
            let (process, looked) = (session.process(), Instant::now());
            self.stuck = Some(Stuck { process, looked, settled: tokio::spawn(session.settled()) });
        } else if !fault.breaks() && session.roll_back().await {
            self.session = Some(session);
        } else {
            self.kept.clear();
        }
    }

    async fn session(&mut self) -> Result<&mut Session, Fault> {
        if let Some(stuck) = self.stuck.take() {
            self.session = self.unstick(stuck).await?;
        }
        if self.session.as_ref().is_none_or(Session::is_closed) {
            let session = self.shared.connect().await?;
            self.session = Some(session);
        }
        self.session.as_mut().ok_or_else(|| Fault::Disconnected("no session".to_owned()))
    }

    /// The stuck session if it is done, or another one if the server is not waiting for a standby with
    /// it. Otherwise it stays stuck.
    async fn unstick(&mut self, mut stuck: Stuck) -> Result<Option<Session>, Fault> {
        let waits = || Fault::Unavailable("a commit waits for a standby".to_owned());
        if let Ok(settled) = tokio::time::timeout(SETTLE, &mut stuck.settled).await {
            return Ok(settled.ok().flatten());
        }
        if stuck.looked.elapsed() >= LOOK {
            stuck.looked = Instant::now();
            match self.another_than(&stuck).await {
                Ok(Some(session)) => {
                    stuck.settled.abort();
                    return Ok(Some(session));
                }
                Ok(None) => {}
                Err(fault) => {
                    self.stuck = Some(stuck);
                    return Err(fault);
                }
            }
        }
        self.stuck = Some(stuck);
        Err(waits())
    }

    /// Another session, unless the server waits for a standby with the stuck one.
    async fn another_than(&self, stuck: &Stuck) -> Result<Option<Session>, Fault> {
        let session = self.shared.connect().await?;
        let waits = session.awaits_standby(&stuck.process).await?;
        Ok((!waits).then_some(session))
    }

    /// One transaction: load, decide, write, commit.
    async fn attempt(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let clock = self.shared.clock.as_clock();
        self.session().await?;
        let Self { shared, session, random, numbers, kept, nodes, .. } = self;
        let Some(session) = session else {
            return Err(Fault::Disconnected("no session".to_owned()));
        };
        let snapshot = drive(session, BEGIN, batch, &clock, &mut **random).await?;
        if batch.writes().is_empty() {
            if !snapshot.begun {
                return Ok(());
            }
            if !shared.unsure.load(Ordering::Relaxed) {
                return session.batch(COMMIT).await;
            }
            // A commit's fate was unknown. What was read now may be that commit's rows, not confirmed
            // by a standby yet; a write behind them in the log is confirmed after them.
            session.forget_warnings();
            let probe = [Call::new(PROBE), Call::new(COMMIT)];
            session.all(&probe).await.map_err(Fault::while_committing)?;
            return shared.confirmed(session);
        }
        let sorted = Sorted::of(batch.writes());
        let audit_days = shared.options.audit_days;
        let flush = flush(&snapshot, &sorted, clock(), audit_days, numbers)?;
        let short = |wanted: &&Wanted| {
            let until = kept.get(&(wanted.parent, wanted.period));
            until.is_none_or(|until| *until < wanted.keep_until)
        };
        // A day more than asked, so that the next row need not ask again.
        let more = |wanted: &Wanted| Wanted {
            keep_until: wanted.keep_until.plus_seconds(24 * 3600),
            ..*wanted
        };
        let missing: Vec<_> = flush.keep.iter().filter(short).map(more).collect();
        if !missing.is_empty() {
            session.batch("ROLLBACK").await?;
            ensure(session, &missing).await?;
            kept.extend(missing.iter().map(|w| ((w.parent, w.period), w.keep_until)));
            return Err(Fault::Partition);
        }
        session.forget_warnings();
        let begun = Instant::now();
        let done = session.all(&flush.calls).await.map_err(Fault::while_committing);
        if matches!(done, Err(Fault::Partition)) {
            session.batch("ROLLBACK").await?;
            ensure(session, &flush.into).await?;
        }
        done?;
        shared.confirmed(session)?;
        shared.counters.committed(begun.elapsed());
        if !flush.recorded.is_empty() {
            // Those who wait on other nodes hear of it; a full line is mended by their own looks.
            let _full = nodes.try_send(NodeWork::Recorded(flush.recorded));
        }
        Ok(())
    }

    async fn chore(&mut self, chore: Chore) {
        match chore {
            Chore::Purge { now, limit, reply } => {
                let result = self.purge(now, limit).await;
                if let Ok((count, _)) = &result {
                    add(&self.shared.counters.purged, *count as u64);
                }
                let _gone = reply.send(result);
            }
            Chore::Ping(reply) => {
                let result = self.ping().await;
                let _gone = reply.send(result);
            }
        }
    }

    async fn purge(&mut self, now: Timestamp, limit: usize) -> Result<(usize, bool), StoreError> {
        // What is over by this node's clock may not be by the database's.
        let now = now.min(self.shared.clock.now());
        let partitions = self.in_use_at.is_none_or(|at| at.elapsed() >= IN_USE);
        let result = self.purge_once(now, limit, partitions).await;
        match &result {
            Ok(purged) if partitions => self.in_use_at = purged.in_use.then(Instant::now),
            Ok(_) => {}
            Err(fault) => self.clear_up(fault).await,
        }
        let purged = result?;
        Ok((purged.count, purged.more))
    }

    async fn purge_once(
        &mut self,
        now: Timestamp,
        limit: usize,
        partitions: bool,
    ) -> Result<Purged, Fault> {
        let wanted = ahead(now, self.shared.options.audit_days);
        let session = self.session().await?;
        ensure(session, &wanted).await?;
        purge(session, now, limit, partitions).await
    }

    /// Makes a write durable that means nothing. Tried twice: the first may find out that the
    /// connection has long ended.
    async fn ping(&mut self) -> Result<(), StoreError> {
        let mut result = self.probe().await;
        if matches!(result, Err(Fault::Disconnected(_) | Fault::Conflict)) && self.stuck.is_none() {
            result = self.probe().await;
        }
        match result {
            Ok(()) => {
                self.shared.counters.failed.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(fault) => {
                self.shared.failed(&fault);
                Err(fault.into())
            }
        }
    }

    async fn probe(&mut self) -> Result<(), Fault> {
        let begun = Instant::now();
        let result = self.probe_once().await;
        match &result {
            Ok(()) => self.shared.counters.committed(begun.elapsed()),
            Err(fault) => self.clear_up(fault).await,
        }
        result
    }

    async fn probe_once(&mut self) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let session = self.session().await?;
        session.forget_warnings();
        session.batch(PROBE).await?;
        shared.confirmed(session)
    }
}
