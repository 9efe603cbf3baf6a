//! Owns the step from a received message to its text: which payload field, past the user data
//! header (3GPP TS 23.040 9.2.3.24), and which messages are refused.

use crate::pdu::{ShortMessage, Tlvs, esm_class, tag};

use super::{DefaultAlphabet, TextError, decode_after};

/// Concatenation with an 8-bit or a 16-bit reference (23.040 9.2.3.24.1, 9.2.3.24.8).
const CONCATENATION: [u8; 2] = [0x00, 0x08];

/// A text as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedText {
    /// The text.
    pub text: String,
    /// The `data_coding` it came in.
    pub data_coding: u8,
}

/// Shows the length alone.
impl std::fmt::Debug for ReceivedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReceivedText(coding {:#04x}, {} octets)", self.data_coding, self.text.len())
    }
}

/// Why a message carries no text to act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A delivery receipt, acknowledgement or notification (SMPP 3.4 5.2.12).
    #[error("a receipt or notification")]
    Receipt,
    /// One part of several.
    #[error("one part of several")]
    Multipart,
    /// The user data header does not fit the message.
    #[error("malformed user data header")]
    MalformedHeader,
    /// Neither `short_message` nor `message_payload`.
    #[error("no text")]
    Empty,
    /// The octets are not a text.
    #[error(transparent)]
    Text(#[from] TextError),
}

impl Refusal {
    /// A stable label for counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Multipart => "multipart",
            Self::MalformedHeader => "malformed_header",
            Self::Empty => "empty",
            Self::Text(error) => error.as_str(),
        }
    }
}

/// The text of a `deliver_sm` (or a `data_sm`, as a [`ShortMessage`]), or why it has none.
pub fn message_of(
    message: &ShortMessage,
    default_alphabet: DefaultAlphabet,
) -> Result<ReceivedText, Refusal> {
    if message.esm_class & esm_class::MESSAGE_TYPE != 0 {
        return Err(Refusal::Receipt);
    }
    if is_segment(&message.tlvs) {
        return Err(Refusal::Multipart);
    }
    let payload = message.payload();
    let header = if message.esm_class & esm_class::UDHI == 0 { 0 } else { header_of(&payload)? };
    let octets = payload.get(header..).unwrap_or_default();
    if octets.is_empty() {
        return Err(Refusal::Empty);
    }
    let data_coding = message.data_coding;
    let text = decode_after(data_coding, octets, default_alphabet, header)?;
    Ok(ReceivedText { text, data_coding })
}

/// Whether the SAR parameters make it one part of several (SMPP 3.4 5.3.2.22-24). One that has a
/// reference without a total is taken for a part.
fn is_segment(tlvs: &Tlvs) -> bool {
    let number = |tag| tlvs.value(tag).map(|value| value.first().copied().unwrap_or(u8::MAX));
    match (number(tag::SAR_TOTAL_SEGMENTS), number(tag::SAR_SEGMENT_SEQNUM)) {
        (total, Some(sequence)) => total.is_none_or(|total| total > 1) || sequence > 1,
        (Some(total), None) => total > 1,
        (None, None) => tlvs.value(tag::SAR_MSG_REF_NUM).is_some(),
    }
}

/// Octets of the user data header, its length octet included.
fn header_of(payload: &[u8]) -> Result<usize, Refusal> {
    let (&length, rest) = payload.split_first().ok_or(Refusal::MalformedHeader)?;
    let length = usize::from(length);
    let mut elements = rest.get(..length).ok_or(Refusal::MalformedHeader)?;
    while let Some((&identifier, after)) = elements.split_first() {
        let (&octets, after) = after.split_first().ok_or(Refusal::MalformedHeader)?;
        let (data, after) =
            after.split_at_checked(usize::from(octets)).ok_or(Refusal::MalformedHeader)?;
        if CONCATENATION.contains(&identifier) && !is_only_part(data) {
            return Err(Refusal::Multipart);
        }
        elements = after;
    }
    Ok(length + 1)
}

/// A concatenation of one part: its data end with total and sequence number.
fn is_only_part(data: &[u8]) -> bool {
    matches!(data, [_, 1, 1] | [_, _, 1, 1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{pdu::DataSm, text::gsm};

    fn message(esm_class: u8, octets: &[u8]) -> ShortMessage {
        ShortMessage { esm_class, short_message: octets.to_vec().into(), ..ShortMessage::default() }
    }

    fn read(message: &ShortMessage) -> Result<String, Refusal> {
        message_of(message, DefaultAlphabet::Gsm).map(|received| received.text)
    }

    #[test]
    fn the_text_is_in_short_message_or_in_message_payload() {
        assert_eq!(read(&message(0, b"hi")).unwrap(), "hi");
        let tlvs = Tlvs::default().with(tag::MESSAGE_PAYLOAD, &b"paid"[..]);
        assert_eq!(read(&ShortMessage { tlvs: tlvs.clone(), ..message(0, b"") }).unwrap(), "paid");
        assert_eq!(
            read(&ShortMessage::from(DataSm { tlvs, ..DataSm::default() })).unwrap(),
            "paid"
        );
        assert_eq!(read(&message(0, b"")), Err(Refusal::Empty));
        let long = ShortMessage::new(<_>::default(), <_>::default(), 0, vec![b'x'; 300]);
        assert_eq!(read(&long).unwrap().len(), 300);
    }

    #[test]
    fn a_receipt_is_never_read() {
        for esm_class in [0x04, 0x08, 0x10, 0x18, 0x20, 0x44] {
            assert_eq!(read(&message(esm_class, b"TP1-AAAAA")), Err(Refusal::Receipt));
        }
        assert_eq!(read(&message(0x03, b"TP1")).unwrap(), "TP1", "the mode bits are no type");
    }

    #[test]
    fn a_header_is_skipped_within_its_bounds() {
        assert_eq!(read(&message(0x40, b"\x06\x05\x04\x0B\x84\x23\xF0hi")).unwrap(), "hi");
        assert_eq!(read(&message(0x40, b"\x00hi")).unwrap(), "hi");
        for octets in [&b""[..], b"\x09\x05", b"\x01\x05hi", b"\x03\x05\x09\x00hi"] {
            assert_eq!(read(&message(0x40, octets)), Err(Refusal::MalformedHeader));
        }
        assert_eq!(read(&message(0x40, b"\x00")), Err(Refusal::Empty));
    }

    #[test]
    fn packed_text_starts_on_a_septet_behind_its_header() {
        let mut octets = vec![0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0];
        octets.extend(gsm::pack(b"abc"));
        let packed = |octets: &[u8]| {
            message_of(&message(0x40, octets), DefaultAlphabet::GsmPacked).unwrap().text
        };
        assert_eq!(packed(&octets), "abc", "seven octets are eight septets: nothing to fill");
        let mut septets = vec![0_u8; 6];
        septets.extend(b"abc");
        let mut octets = gsm::pack(&septets);
        octets[..5].copy_from_slice(&[0x04, 0x24, 0x02, 0x01, 0x02]);
        assert_eq!(packed(&octets), "abc", "five octets and two bits are six septets");
    }

    #[test]
    fn a_part_of_several_is_refused() {
        for octets in [&b"\x05\x00\x03\x07\x02\x01hi"[..], b"\x06\x08\x04\x00\x07\x02\x01hi"] {
            assert_eq!(read(&message(0x40, octets)), Err(Refusal::Multipart));
        }
        assert_eq!(read(&message(0x40, b"\x05\x00\x03\x07\x01\x01hi")).unwrap(), "hi");
        let sar = |total: u8| {
            let tlvs = Tlvs::default()
                .with(tag::SAR_MSG_REF_NUM, &[0_u8, 1][..])
                .with(tag::SAR_TOTAL_SEGMENTS, vec![total])
                .with(tag::SAR_SEGMENT_SEQNUM, &[1_u8][..]);
            read(&ShortMessage { tlvs, ..message(0, b"hi") })
        };
        assert_eq!(sar(2), Err(Refusal::Multipart));
        assert_eq!(sar(1).unwrap(), "hi");
        let lone = Tlvs::default().with(tag::SAR_MSG_REF_NUM, &[0_u8, 1][..]);
        assert_eq!(read(&ShortMessage { tlvs: lone, ..message(0, b"x") }), Err(Refusal::Multipart));
    }

    proptest! {
        #[test]
        fn no_message_panics(class in any::<u8>(), coding in any::<u8>(), octets: Vec<u8>) {
            let message = ShortMessage { data_coding: coding, ..message(class, &octets) };
            let _ = message_of(&message, DefaultAlphabet::GsmPacked);
        }
    }
}
