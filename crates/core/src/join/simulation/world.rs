//! The scheduler: operations in flight, each at some step, over one model store.

use std::sync::Arc;

use twinpath_wire::phrase::normalize;

use super::ledger::{Ask, GRANT_TTL_S, Ledger, Said};
use crate::account::{Action, Manage};
use crate::fixtures::{After, Commitment, Model, client, terminal, text, vault, words};
use crate::grant::{Handle, Refresh, RefreshRequest, Refreshed, RevokeGrant, Spend, Spends};
use crate::ids::Digest;
use crate::join::{RecordText, Redeem, Redeemed, Redemption};
use crate::outbound::{Confirm, ConfirmationCode, Digits, SpendingLimits, Texting};
use crate::records::{CodeState, Content, Outbound, TextPurpose, Trust};

const CODES: [(&str, &str); 4] =
    [("weather", "k1"), ("weather", "k1"), ("weather", "k2"), ("bank", "")];
const TRUST: [Trust; 3] = [Trust::Test, Trust::Aggregator, Trust::Operator];

/// An operator's command.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Show,
    Block,
    Unblock,
    Revoke,
    Erase,
}

/// What happens next. `steps` is how far a new operation goes at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Text {
        phone: u8,
        route: u8,
        code: u8,
        wrong: bool,
        steps: u8,
    },
    Ask {
        code: u8,
        thief: bool,
        hint: u8,
        wide: bool,
        /// And how often it is asked.
        said: (Said, u8),
        jti: Option<u8>,
        steps: u8,
    },
    Refresh {
        token: u8,
        thief: u8,
        jti: Option<u8>,
        steps: u8,
    },
    Operate {
        phone: u8,
        command: Command,
    },
    RevokeGrant(u8),
    /// An operation in flight goes on.
    Step(u8),
    /// One is lost with its process.
    Lose(u8),
    /// All are.
    Crash,
    Redeliver {
        text: u8,
        steps: u8,
    },
    Clock(i64),
    Purge,
}

#[derive(Clone, Copy, Debug)]
struct Text {
    code: usize,
    phone: usize,
    trust: Trust,
    words_right: bool,
    answered: bool,
}

#[derive(Debug)]
enum Flight {
    Text { text: usize, operation: RecordText },
    Ask { ask: Ask, jti: Option<u8>, consumed: bool, operation: Redeem },
    Refresh { token: (usize, usize), how: (bool, bool), jti: Option<u8>, operation: Refresh },
}

#[derive(Debug)]
pub(super) struct World {
    model: Model,
    ledger: Ledger,
    rotate: bool,
    texts: Vec<Text>,
    flights: Vec<Flight>,
    /// What was answered, for the test of the generator.
    pub(super) outcomes: Vec<String>,
}

pub(super) fn frozen(scope: &str) -> Digest {
    vault().frozen(&[scope.as_bytes()])
}

fn commitment(code: usize) -> Commitment {
    Commitment::new(CODES[code].0, CODES[code].1, code)
}

/// The texts with digits for a code.
pub(super) fn texts(code: usize, model: &Model) -> impl Iterator<Item = &Outbound> {
    let key = commitment(code).key();
    model.notes.values().filter_map(move |note| match &note.content {
        Content::Outbound(text) if text.purpose == (TextPurpose::Confirmation { code: key }) => {
            Some(text)
        }
        _ => None,
    })
}

/// What the phone reads.
fn digits(code: usize, model: &Model) -> Option<ConfirmationCode> {
    let text = texts(code, model).next()?;
    Some(vault().confirmation_code(commitment(code).key(), text.grant))
}

/// An even one is a proof's, an odd one an assertion's.
fn spends(jti: Option<u8>) -> Spends {
    let until = crate::fixtures::START.plus_seconds(1000 * 3600);
    let spend =
        jti.map(|jti| Spend { key: vault().identifier("jti", "weather", &jti.to_string()), until });
    let proof = jti.is_some_and(|jti| jti % 2 == 0);
    Spends { proof: spend.filter(|_| proof), assertion: spend.filter(|_| !proof), challenge: None }
}

impl World {
    pub(super) fn new(rotate: bool, confirm: bool) -> Self {
        let mut ledger = Ledger::new(&CODES);
        for code in [0, 3] {
            ledger.codes[code].must = confirm;
        }
        Self {
            model: Model::new(),
            ledger,
            rotate,
            texts: Vec::new(),
            flights: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Text { phone, route, code, wrong, steps } => {
                let (code, phone) = (usize::from(code), usize::from(phone));
                let trust = TRUST[usize::from(route)];
                let words_right = !wrong;
                self.texts.push(Text { code, phone, trust, words_right, answered: false });
                self.send(self.texts.len() - 1, steps);
            }
            Event::Ask { code, thief, hint, wide, said, jti, steps } => {
                let hint = (hint < 2).then_some(usize::from(hint));
                let scope = if wide { "openid phone" } else { "openid" };
                for _ in 0..said.1 {
                    self.ask((usize::from(code), thief), hint, (scope, said.0), jti, steps);
                }
            }
            Event::Refresh { token, thief, jti, steps } => self.refresh(token, thief, jti, steps),
            Event::Operate { phone, command } => self.operate(usize::from(phone), command),
            Event::RevokeGrant(pick) => self.revoke(pick),
            Event::Step(pick) => {
                if let Some(flight) = index(pick, self.flights.len()) {
                    self.step(flight);
                }
            }
            Event::Lose(pick) => {
                if let Some(flight) = index(pick, self.flights.len()) {
                    self.flights.remove(flight);
                }
            }
            Event::Crash => self.flights.clear(),
            Event::Redeliver { text, steps } => {
                if let Some(text) = index(text, self.texts.len()) {
                    self.send(text, steps);
                }
            }
            Event::Clock(seconds) => self.model.pass(seconds),
            Event::Purge => self.model.purge(),
        }
        self.ledger.audit(&self.model);
    }

    fn send(&mut self, text_at: usize, steps: u8) {
        // Whoever delivers goes on until there is an answer, however often it was answered before.
        self.texts[text_at].answered = false;
        let sent = self.texts[text_at];
        let said = if sent.words_right { words() } else { normalize("Vote for me!") };
        self.ledger.codes[sent.code].senders.insert(sent.phone);
        let operation = text(commitment(sent.code).code(), sent.phone, sent.trust, said);
        self.start(Flight::Text { text: text_at, operation }, steps);
    }

    /// A thief has the verifier, and one of: another key, another app, no key.
    fn ask(
        &mut self,
        (code, thief): (usize, bool),
        hint: Option<usize>,
        (scope, said): (&'static str, Said),
        jti: Option<u8>,
        steps: u8,
    ) {
        let mut from = commitment(code);
        if thief {
            match self.model.now.0 / 1000 % 3 {
                0 => from.jkt = "thief",
                1 => from.client = "thief",
                _ if from.jkt.is_empty() => from.jkt = "k1",
                _ => from.jkt = "",
            }
        }
        let (said, texting) = self.texting(code, thief, said);
        let request = Redemption {
            scope: scope.to_owned(),
            texting,
            frozen: frozen(scope),
            login_hint: hint.map(terminal),
            grant_ttl_s: GRANT_TTL_S,
            ..from.request()
        };
        let ask = Ask {
            code,
            rightful: !thief,
            hint,
            scope,
            said,
            began: None,
            after_text: self.ledger.codes[code].first.is_some(),
        };
        let operation = Redeem::new(Arc::new(request), vault(), spends(jti));
        self.start(Flight::Ask { ask, jti, consumed: false, operation }, steps);
    }

    /// Digits that the phone does not show yet are wrong ones.
    fn texting(&mut self, code: usize, thief: bool, said: Said) -> (Said, Texting) {
        let right = digits(code, &self.model);
        let facts = &mut self.ledger.codes[code];
        let other = |right: ConfirmationCode| right.as_str().parse::<u64>().unwrap() + 1;
        let (said, shown) = match (said, right) {
            (Said::Nothing, _) => (Said::Nothing, None),
            (Said::Right, Some(right)) => (Said::Right, Some(right)),
            (_, right) => (Said::Wrong, Some(Digits::of(right.map_or(0, other)))),
        };
        facts.shown |= said == Said::Right && !thief;
        let all = 1000;
        let limits = SpendingLimits { number_hour: all, number_day: all, ..Default::default() };
        let confirm = if facts.must { Confirm::Always } else { Confirm::Never };
        (said, Texting { confirm, said: shown, limits: Arc::new(limits), ..Texting::default() })
    }

    fn refresh(&mut self, pick: u8, thief: u8, jti: Option<u8>, steps: u8) {
        let grants = self.ledger.grants.iter().enumerate();
        let tokens: Vec<_> = grants
            .flat_map(|(grant, facts)| (0..facts.tokens.len()).map(move |token| (grant, token)))
            .collect();
        let Some(picked) = index(pick, tokens.len()) else { return };
        let (grant, token) = tokens[picked];
        let facts = &self.ledger.grants[grant];
        let shown = &facts.tokens[token].text;
        let rotate = facts.jkt.is_empty() || self.rotate;
        let request = RefreshRequest {
            attestation: None,
            handle: Handle::read(&vault(), &client(facts.client), shown).unwrap(),
            presented: vault().token(shown),
            client_id: client(if thief == 0 { "thief" } else { facts.client }),
            jkt: if thief == 1 { "thief" } else { facts.jkt }.to_owned(),
            rotate,
            renewable: true,
        };
        let operation = Refresh::new(request, vault(), spends(jti));
        let how = (thief > 1, rotate);
        self.start(Flight::Refresh { token: (grant, token), how, jti, operation }, steps);
    }

    fn operate(&mut self, phone: usize, command: Command) {
        let action = match command {
            Command::Show => Action::Show,
            Command::Block => Action::Block,
            Command::Unblock => Action::Unblock,
            Command::Revoke => Action::Revoke,
            Command::Erase => Action::Erase,
        };
        let manage = Manage { terminal: terminal(phone), account: None, action };
        let found = self.model.run(manage).is_some();
        self.ledger.operated(phone, action, found);
    }

    fn revoke(&mut self, pick: u8) {
        let Some(picked) = index(pick, self.ledger.grants.len()) else { return };
        let facts = &mut self.ledger.grants[picked];
        let (terminal, grant) = (terminal(facts.phone), facts.id);
        let alive = self.model.run(RevokeGrant { terminal, grant, reason: "user" });
        assert_eq!(alive, !facts.dead);
        facts.dead = true;
    }

    fn start(&mut self, flight: Flight, steps: u8) {
        self.flights.push(flight);
        for _ in 0..steps {
            let last = self.flights.len() - 1;
            if !self.step(last) {
                break;
            }
        }
    }

    /// One step of one operation; `false` if it ended.
    fn step(&mut self, at: usize) -> bool {
        let on = match self.flights.remove(at) {
            Flight::Text { text, operation } => self.step_text(text, &operation),
            Flight::Ask { ask, jti, consumed, operation } => {
                self.step_ask(ask, jti, consumed, &operation)
            }
            Flight::Refresh { token, how, jti, operation } => {
                self.step_refresh(token, how, jti, &operation)
            }
        };
        let goes_on = on.is_some();
        self.flights.extend(on);
        goes_on
    }

    fn step_text(&mut self, text: usize, operation: &RecordText) -> Option<Flight> {
        let Text { code, phone, trust, words_right, .. } = self.texts[text];
        let powerless = self.ledger.is_powerless(code, phone, trust);
        let before = self.model.codes.get(&operation.code()).cloned();
        let after = self.model.step(operation);
        if powerless {
            let now = self.model.codes.get(&operation.code());
            assert_eq!(now, before.as_ref(), "a text changed what it must not touch");
        }
        match after {
            After::Next(operation) => Some(Flight::Text { text, operation }),
            After::Done(outcome) => {
                self.texts[text].answered = true;
                let now = self.model.now;
                self.ledger.texted((code, phone, trust), words_right, outcome, now);
                self.outcomes.push(format!("text {outcome:?}"));
                None
            }
        }
    }

    fn step_ask(
        &mut self,
        mut ask: Ask,
        jti: Option<u8>,
        mut consumed: bool,
        operation: &Redeem,
    ) -> Option<Flight> {
        let now = self.model.now;
        let key = commitment(ask.code).key();
        let recorded = |model: &Model| {
            let state = model.codes.get(&key).map(|row| row.state);
            matches!(state, Some(CodeState::Recorded | CodeState::Confirming { .. }))
        };
        let before = recorded(&self.model);
        let after = self.model.step(operation);
        consumed |= before && !recorded(&self.model);
        ask.began = Some(ask.began.unwrap_or(now).min(now));
        if let Some(row) = self.model.codes.get(&key)
            && matches!(row.state, CodeState::Confirming { .. })
        {
            self.ledger.codes[ask.code].confirm_until = Some(row.expires_at);
        }
        let outcome = match after {
            After::Next(operation) => {
                if let Some(jti) = jti {
                    self.ledger.asserted(jti, true);
                }
                return Some(Flight::Ask { ask, jti: None, consumed, operation });
            }
            After::Done(outcome) => outcome,
        };
        if let Some(jti) = jti {
            self.ledger.asserted(jti, false);
        }
        let again = self.ledger.codes[ask.code].grant.is_some();
        let row = self.model.codes.get(&key);
        let void = row.is_some_and(|row| matches!(row.state, CodeState::Voided { .. }));
        self.ledger.asked(&ask, &outcome, now, row);
        self.outcomes.push(match outcome {
            Redeemed::Unconfirmed(_) => "ask Unconfirmed".to_owned(),
            Redeemed::Issued(_) if void => "ask overtaken by a void".to_owned(),
            Redeemed::Issued(_) if again => "ask again".to_owned(),
            Redeemed::Issued(_) if consumed => "ask first".to_owned(),
            Redeemed::Issued(_) => "ask completed by another".to_owned(),
            other => format!("ask {other:?}"),
        });
        None
    }

    fn step_refresh(
        &mut self,
        token: (usize, usize),
        how: (bool, bool),
        jti: Option<u8>,
        operation: &Refresh,
    ) -> Option<Flight> {
        let outcome = match self.model.step(operation) {
            After::Next(operation) => {
                if let Some(jti) = jti {
                    self.ledger.asserted(jti, true);
                }
                return Some(Flight::Refresh { token, how, jti: None, operation });
            }
            After::Done(outcome) => outcome,
        };
        if let Some(jti) = jti {
            self.ledger.asserted(jti, false);
        }
        let newest = token.1 + 1 == self.ledger.grants[token.0].tokens.len();
        self.ledger.refreshed(token, how, &outcome, self.model.now);
        self.outcomes.push(match outcome {
            Refreshed::Granted(_, None) => "refresh Granted".to_owned(),
            Refreshed::Granted(_, Some(_)) if newest => "refresh Rotated".to_owned(),
            Refreshed::Granted(_, Some(_)) => "refresh Reissued".to_owned(),
            other => format!("refresh {other:?}"),
        });
        None
    }

    /// All processes stop, the network delivers what was never acknowledged, and the rightful owners
    /// ask once more: they get what they are owed, and nothing that they are not.
    pub(super) fn settle(&mut self) {
        self.happen(Event::Crash);
        for text in 0..self.texts.len() {
            if !self.texts[text].answered {
                self.send(text, 10);
                self.ledger.audit(&self.model);
            }
        }
        for code in 0..CODES.len() {
            self.settle_code(code);
        }
    }

    fn settle_code(&mut self, code: usize) {
        // As soon after the text as can be: the clock steps.
        self.model.now = self.ledger.recorded_at(code).unwrap_or(self.model.now);
        let row = self.model.codes.get(&commitment(code).key());
        let consumed = row.and_then(|row| match row.state {
            CodeState::Redeemed { grant, frozen, .. } => Some((grant, frozen)),
            _ => None,
        });
        let waiting = row.and_then(|row| match row.state {
            CodeState::Confirming { frozen, .. } => Some(frozen),
            _ => None,
        });
        // A request lost between consuming and completing may only be repeated by a key's holder.
        let stranded = CODES[code].1.is_empty() && consumed.is_some();
        let owed = self.ledger.owes(code, self.model.now) && !stranded;
        let before = consumed.map(|(_, before)| before).or(waiting);
        let wide = before == Some(frozen("openid phone"));
        let scope = if wide { "openid phone" } else { "openid" };
        let unconfirmed = owed && self.ledger.codes[code].must && consumed.is_none();
        if unconfirmed {
            self.ask((code, false), None, (scope, Said::Nothing), None, 20);
            assert_eq!(self.outcomes.last().unwrap(), "ask Unconfirmed", "code {code}");
            self.outcomes.push("confirmed".to_owned());
        }
        let said = if unconfirmed { Said::Right } else { Said::Nothing };
        self.ask((code, false), None, (scope, said), None, 20);
        self.ledger.audit(&self.model);
        let answer = self.outcomes.last().cloned().unwrap_or_default();
        let given =
            ["ask first", "ask again", "ask completed by another"].contains(&answer.as_str());
        assert_eq!(given, owed, "code {code} at the end: {answer}");
        if let (true, Some((id, _))) = (given, consumed) {
            let grant = self.ledger.codes[code].grant.expect("just given");
            assert_eq!(self.ledger.grants[grant].id, id, "consumed for another grant");
        }
        if given {
            self.outcomes.push("settled Issued".to_owned());
        }
    }
}

fn index(pick: u8, len: usize) -> Option<usize> {
    usize::from(pick).checked_rem(len)
}
