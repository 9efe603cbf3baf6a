//! Operations in flight, each at some step; and where they end.

use super::super::*;
use super::world::{Event, Kept, PAGES, Text, World, page};
use crate::fixtures::{After, TTL_S};
use crate::records::CodeState;

#[derive(Debug)]
pub(super) enum Flight {
    Text { text: usize, operation: RecordText },
    Prove { page: usize, browser: usize, attempt: u32, operation: ProveTerminal },
    Approve { page: usize, browser: usize, kept: Option<Kept>, operation: Approve },
    Exchange { page: usize, rightful: bool, operation: Exchange },
}

impl World {
    pub(super) fn start(&mut self, flight: Flight, steps: u8) {
        self.flights.push(flight);
        for _ in 0..steps {
            let last = self.flights.len() - 1;
            if !self.step(last) {
                break;
            }
        }
    }

    /// One step of one operation; `false` if it ended.
    pub(super) fn step(&mut self, at: usize) -> bool {
        let on = match self.flights.remove(at) {
            Flight::Text { text, operation } => self.step_text(text, &operation),
            Flight::Prove { page, browser, attempt, operation } => {
                self.step_prove((page, browser, attempt), &operation)
            }
            Flight::Approve { page, browser, kept, operation } => {
                self.step_approve((page, browser, kept), &operation)
            }
            Flight::Exchange { page, rightful, operation } => {
                self.step_exchange((page, rightful), &operation)
            }
        };
        let goes_on = on.is_some();
        self.flights.extend(on);
        goes_on
    }

    fn step_text(&mut self, text: usize, operation: &RecordText) -> Option<Flight> {
        let Text { page, attempt, phone, trust, words_right, .. } = self.texts[text];
        match self.model.step(operation) {
            After::Next(operation) => Some(Flight::Text { text, operation }),
            After::Done(outcome) => {
                self.texts[text].answered = true;
                let sent = (phone, trust, words_right);
                self.ledger.texted((page, attempt), sent, outcome, self.model.now);
                self.note("text", &outcome);
                None
            }
        }
    }

    fn step_prove(
        &mut self,
        (at, browser, attempt): (usize, usize, u32),
        operation: &ProveTerminal,
    ) -> Option<Flight> {
        let key = page(at).code_key(attempt);
        let recorded = |model: &Model| {
            model.codes.get(&key).is_some_and(|row| row.state == CodeState::Recorded)
        };
        let before = recorded(&self.model);
        let after = self.model.step(operation);
        if before && !recorded(&self.model) {
            self.ledger.consumed((at, attempt), self.model.now);
        }
        self.ledger.observe(at, &page(at), &self.model);
        match after {
            After::Next(operation) => Some(Flight::Prove { page: at, browser, attempt, operation }),
            After::Done(outcome) => {
                if outcome != ProvenOutcome::Gone {
                    self.ledger.shown(at, browser);
                }
                self.note("prove", &outcome);
                None
            }
        }
    }

    fn step_approve(
        &mut self,
        (at, browser, kept): (usize, usize, Option<Kept>),
        operation: &Approve,
    ) -> Option<Flight> {
        let outcome = match self.model.step(operation) {
            After::Next(operation) => {
                return Some(Flight::Approve { page: at, browser, kept, operation });
            }
            After::Done(outcome) => outcome,
        };
        self.note("approve", &outcome);
        if let Approved::Yes(..) = outcome {
            self.ledger.told(at, operation.code);
            if let Some(kept) = kept {
                self.ledger.usable(kept.id);
                self.jars[browser] = Some(kept);
                assert!(self.find(browser, page(at).client).is_some(), "a cookie without session");
            }
        }
        None
    }

    fn step_exchange(
        &mut self,
        (at, rightful): (usize, bool),
        operation: &Exchange,
    ) -> Option<Flight> {
        let outcome = match self.model.step(operation) {
            After::Next(operation) => {
                return Some(Flight::Exchange { page: at, rightful, operation });
            }
            After::Done(outcome) => outcome,
        };
        self.note("exchange", &outcome);
        if let CodeRedeemed::Issued { grant, .. } = outcome {
            assert!(rightful, "a grant to a thief");
            let code = self.ledger.told.iter().find(|(page, _)| *page == at).unwrap().1;
            self.ledger.issued(at, code, &grant, &self.model);
        }
        None
    }

    /// All processes stop, the network delivers what was never acknowledged; then everything that stands
    /// comes to its end, undisturbed.
    pub(super) fn settle(&mut self) {
        self.happen(Event::Crash);
        for text in 0..self.texts.len() {
            if !self.texts[text].answered {
                self.send(text, 10);
                self.ledger.audit(&self.model);
            }
        }
        for page in 0..PAGES {
            self.finish(page);
        }
    }

    fn finish(&mut self, at: usize) {
        let Some(row) = self.model.interactions.get(&page(at).key()).cloned() else { return };
        if self.model.now >= row.expires_at {
            return;
        }
        let Some(owner) = self.ledger.owners.get(&at).copied() else { return };
        let now = self.model.now;
        let owed = match row.stage {
            Stage::Asking { attempt, .. } => {
                self.ledger.texts.get(&(at, attempt)).is_some_and(|text| {
                    let good = text.words_right && !text.void && now < text.at.plus_seconds(TTL_S);
                    good && !self.ledger.blocked.contains(&text.phone)
                })
            }
            Stage::Proven { ref by, .. } => {
                self.ledger.stands(at, &self.model) && self.stands(by.session)
            }
            Stage::Approved(ref approval) | Stage::Redeemed { ref approval, .. } => {
                let told = self.ledger.told.iter().any(|(page, _)| *page == at);
                // An operator who revokes all ends what was approved in a session, too.
                told && self.ledger.stands(at, &self.model) && self.stands(approval.by.session)
            }
            Stage::Pushed | Stage::Ended => false,
        };
        if !owed {
            return;
        }
        for _ in 0..3 {
            self.advance(at, owner, 10);
            self.ledger.audit(&self.model);
        }
        assert!(self.ledger.issued.contains(&at), "stranded at {:?}", row.stage);
        self.note("settled", &row.stage);
        if self.ledger.proven[&at].0.session.is_some() {
            self.outcomes.push("settled by a session".to_owned());
        }
    }

    /// Whether a session that was used still does.
    fn stands(&self, id: Option<SessionId>) -> bool {
        let live = |id| {
            let known = self.model.sessions.values().find(|session| session.id == id);
            known.is_some_and(|session| session.live(self.model.now))
        };
        id.is_none_or(live)
    }
}
