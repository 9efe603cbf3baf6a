//! A reader: a thread with a connection. What waits is decided together over one snapshot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use twinpath_core::transaction::Random;

use super::Shared;
use super::connection::{BEGIN_READ, COMMIT, Session};
use super::fault::Fault;
use super::list::list;
use super::load::drive;
use crate::executor::{Access, Batch};
use crate::job::Job;
use crate::queue::Queue;
use crate::work::{Listing, ReadWork, Work};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Reader {
    pub(super) shared: Arc<Shared>,
    /// `None` until it is needed, and after a fault.
    pub(super) session: Option<Session>,
    pub(super) random: Box<dyn Random + Send>,
}

impl Reader {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let random = (shared.options.random)();
        Self { shared: Arc::clone(shared), session: None, random }
    }

    /// Serves until the queue is closed and empty.
    pub(super) fn run(mut self, runtime: &Runtime, queue: &Queue<ReadWork>) {
        while let Some(taken) = queue.take(self.shared.options.max_batch) {
            let (jobs, listings) = Work::sort(taken);
            runtime.block_on(async {
                if !jobs.is_empty() {
                    self.decide(jobs).await;
                }
                for listing in listings {
                    self.list(listing).await;
                }
            });
        }
    }

    async fn decide(&mut self, jobs: Vec<Box<dyn Job>>) {
        let deadline = Instant::now() + self.shared.options.busy_timeout;
        let mut batch = Batch::new(jobs, Access::Read);
        let result = loop {
            let fault = match self.attempt(&mut batch).await {
                Ok(()) => break Ok(()),
                Err(fault) => fault,
            };
            // Whatever it was: a transaction left open would go on with its old snapshot.
            self.session = None;
            let again = matches!(fault, Fault::Disconnected(_) | Fault::Conflict);
            if !again || self.shared.is_failed() || Instant::now() >= deadline {
                break Err(fault.into());
            }
            batch.restart();
            tokio::time::sleep(PAUSE).await;
        };
        self.shared.counters.read(batch.len());
        batch.answer(&result);
    }

    async fn attempt(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        let clock = self.shared.clock.as_clock();
        self.connect().await?;
        let Some(session) = &mut self.session else { return Ok(()) };
        let snapshot = drive(session, BEGIN_READ, batch, &clock, &mut *self.random).await?;
        if snapshot.begun { session.batch(COMMIT).await } else { Ok(()) }
    }

    async fn list(&mut self, listing: Listing) {
        let result = match self.connect().await {
            Ok(()) => match &self.session {
                Some(session) => list(session, listing).await,
                None => return,
            },
            Err(fault) => {
                listing.refuse(fault.into());
                return;
            }
        };
        if let Err(fault) = result {
            tracing::warn!(?fault, "a listing failed");
            self.session = None;
        }
    }

    async fn connect(&mut self) -> Result<(), Fault> {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = Some(self.shared.connect().await?);
        }
        Ok(())
    }
}
