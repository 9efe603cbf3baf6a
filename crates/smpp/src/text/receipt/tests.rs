use proptest::prelude::*;

use super::*;
use crate::pdu::Tlvs;

fn receipt(text: &[u8], tlvs: Tlvs) -> ShortMessage {
    ShortMessage {
        esm_class: esm_class::DELIVERY_RECEIPT,
        short_message: text.to_vec().into(),
        tlvs,
        ..ShortMessage::default()
    }
}

fn read(text: &str) -> Option<(String, MessageState, Option<String>)> {
    let read = receipt_of(&receipt(text.as_bytes(), Tlvs::default()))?;
    Some((read.message_id, read.state, read.error))
}

fn says(
    id: &str,
    state: MessageState,
    error: Option<&str>,
) -> (String, MessageState, Option<String>) {
    (id.to_owned(), state, error.map(str::to_owned))
}

#[test]
fn texts_as_message_centres_write_them_are_read() {
    // SMPP 3.4 Appendix B, Kannel and OpenSMPPBox, Logica SMSC, one without leading zeros and with
    // words of its own, one that writes the words in full.
    for (text, expected) in [
        (
            "id:0123456789 sub:001 dlvrd:001 submit date:0807011325 done date:0807011326 \
             stat:DELIVRD err:000 Text:hello",
            says("0123456789", MessageState::Delivered, None),
        ),
        (
            "id:4c7a3b1e-9f2d-4a60-8f0e-2f6f5a1d7c33 sub:001 dlvrd:000 submit date:2611230800 \
             done date:2611230801 stat:UNDELIV err:1B text:",
            says("4c7a3b1e-9f2d-4a60-8f0e-2f6f5a1d7c33", MessageState::Undeliverable, Some("1B")),
        ),
        (
            "id:IIII sub:1 dlvrd:0 stat:REJECTD err:099",
            says("IIII", MessageState::Rejected, Some("099")),
        ),
        ("ID:7 STAT:EXPIRED ERR:0", says("7", MessageState::Expired, None)),
        (
            "id:9 stat:Delivered err:0 text:id:8 stat:UNDELIV",
            says("9", MessageState::Delivered, None),
        ),
        ("id:1 stat:ENROUTE", says("1", MessageState::Enroute, None)),
        ("id:1 stat:ACCEPTD", says("1", MessageState::Accepted, None)),
        ("id:1 stat:DELETED", says("1", MessageState::Deleted, None)),
        ("id:1 stat:UNKNOWN", says("1", MessageState::Unknown, None)),
    ] {
        assert_eq!(read(text), Some(expected), "{text}");
    }
}

#[test]
fn what_does_not_say_both_is_none() {
    for text in [
        "",
        "id: stat:DELIVRD",
        "stat:DELIVRD err:000",
        "id:1 err:000",
        "id:1 stat:FINE",
        "Text:id:1 stat:DELIVRD",
        "sid:1 stat:DELIVRD",
        "id:\u{e9} stat:DELIVRD",
        &format!("id:{} stat:DELIVRD", "1".repeat(65)),
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn parameters_come_before_the_text() {
    let tlvs = Tlvs::default()
        .with(tag::RECEIPTED_MESSAGE_ID, &b"A1\0"[..])
        .with(tag::MESSAGE_STATE, &[5_u8][..])
        .with(tag::NETWORK_ERROR_CODE, &[3_u8, 0, 27][..]);
    let read = receipt_of(&receipt(b"id:2 stat:DELIVRD err:001", tlvs)).unwrap();
    let error = Some("3:27".to_owned());
    let state = MessageState::Undeliverable;
    assert_eq!(read, DeliveryReceipt { message_id: "A1".to_owned(), state, error });
    let half = Tlvs::default()
        .with(tag::MESSAGE_STATE, &[99_u8][..])
        .with(tag::RECEIPTED_MESSAGE_ID, &b""[..]);
    let read = receipt_of(&receipt(b"id:2 stat:DELIVRD", half)).unwrap();
    assert_eq!((read.message_id.as_str(), read.state), ("2", MessageState::Delivered));
}

#[test]
fn a_text_is_no_receipt() {
    let text = b"id:1 stat:DELIVRD err:000";
    for esm_class in [0x00, 0x03, 0x08, 0x10, 0x18, 0x40] {
        let message = ShortMessage { esm_class, ..receipt(text, Tlvs::default()) };
        assert_eq!(receipt_of(&message), None, "{esm_class:#x}");
    }
    for esm_class in [0x04, 0x07, 0x20, 0x44] {
        let message = ShortMessage { esm_class, ..receipt(text, Tlvs::default()) };
        assert!(receipt_of(&message).is_some(), "{esm_class:#x}");
    }
}

#[test]
fn identifiers_agree_whatever_their_base() {
    for (ids, response, receipt) in [
        (ReceiptIds::AsIs, "00aB", "00aB"),
        (ReceiptIds::Decimal, "0000FF", "0000000255"),
        (ReceiptIds::Decimal, "ff", "255"),
        (ReceiptIds::Hexadecimal, "255", "00fF"),
        (ReceiptIds::Decimal, "not-a-number", "not-a-number"),
    ] {
        assert_eq!(ids.of_response(response), ids.of_receipt(receipt), "{ids:?}");
    }
    assert_ne!(ReceiptIds::AsIs.of_response("0A"), ReceiptIds::AsIs.of_receipt("A"));
}

proptest! {
    #[test]
    fn no_receipt_panics(class in any::<u8>(), octets: Vec<u8>, id: Vec<u8>, state: Vec<u8>, error: Vec<u8>) {
        let tlvs = Tlvs::default()
            .with(tag::RECEIPTED_MESSAGE_ID, id)
            .with(tag::MESSAGE_STATE, state)
            .with(tag::NETWORK_ERROR_CODE, error);
        let message = ShortMessage { esm_class: class, ..receipt(&octets, tlvs) };
        if let Some(read) = receipt_of(&message) {
            prop_assert!((1..=64).contains(&read.message_id.len()));
        }
    }
}
