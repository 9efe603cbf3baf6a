//! What a backend is asked to do. Everything a [`crate::Store`] offers goes through one of the two
//! kinds, so a further backend serves these and changes no caller.

use twinpath_core::ids::{AccountId, ClientId, Timestamp};
use twinpath_core::records::{Account, App};

use crate::audit::AuditLine;
use crate::error::StoreError;
use crate::job::{Job, Reply};

/// For the writer, in order of arrival.
pub(crate) enum WriteWork {
    Operation(Box<dyn Job>),
    /// Deletes up to `limit` rows that are past their time, in a transaction of its own. The answer:
    /// how many, and whether there may be more.
    Purge {
        now: Timestamp,
        limit: usize,
        reply: Reply<(usize, bool)>,
    },
    /// Proves that a write becomes durable.
    Ping(Reply<()>),
}

/// For a reader.
pub(crate) enum ReadWork {
    Operation(Box<dyn Job>),
    Listing(Listing),
}

/// A page of rows for operators.
pub(crate) enum Listing {
    Apps { after: Option<ClientId>, limit: usize, reply: Reply<Vec<App>> },
    Audit { after: i64, limit: usize, reply: Reply<Vec<AuditLine>> },
    AuditNewest { limit: usize, reply: Reply<Vec<AuditLine>> },
    FindAccount { id: AccountId, reply: Reply<Option<Account>> },
    RegistryVersion(Reply<u64>),
}

impl Listing {
    /// Tells whoever asked that it cannot be had.
    pub(crate) fn refuse(self, error: StoreError) {
        match self {
            Self::Apps { reply, .. } => drop(reply.send(Err(error))),
            Self::Audit { reply, .. } | Self::AuditNewest { reply, .. } => {
                drop(reply.send(Err(error)));
            }
            Self::FindAccount { reply, .. } => drop(reply.send(Err(error))),
            Self::RegistryVersion(reply) => drop(reply.send(Err(error))),
        }
    }
}
