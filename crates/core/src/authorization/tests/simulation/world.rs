//! The scheduler: operations in flight, each at some step, over one model store.

use std::sync::Arc;

use super::super::*;
use super::flights::Flight;
use super::ledger::Ledger;
use crate::account::{Action, Manage};
use crate::records::Prompt;

pub(super) const PAGES: usize = 4;
/// Short, so that a number is dormant within a case.
const DORMANT_S: i64 = 3000;
const TRUST: [Trust; 3] = [Trust::Aggregator, Trust::Operator, Trust::Operator];

/// What happens next. `steps` is how far a new operation goes at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// What comes next for a page, if all goes well.
    Advance {
        page: usize,
        browser: usize,
        steps: u8,
    },
    Push(usize),
    Arrive {
        page: usize,
        browser: usize,
        stale: bool,
        none: bool,
    },
    Text {
        page: usize,
        phone: usize,
        trust: u8,
        wrong: bool,
        steps: u8,
    },
    Prove {
        page: usize,
        browser: usize,
        steps: u8,
    },
    Retry {
        page: usize,
        browser: usize,
    },
    Approve {
        page: usize,
        browser: usize,
        steps: u8,
    },
    Deny {
        page: usize,
        browser: usize,
    },
    Exchange {
        code: u8,
        thief: u8,
        steps: u8,
    },
    LogOut(usize),
    Operate {
        phone: usize,
        action: Action,
    },
    /// An operation in flight goes on.
    Step(u8),
    /// One is lost with its process.
    Lose(u8),
    /// All are.
    Crash,
    Clock(i64),
    Purge,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) page: usize,
    pub(super) attempt: u32,
    pub(super) phone: usize,
    pub(super) trust: Trust,
    pub(super) words_right: bool,
    pub(super) answered: bool,
}

/// A session's cookie, as a browser keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) terminal: crate::ids::TerminalKey,
    pub(super) id: SessionId,
    pub(super) cookie: Digest,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) model: Model,
    pub(super) ledger: Ledger,
    pub(super) texts: Vec<Text>,
    pub(super) flights: Vec<Flight>,
    pub(super) jars: [Option<Kept>; 2],
    /// What a browser's last request found of its session, perhaps a while ago.
    found: [Option<Arc<FoundSession>>; 2],
    fresh: u8,
    /// What was answered, for the test of the generator.
    pub(super) outcomes: Vec<String>,
}

pub(super) fn page(number: usize) -> Page {
    let client = ["weather", "bank"][number / 2];
    Page { client, ..Page::new(u8::try_from(number).unwrap() + 1) }
}

fn in_browser(number: usize, browser: usize) -> Page {
    Page { browser: bytes(u8::try_from(browser).unwrap() + 1), ..page(number) }
}

/// Every second page's code is bound to a key, every second one's grant to its session.
fn request(number: usize) -> AuthorizationRequest {
    let (jkt, scope) =
        if number.is_multiple_of(2) { ("key", "openid") } else { ("", "openid offline_access") };
    AuthorizationRequest { jkt: jkt.to_owned(), scope: scope.to_owned(), ..asked() }
}

fn token_request(number: usize, code: Digest) -> CodeRequest {
    let jkt = request(number).jkt;
    CodeRequest { code, jkt, dormant_s: DORMANT_S, ..page(number).token_request() }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            model: Model::new(),
            ledger: Ledger::default(),
            texts: Vec::new(),
            flights: Vec::new(),
            jars: [None; 2],
            found: [None, None],
            fresh: 0,
            outcomes: Vec::new(),
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Advance { page, browser, steps } => self.advance(page, browser, steps),
            Event::Push(at) => self.push(at),
            Event::Arrive { page, browser, stale, none } => self.arrive(page, browser, stale, none),
            Event::Text { page, phone, trust, wrong, steps } => {
                self.text(page, (phone, TRUST[usize::from(trust)], !wrong), steps);
            }
            Event::Prove { page, browser, steps } => self.prove(page, browser, steps),
            Event::Retry { page, browser } => self.retry(page, browser),
            Event::Approve { page, browser, steps } => self.approve(page, browser, steps),
            Event::Deny { page, browser } => self.deny(page, browser),
            Event::Exchange { code, thief, steps } => {
                if let Some(told) = index(code, self.ledger.told.len()) {
                    let (page, code) = self.ledger.told[told];
                    self.exchange(page, code, thief, steps);
                }
            }
            Event::LogOut(browser) => self.log_out(browser),
            Event::Operate { phone, action } => self.operate(phone, action),
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
            Event::Clock(seconds) => self.model.pass(seconds),
            Event::Purge => self.model.purge(),
        }
        self.ledger.audit(&self.model);
    }

    pub(super) fn note(&mut self, what: &str, outcome: &impl std::fmt::Debug) {
        let shown = format!("{outcome:?}");
        let end = if shown.starts_with("Failed") { shown.len() } else { word(&shown) };
        self.outcomes.push(format!("{what} {}", &shown[..end]));
    }

    pub(super) fn advance(&mut self, at: usize, browser: usize, steps: u8) {
        let owner = self.ledger.owners.get(&at).copied().unwrap_or(browser);
        let stage = self.model.interactions.get(&page(at).key()).map(|row| row.stage.clone());
        match stage {
            None | Some(Stage::Pushed) => self.arrive(at, owner, false, false),
            Some(Stage::Asking { attempt, .. })
                if self.ledger.texts.contains_key(&(at, attempt)) =>
            {
                self.prove(at, owner, steps);
            }
            Some(Stage::Asking { .. }) => self.text(at, (0, Trust::Operator, true), steps),
            Some(Stage::Proven { .. }) => self.approve(at, owner, steps),
            Some(Stage::Approved(_) | Stage::Redeemed { .. }) => {
                let told = self.ledger.told.iter().find(|(page, _)| *page == at).copied();
                if let Some((_, code)) = told {
                    self.exchange(at, code, 11, steps);
                }
            }
            Some(Stage::Ended) => {}
        }
    }

    fn push(&mut self, at: usize) {
        if !self.model.interactions.contains_key(&page(at).key())
            && !self.ledger.owners.contains_key(&at)
        {
            assert_eq!(self.model.run(page(at).push(request(at))), None);
        }
    }

    fn arrive(&mut self, at: usize, browser: usize, stale: bool, none: bool) {
        if !stale {
            self.found[browser] = self.find(browser, page(at).client).map(Arc::new);
        }
        let known = self.model.interactions.contains_key(&page(at).key());
        let first = !known && !self.ledger.owners.contains_key(&at);
        let prompt = if none { vec![Prompt::None] } else { Vec::new() };
        let request = first.then(|| AuthorizationRequest { prompt, ..request(at) });
        let session = self.found[browser].clone();
        let session = session.map(|found| (found, "sub".to_owned()));
        let arrived = self.model.run(Arrive { session, ..in_browser(at, browser).arrive(request) });
        self.note("arrive", &arrived);
        if let Arrived::Page(_) | Arrived::Silent(_) = &arrived {
            let owner = *self.ledger.owners.entry(at).or_insert(browser);
            assert_eq!(owner, browser, "another browser's page");
        } else if first {
            // Its name is never given to another request.
            self.ledger.owners.insert(at, browser);
        }
        self.ledger.observe(at, &page(at), &self.model);
        if let Arrived::Silent(_) = arrived {
            self.approve(at, browser, 9);
        }
    }

    pub(super) fn find(&mut self, browser: usize, app: &str) -> Option<FoundSession> {
        let Kept { terminal, id, cookie } = self.jars[browser]?;
        let (confirmed, client_id) = (false, client(app));
        let find = FindSession { terminal, id, cookie, confirmed, client_id };
        let found = self.model.run(find);
        if found.is_some() {
            self.ledger.usable(id);
        }
        found
    }

    fn text(&mut self, at: usize, (phone, trust, words_right): (usize, Trust, bool), steps: u8) {
        let attempt = self.attempt(at).unwrap_or(0);
        self.texts.push(Text { page: at, attempt, phone, trust, words_right, answered: false });
        self.send(self.texts.len() - 1, steps);
    }

    pub(super) fn send(&mut self, text_at: usize, steps: u8) {
        let Text { page: at, attempt, phone, trust, words_right, .. } = self.texts[text_at];
        let said =
            if words_right { words() } else { twinpath_wire::phrase::normalize("Vote for me!") };
        let code = page(at).id.terminal_code(&vault(), ISSUER, &client(page(at).client), attempt);
        let operation = crate::fixtures::text(code, phone, trust, said);
        self.start(Flight::Text { text: text_at, operation }, steps);
    }

    fn attempt(&self, at: usize) -> Option<u32> {
        match self.model.interactions.get(&page(at).key())?.stage {
            Stage::Asking { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    fn prove(&mut self, at: usize, browser: usize, steps: u8) {
        let attempt = self.attempt(at).unwrap_or(0);
        let mut operation = in_browser(at, browser).prove(attempt);
        operation.dormant_s = DORMANT_S;
        self.start(Flight::Prove { page: at, browser, attempt, operation }, steps);
    }

    fn retry(&mut self, at: usize, browser: usize) {
        let attempt = self.attempt(at).unwrap_or(0);
        if self.model.run(Retry { look: in_browser(at, browser).look(), attempt }) {
            self.ledger.shown(at, browser);
        }
    }

    fn approve(&mut self, at: usize, browser: usize, steps: u8) {
        let page = in_browser(at, browser);
        let seen = self.model.run(page.look());
        let Some(Stage::Proven { by, .. }) = seen.map(|row| row.stage) else { return };
        self.ledger.shown(at, browser);
        let (code, cookie) = (self.digest(), self.digest());
        let kept = by.session.is_none().then(|| {
            let id = SessionId::of(by.grant);
            Kept { terminal: by.terminal, id, cookie }
        });
        let cookie = kept.map(|kept| kept.cookie);
        let operation = Page { code, cookie, ..page }.approve();
        self.start(Flight::Approve { page: at, browser, kept, operation }, steps);
    }

    fn digest(&mut self) -> Digest {
        self.fresh += 1;
        let mut digest = bytes(9);
        digest.0[0] = self.fresh;
        digest
    }

    fn deny(&mut self, at: usize, browser: usize) {
        let denied = self.model.run(Deny(in_browser(at, browser).look())).is_some();
        if denied {
            self.ledger.shown(at, browser);
        }
        self.note("deny", &denied);
    }

    /// A thief has the code, and all but one of what goes with it.
    fn exchange(&mut self, at: usize, code: Digest, thief: u8, steps: u8) {
        let good = token_request(at, code);
        let request = match thief {
            0 => CodeRequest { client_id: client("thief"), ..good },
            1 => CodeRequest { code_verifier: "v".repeat(43), ..good },
            2 => CodeRequest { code: bytes(250), ..good },
            3 if !good.jkt.is_empty() => CodeRequest { jkt: "thief".to_owned(), ..good },
            _ => good,
        };
        let rightful = thief > 3 || (thief == 3 && request.jkt.is_empty());
        let operation = exchange(request);
        self.start(Flight::Exchange { page: at, rightful, operation }, steps);
    }

    fn log_out(&mut self, browser: usize) {
        let Some(Kept { terminal, id, cookie }) = self.jars[browser] else { return };
        let ended = self.model.run(EndSession { terminal, id, cookie }).is_some();
        if ended {
            self.ledger.logged_out.insert(id);
        }
        assert!(self.find(browser, "weather").is_none(), "found after logging out");
        self.note("log out", &ended);
    }

    fn operate(&mut self, phone: usize, action: Action) {
        let manage = Manage { terminal: terminal(phone), account: None, action };
        if self.model.run(manage).is_none() {
            return;
        }
        match action {
            Action::Block => drop(self.ledger.blocked.insert(phone)),
            Action::Unblock | Action::Erase => drop(self.ledger.blocked.remove(&phone)),
            Action::Show | Action::Revoke | Action::Restore => {}
        }
    }
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len())
}

fn index(pick: u8, len: usize) -> Option<usize> {
    usize::from(pick).checked_rem(len)
}
