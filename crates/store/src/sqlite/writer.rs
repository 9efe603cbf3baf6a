//! The one writer thread.
//!
//! Invariants:
//! * nothing is answered before its transaction is durable, or known to be without effect;
//! * nothing read is kept from one transaction to the next: another process may write in between;
//! * after any fault but "busy" and "full" the connection is given up and nothing is acknowledged
//!   until a new one has emptied the log into the database and made a probe durable. An `fsync` that
//!   failed may have left log pages that look written and are not; a later commit behind such pages
//!   could be lost with them, so the log has to be started afresh.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use twinpath_core::transaction::Random;

use super::connection::{Database, begin, checkpoint, commit, roll_back};
use super::fault::Fault;
use super::flush::{flush, probe};
use super::load::drive;
use super::purge::{Purged, purge};
use crate::error::StoreError;
use crate::executor::{Access, Batch};
use crate::job::Job;
use crate::queue::Queue;
use crate::stats::{Counters, add};
use crate::work::{Chore, Work, WriteWork};

pub(super) struct Writer {
    pub(super) database: Database,
    /// `None` in the failed state.
    pub(super) connection: Option<Connection>,
    pub(super) random: Box<dyn Random + Send>,
    pub(super) counters: Arc<Counters>,
}

impl Writer {
    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, queue: &Queue<WriteWork>) {
        while let Some(taken) = queue.take(self.database.options.max_batch) {
            let (jobs, chores) = Work::sort(taken);
            if !jobs.is_empty() {
                self.decide(jobs);
            }
            for chore in chores {
                self.chore(chore);
            }
        }
        let patience = self.database.options.busy_timeout;
        let emptied = self.connection.as_ref().map(|connection| checkpoint(connection, patience));
        if let Some(Err(fault)) = emptied {
            tracing::warn!(?fault, "the log was not emptied; the next start will do so");
        }
    }

    fn decide(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut batch = Batch::new(jobs, Access::Write);
        let clock = self.database.options.local_clock();
        let result = self.transact(|connection, random| {
            drive(connection, &mut batch, &clock, random)?;
            flush(connection, batch.writes())?;
            Ok(!batch.writes().is_empty())
        });
        // Before the answers: who has one finds it counted.
        self.counters.wrote(batch.len(), result.is_ok());
        batch.answer(&result.map(drop));
    }

    fn chore(&mut self, chore: Chore) {
        match chore {
            Chore::Purge { now, limit, reply } => {
                let mut purged = Purged { deleted: 0, moved: 0 };
                let audit_days = self.database.options.audit_days;
                let result = self.transact(|connection, _| {
                    purged = purge(connection, now, limit, audit_days)?;
                    Ok(purged.deleted + purged.moved > 0)
                });
                if result.is_ok() {
                    add(&self.counters.purged, purged.deleted as u64);
                }
                let _gone = reply.send(result.map(|more| (purged.deleted, more)));
            }
            Chore::Ping(reply) => {
                let result = self.transact(|connection, _| probe(connection).map(|()| true));
                let _gone = reply.send(result.map(drop));
            }
        }
    }

    /// One transaction around `body`, which tells whether there is anything to make durable.
    fn transact(
        &mut self,
        body: impl FnOnce(&Connection, &mut dyn Random) -> Result<bool, Fault>,
    ) -> Result<bool, StoreError> {
        let patience = self.database.options.busy_timeout;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.recover()?,
        };
        let result = self
            .database
            .limit_pages(&connection)
            .and_then(|()| begin(&connection, patience))
            .and_then(|()| body(&connection, &mut *self.random))
            .and_then(|wrote| Ok((wrote, commit(&connection, patience)?)));
        let sound = match &result {
            Ok(_) => true,
            Err(fault) => roll_back(&connection) && !fault.breaks(),
        };
        if sound {
            self.connection = Some(connection);
        } else {
            tracing::error!(fault = ?result.as_ref().err(), "the store failed");
            self.counters.failed.store(true, Ordering::Relaxed);
        }
        let (wrote, took) = result?;
        if wrote {
            self.counters.committed(took);
        }
        Ok(wrote)
    }

    /// Leaves the failed state, or stays in it. Tried before each batch, so that pings alone suffice.
    fn recover(&self) -> Result<Connection, StoreError> {
        let connection = self.prove().map_err(|fault| {
            StoreError::Unavailable(format!(
                "storage failed and has not recovered: {}",
                StoreError::from(fault)
            ))
        })?;
        tracing::info!("the store recovered");
        self.counters.failed.store(false, Ordering::Relaxed);
        Ok(connection)
    }

    fn prove(&self) -> Result<Connection, Fault> {
        let connection = self.database.writer()?;
        let patience = self.database.options.busy_timeout;
        checkpoint(&connection, patience)?;
        begin(&connection, patience)?;
        probe(&connection)?;
        commit(&connection, patience)?;
        Ok(connection)
    }
}
