//! SMPP 3.4 octets by hand, well-formed or not.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// `deliver_sm` (4.6.1).
pub const DELIVER_SM: u32 = 0x0000_0005;
/// `generic_nack` (4.3.1).
pub const GENERIC_NACK: u32 = 0x8000_0000;

/// Octets in hex.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

/// UTF-16, big-endian.
pub fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// A text as the message centre is told to send it: the fields of `deliver_sm`.
#[derive(Clone, Debug)]
pub struct Text(pub Value);

impl Text {
    /// From an international number, in the default alphabet.
    pub fn new(from: &str, text: &str) -> Self {
        Self(json!({
            "source_addr_ton": 1,
            "source_addr_npi": 1,
            "source_addr": from.trim_start_matches('+'),
            "dest_addr_ton": 1,
            "dest_addr_npi": 1,
            "destination_addr": "8610690001",
            "data_coding": 0,
            "short_message": text,
        }))
    }

    /// With a field changed or added, also an optional parameter.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0[field] = value.into();
        self
    }

    /// With a field of octets.
    #[must_use]
    pub fn octets(self, field: &str, octets: &[u8]) -> Self {
        self.with(field, json!({"hex": hex(octets)}))
    }

    /// In UCS-2.
    #[must_use]
    pub fn in_ucs2(self, text: &str) -> Self {
        self.with("data_coding", 8).octets("short_message", &ucs2(text))
    }

    /// Behind a user data header (3GPP TS 23.040 9.2.3.24).
    #[must_use]
    pub fn behind(self, header: &[u8], text: &str) -> Self {
        let octets = [header, text.as_bytes()].concat();
        self.octets("short_message", &octets).with("esm_class", 0x40)
    }

    /// As a part of several by the SAR parameters (SMPP 3.4 5.3.2.22).
    #[must_use]
    pub fn part(self, sequence: u8, total: u8) -> Self {
        let referred = self.with("sar_msg_ref_num", 7).with("sar_total_segments", total);
        referred.with("sar_segment_seqnum", sequence)
    }

    /// In UCS-2 in `message_payload`: texts of any length.
    #[must_use]
    pub fn as_payload_ucs2(self, text: &str) -> Self {
        let coded = self.with("data_coding", 8).octets("short_message", b"");
        coded.octets("message_payload", &ucs2(text))
    }

    /// With the text in `message_payload` and none in `short_message`.
    #[must_use]
    pub fn as_payload(self, text: &str) -> Self {
        self.octets("short_message", b"").octets("message_payload", text.as_bytes())
    }
}

/// A whole PDU in hex, with `$SEQUENCE` for the centre to fill in.
pub fn frame(command: u32, status: u32, body: &[u8]) -> String {
    framed(u32::try_from(16 + body.len()).unwrap(), command, status, body)
}

/// The same with a `command_length` of its own.
pub fn framed(length: u32, command: u32, status: u32, body: &[u8]) -> String {
    format!("{length:08x}{command:08x}{status:08x}$SEQUENCE{}", hex(body))
}

/// The body of a `deliver_sm` with any octets as source and text.
pub fn deliver_body(
    ton: u8,
    npi: u8,
    source: &[u8],
    esm_class: u8,
    coding: u8,
    text: &[u8],
) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    let mut body = vec![0, ton, npi];
    body.extend_from_slice(source);
    body.extend_from_slice(b"\0\x01\x018610690001\0");
    body.extend_from_slice(&[esm_class, 0, 0, 0, 0, 0, 0, coding, 0, length]);
    body.extend_from_slice(text);
    body
}
