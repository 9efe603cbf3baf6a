//! Owns one SMPP session (SMPP 3.4 2.2-2.4, 7) as a state machine without I/O, in both roles: the
//! ESME that binds and the message centre that is bound to. Octets, requests and time go in;
//! octets and [`Event`]s come out.
//!
//! Invariants:
//! - A message is answered only by [`Session::acknowledge`], once: its [`Unanswered`] is consumed.
//! - At most `window` received messages are unanswered. While the window is full the session holds
//!   (takes no frame, so TCP slows the peer down). If nothing is acknowledged for `stall`, it reads
//!   on and answers further messages `ESME_RMSGQFUL`, so that `enquire_link` gets through.
//! - No body ends a session. Only a `command_length` out of bounds does, for the stream cannot be
//!   resynchronised: `generic_nack` `ESME_RINVCMDLEN`, what is unanswered is still answered, end.
//! - Sequence numbers of the peer are never compared: repeated ones are answered as often as they
//!   come.
//! - After [`Event::Closed`] nothing else happens; what is in [`Session::output`] is to be sent.

mod event;
mod pending;
mod receive;
mod timers;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

pub use event::{CloseReason, Event, RequestError, Unanswered};

use crate::pdu::{
    Bind, BindMode, BindResp, CommandId, CommandStatus, DEFAULT_MAX_PDU, EncodeError,
    INTERFACE_VERSION, MessageResp, Pdu, Tlvs, tag,
};
use pending::Pending;

/// Output held back by a peer that does not read, beyond which nothing more is read from it.
const MAX_OUTPUT: usize = 256 * 1024;

/// Which side of the session this is (SMPP 3.4 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Binds.
    Esme,
    /// Is bound to.
    MessageCentre,
}

/// Bounds and timers of a session (SMPP 3.4 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Silence of the peer after which it is asked whether it is there.
    pub enquire_link: Duration,
    /// How long a response may take; for bind, unbind and `enquire_link` its lack ends the session.
    pub response: Duration,
    /// Silence of the peer after which the session ends, whatever else.
    pub inactivity: Duration,
    /// How long a connection may stay unbound (message centre).
    pub session_init: Duration,
    /// How long an orderly end may wait for what is unanswered.
    pub drain: Duration,
    /// How long a full window may hold the stream before messages are refused.
    pub stall: Duration,
    /// Received messages that may be unanswered.
    pub window: usize,
    /// Requests of ours that may be unanswered.
    pub request_window: usize,
    /// The largest PDU accepted.
    pub max_pdu: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            enquire_link: Duration::from_secs(30),
            response: Duration::from_secs(10),
            inactivity: Duration::from_secs(300),
            session_init: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            stall: Duration::from_secs(5),
            window: 256,
            request_window: 100,
            max_pdu: DEFAULT_MAX_PDU,
        }
    }
}

/// Where the session is (SMPP 3.4 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A message centre waits for a bind.
    Open { until: Instant },
    /// An ESME waits for its bind's response.
    Binding { mode: BindMode },
    /// A message centre's program decides on a bind.
    Offered { mode: BindMode, sequence: u32 },
    /// Bound.
    Bound { mode: BindMode },
    /// Ending: what is unanswered is still answered.
    Draining { mode: BindMode, end: End, until: Instant },
    /// `unbind` is sent.
    Unbinding,
    /// Ended.
    Closed,
}

/// How a draining session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// We send `unbind`.
    Unbind,
    /// The peer sent it and gets its response.
    Unbound { sequence: u32 },
    /// The stream is beyond reading.
    InvalidLength,
}

/// One session. See the module's documentation.
#[derive(Debug)]
pub struct Session {
    role: Role,
    config: SessionConfig,
    phase: Phase,
    output: BytesMut,
    events: VecDeque<Event>,
    pending: Pending,
    /// Received messages not yet answered.
    in_flight: usize,
    /// Since when the window has been full.
    full_since: Option<Instant>,
    /// When the stream was last held back; responses could not be seen before.
    released: Instant,
    last_received: Instant,
    enquiring: bool,
}

impl Session {
    /// A session that binds: its bind request is ready to be sent.
    pub fn esme(config: SessionConfig, bind: Bind, now: Instant) -> Result<Self, EncodeError> {
        let mut session = Self::new(Role::Esme, config, Phase::Binding { mode: bind.mode }, now);
        session.send_request(&Pdu::Bind(bind), now)?;
        Ok(session)
    }

    /// A session that waits to be bound to.
    pub fn message_centre(config: SessionConfig, now: Instant) -> Self {
        let until = now + config.session_init;
        Self::new(Role::MessageCentre, config, Phase::Open { until }, now)
    }

    fn new(role: Role, config: SessionConfig, phase: Phase, now: Instant) -> Self {
        Self {
            role,
            config,
            phase,
            output: BytesMut::new(),
            events: VecDeque::new(),
            pending: Pending::default(),
            in_flight: 0,
            full_since: None,
            released: now,
            last_received: now,
            enquiring: false,
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Octets to send; the driver takes from the front what it has sent.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Whether the driver should read from the connection now.
    pub fn wants_input(&self, now: Instant) -> bool {
        !self.is_closed() && !self.holds(now) && self.output.len() < MAX_OUTPUT
    }

    /// The mode the session is bound in; none before and after.
    pub fn bound(&self) -> Option<BindMode> {
        match self.phase {
            Phase::Bound { mode } => Some(mode),
            _ => None,
        }
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Received messages not yet answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Requests that may be sent now: none unless bound, else what room the window has.
    pub fn request_room(&self) -> usize {
        let window = if self.bound().is_some() { self.config.request_window } else { 0 };
        window.saturating_sub(self.pending.len())
    }

    /// Sends a message; its response or time-out comes as an event with the returned sequence
    /// number.
    pub fn request(&mut self, pdu: &Pdu, now: Instant) -> Result<u32, RequestError> {
        let mode = self.bound().ok_or(RequestError::NotBound)?;
        let allowed = match (self.role, pdu.command()) {
            (Role::Esme, CommandId::SubmitSm | CommandId::DataSm) => mode.transmits(),
            (Role::MessageCentre, CommandId::DeliverSm | CommandId::DataSm) => mode.receives(),
            _ => false,
        };
        if !allowed {
            return Err(RequestError::NotAllowed);
        }
        if self.request_room() == 0 {
            return Err(RequestError::WindowFull);
        }
        Ok(self.send_request(pdu, now)?)
    }

    /// Answers a message. Call it after whatever the answer promises is durable.
    pub fn acknowledge(&mut self, message: Unanswered, status: CommandStatus, now: Instant) {
        self.acknowledge_as(message, status, Bytes::new(), now);
    }

    /// Answers a message with the identifier it is known by here (`submit_sm`, `data_sm`).
    #[expect(clippy::needless_pass_by_value, reason = "answering consumes it")]
    pub fn acknowledge_as(
        &mut self,
        message: Unanswered,
        status: CommandStatus,
        message_id: Bytes,
        now: Instant,
    ) {
        let Unanswered { command, sequence } = message;
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.full_since.take().is_some() {
            self.released = now;
        }
        if self.is_closed() {
            return;
        }
        self.respond(command, sequence, status, Some(message_id));
        self.settle(now);
    }

    /// Changes how many received messages may be unanswered: who is bound decides on it.
    pub fn set_window(&mut self, window: usize) {
        self.config.window = window.max(1);
    }

    /// Grants the bind last offered (SMPP 3.4 4.1.2).
    pub fn accept_bind(&mut self, system_id: Bytes, now: Instant) -> Result<(), EncodeError> {
        let Phase::Offered { mode, sequence } = self.phase else { return Ok(()) };
        let tlvs = Tlvs::default().with(tag::SC_INTERFACE_VERSION, &[INTERFACE_VERSION][..]);
        let resp = Pdu::BindResp(BindResp { mode, system_id: Some(system_id), tlvs });
        resp.encode(CommandStatus::Ok, sequence, &mut self.output)?;
        self.phase = Phase::Bound { mode };
        self.last_received = now;
        self.events.push_back(Event::Bound { mode });
        Ok(())
    }

    /// Refuses the bind last offered, and ends the session.
    pub fn refuse_bind(&mut self, status: CommandStatus) {
        let Phase::Offered { mode, sequence } = self.phase else { return };
        self.respond(mode.command(), sequence, status, None);
        self.close(CloseReason::Refused(status));
    }

    /// Ends the session in order: no new messages, what is unanswered is answered, unbind
    /// (SMPP 3.4 4.2). A session not bound just ends.
    pub fn unbind(&mut self, now: Instant) {
        match self.phase {
            Phase::Bound { mode } => self.drain(mode, End::Unbind, now),
            Phase::Draining { .. } | Phase::Unbinding | Phase::Closed => {}
            Phase::Open { .. } | Phase::Binding { .. } | Phase::Offered { .. } => {
                self.close(CloseReason::Unbound);
            }
        }
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.close(CloseReason::Disconnected);
    }

    fn send_request(&mut self, pdu: &Pdu, now: Instant) -> Result<u32, EncodeError> {
        let sequence = self.pending.next_sequence();
        pdu.encode(CommandStatus::Ok, sequence, &mut self.output)?;
        self.pending.insert(sequence, pdu.command(), now);
        Ok(sequence)
    }

    /// Writes the response to `command`. What has none (`outbind`) is left unanswered.
    fn respond(
        &mut self,
        command: CommandId,
        sequence: u32,
        status: CommandStatus,
        message_id: Option<Bytes>,
    ) {
        let tlvs = Tlvs::default();
        // A refused submit_sm has no body (SMPP 3.4 4.4.2); deliver_sm_resp always has its empty
        // message_id (4.6.2).
        let submit =
            MessageResp { message_id: message_id.filter(|_| status.is_ok()), tlvs: tlvs.clone() };
        let pdu = match command {
            CommandId::EnquireLink => Pdu::EnquireLinkResp,
            CommandId::Unbind => Pdu::UnbindResp,
            CommandId::SubmitSm => Pdu::SubmitSmResp(submit),
            CommandId::DataSm => Pdu::DataSmResp(submit),
            CommandId::DeliverSm => {
                Pdu::DeliverSmResp(MessageResp { message_id: Some(Bytes::new()), tlvs })
            }
            other => match BindMode::of(other) {
                Some(mode) => Pdu::BindResp(BindResp { mode, system_id: None, tlvs }),
                None => return,
            },
        };
        if pdu.encode(status, sequence, &mut self.output).is_err() {
            // Only a message_id of the program's can be at fault.
            self.respond(command, sequence, CommandStatus::SystemError, None);
        }
    }

    fn drain(&mut self, mode: BindMode, end: End, now: Instant) {
        self.phase = Phase::Draining { mode, end, until: now + self.config.drain };
        self.settle(now);
    }

    /// Moves a draining session on once nothing is unanswered.
    fn settle(&mut self, now: Instant) {
        let Phase::Draining { end, .. } = self.phase else { return };
        if self.in_flight > 0 || (end == End::Unbind && self.pending.has_messages()) {
            return;
        }
        self.end_drain(end, now);
    }

    fn end_drain(&mut self, end: End, now: Instant) {
        match end {
            End::Unbind => {
                self.phase = Phase::Unbinding;
                if self.send_request(&Pdu::Unbind, now).is_err() {
                    self.close(CloseReason::Unbound);
                }
            }
            End::Unbound { sequence } => {
                self.respond(CommandId::Unbind, sequence, CommandStatus::Ok, None);
                self.close(CloseReason::PeerUnbound);
            }
            End::InvalidLength => self.close(CloseReason::InvalidCommandLength),
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.phase = Phase::Closed;
            self.events.push_back(Event::Closed(reason));
        }
    }
}
