//! What a backend is asked to do. Everything a [`crate::Store`] offers goes through one of the two
//! kinds, so a further backend serves these and changes no caller.

use twinpath_core::ids::{AccountId, ClientId, Digest, Timestamp};
use twinpath_core::records::{Account, App, Instance, Note, NoteKind};

use crate::audit::AuditLine;
use crate::error::StoreError;
use crate::job::{Job, Reply};

/// What a lane is asked: an operation, or something else of its own.
pub(crate) enum Work<O> {
    Operation(Box<dyn Job>),
    Other(O),
}

impl<O> Work<O> {
    /// Operations are decided together; the others follow, in order of arrival.
    pub(crate) fn sort(taken: Vec<Self>) -> (Vec<Box<dyn Job>>, Vec<O>) {
        let (mut jobs, mut others) = (Vec::with_capacity(taken.len()), Vec::new());
        for work in taken {
            match work {
                Self::Operation(job) => jobs.push(job),
                Self::Other(other) => others.push(other),
            }
        }
        (jobs, others)
    }
}

/// For the writer.
pub(crate) type WriteWork = Work<Chore>;

/// For a reader.
pub(crate) type ReadWork = Work<Listing>;

/// What a writer does besides operations.
pub(crate) enum Chore {
    /// Deletes up to `limit` rows that are past their time, in a transaction of its own. The answer:
    /// how many, and whether there may be more.
    Purge { now: Timestamp, limit: usize, reply: Reply<(usize, bool)> },
    /// Proves that a write becomes durable.
    Ping(Reply<()>),
}

/// A page of rows for operators.
pub(crate) enum Listing {
    Apps {
        after: Option<ClientId>,
        limit: usize,
        reply: Reply<Vec<App>>,
    },
    Instances {
        client_id: ClientId,
        after: Option<String>,
        limit: usize,
        reply: Reply<Vec<Instance>>,
    },
    Notes {
        kind: NoteKind,
        after: (Timestamp, Digest),
        until: Timestamp,
        limit: usize,
        reply: Reply<Vec<Note>>,
    },
    Audit {
        after: i64,
        limit: usize,
        reply: Reply<Vec<AuditLine>>,
    },
    AuditNewest {
        limit: usize,
        reply: Reply<Vec<AuditLine>>,
    },
    FindAccount {
        id: AccountId,
        reply: Reply<Option<Account>>,
    },
    RegistryVersion(Reply<u64>),
}

impl Listing {
    /// Tells whoever asked that it cannot be had.
    pub(crate) fn refuse(self, error: StoreError) {
        match self {
            Self::Apps { reply, .. } => drop(reply.send(Err(error))),
            Self::Instances { reply, .. } => drop(reply.send(Err(error))),
            Self::Notes { reply, .. } => drop(reply.send(Err(error))),
            Self::Audit { reply, .. } | Self::AuditNewest { reply, .. } => {
                drop(reply.send(Err(error)));
            }
            Self::FindAccount { reply, .. } => drop(reply.send(Err(error))),
            Self::RegistryVersion(reply) => drop(reply.send(Err(error))),
        }
    }
}

/// The ids between which the installations of an app lie, both left out; `after` is a thumbprint.
pub(crate) fn instances_of(client_id: &ClientId, after: Option<&str>) -> (String, String) {
    // `0` follows `/`, which no `client_id` and no thumbprint has.
    (format!("{client_id}/{}", after.unwrap_or("")), format!("{client_id}0"))
}
