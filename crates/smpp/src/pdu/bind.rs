//! Owns the bodies that open a session: the three binds, their responses and outbind
//! (SMPP 3.4 4.1). `interface_version` is written as 3.4 and accepted whatever it says.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    CommandId, DecodeError, EncodeError,
    octets::{Reader, put_c_octets, put_tlvs},
    tlv::Tlvs,
};

/// `interface_version` of SMPP 3.4 (5.2.4).
pub const INTERFACE_VERSION: u8 = 0x34;

/// Longer than the specification's nine: operators issue longer ones, and those can only be sent
/// as they are.
const MAX_PASSWORD: usize = 65;

/// Which way messages may flow (SMPP 3.4 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindMode {
    /// The ESME receives.
    Receiver,
    /// The ESME sends.
    Transmitter,
    /// Both.
    Transceiver,
}

impl BindMode {
    /// The request that asks for this mode.
    pub const fn command(self) -> CommandId {
        match self {
            Self::Receiver => CommandId::BindReceiver,
            Self::Transmitter => CommandId::BindTransmitter,
            Self::Transceiver => CommandId::BindTransceiver,
        }
    }

    /// The response that grants it.
    pub const fn response(self) -> CommandId {
        match self {
            Self::Receiver => CommandId::BindReceiverResp,
            Self::Transmitter => CommandId::BindTransmitterResp,
            Self::Transceiver => CommandId::BindTransceiverResp,
        }
    }

    /// The mode a bind or its response is about.
    pub const fn of(command: CommandId) -> Option<Self> {
        match command {
            CommandId::BindReceiver | CommandId::BindReceiverResp => Some(Self::Receiver),
            CommandId::BindTransmitter | CommandId::BindTransmitterResp => Some(Self::Transmitter),
            CommandId::BindTransceiver | CommandId::BindTransceiverResp => Some(Self::Transceiver),
            _ => None,
        }
    }

    /// Whether the message centre may deliver to the ESME.
    pub const fn receives(self) -> bool {
        !matches!(self, Self::Transmitter)
    }

    /// Whether the ESME may submit.
    pub const fn transmits(self) -> bool {
        !matches!(self, Self::Receiver)
    }
}

/// `bind_receiver`, `bind_transmitter` or `bind_transceiver` (SMPP 3.4 4.1.1, 4.1.3, 4.1.5).
#[derive(Clone, PartialEq, Eq)]
pub struct Bind {
    /// Which of the three.
    pub mode: BindMode,
    /// Who binds.
    pub system_id: Bytes,
    /// Its password.
    pub password: Bytes,
    /// Its kind.
    pub system_type: Bytes,
    /// The version it speaks.
    pub interface_version: u8,
    /// Type of number of `address_range`.
    pub addr_ton: u8,
    /// Numbering plan of `address_range`.
    pub addr_npi: u8,
    /// The addresses it serves.
    pub address_range: Bytes,
}

/// Never shows the password.
impl std::fmt::Debug for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bind")
            .field("mode", &self.mode)
            .field("system_id", &self.system_id)
            .finish_non_exhaustive()
    }
}

impl Bind {
    pub(super) fn decode(mode: BindMode, body: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            mode,
            system_id: body.c_octets("system_id")?,
            password: body.c_octets("password")?,
            system_type: body.c_octets("system_type")?,
            interface_version: body.octet("interface_version")?,
            addr_ton: body.octet("addr_ton")?,
            addr_npi: body.octet("addr_npi")?,
            address_range: body.c_octets("address_range")?,
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_c_octets(out, "system_id", &self.system_id, 16)?;
        put_c_octets(out, "password", &self.password, MAX_PASSWORD)?;
        put_c_octets(out, "system_type", &self.system_type, 13)?;
        out.put_slice(&[self.interface_version, self.addr_ton, self.addr_npi]);
        put_c_octets(out, "address_range", &self.address_range, 41)
    }
}

/// A bind's response (SMPP 3.4 4.1.2, 4.1.4, 4.1.6). Refusals usually come without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindResp {
    /// Which of the three.
    pub mode: BindMode,
    /// Who answers; none where there is no body.
    pub system_id: Option<Bytes>,
    /// `sc_interface_version` and whatever else was said.
    pub tlvs: Tlvs,
}

impl BindResp {
    pub(super) fn decode(mode: BindMode, body: &mut Reader) -> Result<Self, DecodeError> {
        if body.is_empty() {
            return Ok(Self { mode, system_id: None, tlvs: Tlvs::default() });
        }
        Ok(Self { mode, system_id: Some(body.c_octets("system_id")?), tlvs: body.tlvs()? })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let Some(system_id) = &self.system_id else { return Ok(()) };
        put_c_octets(out, "system_id", system_id, 16)?;
        put_tlvs(out, &self.tlvs)
    }
}

/// `outbind` (SMPP 3.4 4.1.7): a message centre asks us to bind. Tolerated, never acted upon.
#[derive(Clone, PartialEq, Eq)]
pub struct Outbind {
    /// Who asks.
    pub system_id: Bytes,
    /// Its password.
    pub password: Bytes,
}

/// Never shows the password.
impl std::fmt::Debug for Outbind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbind").field("system_id", &self.system_id).finish_non_exhaustive()
    }
}

impl Outbind {
    pub(super) fn decode(body: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { system_id: body.c_octets("system_id")?, password: body.c_octets("password")? })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_c_octets(out, "system_id", &self.system_id, 16)?;
        put_c_octets(out, "password", &self.password, MAX_PASSWORD)
    }
}
