//! Owns reading and writing of SMPP's parameter types (SMPP 3.4 3.1): integers, C-octet strings,
//! octet strings and optional parameters, with every bound checked and no octet copied on reading.
//!
//! Reading is generous (a C-octet string may be longer than its field's maximum, for the frame
//! bounds it), writing is strict.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{
    CommandStatus,
    tlv::{MAX_TLVS, Tlv, Tlvs},
};

/// Why a body could not be read. It names fields, never what was in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The command is not one we speak.
    #[error("unknown command")]
    UnknownCommand,
    /// The body ends inside this field.
    #[error("the body ends inside {0}")]
    Truncated(&'static str),
    /// A C-octet string without its terminator.
    #[error("{0} is not terminated")]
    Unterminated(&'static str),
    /// `sm_length` promises more than the body has.
    #[error("sm_length exceeds the body")]
    MessageLength,
    /// An optional parameter's length exceeds the body, or octets are left over.
    #[error("malformed optional parameters")]
    OptionalPart,
    /// More optional parameters than are kept.
    #[error("more than {MAX_TLVS} optional parameters")]
    TooManyTlvs,
}

impl DecodeError {
    /// The status that answers such a request.
    pub const fn status(self) -> CommandStatus {
        match self {
            Self::UnknownCommand => CommandStatus::InvalidCommandId,
            Self::Truncated(_) => CommandStatus::InvalidCommandLength,
            Self::Unterminated(_) => CommandStatus::InvalidParameterLength,
            Self::MessageLength => CommandStatus::InvalidMessageLength,
            Self::OptionalPart | Self::TooManyTlvs => CommandStatus::InvalidOptionalPart,
        }
    }

    /// A stable label for counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownCommand => "unknown_command",
            Self::Truncated(_) => "truncated",
            Self::Unterminated(_) => "unterminated",
            Self::MessageLength => "message_length",
            Self::OptionalPart => "optional_part",
            Self::TooManyTlvs => "too_many_tlvs",
        }
    }
}

/// Why a PDU could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A C-octet string with a NUL in it.
    #[error("{0} contains a NUL")]
    Nul(&'static str),
    /// A field beyond its maximum.
    #[error("{0} is too long")]
    TooLong(&'static str),
}

/// Reads parameters off the front of a body.
pub(super) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(super) fn new(body: Bytes) -> Self {
        Self { rest: body }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn octet(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.rest.try_get_u8().map_err(|_| DecodeError::Truncated(field))
    }

    /// A C-octet string without its terminator (SMPP 3.4 3.1): any octets but NUL.
    pub(super) fn c_octets(&mut self, field: &'static str) -> Result<Bytes, DecodeError> {
        let end = self.rest.iter().position(|&octet| octet == 0);
        let end = end.ok_or(DecodeError::Unterminated(field))?;
        let value = self.rest.split_to(end);
        self.rest.advance(1);
        Ok(value)
    }

    fn octets(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.rest.len()).then(|| self.rest.split_to(length))
    }

    /// `sm_length` and `short_message` (SMPP 3.4 5.2.21, 5.2.22).
    pub(super) fn short_message(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.octet("sm_length")?;
        self.octets(usize::from(length)).ok_or(DecodeError::MessageLength)
    }

    /// Everything left, as optional parameters (SMPP 3.4 3.2.4).
    pub(super) fn tlvs(&mut self) -> Result<Tlvs, DecodeError> {
        let mut tlvs = Tlvs::default();
        while !self.rest.is_empty() {
            if tlvs.0.len() == MAX_TLVS {
                return Err(DecodeError::TooManyTlvs);
            }
            tlvs.0.push(self.tlv().ok_or(DecodeError::OptionalPart)?);
        }
        Ok(tlvs)
    }

    /// The optional parameters as far as they can be read. For a message whose text stands in its
    /// mandatory part: centres append octets of their own, and a tail must not cost the text.
    pub(super) fn readable_tlvs(&mut self) -> Tlvs {
        let mut tlvs = Tlvs::default();
        while tlvs.0.len() < MAX_TLVS
            && let Some(tlv) = self.tlv()
        {
            tlvs.0.push(tlv);
        }
        tlvs
    }

    fn tlv(&mut self) -> Option<Tlv> {
        let tag = self.rest.try_get_u16().ok()?;
        let length = self.rest.try_get_u16().ok()?;
        Some(Tlv { tag, value: self.octets(usize::from(length))? })
    }
}

/// Writes a C-octet string; `max` counts the terminator, as the specification does.
pub(super) fn put_c_octets(
    out: &mut BytesMut,
    field: &'static str,
    value: &[u8],
    max: usize,
) -> Result<(), EncodeError> {
    if value.len() >= max {
        return Err(EncodeError::TooLong(field));
    }
    if value.contains(&0) {
        return Err(EncodeError::Nul(field));
    }
    out.put_slice(value);
    out.put_u8(0);
    Ok(())
}

/// Writes `sm_length` and `short_message`, at most 254 octets (SMPP 3.4 5.2.22).
pub(super) fn put_short_message(out: &mut BytesMut, value: &[u8]) -> Result<(), EncodeError> {
    let length = u8::try_from(value.len()).ok().filter(|&length| length <= 254);
    out.put_u8(length.ok_or(EncodeError::TooLong("short_message"))?);
    out.put_slice(value);
    Ok(())
}

/// Writes optional parameters.
pub(super) fn put_tlvs(out: &mut BytesMut, tlvs: &Tlvs) -> Result<(), EncodeError> {
    if tlvs.0.len() > MAX_TLVS {
        return Err(EncodeError::TooLong("optional parameters"));
    }
    for tlv in &tlvs.0 {
        let length = u16::try_from(tlv.value.len());
        out.put_u16(tlv.tag);
        out.put_u16(length.map_err(|_| EncodeError::TooLong("optional parameter"))?);
        out.put_slice(&tlv.value);
    }
    Ok(())
}
