//! What all requests share, and the one way from a decision to its commit: [`Platform::run`].

mod abuse;
mod access_tokens;
mod attesters;
mod backchannel;
mod binds;
mod counters;
mod hourly;
mod limits;
mod nodes;
mod numbers;
mod outgoing;
mod peers;
mod proofs;
mod readiness;
mod registry;
mod risk;
mod signing_keys;
mod timings;
mod trust;
mod waiters;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use twinpath_core::authorization::Ended;
use twinpath_core::grant::{Replay, Spends};
use twinpath_core::ids::{ClientId, Timestamp};
use twinpath_core::records::Grant;
use twinpath_core::token::KeyRing;
use twinpath_core::transaction::{Operation, Random};
use twinpath_core::vault::{Vault, VaultError};
use twinpath_store::{Store, StoreError};

pub use abuse::{AppLimits, TextLimits};
pub use access_tokens::{IssueError, Live};
pub use attesters::Attesters;
pub use backchannel::{Backchannel, Notice, deliver};
pub use binds::Binds;
pub use counters::Counters;
pub use hourly::Hourly;
pub use limits::{Pace, Pending, Polls};
pub use nodes::{Line, keep_in_touch};
pub use numbers::{NotServed, NumberChoice, Numbers, UnknownCountry};
pub use outgoing::{Answered, Outgoing, Unanswered};
pub use peers::{PeerState, PeerStates};
pub use proofs::{Proofs, Taken};
pub use readiness::Readiness;
pub use registry::{Registry, WATCH};
pub use risk::Risk;
pub use risk::camara::Camara;
pub use signing_keys::{ensure_signing_key, keep_signing_keys, read_signing_keys};
pub use timings::Timings;
pub use trust::{AttestationTrust, TrustError};
pub use waiters::{Busy, Waiter, Waiters};

use crate::config::{BindMode, Config};
use crate::first_path::webhook::Certificates;
use crate::outbound::Outbox;

/// The server's clock.
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// The operating system's randomness, as aws-lc gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // Nothing that this process hands out would be safe any more.
            std::process::abort();
        }
    }
}

/// Calls of gateways in work at the same time, as a bind's window bounds its texts.
const WEBHOOK_CALLS: usize = 512;

/// Shared by all requests and binds.
pub struct Platform {
    /// As configured.
    pub config: Config,
    /// Keyed hashes and encryption.
    pub vault: Arc<Vault>,
    /// Rows.
    pub store: Store,
    /// Apps and signing keys, cached.
    pub registry: Registry,
    /// DPoP proofs and their nonces.
    pub proofs: Proofs,
    /// Requests that wait for a text.
    pub waiters: Arc<Waiters>,
    /// How fast codes are asked for.
    pub polls: Polls,
    /// Codes asked for and not redeemed.
    pub pending: Pending,
    /// Texts by route and block of numbers.
    pub text_limits: TextLimits,
    /// Authorizations by app.
    pub app_limits: AppLimits,
    /// Who is asked about a proof.
    pub risk: Risk,
    /// How often apps ask to be registered.
    pub registrations: Hourly,
    /// How often evidence comes to be judged.
    pub attestations: Hourly,
    /// Calls of gateways in work.
    pub webhook_places: tokio::sync::Semaphore,
    /// By which AWS SNS signs.
    pub certificates: Certificates,
    /// The binds to message centres.
    pub binds: Arc<Binds>,
    /// The gateways that bind to us.
    pub peers: Arc<PeerStates>,
    /// Where phones may text to.
    pub numbers: Numbers,
    /// Whether the store takes writes.
    pub readiness: Readiness,
    /// Other attesters than this one.
    pub attesters: Attesters,
    /// Whom phones' evidence must come from.
    pub trust: AttestationTrust,
    /// Texts to phones.
    pub outbox: Outbox,
    /// Calls to providers' APIs.
    pub outgoing: Outgoing,
    /// Apps to be told that sessions ended.
    pub backchannel: Backchannel,
    /// For `/metrics`.
    pub counters: Counters,
    /// For `/metrics`.
    pub timings: Timings,
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The platform cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened or used.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The master key is not the one the store was written with.
    #[error("the master key does not open what the store holds: {0}")]
    Vault(#[from] VaultError),
    /// What calls apps.
    #[error("the HTTP client: {0}")]
    Client(reqwest::Error),
    /// Roots or revocations.
    #[error("[attestation]: {0}")]
    Trust(#[from] TrustError),
    /// A listener.
    #[error("{0}: {1}")]
    Listen(String, std::io::Error),
}

impl Platform {
    /// Opens the store, makes a signing key if there is none, and loads the registry.
    pub async fn open(config: Config) -> Result<Arc<Self>, StartError> {
        twinpath_core::number::load_numbering_plans();
        let vault = Arc::new(Vault::new(&config.master.0)?);
        let attesters = Attesters::open(&config.attestation.attesters)?;
        let trust = AttestationTrust::open(&config.attestation)?;
        let store = open_store(&config)?;
        ensure_signing_key(&store, &vault, &config.keys).await?;
        let registry = Registry::load(&store, &vault, &config).await?;
        let binds = Arc::new(Binds::default());
        let peers = Arc::new(PeerStates::new(config.smpp_server.as_ref()));
        Ok(Arc::new(Self {
            proofs: Proofs::new(&vault, store.is_shared()),
            waiters: Waiters::new(config.limits.waits),
            polls: Polls::new(config.terminal.interval_s),
            pending: Pending::new(config.limits.pending_codes_per_address, Arc::clone(&vault)),
            text_limits: TextLimits::new(&config.abuse),
            app_limits: AppLimits::new(&config.abuse),
            risk: Risk::new(&config).map_err(StartError::Client)?,
            registrations: Hourly::new(config.registration.requests_per_hour),
            attestations: Hourly::new(config.attestation.requests_per_hour),
            numbers: offered(&config, &binds, &peers),
            binds,
            peers,
            webhook_places: tokio::sync::Semaphore::new(WEBHOOK_CALLS),
            certificates: Certificates::new().map_err(StartError::Client)?,
            readiness: Readiness::default(),
            outbox: Outbox::default(),
            outgoing: Outgoing::new().map_err(StartError::Client)?,
            backchannel: Backchannel::new(&config.issuer).map_err(StartError::Client)?,
            counters: Counters::default(),
            timings: Timings::default(),
            trust,
            attesters,
            vault,
            store,
            registry,
            config,
        }))
    }

    /// Carries an operation to its commit.
    pub async fn run<O: Operation>(&self, operation: O) -> Result<O::Outcome, StoreError> {
        self.store.run(operation).await
    }

    /// The app of this id, made ready.
    pub fn app(&self, id: &ClientId) -> Option<Arc<twinpath_core::app::Registered>> {
        self.registry.app(id)
    }

    /// The signing keys of this moment.
    pub fn keys(&self) -> KeyRing {
        self.registry.keys()
    }

    /// Has the apps of a session told that it ended (OIDC Back-Channel Logout 2.5).
    pub fn tell_apps(&self, ended: &Ended) {
        let (account, session) = (ended.session.account, Some(ended.session.id));
        let notice =
            |client_id: &ClientId| Notice { client_id: client_id.clone(), account, session };
        self.tell(ended.apps.iter().map(notice));
    }

    /// Has the apps of grants that ended told of the sessions in which these were approved. An app that
    /// was never in one has nobody to log out.
    pub fn tell_of_grants(&self, lost: &[Grant]) {
        self.tell(lost.iter().filter(|grant| grant.session().is_some()).map(Notice::of));
    }

    /// Has the apps of an account that can no longer be used told: of all its sessions at once, or of each
    /// if an app knows it by its sessions only (2.2).
    pub fn tell_of_account(&self, lost: &[Grant]) {
        let by_session = |grant: &Grant| {
            let app = self.app(&grant.client_id);
            app.is_some_and(|known| known.app.backchannel_logout_session_required)
        };
        let (by_session, whole): (Vec<_>, Vec<_>) =
            lost.iter().cloned().partition(|grant| by_session(grant));
        self.tell_of_grants(&by_session);
        self.tell(whole.iter().map(|grant| Notice { session: None, ..Notice::of(grant) }));
    }

    /// Each app that wants it, of each thing once.
    fn tell(&self, notices: impl Iterator<Item = Notice>) {
        let wants = |notice: &Notice| {
            let app = self.app(&notice.client_id);
            app.is_some_and(|known| known.app.backchannel_logout_uri.is_some())
        };
        let notices: BTreeSet<_> = notices.filter(wants).collect();
        for notice in notices {
            self.backchannel.put(notice, &self.counters);
        }
    }

    /// Uses up what a request brings for one use only, if it has no operation of its own to do it in.
    /// Tells what was used before.
    pub async fn use_up(&self, spends: Spends) -> Result<Option<Replay>, StoreError> {
        if spends.is_empty() {
            return Ok(None);
        }
        self.run(spends).await
    }
}

/// Opens the configured store with this process's randomness, and its clock unless nodes share the
/// store: then the database server's, which is one for all of them. Tables of an older version on a
/// database server are refused: other nodes may use them still.
pub fn open_store(config: &Config) -> Result<Store, StoreError> {
    Store::open(config.store.url.expose(), store_options(config))
}

/// Opens the configured store and brings its tables to this program's version.
pub fn migrate_store(config: &Config) -> Result<Store, StoreError> {
    let migrate = twinpath_store::Migrate::Always;
    // A step may go through a whole table.
    let statement_timeout = std::time::Duration::from_secs(3600);
    let options = twinpath_store::Options { migrate, statement_timeout, ..store_options(config) };
    Store::open(config.store.url.expose(), options)
}

fn store_options(config: &Config) -> twinpath_store::Options {
    let settings = &config.store;
    let clock: Option<twinpath_store::Clock> =
        if settings.url.is_embedded() { Some(Arc::new(now)) } else { None };
    twinpath_store::Options {
        clock,
        random: Arc::new(|| Box::new(SystemRandom)),
        writers: settings.connections,
        statement_timeout: settings.statement_timeout,
        migrate: twinpath_store::Migrate::IfEmpty,
        audit_days: settings.audit_days,
        next_schema: settings.next_schema,
        ..twinpath_store::Options::default()
    }
}

/// The numbers of all routes that texts come in by.
fn offered(config: &Config, binds: &Arc<Binds>, states: &Arc<PeerStates>) -> Numbers {
    let numbers = Numbers::default();
    for bind in config.binds.iter().filter(|bind| bind.mode != BindMode::Transmitter) {
        let (binds, name) = (Arc::clone(binds), Arc::clone(&bind.route.name.0));
        numbers.add(&bind.numbers, &bind.route.senders, bind.priority, move || binds.up(&name));
    }
    for peer in config.smpp_server.iter().flat_map(|server| &server.peers) {
        let (states, name) = (Arc::clone(states), Arc::clone(&peer.route.name.0));
        numbers.add(&peer.numbers, &peer.route.senders, peer.priority, move || states.up(&name));
    }
    for webhook in &config.webhooks {
        numbers.add(&webhook.numbers, &webhook.route.senders, webhook.priority, || true);
    }
    numbers
}
