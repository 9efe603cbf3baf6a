//! A reader thread: what waits is decided together over one snapshot.

use std::sync::Arc;

use rusqlite::Connection;
use twinpath_core::transaction::Random;

use super::connection::{Database, roll_back, statement};
use super::fault::Fault;
use super::load::{drive, list};
use crate::error::StoreError;
use crate::executor::{Access, Batch};
use crate::job::Job;
use crate::queue::Queue;
use crate::stats::Counters;
use crate::work::{Listing, ReadWork, Work};

pub(super) struct Reader {
    pub(super) database: Database,
    /// `None` after a fault; the next batch opens another one.
    pub(super) connection: Option<Connection>,
    pub(super) random: Box<dyn Random + Send>,
    pub(super) counters: Arc<Counters>,
}

impl Reader {
    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, queue: &Queue<ReadWork>) {
        while let Some(taken) = queue.take(self.database.options.max_batch) {
            let (jobs, listings) = Work::sort(taken);
            if !jobs.is_empty() {
                self.decide(jobs);
            }
            for listing in listings {
                self.list(listing);
            }
        }
    }

    fn decide(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut batch = Batch::new(jobs, Access::Read);
        let clock = self.database.options.local_clock();
        let result =
            self.snapshot(|connection, random| drive(connection, &mut batch, &clock, random));
        self.counters.read(batch.len());
        batch.answer(&result);
    }

    fn list(&mut self, listing: Listing) {
        if let Err(error) = self.snapshot(|connection, _| list(connection, listing)) {
            tracing::warn!(%error, "a listing failed");
        }
    }

    /// `body` sees one state of the database throughout.
    fn snapshot(
        &mut self,
        body: impl FnOnce(&Connection, &mut dyn Random) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.reader()?,
        };
        let result =
            statement(&connection, "BEGIN").and_then(|()| body(&connection, &mut *self.random));
        let ended = roll_back(&connection);
        if ended && !result.as_ref().is_err_and(Fault::breaks) {
            self.connection = Some(connection);
        }
        Ok(result?)
    }
}
