//! Owns our requests that wait for a response: sequence numbers (SMPP 3.4 5.1.4) and their age.
//!
//! Invariants: no two waiting requests share a sequence number; ages ascend in `by_age`, whose
//! front is a waiting request.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use crate::pdu::CommandId;

/// The largest sequence number.
const MAX_SEQUENCE: u32 = 0x7FFF_FFFF;

/// A request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) command: CommandId,
    pub(super) at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    last_sequence: u32,
    by_sequence: HashMap<u32, Sent>,
    by_age: VecDeque<(u32, Instant)>,
    messages: usize,
}

impl Pending {
    pub(super) fn next_sequence(&mut self) -> u32 {
        loop {
            self.last_sequence = self.last_sequence % MAX_SEQUENCE + 1;
            if !self.by_sequence.contains_key(&self.last_sequence) {
                return self.last_sequence;
            }
        }
    }

    pub(super) fn insert(&mut self, sequence: u32, command: CommandId, at: Instant) {
        self.by_sequence.insert(sequence, Sent { command, at });
        self.by_age.push_back((sequence, at));
        self.messages += usize::from(is_message(command));
    }

    /// Takes the request with this sequence number, answered or given up.
    pub(super) fn take(&mut self, sequence: u32) -> Option<Sent> {
        let sent = self.by_sequence.remove(&sequence)?;
        self.messages -= usize::from(is_message(sent.command));
        while let Some((oldest, at)) = self.by_age.front() {
            if self.by_sequence.get(oldest).is_some_and(|sent| sent.at == *at) {
                break;
            }
            self.by_age.pop_front();
        }
        Some(sent)
    }

    /// The request that has waited longest.
    pub(super) fn oldest(&self) -> Option<(u32, Instant)> {
        self.by_age.front().copied()
    }

    /// Messages that wait; bind, unbind and `enquire_link` do not count.
    pub(super) fn len(&self) -> usize {
        self.messages
    }

    pub(super) fn has_messages(&self) -> bool {
        self.messages > 0
    }
}

const fn is_message(command: CommandId) -> bool {
    matches!(command, CommandId::SubmitSm | CommandId::DeliverSm | CommandId::DataSm)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sequence_numbers_wrap_and_skip_what_waits() {
        let now = Instant::now();
        let mut pending = Pending::default();
        assert_eq!(pending.next_sequence(), 1);
        pending.insert(1, CommandId::SubmitSm, now);
        pending.last_sequence = MAX_SEQUENCE;
        assert_eq!(pending.next_sequence(), 2);
    }

    #[test]
    fn the_oldest_is_always_one_that_waits() {
        let start = Instant::now();
        let mut pending = Pending::default();
        for n in 1..=4 {
            let at = start + Duration::from_secs(n.into());
            pending.insert(n, CommandId::DeliverSm, at);
        }
        pending.take(2);
        assert_eq!(pending.oldest().unwrap().0, 1);
        pending.take(1);
        assert_eq!(pending.oldest().unwrap().0, 3);
        assert_eq!(pending.len(), 2);
        assert_eq!(pending.take(1), None);
    }
}
