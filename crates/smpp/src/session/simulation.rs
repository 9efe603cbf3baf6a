//! An ESME's session and a message centre's, joined by a stream that splits at will, with answers
//! given in any order: every message is answered once, with its own status, within the window.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::pdu::ShortMessage;

/// One end: its session, what has reached it, and what of that is not yet read.
struct Side {
    session: Session,
    input: BytesMut,
}

/// Carries up to `most` octets from one side to the other, if that side reads.
fn carry(from: &mut Side, to: &mut Side, most: usize, now: Instant) {
    if to.session.wants_input(now) {
        let output = from.session.output();
        let some = output.split_to(most.min(output.len()));
        to.input.extend_from_slice(&some);
    }
    to.session.receive(&mut to.input, now);
}

fn bind() -> Bind {
    Bind {
        mode: BindMode::Transceiver,
        system_id: Bytes::from_static(b"esme"),
        password: Bytes::new(),
        system_type: Bytes::new(),
        interface_version: INTERFACE_VERSION,
        addr_ton: 0,
        addr_npi: 0,
        address_range: Bytes::new(),
    }
}

/// The status the n-th message is answered with.
fn status_of(text: &[u8]) -> CommandStatus {
    match text.first() {
        Some(0) => CommandStatus::Throttled,
        Some(1) => CommandStatus::TemporaryApplicationError,
        _ => CommandStatus::Ok,
    }
}

struct Simulation {
    esme: Side,
    centre: Side,
    window: usize,
    unsent: VecDeque<Bytes>,
    expected: BTreeMap<u32, CommandStatus>,
    waiting: Vec<(Unanswered, CommandStatus)>,
    unbound: bool,
    now: Instant,
}

impl Simulation {
    fn new(window: usize, messages: usize) -> Self {
        let now = Instant::now();
        let config = SessionConfig { window, request_window: 2 * window, ..<_>::default() };
        let esme = Session::esme(config, bind(), now).unwrap();
        let centre = Session::message_centre(config, now);
        let message = |n: usize| Bytes::from(vec![u8::try_from(n % 5).unwrap(); n % 40 + 1]);
        Self {
            esme: Side { session: esme, input: BytesMut::new() },
            centre: Side { session: centre, input: BytesMut::new() },
            window,
            unsent: (0..messages).map(message).collect(),
            expected: BTreeMap::new(),
            waiting: Vec::new(),
            unbound: false,
            now,
        }
    }

    fn step(&mut self, octets: usize, pick: usize) {
        while self.centre.session.request_room() > 0
            && let Some(text) = self.unsent.pop_front()
        {
            let status = status_of(&text);
            let message = ShortMessage { short_message: text, ..ShortMessage::default() };
            let sequence = self.centre.session.request(&Pdu::DeliverSm(message), self.now).unwrap();
            self.expected.insert(sequence, status);
        }
        carry(&mut self.centre, &mut self.esme, octets, self.now);
        carry(&mut self.esme, &mut self.centre, octets, self.now);
        self.hear();
        assert!(self.esme.session.in_flight() <= self.window);
        if !self.waiting.is_empty() {
            let (unanswered, status) = self.waiting.swap_remove(pick % self.waiting.len());
            self.esme.session.acknowledge(unanswered, status, self.now);
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.centre.session.poll_event() {
            match event {
                Event::BindRequested(_) => {
                    self.centre.session.accept_bind(Bytes::new(), self.now).unwrap();
                }
                Event::Response { sequence, status, .. } => {
                    assert_eq!(self.expected.remove(&sequence), Some(status));
                }
                Event::Closed(reason) => assert_eq!(reason, CloseReason::PeerUnbound),
                Event::Bound { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        while let Some(event) = self.esme.session.poll_event() {
            match event {
                Event::Message { unanswered, message } => {
                    self.waiting.push((unanswered, status_of(&message.short_message)));
                }
                Event::Closed(reason) => self.unbound = reason == CloseReason::Unbound,
                Event::Bound { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn every_message_is_answered_once(
        window in 1..6_usize,
        messages in 0..60_usize,
        steps in vec((1..90_usize, any::<usize>()), 1..30),
    ) {
        let mut simulation = Simulation::new(window, messages);
        let mut steps = steps.into_iter().cycle();
        let mut taken = 0;
        while simulation.esme.session.bound().is_none()
            || !simulation.unsent.is_empty()
            || !simulation.expected.is_empty()
        {
            let (octets, pick) = steps.next().unwrap();
            simulation.step(octets, pick);
            taken += 1;
            prop_assert!(taken < 100_000, "stalled");
        }
        simulation.esme.session.unbind(simulation.now);
        while !simulation.unbound {
            simulation.step(7, 0);
            taken += 1;
            prop_assert!(taken < 200_000, "does not end");
        }
    }
}
