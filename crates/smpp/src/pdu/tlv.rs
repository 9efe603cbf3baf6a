//! Owns optional parameters (SMPP 3.4 3.2.4, 5.3): kept as tag and octets, never interpreted here.
//! Invariant: a PDU keeps at most [`MAX_TLVS`] of them.

use bytes::Bytes;

/// Optional parameters accepted in one PDU.
pub const MAX_TLVS: usize = 64;

/// Tags this crate reads or writes (SMPP 3.4 5.3.2).
pub mod tag {
    /// `receipted_message_id`.
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// `sar_msg_ref_num`.
    pub const SAR_MSG_REF_NUM: u16 = 0x020C;
    /// `sar_total_segments`.
    pub const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    /// `sar_segment_seqnum`.
    pub const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    /// `sc_interface_version`.
    pub const SC_INTERFACE_VERSION: u16 = 0x0210;
    /// `network_error_code`.
    pub const NETWORK_ERROR_CODE: u16 = 0x0423;
    /// `message_payload`.
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// `message_state`.
    pub const MESSAGE_STATE: u16 = 0x0427;
}

/// One optional parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    /// Its tag.
    pub tag: u16,
    /// Its value, as many octets as its length said.
    pub value: Bytes,
}

/// Shows the length alone: a value may be a text or a number.
impl std::fmt::Debug for Tlv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#06x}:{} octets", self.tag, self.value.len())
    }
}

/// The optional parameters of one PDU, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs(pub Vec<Tlv>);

impl Tlvs {
    /// The value of the first parameter with this tag.
    pub fn value(&self, tag: u16) -> Option<&Bytes> {
        self.0.iter().find(|tlv| tlv.tag == tag).map(|tlv| &tlv.value)
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, tag: u16, value: impl Into<Bytes>) -> Self {
        self.0.push(Tlv { tag, value: value.into() });
        self
    }
}
