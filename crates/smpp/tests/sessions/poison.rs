//! PDUs no peer should send. Each is answered, and the bind lives on; only a `command_length` out
//! of bounds ends it, in order.

use tokio::net::TcpListener;
use twinpath_smpp::{
    esme::Esme,
    pdu::{Address, CommandId, CommandStatus, DecodeError, Pdu, ShortMessage, Tlvs},
};

use crate::support::{Application, Peer, esme_config, message, octets, raw, start, until};

/// An ESME bound to a peer that can send anything.
async fn bound() -> (TcpListener, std::sync::Arc<Application>, Esme, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = Application::open();
    let esme = start(esme_config(listener.local_addr().unwrap()), &application);
    let peer = Peer::accept_bound(&listener).await;
    (listener, application, esme, peer)
}

#[tokio::test]
async fn an_address_beyond_ascii_is_delivered() {
    let (_listener, application, _esme, mut peer) = bound().await;
    let source = Address::new(5, 0, &b"Caf\xE9"[..]);
    let deliver = Pdu::DeliverSm(ShortMessage { source, ..message(0, b"hi") });
    peer.write(&octets(&deliver, 1)).await;
    assert_eq!(peer.heard().await, (CommandId::DeliverSmResp, CommandStatus::Ok, 1));
    assert_eq!(application.received.lock().unwrap()[0].0, &b"Caf\xE9"[..]);
}

#[tokio::test]
async fn unreadable_messages_are_quarantined_and_acknowledged() {
    let (_listener, application, _esme, mut peer) = bound().await;
    let whole = octets(&Pdu::DeliverSm(message(0, b"hello")), 0)[16..].to_vec();
    let wrong_tlv = wrong_tlv(b"");
    let bodies = [
        (5, whole[..4].to_vec(), DecodeError::Unterminated("source_addr")),
        (5, whole[..whole.len() - 1].to_vec(), DecodeError::MessageLength),
        (5, wrong_tlv, DecodeError::OptionalPart),
        (5, Vec::new(), DecodeError::Unterminated("service_type")),
        (0x103, b"\0\x01".to_vec(), DecodeError::Truncated("source_addr")),
    ];
    let mut sequence = 0;
    for (command, body, reason) in bodies {
        sequence += 1;
        let poison = raw(command, sequence, &body);
        peer.write(&poison).await;
        let (answer, status, answered) = peer.heard().await;
        let expected = CommandId::from_code(command).unwrap().response().unwrap();
        assert_eq!((answer, status, answered), (expected, CommandStatus::Ok, sequence));
        let quarantined = application.quarantine.lock().unwrap().pop().unwrap();
        assert_eq!((&quarantined.raw[..], quarantined.reason), (&poison[..], reason));
    }
    peer.write(&octets(&Pdu::DeliverSm(message(0, b"still here")), 99)).await;
    assert_eq!(peer.heard().await.2, 99);
    assert_eq!(application.texts(), ["still here"]);
}

/// The body of a message whose one optional parameter says that it is longer than it is.
fn wrong_tlv(text: &'static [u8]) -> Vec<u8> {
    let with_tlv = Pdu::DeliverSm(ShortMessage {
        tlvs: Tlvs::default().with(0x1234, &b"abc"[..]),
        ..message(0, text)
    });
    let mut body = octets(&with_tlv, 0)[16..].to_vec();
    let length = body.len() - 4;
    body[length] = 200;
    body
}

#[tokio::test]
async fn what_stands_behind_a_text_does_not_cost_it() {
    let (_listener, application, _esme, mut peer) = bound().await;
    peer.write(&raw(5, 1, &wrong_tlv(b"hello"))).await;
    assert_eq!(peer.heard().await, (CommandId::DeliverSmResp, CommandStatus::Ok, 1));
    assert_eq!(application.texts(), ["hello"]);
    assert!(application.quarantine.lock().unwrap().is_empty());
}

#[tokio::test]
async fn unknown_commands_and_codings_leave_the_bind_alone() {
    let (_listener, application, esme, mut peer) = bound().await;
    peer.write(&raw(0x0001_0203, 1, b"vendor")).await;
    let nack = (CommandId::GenericNack, CommandStatus::InvalidCommandId, 1);
    assert_eq!(peer.heard().await, nack);
    peer.write(&octets(&Pdu::SubmitSm(message(0, b"x")), 2)).await;
    let wrong_way = (CommandId::SubmitSmResp, CommandStatus::InvalidBindState, 2);
    assert_eq!(peer.heard().await, wrong_way);
    for coding in 0..=255 {
        peer.write(&octets(&Pdu::DeliverSm(message(coding, b"\xFF\x1B\xD8")), 3)).await;
        assert_eq!(peer.heard().await, (CommandId::DeliverSmResp, CommandStatus::Ok, 3));
    }
    assert_eq!(application.received.lock().unwrap().len(), 256);
    assert_eq!(esme.counters().rebinds.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_pdu_in_single_octets_is_read() {
    let (_listener, application, _esme, mut peer) = bound().await;
    for octet in octets(&Pdu::DeliverSm(message(0, b"slow")), 1) {
        peer.write(&[octet]).await;
    }
    assert_eq!(peer.heard().await.2, 1);
    assert_eq!(application.texts(), ["slow"]);
}

#[tokio::test]
async fn an_absurd_length_is_nacked_and_ends_the_session_in_order() {
    for length in [3_u32, 70_000, u32::MAX] {
        let (listener, _application, esme, mut peer) = bound().await;
        // More than is read at once.
        let mut absurd = raw(5, 7, &vec![0x55; 400_000]);
        absurd[..4].copy_from_slice(&length.to_be_bytes());
        peer.write(&absurd).await;
        let nack = (CommandId::GenericNack, CommandStatus::InvalidCommandLength, 7);
        assert_eq!(peer.heard().await, nack);
        assert!(peer.read().await.is_none(), "hung up in order");
        drop(peer);
        let _again = Peer::accept_bound(&listener).await;
        let rebinds = &esme.counters().rebinds;
        until("rebound", || rebinds.load(std::sync::atomic::Ordering::Relaxed) == 1).await;
    }
}
