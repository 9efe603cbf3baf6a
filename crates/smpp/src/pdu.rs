//! Owns the SMPP 3.4 codec. Framing ([`take_frame`]) and parsing ([`Pdu::decode`]) are separate:
//! whatever a body holds, its header is known, its request can be answered and the bind lives on.
//!
//! Invariants: no input panics; what [`Pdu::encode`] wrote, [`Pdu::decode`] reads back; a failed
//! `encode` leaves nothing behind in its buffer.

mod bind;
mod command;
mod frame;
mod message;
mod octets;
mod status;
mod tlv;

#[cfg(test)]
mod tests;

use bytes::{BufMut, BytesMut};

pub use bind::{Bind, BindMode, BindResp, INTERFACE_VERSION, Outbind};
pub use command::CommandId;
pub use frame::{DEFAULT_MAX_PDU, Frame, HEADER_OCTETS, Header, InvalidLength, take_frame};
pub use message::{
    Address, AlertNotification, DataSm, DeliverSm, MessageResp, ShortMessage, SubmitSm, esm_class,
};
pub use octets::{DecodeError, EncodeError};
pub use status::CommandStatus;
pub use tlv::{MAX_TLVS, Tlv, Tlvs, tag};

use octets::Reader;

/// A PDU's command and body (SMPP 3.4 4). Status and sequence number are the header's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pdu {
    /// 4.3.1.
    GenericNack,
    /// 4.1.1, 4.1.3, 4.1.5.
    Bind(Bind),
    /// 4.1.2, 4.1.4, 4.1.6.
    BindResp(BindResp),
    /// 4.1.7.
    Outbind(Outbind),
    /// 4.2.1.
    Unbind,
    /// 4.2.2.
    UnbindResp,
    /// 4.11.1.
    EnquireLink,
    /// 4.11.2.
    EnquireLinkResp,
    /// 4.4.1.
    SubmitSm(SubmitSm),
    /// 4.4.2.
    SubmitSmResp(MessageResp),
    /// 4.6.1.
    DeliverSm(DeliverSm),
    /// 4.6.2.
    DeliverSmResp(MessageResp),
    /// 4.7.1.
    DataSm(DataSm),
    /// 4.7.2.
    DataSmResp(MessageResp),
    /// 4.12.1.
    AlertNotification(AlertNotification),
}

impl Pdu {
    /// The command this PDU is.
    pub const fn command(&self) -> CommandId {
        match self {
            Self::GenericNack => CommandId::GenericNack,
            Self::Bind(bind) => bind.mode.command(),
            Self::BindResp(resp) => resp.mode.response(),
            Self::Outbind(_) => CommandId::Outbind,
            Self::Unbind => CommandId::Unbind,
            Self::UnbindResp => CommandId::UnbindResp,
            Self::EnquireLink => CommandId::EnquireLink,
            Self::EnquireLinkResp => CommandId::EnquireLinkResp,
            Self::SubmitSm(_) => CommandId::SubmitSm,
            Self::SubmitSmResp(_) => CommandId::SubmitSmResp,
            Self::DeliverSm(_) => CommandId::DeliverSm,
            Self::DeliverSmResp(_) => CommandId::DeliverSmResp,
            Self::DataSm(_) => CommandId::DataSm,
            Self::DataSmResp(_) => CommandId::DataSmResp,
            Self::AlertNotification(_) => CommandId::AlertNotification,
        }
    }

    /// Reads a frame's body. Octets after a command that has no body are ignored.
    pub fn decode(frame: &Frame) -> Result<Self, DecodeError> {
        let command = frame.header.command().ok_or(DecodeError::UnknownCommand)?;
        let mut reader = Reader::new(frame.body());
        let body = &mut reader;
        Ok(match command {
            CommandId::GenericNack => Self::GenericNack,
            CommandId::BindReceiver => Self::Bind(Bind::decode(BindMode::Receiver, body)?),
            CommandId::BindTransmitter => Self::Bind(Bind::decode(BindMode::Transmitter, body)?),
            CommandId::BindTransceiver => Self::Bind(Bind::decode(BindMode::Transceiver, body)?),
            CommandId::BindReceiverResp => {
                Self::BindResp(BindResp::decode(BindMode::Receiver, body)?)
            }
            CommandId::BindTransmitterResp => {
                Self::BindResp(BindResp::decode(BindMode::Transmitter, body)?)
            }
            CommandId::BindTransceiverResp => {
                Self::BindResp(BindResp::decode(BindMode::Transceiver, body)?)
            }
            CommandId::Outbind => Self::Outbind(Outbind::decode(body)?),
            CommandId::Unbind => Self::Unbind,
            CommandId::UnbindResp => Self::UnbindResp,
            CommandId::EnquireLink => Self::EnquireLink,
            CommandId::EnquireLinkResp => Self::EnquireLinkResp,
            CommandId::SubmitSm => Self::SubmitSm(ShortMessage::decode(body)?),
            CommandId::SubmitSmResp => Self::SubmitSmResp(MessageResp::decode(body)?),
            CommandId::DeliverSm => Self::DeliverSm(ShortMessage::decode(body)?),
            CommandId::DeliverSmResp => Self::DeliverSmResp(MessageResp::decode(body)?),
            CommandId::DataSm => Self::DataSm(DataSm::decode(body)?),
            CommandId::DataSmResp => Self::DataSmResp(MessageResp::decode(body)?),
            CommandId::AlertNotification => {
                Self::AlertNotification(AlertNotification::decode(body)?)
            }
        })
    }

    /// Appends the PDU with its header to `out`.
    pub fn encode(
        &self,
        status: CommandStatus,
        sequence_number: u32,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        out.put_u32(0);
        out.put_u32(self.command().code());
        out.put_u32(status.code());
        out.put_u32(sequence_number);
        let written = self.encode_body(out).and_then(|()| {
            u32::try_from(out.len() - start).map_err(|_| EncodeError::TooLong("PDU"))
        });
        match (written, out.get_mut(start..start + 4)) {
            (Ok(length), Some(field)) => field.copy_from_slice(&length.to_be_bytes()),
            _ => out.truncate(start),
        }
        written.map(|_| ())
    }

    fn encode_body(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::GenericNack
            | Self::Unbind
            | Self::UnbindResp
            | Self::EnquireLink
            | Self::EnquireLinkResp => Ok(()),
            Self::Bind(body) => body.encode(out),
            Self::BindResp(body) => body.encode(out),
            Self::Outbind(body) => body.encode(out),
            Self::SubmitSm(body) | Self::DeliverSm(body) => body.encode(out),
            Self::SubmitSmResp(body) | Self::DeliverSmResp(body) | Self::DataSmResp(body) => {
                body.encode(out)
            }
            Self::DataSm(body) => body.encode(out),
            Self::AlertNotification(body) => body.encode(out),
        }
    }
}
