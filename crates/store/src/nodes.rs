//! What nodes on one database tell each other. Hints and courtesies only: every decision is made on
//! rows, so a hint that is lost costs time, never correctness.

use tokio::sync::{mpsc, oneshot};
use twinpath_core::ids::{CodeKey, Digest, Timestamp};

use crate::error::StoreError;

/// Something that happened on some node, this one included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// This code's text is recorded.
    Code(CodeKey),
    /// Apps or signing keys changed.
    Registry,
}

/// What other nodes do about a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// A request on another node waits for it.
    pub taken: bool,
    /// When a poll for it was last answered, and the interval in seconds that the client was told.
    pub answered: Option<(Timestamp, u64)>,
}

/// For the one task that speaks with the other nodes.
#[derive(Debug)]
pub(crate) enum NodeWork {
    /// A request waits for a code here, until a time.
    Wait { code: CodeKey, until: Timestamp, reply: Reply<Standing> },
    /// A poll was answered: nobody waits here any more.
    Answered { code: CodeKey, at: Timestamp, interval_s: u64 },
    /// These codes are still waited for: tell of those that are recorded.
    Look(Vec<(CodeKey, Timestamp)>),
    /// These codes were just recorded here.
    Recorded(Vec<CodeKey>),
    /// This node's counts, for those of the others.
    Tally { mine: Vec<(Digest, u32)>, reply: Reply<Vec<(Digest, u32)>> },
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A node's line to the others.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) work: mpsc::Sender<NodeWork>,
    /// Until someone takes them.
    pub(crate) hints: std::sync::Mutex<Option<mpsc::Receiver<Hint>>>,
}

impl Nodes {
    pub(crate) async fn ask<T>(
        &self,
        work: impl FnOnce(Reply<T>) -> NodeWork,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let full = |_| StoreError::unavailable("too much waits to be told to the other nodes");
        self.work.try_send(work(reply)).map_err(full)?;
        answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("it stopped")))
    }

    /// Tells without waiting. What finds no room is dropped: it is a courtesy.
    pub(crate) fn tell(&self, work: NodeWork) {
        let _full = self.work.try_send(work);
    }
}
