//! Shared by the tests: a model store with steps one can interleave, seeded randomness, and one
//! platform with its apps and phones.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use twinpath_wire::code::Code;
use twinpath_wire::phrase::{Words, normalize};

use crate::first_message::{FirstMessage, Route};
use crate::grant::Spends;
use crate::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, InstanceId, RouteName, SessionId, TerminalKey,
    Timestamp,
};
use crate::join::{RecordText, Recorded, Redeem, Redeemed, Redemption};
use crate::number::{E164, NumberRanges, SenderPolicy, UnknownTon};
use crate::records::{
    Account, App, AuditEvent, AuthMethod, CodeRecord, Grant, Instance, Interaction, Note, Session,
    SigningKey, Terminal, TextQuota, Trust, UsedJti,
};
use crate::risk::RiskRule;
use crate::transaction::{Context, Key, Loaded, Missing, Operation, Random, Rows, Step, Write};
use crate::vault::Vault;

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000);
pub(crate) const TTL_S: i64 = 300;
pub(crate) const GRANT_TTL_S: i64 = 90 * 24 * 3600;
pub(crate) const DORMANT_S: i64 = 365 * 24 * 3600;
pub(crate) const PHRASE: &str = "Weather sign-in. Send only from inside the app.";
pub(crate) const PHONES: [&str; 3] = ["+447911123456", "+447911123457", "+8613800138078"];

/// Randomness that is the same in every run (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) fn vault() -> Arc<Vault> {
    static VAULT: OnceLock<Arc<Vault>> = OnceLock::new();
    Arc::clone(VAULT.get_or_init(|| Arc::new(Vault::new(&[7; 32]).unwrap())))
}

pub(crate) fn client(id: &str) -> ClientId {
    ClientId::new(id).unwrap()
}

pub(crate) fn phone(number: usize) -> E164 {
    E164::parse(PHONES[number]).unwrap()
}

pub(crate) fn terminal(number: usize) -> TerminalKey {
    vault().terminal_key(&phone(number))
}

pub(crate) fn words() -> Words {
    normalize(PHRASE)
}

pub(crate) fn route(trust: Trust) -> Route {
    let name = match trust {
        Trust::Test => "lab",
        Trust::Aggregator => "reseller",
        Trust::Operator => "direct",
    };
    let senders = SenderPolicy {
        country: None,
        countries: Vec::new(),
        ranges: NumberRanges::default(),
        unknown_ton: UnknownTon::International,
        trust,
    };
    Route { name: RouteName::from(name), senders, ttl_s: TTL_S }
}

/// A registered app with DPoP that authenticates by a basic secret.
pub(crate) fn app(id: &str, method: AuthMethod) -> App {
    let row = serde_json::json!({
        "client_id": id,
        "client_name": "Weather",
        "developer": "clouds",
        "auth_method": method,
        "scope": ["openid", "phone"],
        "dpop": true,
        "created_at": START,
        "updated_at": START,
    });
    serde_json::from_value(row).unwrap()
}

/// What an app instance keeps: the verifier, and what it committed to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Commitment {
    pub(crate) client: &'static str,
    pub(crate) jkt: &'static str,
    pub(crate) verifier: String,
}

impl Commitment {
    pub(crate) fn new(client: &'static str, jkt: &'static str, number: usize) -> Self {
        Self { client, jkt, verifier: format!("{number:A>43}") }
    }

    pub(crate) fn code(&self) -> Code {
        Code::commit(ISSUER, self.client, self.jkt, &self.verifier)
    }

    pub(crate) fn key(&self) -> CodeKey {
        vault().code_key(&self.code())
    }

    /// The request of whoever holds the verifier and says to be `client` with key `jkt`.
    pub(crate) fn request(&self) -> Redemption {
        Redemption {
            code: self.key(),
            client_id: client(self.client),
            jkt: self.jkt.to_owned(),
            scope: "openid".into(),
            resources: Vec::new(),
            terms: None,
            frozen: vault().frozen(&[b"openid"]),
            words: Some(Arc::from([vault().words(&words())])),
            login_hint: None,
            announcement: None,
            risk: RiskRule::Off,
            grant_ttl_s: GRANT_TTL_S,
            dormant_s: DORMANT_S,
            texting: crate::outbound::Texting::default(),
        }
    }

    pub(crate) fn redeem(&self) -> Redeem {
        redeem(self.request())
    }

    pub(crate) fn text(&self, number: usize, trust: Trust) -> RecordText {
        text(self.code(), number, trust, words())
    }
}

pub(crate) fn redeem(request: Redemption) -> Redeem {
    Redeem::new(Arc::new(request), vault(), Spends::default())
}

pub(crate) fn text(code: Code, number: usize, trust: Trust, words: Words) -> RecordText {
    let message = FirstMessage { number: phone(number), code, words };
    RecordText::new(&vault(), &route(trust), &message, 20, &mut Seeded(1)).unwrap()
}

/// What a step left behind.
#[derive(Debug)]
pub(crate) enum After<O: Operation> {
    Done(O::Outcome),
    Next(O),
}

/// Every row, and the clock.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) now: Timestamp,
    pub(crate) random: Seeded,
    pub(crate) codes: HashMap<CodeKey, CodeRecord>,
    pub(crate) terminals: HashMap<TerminalKey, Terminal>,
    pub(crate) accounts: HashMap<(TerminalKey, AccountId), Account>,
    pub(crate) grants: BTreeMap<(TerminalKey, GrantId), Grant>,
    pub(crate) sessions: BTreeMap<(TerminalKey, SessionId), Session>,
    pub(crate) interactions: HashMap<Digest, Interaction>,
    pub(crate) quotas: HashMap<(TerminalKey, RouteName), TextQuota>,
    pub(crate) jtis: HashMap<Digest, UsedJti>,
    pub(crate) apps: HashMap<ClientId, App>,
    pub(crate) instances: HashMap<InstanceId, Instance>,
    pub(crate) notes: HashMap<Digest, Note>,
    pub(crate) keys: BTreeMap<String, SigningKey>,
    pub(crate) audit: Vec<AuditEvent>,
}

/// Where a row lives in a store that is spread over machines.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Shard {
    Code(CodeKey),
    Terminal(TerminalKey),
    Jti(Digest),
    Interaction(Digest),
    App(ClientId),
    Instance(InstanceId),
    Note(Digest),
    SigningKeys,
}

fn shard(key: &Key) -> Shard {
    match key {
        Key::Code(code) => Shard::Code(*code),
        Key::Terminal(terminal)
        | Key::Account(terminal, _)
        | Key::Grants(terminal)
        | Key::Sessions(terminal)
        | Key::Quota(terminal, _) => Shard::Terminal(*terminal),
        Key::Jti(jti) => Shard::Jti(*jti),
        Key::Interaction(key) => Shard::Interaction(*key),
        Key::App(id) => Shard::App(id.clone()),
        Key::Instance(id) => Shard::Instance(id.clone()),
        Key::Note(key) => Shard::Note(*key),
        Key::SigningKeys => Shard::SigningKeys,
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            now: START,
            random: Seeded(42),
            codes: HashMap::new(),
            terminals: HashMap::new(),
            accounts: HashMap::new(),
            grants: BTreeMap::new(),
            sessions: BTreeMap::new(),
            interactions: HashMap::new(),
            quotas: HashMap::new(),
            jtis: HashMap::new(),
            apps: HashMap::new(),
            instances: HashMap::new(),
            notes: HashMap::new(),
            keys: BTreeMap::new(),
            audit: Vec::new(),
        }
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// Decides and commits one step, atomically. Holds the decision to its contract: it writes only
    /// what it read, and rows of one shard only.
    pub(crate) fn step<O: Operation>(&mut self, operation: &O) -> After<O> {
        let mut rows = Rows::new();
        let mut shards: Vec<Shard> = Vec::new();
        let step = loop {
            let mut cx = Context { now: self.now, random: &mut self.random };
            match operation.decide(&rows, &mut cx) {
                Ok(step) => break step,
                Err(Missing(key)) => {
                    assert!(!rows.knows(&key), "{key:?} is asked for twice");
                    assert!(shards.len() < 20, "a decision reads without end");
                    shards.push(shard(&key));
                    let loaded = self.load(&key);
                    rows.load(key, loaded);
                }
            }
        };
        let (writes, after) = match step {
            Step::Done(writes, outcome) => (writes, After::Done(outcome)),
            Step::Next(writes, next) => (writes, After::Next(next)),
        };
        shards.dedup();
        assert!(writes.is_empty() || shards.len() <= 1, "one step over several shards: {shards:?}");
        for write in writes {
            assert!(rows.apply(&write), "wrote what it never read: {write:?}");
            self.apply(write);
        }
        after
    }

    /// Runs an operation to its end.
    pub(crate) fn run<O: Operation>(&mut self, operation: O) -> O::Outcome {
        let mut operation = operation;
        for _ in 0..20 {
            match self.step(&operation) {
                After::Done(outcome) => return outcome,
                After::Next(next) => operation = next,
            }
        }
        panic!("an operation without end");
    }

    pub(crate) fn load(&self, key: &Key) -> Loaded {
        match key {
            Key::Code(key) => Loaded::Code(self.codes.get(key).cloned()),
            Key::Terminal(key) => Loaded::Terminal(self.terminals.get(key).cloned()),
            Key::Account(terminal, id) => {
                Loaded::Account(self.accounts.get(&(*terminal, *id)).cloned())
            }
            Key::Grants(terminal) => Loaded::Grants(self.grants_of(*terminal)),
            Key::Sessions(terminal) => {
                let of = |session: &&Session| session.terminal == *terminal;
                Loaded::Sessions(self.sessions.values().filter(of).cloned().collect())
            }
            Key::Interaction(key) => {
                Loaded::Interaction(self.interactions.get(key).cloned().map(Box::new))
            }
            Key::Quota(terminal, route) => {
                Loaded::Quota(self.quotas.get(&(*terminal, route.clone())).cloned())
            }
            Key::Jti(key) => Loaded::Jti(self.jtis.get(key).copied()),
            Key::App(id) => Loaded::App(self.apps.get(id).cloned().map(Box::new)),
            Key::Instance(id) => Loaded::Instance(self.instances.get(id).cloned().map(Box::new)),
            Key::Note(key) => Loaded::Note(self.notes.get(key).cloned().map(Box::new)),
            Key::SigningKeys => Loaded::SigningKeys(self.keys.values().cloned().collect()),
        }
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Code(row) => drop(self.codes.insert(row.key, row)),
            Write::Terminal(row) => drop(self.terminals.insert(row.key, row)),
            Write::Account(row) => drop(self.accounts.insert((row.terminal, row.id), row)),
            Write::Grant(row) => drop(self.grants.insert((row.terminal, row.id), row)),
            Write::Session(row) => drop(self.sessions.insert((row.terminal, row.id), row)),
            Write::Interaction(row) => drop(self.interactions.insert(row.key, *row)),
            Write::Quota(row) => {
                self.quotas.insert((row.terminal, row.route.clone()), row);
            }
            Write::Jti(row) => {
                self.jtis.insert(row.key, row);
            }
            Write::App(row) => drop(self.apps.insert(row.client_id.clone(), *row)),
            Write::Instance(row) => drop(self.instances.insert(row.id.clone(), *row)),
            Write::Note(row) => drop(self.notes.insert(row.key, *row)),
            Write::DeleteNote(key) => drop(self.notes.remove(&key)),
            Write::SigningKey(row) => drop(self.keys.insert(row.kid.clone(), row)),
            Write::DeleteTerminal(key) => drop(self.terminals.remove(&key)),
            Write::DeleteAccount(terminal, id) => drop(self.accounts.remove(&(terminal, id))),
            Write::DeleteApp(id) => drop(self.apps.remove(&id)),
            Write::DeleteSigningKey(kid) => drop(self.keys.remove(&kid)),
            Write::Audit(event) => self.audit.push(event),
        }
    }

    /// Forgets what is past its time.
    pub(crate) fn purge(&mut self) {
        let now = self.now;
        self.codes.retain(|_, row| now < row.purge_at);
        self.grants.retain(|_, row| now < row.purge_at);
        self.jtis.retain(|_, row| now < row.purge_at);
        self.sessions.retain(|_, row| now < row.purge_at);
        self.interactions.retain(|_, row| now < row.purge_at);
        self.instances.retain(|_, row| now < row.purge_at);
        self.notes.retain(|_, row| now < row.purge_at);
        let hour_ago = now.plus_seconds(-3600);
        self.quotas.retain(|_, row| row.texts.iter().any(|(_, at)| *at > hour_ago));
    }

    pub(crate) fn grants_of(&self, terminal: TerminalKey) -> Vec<Grant> {
        self.grants.values().filter(|grant| grant.terminal == terminal).cloned().collect()
    }

    pub(crate) fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.values().find(|grant| grant.id == id)
    }

    /// A whole sign-in: the text, then the request.
    pub(crate) fn sign_in(&mut self, commitment: &Commitment, number: usize) -> Redeemed {
        let recorded = self.run(commitment.text(number, Trust::Operator));
        assert_eq!(recorded, Recorded::New);
        self.run(commitment.redeem())
    }
}

/// The grant of a redemption that must have given one.
#[track_caller]
pub(crate) fn issued(outcome: Redeemed) -> crate::join::Issued {
    match outcome {
        Redeemed::Issued(issued) => *issued,
        other => panic!("no grant but {other:?}"),
    }
}

/// Asserts on an enum whose values cannot be compared.
macro_rules! assert_matches {
    ($value:expr, $pattern:pat $(if $guard:expr)?) => {
        match $value {
            $pattern $(if $guard)? => (),
            ref other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}
pub(crate) use assert_matches;

/// A value as `Debug` shows it, to compare outcomes that are no `PartialEq`.
pub(crate) fn shown(value: &impl Debug) -> String {
    format!("{value:?}")
}
