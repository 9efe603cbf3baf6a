//! Operations of any type, behind one trait, each with the caller that waits for it.

use tokio::sync::oneshot;
use twinpath_core::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};

use crate::error::StoreError;

/// Where an answer goes. A caller that went away is no error.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A step, without the type of its operation.
pub(crate) struct Decided {
    pub(crate) writes: Vec<Write>,
    /// Whether the operation ended with this step.
    pub(crate) last: bool,
}

/// An operation on its way through the store.
pub(crate) trait Job: Send {
    fn prefetch(&self, keys: &mut Vec<Key>);

    /// Decides the present step and moves on to the next one.
    fn decide(&mut self, rows: &Rows, cx: &mut Context<'_>) -> Result<Decided, Missing>;

    /// Forgets all that was decided: nothing of it became durable.
    fn restart(&mut self);

    /// Tells the caller: the outcome if all went well.
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
}

/// A [`Job`] for an [`Operation`].
pub(crate) struct Ticket<O: Operation> {
    /// As it was submitted.
    first: O,
    /// As it goes on after its first step.
    later: Option<O>,
    outcome: Option<O::Outcome>,
    reply: Reply<O::Outcome>,
}

impl<O: Operation> Ticket<O> {
    pub(crate) fn new(operation: O, reply: Reply<O::Outcome>) -> Self {
        Self { first: operation, later: None, outcome: None, reply }
    }
}

impl<O: Operation> Job for Ticket<O> {
    fn prefetch(&self, keys: &mut Vec<Key>) {
        self.later.as_ref().unwrap_or(&self.first).prefetch(keys);
    }

    fn decide(&mut self, rows: &Rows, cx: &mut Context<'_>) -> Result<Decided, Missing> {
        Ok(match self.later.as_ref().unwrap_or(&self.first).decide(rows, cx)? {
            Step::Done(writes, outcome) => {
                self.outcome = Some(outcome);
                Decided { writes, last: true }
            }
            Step::Next(writes, operation) => {
                self.later = Some(operation);
                Decided { writes, last: false }
            }
        })
    }

    fn restart(&mut self) {
        self.later = None;
        self.outcome = None;
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let undecided = || StoreError::inconsistent("an operation ended without an outcome");
        let Self { outcome, reply, .. } = *self;
        let _gone = reply.send(result.and_then(|()| outcome.ok_or_else(undecided)));
    }
}
