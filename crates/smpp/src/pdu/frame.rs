//! Owns framing: cutting the byte stream into PDUs by their header alone (SMPP 3.4 3.2, 5.1.1).
//!
//! Framing never looks at a body, so a body that cannot be read costs one message, not the bind.
//! The one fatal case is a `command_length` outside its bounds: where the next PDU starts is then
//! unknown, and the stream cannot be resynchronised.

use bytes::{Buf, Bytes, BytesMut};

use super::{CommandId, CommandStatus};

/// The octets of a PDU header (SMPP 3.4 3.2).
pub const HEADER_OCTETS: usize = 16;

/// The largest PDU accepted unless configured otherwise.
pub const DEFAULT_MAX_PDU: usize = 64 * 1024;

/// A PDU header (SMPP 3.4 5.1). The command is kept as its code, for it may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Octets of the whole PDU, this header included (5.1.1).
    pub command_length: u32,
    /// The command's code (5.1.2).
    pub command_id: u32,
    /// Zero in requests (5.1.3).
    pub command_status: CommandStatus,
    /// Ties a response to its request (5.1.4).
    pub sequence_number: u32,
}

impl Header {
    /// Reads a header; none if fewer than sixteen octets are there.
    pub fn decode(mut octets: &[u8]) -> Option<Self> {
        Some(Self {
            command_length: octets.try_get_u32().ok()?,
            command_id: octets.try_get_u32().ok()?,
            command_status: CommandStatus::from_code(octets.try_get_u32().ok()?),
            sequence_number: octets.try_get_u32().ok()?,
        })
    }

    /// The command, if it is one we speak.
    pub const fn command(&self) -> Option<CommandId> {
        CommandId::from_code(self.command_id)
    }
}

/// One PDU as it came: its header, and its octets not yet looked into.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: Header,
    raw: Bytes,
}

impl Frame {
    /// Every octet, header included: what a quarantine keeps.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The octets after the header, sharing the frame's memory.
    pub fn body(&self) -> Bytes {
        let mut body = self.raw.clone();
        body.advance(HEADER_OCTETS.min(body.len()));
        body
    }
}

/// Shows no octets: they carry numbers and texts.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A `command_length` below sixteen or above the bound: the session has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("command_length {} is out of bounds", header.command_length)]
pub struct InvalidLength {
    /// The header as read; its sequence number goes into the `generic_nack`.
    pub header: Header,
}

/// Takes the next whole PDU off the front of `input`; none while more octets are needed.
/// The answer does not depend on how the stream was split.
pub fn take_frame(input: &mut BytesMut, max_pdu: usize) -> Result<Option<Frame>, InvalidLength> {
    let Some(header) = Header::decode(input) else { return Ok(None) };
    let length = usize::try_from(header.command_length).unwrap_or(usize::MAX);
    if !(HEADER_OCTETS..=max_pdu).contains(&length) {
        return Err(InvalidLength { header });
    }
    if input.len() < length {
        return Ok(None);
    }
    Ok(Some(Frame { header, raw: input.split_to(length).freeze() }))
}
