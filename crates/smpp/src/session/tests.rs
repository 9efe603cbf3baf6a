use bytes::Bytes;

use super::*;
use crate::pdu::{DataSm, DecodeError, Frame, HEADER_OCTETS, ShortMessage, take_frame};

const SECOND: Duration = Duration::from_secs(1);

fn bind(mode: BindMode) -> Bind {
    Bind {
        mode,
        system_id: Bytes::from_static(b"twinpath"),
        password: Bytes::from_static(b"secret"),
        system_type: Bytes::new(),
        interface_version: INTERFACE_VERSION,
        addr_ton: 0,
        addr_npi: 0,
        address_range: Bytes::new(),
    }
}

fn text(octets: &'static [u8]) -> ShortMessage {
    ShortMessage { short_message: Bytes::from_static(octets), ..ShortMessage::default() }
}

fn octets(pdu: &Pdu, status: CommandStatus, sequence: u32) -> BytesMut {
    let mut out = BytesMut::new();
    pdu.encode(status, sequence, &mut out).unwrap();
    out
}

fn raw(command: u32, sequence: u32, body: &[u8]) -> BytesMut {
    let length = u32::try_from(HEADER_OCTETS + body.len()).unwrap();
    let header = [length, command, 0, sequence].into_iter().flat_map(u32::to_be_bytes);
    header.chain(body.iter().copied()).collect()
}

/// What a session has sent: status, sequence number and PDU.
fn sent(session: &mut Session) -> Vec<(CommandStatus, u32, Pdu)> {
    let output = session.output();
    std::iter::from_fn(|| take_frame(output, DEFAULT_MAX_PDU).unwrap())
        .map(|frame: Frame| {
            let header = frame.header;
            (header.command_status, header.sequence_number, Pdu::decode(&frame).unwrap())
        })
        .collect()
}

fn statuses(session: &mut Session) -> Vec<(CommandStatus, u32, CommandId)> {
    sent(session).into_iter().map(|(status, seq, pdu)| (status, seq, pdu.command())).collect()
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

fn unanswered(session: &mut Session) -> Vec<Unanswered> {
    let of = |event| match event {
        Event::Message { unanswered, .. } | Event::Undecodable { unanswered, .. } => {
            Some(unanswered)
        }
        _ => None,
    };
    events(session).into_iter().filter_map(of).collect()
}

fn closed(session: &mut Session) -> Option<CloseReason> {
    match events(session).pop() {
        Some(Event::Closed(reason)) => Some(reason),
        _ => None,
    }
}

fn receive(session: &mut Session, pdu: &Pdu, sequence: u32, now: Instant) {
    session.receive(&mut octets(pdu, CommandStatus::Ok, sequence), now);
}

/// An ESME that is bound, with what it said so far taken away.
fn bound(config: SessionConfig, mode: BindMode, now: Instant) -> Session {
    let mut session = Session::esme(config, bind(mode), now).unwrap();
    let resp = BindResp { mode, system_id: Some(Bytes::new()), tlvs: Tlvs::default() };
    receive(&mut session, &Pdu::BindResp(resp), 1, now);
    assert!(matches!(events(&mut session)[..], [Event::Bound { .. }]));
    session.output().clear();
    session
}

fn bound_to(config: SessionConfig, mode: BindMode, now: Instant) -> Session {
    let mut session = Session::message_centre(config, now);
    receive(&mut session, &Pdu::Bind(bind(mode)), 1, now);
    session.accept_bind(Bytes::from_static(b"centre"), now).unwrap();
    events(&mut session);
    session.output().clear();
    session
}

#[test]
fn a_bind_is_asked_for_and_granted() {
    let now = Instant::now();
    let mut esme = Session::esme(SessionConfig::default(), bind(BindMode::Receiver), now).unwrap();
    let mut centre = Session::message_centre(SessionConfig::default(), now);
    centre.receive(esme.output(), now);
    let [Event::BindRequested(asked)] = &events(&mut centre)[..] else { panic!("no bind") };
    assert_eq!(asked.system_id, "twinpath");
    centre.accept_bind(Bytes::from_static(b"centre"), now).unwrap();
    esme.receive(centre.output(), now);
    assert_eq!(
        (esme.bound(), centre.bound()),
        (Some(BindMode::Receiver), Some(BindMode::Receiver))
    );
}

#[test]
fn a_refused_bind_ends_both_sides() {
    let now = Instant::now();
    let config = SessionConfig::default();
    let mut esme = Session::esme(config, bind(BindMode::Transceiver), now).unwrap();
    let mut centre = Session::message_centre(config, now);
    centre.receive(esme.output(), now);
    centre.refuse_bind(CommandStatus::InvalidPassword);
    esme.receive(centre.output(), now);
    let refused = Some(CloseReason::Refused(CommandStatus::InvalidPassword));
    assert_eq!((closed(&mut esme), closed(&mut centre)), (refused, refused));
}

#[test]
fn nothing_is_acknowledged_before_the_program_says_so() {
    let now = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, now);
    for sequence in [8, 8, 9] {
        receive(&mut esme, &Pdu::DeliverSm(text(b"hi")), sequence, now);
    }
    receive(&mut esme, &Pdu::DataSm(DataSm::default()), 10, now);
    assert!(esme.output().is_empty());
    let mut waiting = unanswered(&mut esme);
    assert_eq!((waiting.len(), esme.in_flight()), (4, 4));
    esme.acknowledge(waiting.pop().unwrap(), CommandStatus::Throttled, now);
    for message in waiting {
        esme.acknowledge(message, CommandStatus::Ok, now);
    }
    let deliver = CommandId::DeliverSmResp;
    let expected = [
        (CommandStatus::Throttled, 10, CommandId::DataSmResp),
        (CommandStatus::Ok, 8, deliver),
        (CommandStatus::Ok, 8, deliver),
        (CommandStatus::Ok, 9, deliver),
    ];
    assert_eq!(statuses(&mut esme), expected);
    assert_eq!(esme.in_flight(), 0);
}

#[test]
fn a_poisoned_message_is_handed_over_and_the_bind_lives() {
    let now = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, now);
    let poison = raw(5, 77, b"\0\x01\x01never ends");
    esme.receive(&mut poison.clone(), now);
    let [Event::Undecodable { unanswered, raw, reason }] =
        <[Event; 1]>::try_from(events(&mut esme)).unwrap()
    else {
        panic!("not undecodable")
    };
    assert_eq!((&raw[..], reason), (&poison[..], DecodeError::Unterminated("source_addr")));
    esme.acknowledge(unanswered, CommandStatus::Ok, now);
    assert_eq!(statuses(&mut esme), [(CommandStatus::Ok, 77, CommandId::DeliverSmResp)]);
    assert!(esme.bound().is_some());
}

#[test]
fn an_unreadable_submit_is_handed_over_and_answered_with_its_response() {
    let now = Instant::now();
    let mut centre = bound_to(SessionConfig::default(), BindMode::Transmitter, now);
    centre.receive(&mut raw(4, 5, b"cut"), now);
    let [Event::Undecodable { unanswered, reason, .. }] =
        <[Event; 1]>::try_from(events(&mut centre)).unwrap()
    else {
        panic!("not undecodable")
    };
    let status = reason.status();
    assert_eq!(status, CommandStatus::InvalidParameterLength);
    centre.acknowledge(unanswered, status, now);
    assert_eq!(statuses(&mut centre), [(status, 5, CommandId::SubmitSmResp)]);
}

#[test]
fn what_does_not_fit_the_state_is_answered_by_its_own_response() {
    let now = Instant::now();
    let config = SessionConfig::default();
    let wrong = CommandStatus::InvalidBindState;
    let mut early = Session::esme(config, bind(BindMode::Transceiver), now).unwrap();
    early.output().clear();
    receive(&mut early, &Pdu::DeliverSm(text(b"")), 3, now);
    assert_eq!(statuses(&mut early), [(wrong, 3, CommandId::DeliverSmResp)]);

    let mut transmitter = bound(config, BindMode::Transmitter, now);
    receive(&mut transmitter, &Pdu::DeliverSm(text(b"")), 3, now);
    receive(&mut transmitter, &Pdu::SubmitSm(text(b"")), 4, now);
    receive(&mut transmitter, &Pdu::Bind(bind(BindMode::Receiver)), 5, now);
    let expected = [
        (wrong, 3, CommandId::DeliverSmResp),
        (wrong, 4, CommandId::SubmitSmResp),
        (wrong, 5, CommandId::BindReceiverResp),
    ];
    assert_eq!(statuses(&mut transmitter), expected);

    let mut centre = bound_to(config, BindMode::Receiver, now);
    receive(&mut centre, &Pdu::SubmitSm(text(b"")), 3, now);
    receive(&mut centre, &Pdu::Bind(bind(BindMode::Receiver)), 4, now);
    let expected = [
        (wrong, 3, CommandId::SubmitSmResp),
        (CommandStatus::AlreadyBound, 4, CommandId::BindReceiverResp),
    ];
    assert_eq!(statuses(&mut centre), expected);
}

#[test]
fn unknown_commands_are_nacked_and_silent_ones_tolerated() {
    let now = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, now);
    esme.receive(&mut raw(0x0001_0000, 6, b"?"), now);
    receive(&mut esme, &Pdu::AlertNotification(<_>::default()), 7, now);
    esme.receive(&mut raw(0x0B, 8, b"junk"), now);
    receive(&mut esme, &Pdu::SubmitSmResp(<_>::default()), 999, now);
    receive(&mut esme, &Pdu::EnquireLink, 9, now);
    let expected = [
        (CommandStatus::InvalidCommandId, 6, CommandId::GenericNack),
        (CommandStatus::Ok, 9, CommandId::EnquireLinkResp),
    ];
    assert_eq!(statuses(&mut esme), expected);
}

#[test]
fn an_absurd_length_ends_the_session_in_order() {
    let now = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, now);
    let mut input = octets(&Pdu::DeliverSm(text(b"hi")), CommandStatus::Ok, 5);
    let mut absurd = raw(5, 6, b"");
    absurd[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    input.extend_from_slice(&absurd);
    esme.receive(&mut input, now);
    let nack = (CommandStatus::InvalidCommandLength, 6, CommandId::GenericNack);
    assert_eq!(statuses(&mut esme), [nack]);
    assert!(!esme.is_closed(), "a committed message still gets its answer");
    assert_eq!(esme.deadline(), Some(now + SessionConfig::default().drain), "nothing else is due");
    let waiting = unanswered(&mut esme).pop().unwrap();
    esme.acknowledge(waiting, CommandStatus::Ok, now);
    assert_eq!(statuses(&mut esme), [(CommandStatus::Ok, 5, CommandId::DeliverSmResp)]);
    assert_eq!(closed(&mut esme), Some(CloseReason::InvalidCommandLength));
}

#[test]
fn a_full_window_holds_the_stream_then_refuses() {
    let start = Instant::now();
    let config = SessionConfig { window: 2, ..SessionConfig::default() };
    let mut esme = bound(config, BindMode::Transceiver, start);
    let mut input = BytesMut::new();
    for sequence in 1..=4 {
        input.extend_from_slice(&octets(&Pdu::DeliverSm(text(b"x")), CommandStatus::Ok, sequence));
    }
    input.extend_from_slice(&octets(&Pdu::EnquireLink, CommandStatus::Ok, 5));
    esme.receive(&mut input, start);
    let mut waiting = unanswered(&mut esme);
    assert_eq!((waiting.len(), esme.wants_input(start)), (2, false));
    assert_eq!(esme.deadline(), Some(start + config.stall));

    esme.acknowledge(waiting.pop().unwrap(), CommandStatus::Ok, start);
    esme.receive(&mut input, start);
    assert_eq!(unanswered(&mut esme).len(), 1, "an acknowledgement makes room");
    esme.output().clear();

    let late = start + config.stall;
    esme.tick(late);
    assert!(esme.wants_input(late));
    esme.receive(&mut input, late);
    let expected = [
        (CommandStatus::QueueFull, 4, CommandId::DeliverSmResp),
        (CommandStatus::Ok, 5, CommandId::EnquireLinkResp),
    ];
    assert_eq!(statuses(&mut esme), expected);
    assert!(matches!(events(&mut esme)[..], [Event::Overflowed]));
}

#[test]
fn silence_is_enquired_about_and_its_lack_of_answer_ends_the_session() {
    let start = Instant::now();
    let config = SessionConfig::default();
    let mut esme = bound(config, BindMode::Transceiver, start);
    let due = esme.deadline().unwrap();
    assert_eq!(due, start + config.enquire_link);
    esme.tick(start + SECOND);
    assert!(esme.output().is_empty());
    esme.tick(due);
    let [(_, sequence, Pdu::EnquireLink)] = sent(&mut esme)[..] else { panic!("not asked") };
    receive(&mut esme, &Pdu::EnquireLinkResp, sequence, due + SECOND);
    assert!(matches!(events(&mut esme)[..], [Event::Alive { round_trip: SECOND }]));

    let again = esme.deadline().unwrap();
    esme.tick(again);
    assert_eq!(esme.deadline(), Some(again + config.response));
    esme.tick(again + config.response);
    assert_eq!(closed(&mut esme), Some(CloseReason::EnquireLinkTimeout));
    assert_eq!(esme.deadline(), None);
}

#[test]
fn a_connection_that_does_not_bind_or_answer_the_bind_ends() {
    let start = Instant::now();
    let config = SessionConfig::default();
    let mut centre = Session::message_centre(config, start);
    centre.tick(centre.deadline().unwrap());
    assert_eq!(closed(&mut centre), Some(CloseReason::SessionInitTimeout));
    let mut esme = Session::esme(config, bind(BindMode::Receiver), start).unwrap();
    esme.tick(esme.deadline().unwrap());
    assert_eq!(closed(&mut esme), Some(CloseReason::BindTimeout));
}

#[test]
fn inactivity_ends_the_session() {
    let start = Instant::now();
    let config = SessionConfig { inactivity: SECOND, ..SessionConfig::default() };
    let mut centre = bound_to(config, BindMode::Receiver, start);
    centre.tick(centre.deadline().unwrap());
    assert_eq!(closed(&mut centre), Some(CloseReason::Inactive));
}

#[test]
fn unbinding_answers_what_is_unanswered_first() {
    let now = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, now);
    receive(&mut esme, &Pdu::DeliverSm(text(b"a")), 5, now);
    let waiting = unanswered(&mut esme).pop().unwrap();
    esme.unbind(now);
    receive(&mut esme, &Pdu::DeliverSm(text(b"b")), 6, now);
    let later = (CommandStatus::TemporaryApplicationError, 6, CommandId::DeliverSmResp);
    assert_eq!(statuses(&mut esme), [later]);
    esme.acknowledge(waiting, CommandStatus::Ok, now);
    let answered = sent(&mut esme);
    let [(CommandStatus::Ok, 5, Pdu::DeliverSmResp(_)), (_, unbind, Pdu::Unbind)] = answered[..]
    else {
        panic!("{answered:?}")
    };
    receive(&mut esme, &Pdu::UnbindResp, unbind, now);
    assert_eq!(closed(&mut esme), Some(CloseReason::Unbound));
}

#[test]
fn draining_is_bounded() {
    let start = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, start);
    receive(&mut esme, &Pdu::DeliverSm(text(b"a")), 5, start);
    esme.unbind(start);
    let drained = start + SessionConfig::default().drain;
    esme.tick(drained);
    assert!(matches!(sent(&mut esme)[..], [(_, _, Pdu::Unbind)]));
    esme.tick(drained + SessionConfig::default().response);
    assert!(matches!(events(&mut esme).pop(), Some(Event::Closed(CloseReason::Unbound))));
}

#[test]
fn the_peers_unbind_waits_for_what_is_unanswered() {
    let now = Instant::now();
    let mut esme = bound(SessionConfig::default(), BindMode::Transceiver, now);
    receive(&mut esme, &Pdu::DeliverSm(text(b"a")), 5, now);
    receive(&mut esme, &Pdu::Unbind, 6, now);
    assert!(esme.output().is_empty());
    let waiting = unanswered(&mut esme).pop().unwrap();
    esme.acknowledge(waiting, CommandStatus::Ok, now);
    let expected = [
        (CommandStatus::Ok, 5, CommandId::DeliverSmResp),
        (CommandStatus::Ok, 6, CommandId::UnbindResp),
    ];
    assert_eq!(statuses(&mut esme), expected);
    assert_eq!(closed(&mut esme), Some(CloseReason::PeerUnbound));
}

#[test]
fn requests_are_windowed_matched_and_timed_out() {
    let start = Instant::now();
    let config = SessionConfig { request_window: 2, ..SessionConfig::default() };
    let mut centre = bound_to(config, BindMode::Receiver, start);
    let deliver = Pdu::DeliverSm(text(b"x"));
    assert_eq!(centre.request(&Pdu::SubmitSm(text(b"")), start), Err(RequestError::NotAllowed));
    let first = centre.request(&deliver, start).unwrap();
    let second = centre.request(&deliver, start).unwrap();
    assert_eq!(centre.request(&deliver, start), Err(RequestError::WindowFull));
    // Answered with the wrong command, as one implementation does: the number counts.
    let wrong = Pdu::SubmitSmResp(MessageResp::default());
    centre.receive(&mut octets(&wrong, CommandStatus::SystemError, second), start);
    let answered = events(&mut centre);
    let [Event::Response { sequence, status: CommandStatus::SystemError, .. }] = answered[..]
    else {
        panic!("{answered:?}")
    };
    assert_eq!(sequence, second);
    centre.tick(start + config.response);
    assert!(matches!(events(&mut centre)[..], [Event::TimedOut { sequence }] if sequence == first));
    assert_eq!(centre.request_room(), 2);
}

mod random {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        /// Whatever comes, the window holds and nothing panics.
        #[test]
        fn streams_never_panic(
            chunks in vec(vec(any::<u8>(), 0..60), 0..8),
            commands in vec((prop::sample::select(CommandId::ALL), vec(any::<u8>(), 0..40)), 0..20),
        ) {
            let now = Instant::now();
            let config = SessionConfig { window: 4, ..SessionConfig::default() };
            for mut session in [
                bound(config, BindMode::Transceiver, now),
                bound_to(config, BindMode::Transceiver, now),
            ] {
                let mut input = BytesMut::new();
                for (command, body) in &commands {
                    input.extend_from_slice(&raw(command.code(), 3, body));
                }
                session.receive(&mut input, now);
                for chunk in &chunks {
                    input.extend_from_slice(chunk);
                    session.receive(&mut input, now);
                    session.tick(now + SECOND);
                    prop_assert!(session.in_flight() <= 4);
                }
            }
        }
    }
}
