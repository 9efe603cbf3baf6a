//! SMPP 3.4: codec, message text, a session without I/O, and its drivers over TCP.
//!
//! | module | owns |
//! |---|---|
//! | [`pdu`] | framing and codec |
//! | [`text`] | what a message says, and which say nothing |
//! | [`session`] | one session in either role, without I/O |
//! | [`esme`] | a bind to an operator's message centre, kept up for ever |
//! | [`server`] | what gateways bind to, to hand over texts from phones |
//! | [`centre`] | a message centre, for simulator, bench and tests |
//!
//! Arrows go one way: `pdu <- text`, `pdu <- session <- esme <- server`, `session <- centre`.

pub mod centre;
mod connection;
pub mod esme;
mod handling;
pub mod pdu;
pub mod server;
pub mod session;
pub mod text;
