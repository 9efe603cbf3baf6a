//! The first path: how texts come in, and what becomes of them.
//!
//! | module | owns |
//! |---|---|
//! | `receiver` | the first-message receiver: one text of a route, read and recorded |
//! | [`smpp`] | binds to message centres |
//! | [`smpp_server`] | the listener that gateways bind to |
//! | [`webhook`] | gateways that call by HTTP |
//!
//! The network gets its acknowledgement only when the text's record is durable, or when the text is
//! refused by rule. Anything else has it sent again, but for a fault that would only repeat itself.

mod receiver;
pub mod smpp;
pub mod smpp_server;
pub mod webhook;

pub use receiver::{Arrival, METRIC, Receiver};
