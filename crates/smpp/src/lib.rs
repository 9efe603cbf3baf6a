//! SMPP 3.4: codec, message text, a session without I/O, and its driver over TCP.

pub mod pdu;
pub mod text;
