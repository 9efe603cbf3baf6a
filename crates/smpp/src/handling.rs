//! Owns the step from a received message to its handler's result, for whichever side received it.
//!
//! Invariants: a handler that panics costs its own message alone; a result says when it came.

use std::{future::poll_fn, panic::AssertUnwindSafe, task::Poll, time::Instant};

use futures_util::{FutureExt, Stream, StreamExt};

use crate::{
    esme::{Deliveries, Delivery, Undecodable},
    pdu::CommandStatus,
    session::Unanswered,
};

/// A message for a handler.
pub(crate) enum Incoming {
    Delivery(Box<Delivery>),
    Undecodable(Undecodable),
}

/// A handler's result.
pub(crate) struct Handled {
    pub(crate) unanswered: Unanswered,
    pub(crate) status: CommandStatus,
    /// When the handler returned.
    pub(crate) at: Instant,
}

/// Collects every handler that is done; waits for one if none is.
pub(crate) async fn finished(
    handlers: &mut (impl Stream<Item = Handled> + Unpin),
    handled: &mut Vec<Handled>,
) {
    poll_fn(|cx| {
        while let Poll::Ready(Some(done)) = handlers.poll_next_unpin(cx) {
            handled.push(done);
        }
        if handled.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// Runs a handler. One that panics must not take the session with it.
pub(crate) async fn handle<D: Deliveries>(
    deliveries: &D,
    unanswered: Unanswered,
    incoming: Incoming,
) -> Handled {
    let handler = async {
        match incoming {
            Incoming::Delivery(delivery) => deliveries.deliver(*delivery).await,
            Incoming::Undecodable(undecodable) => deliveries.undecodable(undecodable).await,
        }
    };
    let status = AssertUnwindSafe(handler).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a delivery handler panicked");
        CommandStatus::TemporaryApplicationError
    });
    Handled { unanswered, status, at: Instant::now() }
}
