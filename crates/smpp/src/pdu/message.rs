//! Owns the bodies that carry messages: `submit_sm` and `deliver_sm`, which share one layout
//! (SMPP 3.4 4.4.1, 4.6.1), `data_sm` (4.7.1), their responses, and `alert_notification` (4.12.1).
//!
//! Addresses and texts are octets: what a network sends in them need not be ASCII, and survives.
//! `Debug` shows neither.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    DecodeError, EncodeError,
    octets::{Reader, put_c_octets, put_short_message, put_tlvs},
    tlv::{Tlvs, tag},
};

/// Bits of `esm_class` (SMPP 3.4 5.2.12).
pub mod esm_class {
    /// The text starts with a user data header.
    pub const UDHI: u8 = 0x40;
    /// The message type: not zero for receipts, acknowledgements and notifications.
    pub const MESSAGE_TYPE: u8 = 0x3C;
    /// A delivery receipt of the message centre.
    pub const DELIVERY_RECEIPT: u8 = 0x04;
}

/// An address with its type of number and numbering plan (SMPP 3.4 5.2.5-5.2.9).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Type of number: 1 international, 2 national, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan: 1 is E.164.
    pub npi: u8,
    /// The address itself.
    pub octets: Bytes,
}

impl Address {
    /// An address.
    pub fn new(ton: u8, npi: u8, octets: impl Into<Bytes>) -> Self {
        Self { ton, npi, octets: octets.into() }
    }

    /// An E.164 number, given without its plus sign.
    pub fn international(digits: impl Into<Bytes>) -> Self {
        Self::new(1, 1, digits)
    }

    fn decode(body: &mut Reader, field: &'static str) -> Result<Self, DecodeError> {
        Ok(Self { ton: body.octet(field)?, npi: body.octet(field)?, octets: body.c_octets(field)? })
    }

    fn encode(
        &self,
        out: &mut BytesMut,
        field: &'static str,
        max: usize,
    ) -> Result<(), EncodeError> {
        out.put_slice(&[self.ton, self.npi]);
        put_c_octets(out, field, &self.octets, max)
    }
}

/// Never shows the number.
impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address(ton {}, npi {}, {} octets)", self.ton, self.npi, self.octets.len())
    }
}

/// The body of `submit_sm` (SMPP 3.4 4.4.1) and `deliver_sm` (4.6.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ShortMessage {
    /// 5.2.11.
    pub service_type: Bytes,
    /// Who sent it.
    pub source: Address,
    /// Whom to.
    pub destination: Address,
    /// 5.2.12.
    pub esm_class: u8,
    /// 5.2.13.
    pub protocol_id: u8,
    /// 5.2.14.
    pub priority_flag: u8,
    /// 5.2.15; empty in `deliver_sm`.
    pub schedule_delivery_time: Bytes,
    /// 5.2.16; empty in `deliver_sm`.
    pub validity_period: Bytes,
    /// 5.2.17.
    pub registered_delivery: u8,
    /// 5.2.18.
    pub replace_if_present: u8,
    /// 5.2.19.
    pub data_coding: u8,
    /// 5.2.20.
    pub sm_default_msg_id: u8,
    /// 5.2.22; empty where `message_payload` carries the text.
    pub short_message: Bytes,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

/// A `deliver_sm` body (SMPP 3.4 4.6.1).
pub type DeliverSm = ShortMessage;
/// A `submit_sm` body (SMPP 3.4 4.4.1).
pub type SubmitSm = ShortMessage;

impl ShortMessage {
    /// A plain message. Text beyond 254 octets goes into `message_payload`.
    pub fn new(
        source: Address,
        destination: Address,
        data_coding: u8,
        text: impl Into<Bytes>,
    ) -> Self {
        let text = text.into();
        let message = Self { source, destination, data_coding, ..Self::default() };
        if text.len() <= 254 {
            Self { short_message: text, ..message }
        } else {
            Self { tlvs: Tlvs::default().with(tag::MESSAGE_PAYLOAD, text), ..message }
        }
    }

    /// The octets of the text, header included: `short_message`, or `message_payload` where
    /// `sm_length` is zero (SMPP 3.4 5.3.2.32).
    pub fn payload(&self) -> Bytes {
        if self.short_message.is_empty() {
            self.tlvs.value(tag::MESSAGE_PAYLOAD).cloned().unwrap_or_default()
        } else {
            self.short_message.clone()
        }
    }

    pub(super) fn decode(body: &mut Reader) -> Result<Self, DecodeError> {
        let mut message = Self {
            service_type: body.c_octets("service_type")?,
            source: Address::decode(body, "source_addr")?,
            destination: Address::decode(body, "destination_addr")?,
            esm_class: body.octet("esm_class")?,
            protocol_id: body.octet("protocol_id")?,
            priority_flag: body.octet("priority_flag")?,
            schedule_delivery_time: body.c_octets("schedule_delivery_time")?,
            validity_period: body.c_octets("validity_period")?,
            registered_delivery: body.octet("registered_delivery")?,
            replace_if_present: body.octet("replace_if_present_flag")?,
            data_coding: body.octet("data_coding")?,
            sm_default_msg_id: body.octet("sm_default_msg_id")?,
            short_message: body.short_message()?,
            tlvs: Tlvs::default(),
        };
        message.tlvs =
            if message.short_message.is_empty() { body.tlvs()? } else { body.readable_tlvs() };
        Ok(message)
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_c_octets(out, "service_type", &self.service_type, 6)?;
        self.source.encode(out, "source_addr", 21)?;
        self.destination.encode(out, "destination_addr", 21)?;
        out.put_slice(&[self.esm_class, self.protocol_id, self.priority_flag]);
        put_c_octets(out, "schedule_delivery_time", &self.schedule_delivery_time, 17)?;
        put_c_octets(out, "validity_period", &self.validity_period, 17)?;
        out.put_slice(&[self.registered_delivery, self.replace_if_present]);
        out.put_slice(&[self.data_coding, self.sm_default_msg_id]);
        put_short_message(out, &self.short_message)?;
        put_tlvs(out, &self.tlvs)
    }
}

/// Shows neither numbers nor the text.
impl std::fmt::Debug for ShortMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShortMessage")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .field("esm_class", &self.esm_class)
            .field("data_coding", &self.data_coding)
            .field("sm_length", &self.short_message.len())
            .field("tlvs", &self.tlvs)
            .finish_non_exhaustive()
    }
}

/// The body of `data_sm` (SMPP 3.4 4.7.1). Its text is in `message_payload`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSm {
    /// 5.2.11.
    pub service_type: Bytes,
    /// Who sent it.
    pub source: Address,
    /// Whom to.
    pub destination: Address,
    /// 5.2.12.
    pub esm_class: u8,
    /// 5.2.17.
    pub registered_delivery: u8,
    /// 5.2.19.
    pub data_coding: u8,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl DataSm {
    pub(super) fn decode(body: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            service_type: body.c_octets("service_type")?,
            source: Address::decode(body, "source_addr")?,
            destination: Address::decode(body, "destination_addr")?,
            esm_class: body.octet("esm_class")?,
            registered_delivery: body.octet("registered_delivery")?,
            data_coding: body.octet("data_coding")?,
            tlvs: body.tlvs()?,
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        put_c_octets(out, "service_type", &self.service_type, 6)?;
        self.source.encode(out, "source_addr", 65)?;
        self.destination.encode(out, "destination_addr", 65)?;
        out.put_slice(&[self.esm_class, self.registered_delivery, self.data_coding]);
        put_tlvs(out, &self.tlvs)
    }
}

/// A `data_sm` reads like a `deliver_sm` whose `sm_length` is zero.
impl From<DataSm> for ShortMessage {
    fn from(data: DataSm) -> Self {
        Self {
            service_type: data.service_type,
            source: data.source,
            destination: data.destination,
            esm_class: data.esm_class,
            registered_delivery: data.registered_delivery,
            data_coding: data.data_coding,
            tlvs: data.tlvs,
            ..Self::default()
        }
    }
}

/// The body of `submit_sm_resp`, `deliver_sm_resp` and `data_sm_resp`
/// (SMPP 3.4 4.4.2, 4.6.2, 4.7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageResp {
    /// The message centre's identifier; none where there is no body, as in refusals.
    pub message_id: Option<Bytes>,
    /// Optional parameters (`data_sm_resp`).
    pub tlvs: Tlvs,
}

impl MessageResp {
    pub(super) fn decode(body: &mut Reader) -> Result<Self, DecodeError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { message_id: Some(body.c_octets("message_id")?), tlvs: body.tlvs()? })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let Some(message_id) = &self.message_id else { return Ok(()) };
        put_c_octets(out, "message_id", message_id, 65)?;
        put_tlvs(out, &self.tlvs)
    }
}

/// `alert_notification` (SMPP 3.4 4.12.1): tolerated; it has no response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertNotification {
    /// Who became available.
    pub source: Address,
    /// Who asked to know.
    pub esme: Address,
    /// `ms_availability_status` and others.
    pub tlvs: Tlvs,
}

impl AlertNotification {
    pub(super) fn decode(body: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            source: Address::decode(body, "source_addr")?,
            esme: Address::decode(body, "esme_addr")?,
            tlvs: body.tlvs()?,
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        self.source.encode(out, "source_addr", 65)?;
        self.esme.encode(out, "esme_addr", 65)?;
        put_tlvs(out, &self.tlvs)
    }
}
