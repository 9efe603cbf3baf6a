//! Owns a session's timers (SMPP 3.4 7.2): when the driver has to call again, and what is due.
//!
//! Invariant: while a full window holds the stream, responses cannot be seen, so only the hold
//! itself and an orderly end can run out.

use std::time::Instant;

use crate::pdu::{CommandId, Pdu};

use super::{CloseReason, End, Event, Phase, Session};

impl Session {
    /// When [`tick`](Self::tick) has to be called at the latest; it may become later, so calling
    /// early does no harm.
    pub fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Open { until } | Phase::Draining { until, .. } => Some(until),
            Phase::Closed => return None,
            _ => None,
        };
        if let Some(since) = self.full_since {
            return [phase, Some(since + self.config.stall)].into_iter().flatten().min();
        }
        let response = self.oldest_due();
        let silence = self.is_up().then(|| {
            let enquire = self.last_received + self.config.enquire_link;
            let inactive = self.last_received + self.config.inactivity;
            if self.enquiring { inactive } else { enquire.min(inactive) }
        });
        [phase, response, silence].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        self.tick_phase(now);
        if self.is_closed() || self.holds(now) {
            return;
        }
        if self.full_since.is_some() {
            // The hold has run out: read on, with every timer starting anew.
            self.full_since = None;
            self.released = now;
            self.last_received = now;
        }
        while let Some((sequence, _)) = self.pending.oldest()
            && self.oldest_due().is_some_and(|due| due <= now)
        {
            self.response_timeout(sequence, now);
        }
        if self.is_up() {
            self.tick_silence(now);
        }
    }

    /// Whether a full window holds the stream.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.full_since.is_some_and(|since| now < since + self.config.stall)
    }

    /// Whether the peer is expected to be heard from.
    fn is_up(&self) -> bool {
        match self.phase {
            Phase::Bound { .. } => true,
            Phase::Draining { end, .. } => end != End::InvalidLength,
            _ => false,
        }
    }

    fn oldest_due(&self) -> Option<Instant> {
        self.pending.oldest().map(|(_, at)| at.max(self.released) + self.config.response)
    }

    fn tick_phase(&mut self, now: Instant) {
        match self.phase {
            Phase::Open { until } if until <= now => self.close(CloseReason::SessionInitTimeout),
            Phase::Draining { end, until, .. } if until <= now => self.end_drain(end, now),
            _ => {}
        }
    }

    fn response_timeout(&mut self, sequence: u32, now: Instant) {
        match self.pending.take(sequence).map(|sent| sent.command) {
            Some(CommandId::EnquireLink) => self.close(CloseReason::EnquireLinkTimeout),
            Some(CommandId::Unbind) => self.close(CloseReason::Unbound),
            Some(CommandId::SubmitSm | CommandId::DeliverSm | CommandId::DataSm) => {
                self.events.push_back(Event::TimedOut { sequence });
                self.settle(now);
            }
            Some(_) => self.close(CloseReason::BindTimeout),
            None => {}
        }
    }

    fn tick_silence(&mut self, now: Instant) {
        let silence = now.saturating_duration_since(self.last_received);
        if silence >= self.config.inactivity {
            self.close(CloseReason::Inactive);
        } else if silence >= self.config.enquire_link && !self.enquiring {
            self.enquiring = self.send_request(&Pdu::EnquireLink, now).is_ok();
        }
    }
}
