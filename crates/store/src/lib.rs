//! Durable storage: the batched transaction of `twinpath_core::transaction`.
//!
//! [`Store`] takes operations from any number of tasks, decides those that wait together in one
//! transaction, and answers when it is durable. The map:
//!
//! | room | what it does |
//! |---|---|
//! | `store` | the handle; knows no backend but by opening one |
//! | `work` | everything a backend can be asked |
//! | `queue`, `lane` | bounded queues and the threads that serve them |
//! | `job` | operations of any type, with who waits for them |
//! | `executor`, `writes` | decides a batch; does no I/O |
//! | `transfer` | copies one store into another, whichever backends they have |
//! | `sqlite` | the embedded backend: one writer that commits groups, readers beside it |
//!
//! What becomes of one operation: `Store::run` puts it into the writer's queue. The writer takes all
//! that waits, begins a transaction, and lets the executor decide, loading the rows that decisions
//! ask for; writes the rows that changed; commits, once for all; and answers each caller. While it
//! commits, the next operations gather in the queue.

mod audit;
mod columns;
mod error;
mod executor;
mod job;
mod lane;
mod nodes;
mod options;
mod postgres;
mod queue;
mod sqlite;
mod stats;
mod store;
mod transfer;
mod work;
mod writes;

pub use audit::AuditLine;
pub use error::StoreError;
pub use nodes::{Hint, Standing};
pub use options::{Clock, Migrate, Options, RandomFactory};
pub use stats::Stats;
pub use store::{Store, Versions};
pub use transfer::{Copied, Ended, Progress, Stage, Table, Transfer, TransferError, Which};
