//! The typed, batched transaction: what a decision sees and what it returns.
//!
//! An [`Operation`] is decided in steps. A step asks the [`View`] for rows; a row that is not loaded
//! yet ends the attempt with [`Missing`], the store loads it and decides again. So a decision needs
//! no list of its reads kept beside it, and a store can gather the reads of many operations into one
//! query. `decide` therefore takes `&self`, must be free of side effects and may be run any number of
//! times; only the last run counts.
//!
//! What a store promises:
//! * the writes of a step are applied together or not at all, and each step sees the writes of every
//!   step decided before it: steps are serializable;
//! * an outcome is told only after all writes that led to it are durable;
//! * a step touches rows of one code, of one terminal or of one installation only. [`Step::Next`] goes on with another
//!   step: a store may commit the two together, or one after another, on different shards. A crash
//!   between them leaves the first durable, and repeating the operation must lead to the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::ids::{
    AccountId, ClientId, CodeKey, Digest, InstanceId, RouteName, TerminalKey, Timestamp,
};
use crate::records::{
    Account, App, AuditEvent, CodeRecord, Grant, Instance, Interaction, Note, Session, SigningKey,
    Terminal, TextQuota, UsedJti,
};

/// Names a row, or a small set of rows that are loaded together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// One [`CodeRecord`].
    Code(CodeKey),
    /// One [`Terminal`].
    Terminal(TerminalKey),
    /// One [`Account`].
    Account(TerminalKey, AccountId),
    /// Every [`Grant`] of a terminal, tombstones included.
    Grants(TerminalKey),
    /// Every [`Session`] of a terminal, ended ones included.
    Sessions(TerminalKey),
    /// One [`TextQuota`].
    Quota(TerminalKey, RouteName),
    /// One [`UsedJti`].
    Jti(Digest),
    /// One [`Interaction`].
    Interaction(Digest),
    /// One [`App`].
    App(ClientId),
    /// One [`Instance`].
    Instance(InstanceId),
    /// One [`Note`].
    Note(Digest),
    /// Every [`SigningKey`].
    SigningKeys,
}

/// The rows under a [`Key`], as loaded.
#[derive(Clone, PartialEq, Debug)]
pub enum Loaded {
    /// For [`Key::Code`].
    Code(Option<CodeRecord>),
    /// For [`Key::Terminal`].
    Terminal(Option<Terminal>),
    /// For [`Key::Account`].
    Account(Option<Account>),
    /// For [`Key::Grants`].
    Grants(Vec<Grant>),
    /// For [`Key::Sessions`].
    Sessions(Vec<Session>),
    /// For [`Key::Quota`].
    Quota(Option<TextQuota>),
    /// For [`Key::Jti`].
    Jti(Option<UsedJti>),
    /// For [`Key::Interaction`].
    Interaction(Option<Box<Interaction>>),
    /// For [`Key::App`].
    App(Option<Box<App>>),
    /// For [`Key::Instance`].
    Instance(Option<Box<Instance>>),
    /// For [`Key::Note`].
    Note(Option<Box<Note>>),
    /// For [`Key::SigningKeys`].
    SigningKeys(Vec<SigningKey>),
}

/// One row to store. Putting replaces the whole row under its primary key. A step puts or deletes
/// only what it read.
#[derive(Clone, PartialEq, Debug)]
pub enum Write {
    /// Puts.
    Code(CodeRecord),
    /// Puts.
    Terminal(Terminal),
    /// Puts.
    Account(Account),
    /// Puts.
    Grant(Grant),
    /// Puts.
    Session(Session),
    /// Puts.
    Quota(TextQuota),
    /// Puts.
    Jti(UsedJti),
    /// Puts.
    Interaction(Box<Interaction>),
    /// Puts.
    App(Box<App>),
    /// Puts.
    Instance(Box<Instance>),
    /// Puts.
    Note(Box<Note>),
    /// Puts.
    SigningKey(SigningKey),
    /// Deletes.
    DeleteTerminal(TerminalKey),
    /// Deletes.
    DeleteAccount(TerminalKey, AccountId),
    /// Deletes.
    DeleteNote(Digest),
    /// Deletes.
    DeleteApp(ClientId),
    /// Deletes.
    DeleteSigningKey(String),
    /// Appends; needs no reading first.
    Audit(AuditEvent),
}

/// A decision needs a row that is not loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing(pub Key);

/// Where randomness comes from.
pub trait Random {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn random_bytes<const N: usize>(random: &mut dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// Time and randomness of one decision.
pub struct Context<'a> {
    /// The store's clock at this decision.
    pub now: Timestamp,
    /// Fresh randomness.
    pub random: &'a mut dyn Random,
}

/// What one step decides.
#[derive(Debug)]
pub enum Step<O: Operation> {
    /// The operation ends. A refusal may carry writes too: a replay revokes the grant.
    Done(Vec<Write>, O::Outcome),
    /// The operation goes on in a new state, possibly on other rows.
    Next(Vec<Write>, O),
}

/// A protocol decision over rows.
pub trait Operation: Send + Sized + 'static {
    /// What the caller learns.
    type Outcome: Send + 'static;

    /// Rows this step is known to need, so that a store can load them at once. A hint only.
    fn prefetch(&self, _keys: &mut Vec<Key>) {}

    /// Decides one step.
    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing>;
}

/// The rows loaded so far, with the writes decided so far laid over them: what a decision sees.
#[derive(Default, Debug)]
pub struct Rows {
    rows: HashMap<Key, Loaded>,
}

macro_rules! accessor {
    ($(#[$doc:meta])* $name:ident, ($($arg:ident: $ty:ty),*), $key:expr, $variant:ident, $row:ty) => {
        $(#[$doc])*
        pub fn $name(&self, $($arg: $ty),*) -> Result<Option<&$row>, Missing> {
            let key = $key;
            match self.rows.get(&key) {
                Some(Loaded::$variant(row)) => Ok(row.as_ref()),
                _ => Err(Missing(key)),
            }
        }
    };
}

impl Rows {
    /// Nothing loaded.
    pub fn new() -> Self {
        Self::default()
    }

    accessor!(
        /// A code's record.
        code, (key: CodeKey), Key::Code(key), Code, CodeRecord
    );
    accessor!(
        /// A terminal.
        terminal, (key: TerminalKey), Key::Terminal(key), Terminal, Terminal
    );
    accessor!(
        /// An account.
        account, (terminal: TerminalKey, id: AccountId), Key::Account(terminal, id), Account, Account
    );
    accessor!(
        /// The recent texts of a number on a route.
        quota, (terminal: TerminalKey, route: &RouteName), Key::Quota(terminal, route.clone()), Quota,
        TextQuota
    );
    accessor!(
        /// A used identifier.
        jti, (key: Digest), Key::Jti(key), Jti, UsedJti
    );

    /// An authorization request on its way.
    pub fn interaction(&self, key: Digest) -> Result<Option<&Interaction>, Missing> {
        let key = Key::Interaction(key);
        match self.rows.get(&key) {
            Some(Loaded::Interaction(row)) => Ok(row.as_deref()),
            _ => Err(Missing(key)),
        }
    }

    /// Every session of a terminal, ended ones included, in no particular order.
    pub fn sessions(&self, terminal: TerminalKey) -> Result<&[Session], Missing> {
        let key = Key::Sessions(terminal);
        match self.rows.get(&key) {
            Some(Loaded::Sessions(rows)) => Ok(rows),
            _ => Err(Missing(key)),
        }
    }

    /// A registered app.
    pub fn app(&self, client_id: &ClientId) -> Result<Option<&App>, Missing> {
        let key = Key::App(client_id.clone());
        match self.rows.get(&key) {
            Some(Loaded::App(row)) => Ok(row.as_deref()),
            _ => Err(Missing(key)),
        }
    }

    /// An installation of an app.
    pub fn instance(&self, id: &InstanceId) -> Result<Option<&Instance>, Missing> {
        let key = Key::Instance(id.clone());
        match self.rows.get(&key) {
            Some(Loaded::Instance(row)) => Ok(row.as_deref()),
            _ => Err(Missing(key)),
        }
    }

    /// A note.
    pub fn note(&self, key: Digest) -> Result<Option<&Note>, Missing> {
        let key = Key::Note(key);
        match self.rows.get(&key) {
            Some(Loaded::Note(row)) => Ok(row.as_deref()),
            _ => Err(Missing(key)),
        }
    }

    /// Every grant of a terminal, tombstones included, in no particular order.
    pub fn grants(&self, terminal: TerminalKey) -> Result<&[Grant], Missing> {
        let key = Key::Grants(terminal);
        match self.rows.get(&key) {
            Some(Loaded::Grants(rows)) => Ok(rows),
            _ => Err(Missing(key)),
        }
    }

    /// Every signing key.
    pub fn signing_keys(&self) -> Result<&[SigningKey], Missing> {
        match self.rows.get(&Key::SigningKeys) {
            Some(Loaded::SigningKeys(rows)) => Ok(rows),
            _ => Err(Missing(Key::SigningKeys)),
        }
    }

    /// Whether the rows under `key` are loaded.
    pub fn knows(&self, key: &Key) -> bool {
        self.rows.contains_key(key)
    }

    /// Adds what the store loaded. What is known already stays: it may have been written since.
    pub fn load(&mut self, key: Key, loaded: Loaded) {
        if let Entry::Vacant(entry) = self.rows.entry(key) {
            entry.insert(loaded);
        }
    }

    /// Lays a write over the rows. `false` if its row was never read: the decision is at fault and
    /// nothing of its step may be stored.
    #[must_use]
    pub fn apply(&mut self, write: &Write) -> bool {
        let (key, row) = match write {
            Write::Code(row) => (Key::Code(row.key), Loaded::Code(Some(row.clone()))),
            Write::Terminal(row) => (Key::Terminal(row.key), Loaded::Terminal(Some(row.clone()))),
            Write::Account(row) => {
                (Key::Account(row.terminal, row.id), Loaded::Account(Some(row.clone())))
            }
            Write::Quota(row) => {
                (Key::Quota(row.terminal, row.route.clone()), Loaded::Quota(Some(row.clone())))
            }
            Write::Jti(row) => (Key::Jti(row.key), Loaded::Jti(Some(*row))),
            Write::Interaction(row) => {
                (Key::Interaction(row.key), Loaded::Interaction(Some(row.clone())))
            }
            Write::App(row) => (Key::App(row.client_id.clone()), Loaded::App(Some(row.clone()))),
            Write::Instance(row) => {
                (Key::Instance(row.id.clone()), Loaded::Instance(Some(row.clone())))
            }
            Write::Note(row) => (Key::Note(row.key), Loaded::Note(Some(row.clone()))),
            Write::DeleteNote(key) => (Key::Note(*key), Loaded::Note(None)),
            Write::DeleteTerminal(key) => (Key::Terminal(*key), Loaded::Terminal(None)),
            Write::DeleteAccount(terminal, id) => {
                (Key::Account(*terminal, *id), Loaded::Account(None))
            }
            Write::DeleteApp(id) => (Key::App(id.clone()), Loaded::App(None)),
            Write::Grant(row) => return self.put_grant(row),
            Write::Session(row) => return self.put_session(row),
            Write::SigningKey(row) => return self.put_signing_key(row),
            Write::DeleteSigningKey(kid) => return self.delete_signing_key(kid),
            Write::Audit(_) => return true,
        };
        match self.rows.get_mut(&key) {
            Some(slot) => {
                *slot = row;
                true
            }
            None => false,
        }
    }

    fn put_grant(&mut self, row: &Grant) -> bool {
        match self.rows.get_mut(&Key::Grants(row.terminal)) {
            Some(Loaded::Grants(rows)) => put(rows, row, |known| known.id == row.id),
            _ => false,
        }
    }

    fn put_session(&mut self, row: &Session) -> bool {
        match self.rows.get_mut(&Key::Sessions(row.terminal)) {
            Some(Loaded::Sessions(rows)) => put(rows, row, |known| known.id == row.id),
            _ => false,
        }
    }

    fn put_signing_key(&mut self, row: &SigningKey) -> bool {
        match self.rows.get_mut(&Key::SigningKeys) {
            Some(Loaded::SigningKeys(rows)) => put(rows, row, |known| known.kid == row.kid),
            _ => false,
        }
    }

    fn delete_signing_key(&mut self, kid: &str) -> bool {
        let Some(Loaded::SigningKeys(rows)) = self.rows.get_mut(&Key::SigningKeys) else {
            return false;
        };
        rows.retain(|known| known.kid != kid);
        true
    }
}

/// Puts a row among those that were loaded with it.
fn put<T: Clone>(rows: &mut Vec<T>, row: &T, same: impl Fn(&T) -> bool) -> bool {
    match rows.iter_mut().find(|known| same(known)) {
        Some(known) => known.clone_from(row),
        None => rows.push(row.clone()),
    }
    true
}
