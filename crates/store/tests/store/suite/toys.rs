//! Operations that ask of a store what protocol decisions ask, and a little more.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use twinpath_core::ids::{CodeKey, Digest, GrantId, TerminalKey, Timestamp};
use twinpath_core::records::{Approval, CodeState, Session, Stage, UsedJti};
use twinpath_core::transaction::{Context, Key, Loaded, Missing, Operation, Rows, Step, Write};

use super::samples;

/// The rows under any key.
pub(crate) fn look(rows: &Rows, key: &Key) -> Result<Loaded, Missing> {
    Ok(match key {
        Key::Code(key) => Loaded::Code(rows.code(*key)?.cloned()),
        Key::Terminal(key) => Loaded::Terminal(rows.terminal(*key)?.cloned()),
        Key::Account(terminal, id) => Loaded::Account(rows.account(*terminal, *id)?.cloned()),
        Key::Grants(terminal) => Loaded::Grants(rows.grants(*terminal)?.to_vec()),
        Key::Quota(terminal, route) => Loaded::Quota(rows.quota(*terminal, route)?.cloned()),
        Key::Sessions(terminal) => Loaded::Sessions(rows.sessions(*terminal)?.to_vec()),
        Key::Jti(key) => Loaded::Jti(rows.jti(*key)?.copied()),
        Key::Interaction(key) => {
            Loaded::Interaction(rows.interaction(*key)?.cloned().map(Box::new))
        }
        Key::App(id) => Loaded::App(rows.app(id)?.cloned().map(Box::new)),
        Key::Note(key) => Loaded::Note(rows.note(*key)?.cloned().map(Box::new)),
        Key::Instance(id) => Loaded::Instance(rows.instance(id)?.cloned().map(Box::new)),
        Key::SigningKeys => Loaded::SigningKeys(rows.signing_keys()?.to_vec()),
    })
}

/// Tells what is under a key.
pub(crate) struct Fetch(pub(crate) Key);

impl Operation for Fetch {
    type Outcome = Loaded;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(Vec::new(), look(rows, &self.0)?))
    }
}

/// Reads keys, then writes.
pub(crate) struct Put(pub(crate) Vec<Key>, pub(crate) Vec<Write>);

impl Operation for Put {
    type Outcome = ();
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        for key in &self.0 {
            look(rows, key)?;
        }
        Ok(Step::Done(self.1.clone(), ()))
    }
}

/// Uses a code once: `true` for the one who did.
pub(crate) struct Consume(pub(crate) CodeKey, pub(crate) GrantId);

impl Operation for Consume {
    type Outcome = bool;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(match rows.code(self.0)? {
            Some(code) if code.state == CodeState::Recorded => {
                let mut code = code.clone();
                code.state = CodeState::Redeemed {
                    grant: self.1,
                    frozen: Digest([7; 16]),
                    confirmed: false,
                };
                Step::Done(vec![Write::Code(code)], true)
            }
            _ => Step::Done(Vec::new(), false),
        })
    }
}

/// Adds one to a number that is kept as the time of an identifier. Tells the sum.
pub(crate) struct Count(pub(crate) Digest);

impl Operation for Count {
    type Outcome = i64;
    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Jti(self.0));
    }
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let sum = rows.jti(self.0)?.map_or(0, |row| row.purge_at.0) + 1;
        let row = UsedJti { key: self.0, purge_at: Timestamp(sum) };
        Ok(Step::Done(vec![Write::Jti(row)], sum))
    }
}

/// Approves an authorization request once: `true` for the one who did.
pub(crate) struct Approve(pub(crate) Digest, pub(crate) Digest);

impl Operation for Approve {
    type Outcome = bool;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(match rows.interaction(self.0)? {
            Some(row) if row.stage == Stage::Pushed => {
                let mut row = Box::new(row.clone());
                row.stage = Stage::Approved(Approval { code: self.1, ..samples::approval() });
                Step::Done(vec![Write::Interaction(row)], true)
            }
            _ => Step::Done(Vec::new(), false),
        })
    }
}

/// Begins a session unless the terminal has one: `true` for the one who did.
pub(crate) struct Begin(pub(crate) TerminalKey, pub(crate) u8);

impl Operation for Begin {
    type Outcome = bool;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if !rows.sessions(self.0)?.is_empty() {
            return Ok(Step::Done(Vec::new(), false));
        }
        let row = Session { terminal: self.0, ..samples::session(self.1) };
        Ok(Step::Done(vec![Write::Session(row)], true))
    }
}

/// Consumes a code in one step and makes its grant on the terminal's rows in the next.
pub(crate) enum Redeem {
    Consume(CodeKey, GrantId),
    Grant(TerminalKey, GrantId),
    /// Never read by anyone before: inconsistent.
    Unread(TerminalKey, GrantId),
}

impl Operation for Redeem {
    type Outcome = usize;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let grant = |terminal, id| {
            Write::Grant(twinpath_core::records::Grant { terminal, id, ..samples::grant() })
        };
        Ok(match *self {
            Self::Consume(key, id) => {
                let Some(code) = rows.code(key)? else { return Ok(Step::Done(Vec::new(), 0)) };
                let mut code = code.clone();
                code.state =
                    CodeState::Redeemed { grant: id, frozen: Digest([7; 16]), confirmed: false };
                let next = if id.0[0] == u8::MAX {
                    Self::Unread(code.terminal, id)
                } else {
                    Self::Grant(code.terminal, id)
                };
                Step::Next(vec![Write::Code(code)], next)
            }
            Self::Grant(terminal, id) => {
                let before = rows.grants(terminal)?.len();
                Step::Done(vec![grant(terminal, id)], before + 1)
            }
            Self::Unread(terminal, id) => Step::Done(vec![grant(terminal, id)], 0),
        })
    }
}

/// Asks for one row after another, or takes one step after another, or panics.
pub(crate) enum Unruly {
    AsksForever,
    StepsForever,
    Panics,
}

impl Operation for Unruly {
    type Outcome = ();
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self {
            Self::AsksForever => {
                for number in 0_u128.. {
                    rows.jti(Digest(number.to_be_bytes()))?;
                }
                Ok(Step::Done(Vec::new(), ()))
            }
            Self::StepsForever => Ok(Step::Next(Vec::new(), Self::StepsForever)),
            Self::Panics => panic!("as asked"),
        }
    }
}

/// Holds the writer inside a decision, so that a test decides what waits meanwhile.
pub(crate) struct Hold {
    entered: Mutex<Option<oneshot::Sender<()>>>,
    release: Arc<Mutex<Receiver<()>>>,
}

impl Hold {
    /// The operation, a future that ends once the writer is held, and what lets it go.
    pub(crate) fn new() -> (Self, oneshot::Receiver<()>, Sender<()>) {
        let (entered, held) = oneshot::channel();
        let (let_go, release) = channel();
        let release = Arc::new(Mutex::new(release));
        (Self { entered: Mutex::new(Some(entered)), release }, held, let_go)
    }
}

impl Operation for Hold {
    type Outcome = ();
    fn decide(&self, _: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if let Some(entered) = self.entered.lock().unwrap().take() {
            entered.send(()).unwrap();
        }
        // An error means that the test let go by dropping its end.
        let _ = self.release.lock().unwrap().recv();
        Ok(Step::Done(Vec::new(), ()))
    }
}
