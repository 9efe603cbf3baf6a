//! Owns what a received PDU does to a session: which are allowed in which state (SMPP 3.4 2.3),
//! and what answers those that are not.

use std::time::Instant;

use bytes::BytesMut;

use crate::pdu::{BindMode, CommandId, CommandStatus, Frame, MessageResp, Pdu, take_frame};

use super::{CloseReason, End, Event, Phase, Role, Session, Unanswered};

impl Session {
    /// Takes whole PDUs off the front of `input`, as many as the session wants now; the rest stays
    /// for the next call. To be called after every acknowledgement too, for a held session leaves
    /// PDUs behind.
    pub fn receive(&mut self, input: &mut BytesMut, now: Instant) {
        while !self.is_closed() && !self.is_beyond_reading() && !self.holds(now) {
            match take_frame(input, self.config.max_pdu) {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    self.last_received = now;
                    self.frame(&frame, now);
                }
                Err(error) => {
                    let sequence = error.header.sequence_number;
                    self.nack(CommandStatus::InvalidCommandLength, sequence);
                    self.end_unreadable(now);
                }
            }
        }
        if self.is_closed() || self.is_beyond_reading() {
            input.clear();
        }
    }

    fn is_beyond_reading(&self) -> bool {
        matches!(self.phase, Phase::Draining { end: End::InvalidLength, .. })
    }

    fn end_unreadable(&mut self, now: Instant) {
        match self.phase {
            Phase::Bound { mode } | Phase::Draining { mode, .. } => {
                self.drain(mode, End::InvalidLength, now);
            }
            _ => self.close(CloseReason::InvalidCommandLength),
        }
    }

    fn nack(&mut self, status: CommandStatus, sequence: u32) {
        // A header alone cannot fail to encode.
        let _ = Pdu::GenericNack.encode(status, sequence, &mut self.output);
    }

    fn frame(&mut self, frame: &Frame, now: Instant) {
        let sequence = frame.header.sequence_number;
        let Some(command) = frame.header.command() else {
            return self.nack(CommandStatus::InvalidCommandId, sequence);
        };
        match command {
            command if command.is_response() => self.response(frame, now),
            CommandId::EnquireLink => self.respond(command, sequence, CommandStatus::Ok, None),
            CommandId::Unbind => self.peer_unbind(sequence, now),
            CommandId::SubmitSm | CommandId::DeliverSm | CommandId::DataSm => {
                self.message(command, frame, now);
            }
            // outbind and alert_notification have no response, and nothing depends on them.
            CommandId::Outbind | CommandId::AlertNotification => {}
            bind => self.bind_requested(bind, frame),
        }
    }

    /// SMPP 3.4 4.2: what is unanswered is answered before the unbind is.
    fn peer_unbind(&mut self, sequence: u32, now: Instant) {
        match self.phase {
            Phase::Bound { mode } | Phase::Draining { mode, .. } => {
                self.drain(mode, End::Unbound { sequence }, now);
            }
            _ => self.end_drain(End::Unbound { sequence }, now),
        }
    }

    fn bind_requested(&mut self, command: CommandId, frame: &Frame) {
        let sequence = frame.header.sequence_number;
        let status = match (self.role, self.phase, Pdu::decode(frame)) {
            (Role::MessageCentre, Phase::Open { .. }, Ok(Pdu::Bind(bind))) => {
                self.phase = Phase::Offered { mode: bind.mode, sequence };
                return self.events.push_back(Event::BindRequested(bind));
            }
            (Role::MessageCentre, Phase::Open { .. }, Err(error)) => error.status(),
            (Role::MessageCentre, ..) => CommandStatus::AlreadyBound,
            (Role::Esme, ..) => CommandStatus::InvalidBindState,
        };
        self.respond(command, sequence, status, None);
    }

    fn message(&mut self, command: CommandId, frame: &Frame, now: Instant) {
        let sequence = frame.header.sequence_number;
        if let Err(status) = self.admits(command) {
            return self.respond(command, sequence, status, None);
        }
        if self.in_flight >= self.config.window {
            self.events.push_back(Event::Overflowed);
            return self.respond(command, sequence, CommandStatus::QueueFull, None);
        }
        let unanswered = Unanswered { command, sequence };
        let event = match Pdu::decode(frame) {
            Ok(Pdu::DeliverSm(message) | Pdu::SubmitSm(message)) => {
                Event::Message { unanswered, message }
            }
            Ok(Pdu::DataSm(data)) => Event::Message { unanswered, message: data.into() },
            Err(reason) => Event::Undecodable { unanswered, raw: frame.raw().clone(), reason },
            Ok(_) => return,
        };
        self.events.push_back(event);
        self.in_flight += 1;
        if self.in_flight >= self.config.window {
            self.full_since = Some(now);
        }
    }

    /// Whether a message may come in this state (SMPP 3.4 2.3). While the session ends, messages
    /// are put off: the peer sends them again, to us or to another bind.
    fn admits(&self, command: CommandId) -> Result<(), CommandStatus> {
        let fits = |mode: BindMode| match (self.role, command) {
            (Role::Esme, CommandId::DeliverSm | CommandId::DataSm) => mode.receives(),
            (Role::MessageCentre, CommandId::SubmitSm | CommandId::DataSm) => mode.transmits(),
            _ => false,
        };
        match self.phase {
            Phase::Bound { mode } if fits(mode) => Ok(()),
            Phase::Draining { mode, .. } if fits(mode) => {
                Err(CommandStatus::TemporaryApplicationError)
            }
            Phase::Unbinding => Err(CommandStatus::TemporaryApplicationError),
            _ => Err(CommandStatus::InvalidBindState),
        }
    }

    /// A response is matched by its sequence number alone: some peers answer with the wrong
    /// command, or with `generic_nack`. Its status counts even where its body cannot be read. One
    /// that nothing waits for came too late, and is ignored.
    fn response(&mut self, frame: &Frame, now: Instant) {
        let sequence = frame.header.sequence_number;
        let status = frame.header.command_status;
        let Some(sent) = self.pending.take(sequence) else { return };
        match (sent.command, self.phase) {
            (CommandId::EnquireLink, _) => {
                self.enquiring = false;
                let round_trip = now.saturating_duration_since(sent.at);
                self.events.push_back(Event::Alive { round_trip });
            }
            (CommandId::Unbind, _) => self.close(CloseReason::Unbound),
            (_, Phase::Binding { mode }) if status.is_ok() => {
                self.phase = Phase::Bound { mode };
                self.events.push_back(Event::Bound { mode });
            }
            (_, Phase::Binding { .. }) => self.close(CloseReason::Refused(status)),
            _ => {
                let message_id = message_id(Pdu::decode(frame).ok());
                self.events.push_back(Event::Response { sequence, status, message_id });
                self.settle(now);
            }
        }
    }
}

fn message_id(pdu: Option<Pdu>) -> Option<bytes::Bytes> {
    match pdu? {
        Pdu::SubmitSmResp(MessageResp { message_id, .. })
        | Pdu::DataSmResp(MessageResp { message_id, .. }) => message_id,
        _ => None,
    }
}
