use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};

use super::*;

fn frames(input: &mut BytesMut) -> Vec<Frame> {
    std::iter::from_fn(|| take_frame(input, DEFAULT_MAX_PDU).unwrap()).collect()
}

fn encoded(pdu: &Pdu) -> BytesMut {
    let mut out = BytesMut::new();
    pdu.encode(CommandStatus::Ok, 7, &mut out).unwrap();
    out
}

fn decoded(octets: &[u8]) -> Result<Pdu, DecodeError> {
    let mut input = BytesMut::from(octets);
    let frame = take_frame(&mut input, DEFAULT_MAX_PDU).unwrap().unwrap();
    assert!(input.is_empty());
    Pdu::decode(&frame)
}

/// A PDU with this command and body, whatever they are.
fn raw(command: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_OCTETS + body.len()).unwrap();
    [length, command, 0, 7].iter().flat_map(|n| n.to_be_bytes()).chain(body.to_vec()).collect()
}

fn c_octets(max: usize) -> impl Strategy<Value = Bytes> {
    vec(1..=255_u8, 0..max).prop_map(Bytes::from)
}

fn address(max: usize) -> impl Strategy<Value = Address> {
    (any::<u8>(), any::<u8>(), c_octets(max)).prop_map(|(t, n, o)| Address::new(t, n, o))
}

fn tlvs() -> impl Strategy<Value = Tlvs> {
    let tlv = (any::<u16>(), vec(any::<u8>(), 0..40))
        .prop_map(|(tag, value)| Tlv { tag, value: value.into() });
    vec(tlv, 0..6).prop_map(Tlvs)
}

fn mode() -> impl Strategy<Value = BindMode> {
    prop_oneof![Just(BindMode::Receiver), Just(BindMode::Transmitter), Just(BindMode::Transceiver)]
}

fn bind() -> impl Strategy<Value = Bind> {
    let strings = (c_octets(16), c_octets(9), c_octets(13), c_octets(41));
    (mode(), strings, any::<[u8; 3]>()).prop_map(|(mode, (id, password, kind, range), b)| Bind {
        mode,
        system_id: id,
        password,
        system_type: kind,
        interface_version: b[0],
        addr_ton: b[1],
        addr_npi: b[2],
        address_range: range,
    })
}

fn short_message() -> impl Strategy<Value = ShortMessage> {
    let strings = (c_octets(6), c_octets(17), c_octets(17));
    let text = vec(any::<u8>(), 0..=254);
    (strings, address(21), address(21), any::<[u8; 7]>(), text, tlvs()).prop_map(
        |((service_type, schedule, validity), source, destination, b, text, tlvs)| ShortMessage {
            service_type,
            source,
            destination,
            esm_class: b[0],
            protocol_id: b[1],
            priority_flag: b[2],
            schedule_delivery_time: schedule,
            validity_period: validity,
            registered_delivery: b[3],
            replace_if_present: b[4],
            data_coding: b[5],
            sm_default_msg_id: b[6],
            short_message: text.into(),
            tlvs,
        },
    )
}

fn data_sm() -> impl Strategy<Value = DataSm> {
    (c_octets(6), address(65), address(65), any::<[u8; 3]>(), tlvs()).prop_map(
        |(service_type, source, destination, b, tlvs)| DataSm {
            service_type,
            source,
            destination,
            esm_class: b[0],
            registered_delivery: b[1],
            data_coding: b[2],
            tlvs,
        },
    )
}

/// Optional parameters only ever follow a body.
fn resp() -> impl Strategy<Value = MessageResp> {
    prop_oneof![
        Just(MessageResp::default()),
        (c_octets(65), tlvs()).prop_map(|(id, tlvs)| MessageResp { message_id: Some(id), tlvs })
    ]
}

fn pdu() -> impl Strategy<Value = Pdu> {
    prop_oneof![
        prop_oneof![
            Just(Pdu::GenericNack),
            Just(Pdu::Unbind),
            Just(Pdu::UnbindResp),
            Just(Pdu::EnquireLink),
            Just(Pdu::EnquireLinkResp)
        ],
        bind().prop_map(Pdu::Bind),
        (mode(), c_octets(16), tlvs()).prop_map(|(mode, id, tlvs)| {
            Pdu::BindResp(BindResp { mode, system_id: Some(id), tlvs })
        }),
        (c_octets(16), c_octets(9))
            .prop_map(|(system_id, password)| Pdu::Outbind(Outbind { system_id, password })),
        short_message().prop_map(Pdu::SubmitSm),
        short_message().prop_map(Pdu::DeliverSm),
        data_sm().prop_map(Pdu::DataSm),
        resp().prop_map(Pdu::SubmitSmResp),
        resp().prop_map(Pdu::DeliverSmResp),
        resp().prop_map(Pdu::DataSmResp),
        (address(65), address(65), tlvs()).prop_map(|(source, esme, tlvs)| {
            Pdu::AlertNotification(AlertNotification { source, esme, tlvs })
        }),
    ]
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(pdu in pdu(), sequence in any::<u32>(), status in any::<u32>()) {
        let mut out = BytesMut::new();
        pdu.encode(CommandStatus::from_code(status), sequence, &mut out).unwrap();
        let frame = take_frame(&mut out, DEFAULT_MAX_PDU).unwrap().unwrap();
        prop_assert_eq!(frame.header.sequence_number, sequence);
        prop_assert_eq!(frame.header.command_status.code(), status);
        prop_assert!(out.is_empty());
        prop_assert_eq!(Pdu::decode(&frame), Ok(pdu));
    }

    #[test]
    fn random_octets_never_panic(octets in vec(any::<u8>(), 0..600)) {
        let mut input = BytesMut::from(&octets[..]);
        while let Ok(Some(frame)) = take_frame(&mut input, DEFAULT_MAX_PDU) {
            let _ = Pdu::decode(&frame);
        }
    }

    #[test]
    fn random_bodies_never_panic(body in vec(any::<u8>(), 0..300)) {
        for command in CommandId::ALL {
            let _ = decoded(&raw(command.code(), &body));
        }
    }

    #[test]
    fn a_damaged_pdu_never_panics(
        pdu in pdu(), at in any::<prop::sample::Index>(), octet in any::<u8>(), cut in 0..40_usize,
    ) {
        let mut octets = encoded(&pdu)[HEADER_OCTETS..].to_vec();
        octets.truncate(octets.len().saturating_sub(cut));
        if !octets.is_empty() {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let _ = decoded(&raw(pdu.command().code(), &octets));
    }

    #[test]
    fn the_split_of_the_stream_does_not_matter(
        pdus in vec(pdu(), 1..6), sizes in vec(1..50_usize, 1..20),
    ) {
        let mut stream = BytesMut::new();
        for pdu in &pdus {
            pdu.encode(CommandStatus::Ok, 1, &mut stream).unwrap();
        }
        let (mut input, mut pieces, mut sizes) = (BytesMut::new(), Vec::new(), sizes.iter().cycle());
        while !stream.is_empty() {
            let size = (*sizes.next().unwrap()).min(stream.len());
            input.extend_from_slice(&stream.split_to(size));
            pieces.extend(frames(&mut input));
        }
        let read: Vec<_> = pieces.iter().map(|frame| Pdu::decode(frame).unwrap()).collect();
        prop_assert_eq!(read, pdus);
    }
}

#[test]
fn octets_one_at_a_time_frame_too() {
    let octets = encoded(&Pdu::EnquireLink);
    let mut input = BytesMut::new();
    for (at, octet) in octets.iter().enumerate() {
        input.extend_from_slice(&[*octet]);
        let frame = take_frame(&mut input, DEFAULT_MAX_PDU).unwrap();
        assert_eq!(frame.is_some(), at == HEADER_OCTETS - 1);
    }
}

#[test]
fn absurd_lengths_are_told_with_their_sequence_number() {
    for length in [0_u32, 15, 65_537, u32::MAX] {
        let mut octets = raw(5, &[]);
        octets[..4].copy_from_slice(&length.to_be_bytes());
        let error = take_frame(&mut BytesMut::from(&octets[..]), DEFAULT_MAX_PDU).unwrap_err();
        assert_eq!((error.header.command_length, error.header.sequence_number), (length, 7));
    }
}

#[test]
fn a_source_addr_beyond_ascii_survives() {
    let message = ShortMessage {
        source: Address::new(5, 0, &b"Caf\xE9"[..]),
        short_message: Bytes::from_static(b"hello"),
        ..ShortMessage::default()
    };
    assert_eq!(decoded(&encoded(&Pdu::DeliverSm(message.clone()))), Ok(Pdu::DeliverSm(message)));
}

#[test]
fn bad_bodies_say_what_is_wrong_with_them() {
    use DecodeError as E;
    let deliver = |tail: &[u8]| raw(5, &[&[0_u8, 1, 1, b'1', 0, 1, 1, b'2', 0][..], tail].concat());
    let fixed = [0_u8; 9];
    let cases: [(&[u8], E, CommandStatus); 5] = [
        (&[], E::Truncated("esm_class"), CommandStatus::InvalidCommandLength),
        (&[0, 0, 0, 9], E::Unterminated("schedule_delivery_time"), {
            CommandStatus::InvalidParameterLength
        }),
        (&[&fixed[..], &[9, b'x']].concat(), E::MessageLength, CommandStatus::InvalidMessageLength),
        (&[&fixed[..], &[0, 4, 0x24, 0, 9, 1]].concat(), E::OptionalPart, {
            CommandStatus::InvalidOptionalPart
        }),
        (&[&fixed[..], &[0], &[0, 1, 0, 0].repeat(65)].concat(), E::TooManyTlvs, {
            CommandStatus::InvalidOptionalPart
        }),
    ];
    for (tail, error, status) in cases {
        assert_eq!(decoded(&deliver(tail)), Err(error));
        assert_eq!(error.status(), status);
    }
    assert_eq!(decoded(&raw(5, b"abc")), Err(E::Unterminated("service_type")));
    assert_eq!(decoded(&raw(0x77, b"")), Err(E::UnknownCommand));
}

#[test]
fn a_failed_encoding_leaves_nothing_behind() {
    let mut out = BytesMut::from(&b"before"[..]);
    let long = ShortMessage { short_message: vec![0; 255].into(), ..ShortMessage::default() };
    let nul = ShortMessage { source: Address::international(&b"1\x002"[..]), ..long.clone() };
    assert_eq!(
        Pdu::DeliverSm(long).encode(CommandStatus::Ok, 1, &mut out),
        Err(EncodeError::TooLong("short_message"))
    );
    assert_eq!(
        Pdu::DeliverSm(nul).encode(CommandStatus::Ok, 1, &mut out),
        Err(EncodeError::Nul("source_addr"))
    );
    assert_eq!(&out[..], b"before");
}

#[test]
fn responses_without_a_body_are_read() {
    for command in [CommandId::SubmitSmResp, CommandId::DeliverSmResp, CommandId::DataSmResp] {
        assert!(decoded(&raw(command.code(), &[])).is_ok());
    }
    assert!(decoded(&raw(CommandId::BindTransceiverResp.code(), &[])).is_ok());
}

#[test]
fn debug_shows_no_number_no_text_and_no_password() {
    let number = Address::international(&b"447911123456"[..]);
    let message = ShortMessage::new(number.clone(), number, 0, &b"TP1-SECRET"[..]);
    let shown = format!("{:?}", Pdu::DeliverSm(message));
    assert!(!shown.contains("447911") && !shown.contains("SECRET"), "{shown}");
}

/// Octets from elsewhere, so that the codec does not only agree with itself: the example of
/// SMPP 3.4 3.2, and a `deliver_sm` another implementation (rusmpp-core) reads alike.
#[test]
fn known_octets_are_read_and_written() {
    let mut octets = raw(2, b"SMPP3TEST\0secret08\0SUBMIT1\0\0\x01\x01\0");
    octets[15] = 1;
    assert_eq!(octets.len(), 0x2F);
    let bind = Bind {
        mode: BindMode::Transmitter,
        system_id: Bytes::from_static(b"SMPP3TEST"),
        password: Bytes::from_static(b"secret08"),
        system_type: Bytes::from_static(b"SUBMIT1"),
        interface_version: 0,
        addr_ton: 1,
        addr_npi: 1,
        address_range: Bytes::new(),
    };
    assert_eq!(decoded(&octets), Ok(Pdu::Bind(bind.clone())));
    let mut out = BytesMut::new();
    Pdu::Bind(bind).encode(CommandStatus::Ok, 1, &mut out).unwrap();
    assert_eq!(&out[..], &octets[..]);

    let body = b"\0\x05\0Cafe\0\x01\x0188222\0\0\0\0\0\0\0\0\0\0\x02hi";
    let deliver = ShortMessage {
        source: Address::new(5, 0, &b"Cafe"[..]),
        destination: Address::international(&b"88222"[..]),
        short_message: Bytes::from_static(b"hi"),
        ..ShortMessage::default()
    };
    assert_eq!(&encoded(&Pdu::DeliverSm(deliver))[16..], body);
}
