//! Decides a batch of operations over one shared view. Does no I/O and knows no backend.
//!
//! A backend drives a [`Batch`]: it calls [`Batch::advance`], supplies every key that this wants, and
//! calls again until nothing is wanted; then it makes [`Batch::writes`] durable and answers. Keys
//! wanted by many operations come out together, so that a backend can load them in one query.
//!
//! Invariants:
//! * every step sees the writes of every step decided before it, in whatever order steps are decided:
//!   the batch is serial. An operation that waits for a row is overtaken by those that do not;
//! * a step's writes are taken in together or not at all: one write to an unread row refuses the step
//!   and fails its operation alone. Steps decided before that stay, as after a crash between the two;
//! * a step's writes are of one terminal, one code, one identifier or one authorization request: what
//!   a database spread over machines can commit in one place;
//! * a decision that panics, never ends or asks forever fails alone.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use twinpath_core::transaction::{Context, Key, Loaded, Missing, Random, Rows, Write};

use crate::error::StoreError;
use crate::job::{Decided, Job};
use crate::options::Clock;
use crate::writes::{Shard, WriteSet, was_read};

/// Most decisions of one step: each further one must have asked for one more key.
const ATTEMPTS_MAX: u32 = 64;
/// Most steps of one operation.
const STEPS_MAX: u32 = 64;

/// What decisions of this batch may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Operations that are decided together.
pub(crate) struct Batch {
    access: Access,
    rows: Rows,
    /// Keys whose rows could not be understood.
    broken: HashMap<Key, StoreError>,
    undecided: Vec<Slot>,
    decided: Vec<(Box<dyn Job>, Result<(), StoreError>)>,
    writes: WriteSet,
}

/// An operation that has not ended.
struct Slot {
    job: Box<dyn Job>,
    attempts: u32,
    steps: u32,
    prefetched: bool,
}

impl Slot {
    fn new(job: Box<dyn Job>) -> Self {
        Self { job, attempts: 0, steps: 0, prefetched: false }
    }
}

/// How far an operation came in one round.
enum Progress {
    Waits,
    Ended(Result<(), StoreError>),
}

impl Batch {
    pub(crate) fn new(jobs: impl IntoIterator<Item = Box<dyn Job>>, access: Access) -> Self {
        Self {
            access,
            rows: Rows::new(),
            broken: HashMap::new(),
            undecided: jobs.into_iter().map(Slot::new).collect(),
            decided: Vec::new(),
            writes: WriteSet::default(),
        }
    }

    /// Decides what can be decided. Returns the keys that are wanted to go on; none: all is decided.
    pub(crate) fn advance(&mut self, clock: &Clock, random: &mut dyn Random) -> HashSet<Key> {
        let mut wanted = HashSet::new();
        for mut slot in std::mem::take(&mut self.undecided) {
            match self.decide(&mut slot, clock, random, &mut wanted) {
                Progress::Waits => self.undecided.push(slot),
                Progress::Ended(result) => self.decided.push((slot.job, result)),
            }
        }
        wanted
    }

    /// Takes in what was loaded under a key, or why it could not be understood. What was said of a
    /// key first stays.
    pub(crate) fn supply(&mut self, key: Key, loaded: Result<Loaded, StoreError>) {
        match loaded {
            Ok(loaded) if !self.broken.contains_key(&key) => self.rows.load(key, loaded),
            Ok(_) => {}
            Err(error) => {
                self.broken.insert(key, error);
            }
        }
    }

    /// Forgets all that was loaded and decided, so that it can be decided again from the start.
    pub(crate) fn restart(&mut self) {
        self.rows = Rows::new();
        self.broken.clear();
        self.writes = WriteSet::default();
        // In the order in which they ended; what never ended comes last.
        let decided = std::mem::take(&mut self.decided).into_iter().map(|(job, _)| job);
        let undecided = std::mem::take(&mut self.undecided).into_iter().map(|slot| slot.job);
        self.undecided = decided.chain(undecided).map(Slot::new).collect();
        self.undecided.iter_mut().for_each(|slot| slot.job.restart());
    }

    /// Moves half of the operations to another batch. Both begin anew.
    pub(crate) fn split(&mut self) -> Self {
        self.restart();
        let half = self.undecided.split_off(self.undecided.len() / 2);
        Self::new(half.into_iter().map(|slot| slot.job), self.access)
    }

    /// What has to become durable before anyone is answered.
    pub(crate) fn writes(&self) -> &WriteSet {
        &self.writes
    }

    /// How many operations there are.
    pub(crate) fn len(&self) -> usize {
        self.decided.len() + self.undecided.len()
    }

    /// Answers every operation: its own failure, or else how the whole batch ended.
    pub(crate) fn answer(self, whole: &Result<(), StoreError>) {
        for (job, own) in self.decided {
            job.answer(whole.clone().and(own));
        }
        for slot in self.undecided {
            let halfway = || StoreError::unavailable("the batch ended early");
            slot.job.answer(whole.clone().and_then(|()| Err(halfway())));
        }
    }

    fn decide(
        &mut self,
        slot: &mut Slot,
        clock: &Clock,
        random: &mut dyn Random,
        wanted: &mut HashSet<Key>,
    ) -> Progress {
        loop {
            if !slot.prefetched {
                slot.prefetched = true;
                if self.prefetch(slot, wanted) {
                    return Progress::Waits;
                }
            }
            slot.attempts += 1;
            if slot.attempts > ATTEMPTS_MAX {
                return failed("a decision asked for rows without end");
            }
            let mut cx = Context { now: clock(), random: &mut *random };
            let attempt = || slot.job.decide(&self.rows, &mut cx);
            let Ok(attempt) = catch_unwind(AssertUnwindSafe(attempt)) else {
                return failed("a decision panicked");
            };
            match attempt {
                Err(Missing(key)) => {
                    if let Some(error) = self.broken.get(&key) {
                        return Progress::Ended(Err(error.clone()));
                    }
                    wanted.insert(key);
                    return Progress::Waits;
                }
                Ok(decided) => {
                    if let Some(end) = self.take_in(slot, decided) {
                        return Progress::Ended(end);
                    }
                }
            }
        }
    }

    /// Asks for rows that a step is known to need; `true` if any is not loaded yet.
    fn prefetch(&self, slot: &Slot, wanted: &mut HashSet<Key>) -> bool {
        let mut keys = Vec::new();
        if catch_unwind(AssertUnwindSafe(|| slot.job.prefetch(&mut keys))).is_err() {
            // Only a hint: the decision will tell what it needs.
            return false;
        }
        let fresh = |key: &Key| !self.rows.knows(key) && !self.broken.contains_key(key);
        keys.retain(fresh);
        let any = !keys.is_empty();
        wanted.extend(keys);
        any
    }

    /// Takes in a decided step. `Some` if the operation ended with it.
    fn take_in(&mut self, slot: &mut Slot, decided: Decided) -> Option<Result<(), StoreError>> {
        if let Err(error) = self.lay_over(decided.writes) {
            return Some(Err(error));
        }
        if decided.last {
            return Some(Ok(()));
        }
        slot.attempts = 0;
        slot.prefetched = false;
        slot.steps += 1;
        (slot.steps >= STEPS_MAX)
            .then(|| Err(StoreError::inconsistent("an operation took steps without end")))
    }

    fn lay_over(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        if self.access == Access::Read && !writes.is_empty() {
            return Err(StoreError::inconsistent("an operation that only reads wanted to write"));
        }
        let mut shards = writes.iter().filter_map(Shard::of);
        let first = shards.next();
        if shards.any(|shard| Some(shard) != first) {
            return Err(StoreError::inconsistent(
                "a step wrote rows of more than one terminal, code, identifier or request",
            ));
        }
        let unread = || StoreError::inconsistent("a decision wrote a row that it never read");
        if !writes.iter().all(|write| was_read(&self.rows, write)) {
            return Err(unread());
        }
        for write in writes {
            if !self.rows.apply(&write) {
                return Err(unread());
            }
            self.writes.push(write);
        }
        Ok(())
    }
}

fn failed(why: &str) -> Progress {
    Progress::Ended(Err(StoreError::inconsistent(why)))
}
