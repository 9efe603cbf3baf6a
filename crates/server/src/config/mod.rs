//! Configuration: a TOML file, overridden by the environment.
//!
//! [`File`] mirrors the file: every key optional, unknown keys refused. [`Config`] is what the server
//! runs with: checked, with defaults filled in and secrets read.

mod abuse;
mod api;
mod attestation;
mod check;
#[cfg(test)]
mod examples;
mod file;
mod keys;
mod load;
mod outbound;
mod risk;
mod route;
mod secrets;
mod smpp;
mod smpp_server;
mod store_url;
mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use twinpath_core::first_message::Route;
use twinpath_core::token::KeyPolicy;
use twinpath_smpp::text::DefaultAlphabet;

pub use abuse::{Abuse, Farming};
pub use api::OutboundApi;
pub use attestation::{Attestation, AttesterFile};
pub use file::{Announce, BindMode, Confirm, File, Phrase};
pub use load::{ConfigError, load};
pub use outbound::Outbound;
pub use risk::{Camara, SimSwap};
pub use smpp::Submits;
pub use smpp_server::{Lockout, Peer, SmppServer};
pub use store_url::StoreUrl;
pub use tls::{Mtls, TlsFiles};
pub use twinpath_gateway::generic::Network;
pub use webhook::Webhook;

/// A 32-byte master key.
#[derive(Clone)]
pub struct MasterKey(pub [u8; 32]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// A password. `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What the server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// RFC 8414 2, byte for byte as clients hash it.
    pub issuer: String,
    /// Where the second path listens.
    pub listen: SocketAddr,
    /// Whether apps without authentication are accepted.
    pub development: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// With it the second path's listener speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Apps' certificates.
    pub mtls: Mtls,
    /// Where operators' commands and metrics listen.
    pub admin: Option<SocketAddr>,
    /// The store.
    pub store: Store,
    /// The master key.
    pub master: MasterKey,
    /// How long signing keys live.
    pub keys: KeyPolicy,
    /// Where a master key was made because none was configured.
    pub master_made_at: Option<std::path::PathBuf>,
    /// The first path's rules.
    pub terminal: Terminal,
    /// What must be confirmed (PROTOCOL 6).
    pub confirm: twinpath_core::outbound::ConfirmPolicy,
    /// Texts to phones; `None`: none are sent.
    pub outbound: Option<Outbound>,
    /// Limits.
    pub limits: Limits,
    /// What keeps texts and authorizations from being pumped and farmed.
    pub abuse: Abuse,
    /// Who is asked about a proof before a grant is made.
    pub risk: Vec<Camara>,
    /// Tokens' lives.
    pub tokens: Tokens,
    /// Apps that register themselves.
    pub registration: Registration,
    /// What all pages of the deployment show.
    pub site: twinpath_pages::Site,
    /// What phones show of their apps.
    pub attestation: Attestation,
    /// Types of `authorization_details` (RFC 9396).
    pub details: twinpath_core::grant::DetailTypes,
    /// Seconds for which a session at the sign-in page stands; 0 for none.
    pub session_ttl_s: i64,
    /// What scopes mean, in plain words, by name.
    pub scopes: BTreeMap<String, String>,
    /// Seconds without a proof after which a number gets a new account.
    pub dormant_s: i64,
    /// Gateways that call.
    pub webhooks: Vec<Webhook>,
    /// Providers that send texts to phones.
    pub apis: Vec<OutboundApi>,
    /// The binds to message centres.
    pub binds: Vec<Bind>,
    /// Where gateways bind to us.
    pub smpp_server: Option<SmppServer>,
    /// What whoever runs this should know.
    pub notes: Vec<String>,
}

/// Section `[store]`.
#[derive(Clone, Debug)]
pub struct Store {
    /// Where it is.
    pub url: StoreUrl,
    /// Connections that write; `SQLite` has one.
    pub connections: usize,
    /// How long a database server may take for one statement.
    pub statement_timeout: Duration,
    /// For how many days lines of the audit trail are kept.
    pub audit_days: u32,
    /// For rehearsals of a rolling upgrade: be the next version of the program.
    #[doc(hidden)]
    pub next_schema: bool,
}

/// Section `[terminal]`.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// Whether a text's words must be the app's.
    pub phrase_required: bool,
    /// The phrases' templates by language.
    pub phrases: BTreeMap<String, String>,
    /// Whether texts must be announced.
    pub announce_required: bool,
    /// Seconds for which an announced text is awaited, and a text's code lives unless its route says
    /// otherwise.
    pub ttl_s: i64,
    /// Seconds between polls.
    pub interval_s: u64,
    /// Which route is believed enough for which scope.
    pub scopes: twinpath_core::grant::ProofPolicy,
}

/// Section `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Different codes an hour for each number and route.
    pub texts_per_number_per_hour: usize,
    /// Codes asked for and not redeemed within ten minutes, for each source address and app.
    pub pending_codes_per_address: usize,
    /// Codes that an attested instance may leave unredeemed within ten minutes.
    pub unredeemed_codes_per_instance: usize,
    /// Seconds that its third block in a day costs it.
    pub block_s: i64,
    /// Requests that wait at the same time.
    pub waits: usize,
    /// Connections at the same time.
    pub connections: usize,
}

/// Section `[tokens]`.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// An access token's life in seconds.
    pub access_ttl_s: i64,
    /// An ID token's life in seconds.
    pub id_ttl_s: i64,
    /// How long a grant can be refreshed, in seconds.
    pub refresh_ttl_s: i64,
    /// The resources tokens may be for; empty allows any.
    pub resources: Vec<String>,
}

/// Section `[registration]`.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// Whether apps with an initial access token can register themselves (RFC 7591).
    pub enabled: bool,
    /// Requests of a source address to the registration endpoints, at each node.
    pub requests_per_hour: u32,
}

/// One `[[sms.smpp]]`.
#[derive(Clone, Debug)]
pub struct Bind {
    /// How its texts are read and believed.
    pub route: Route,
    /// `host:port` of the message centre.
    pub address: String,
    /// SMPP 3.4 5.2.1.
    pub system_id: String,
    /// SMPP 3.4 5.2.2.
    pub password: Password,
    /// SMPP 3.4 5.2.3.
    pub system_type: String,
    /// Which bind.
    pub mode: BindMode,
    /// SMPP 3.4 5.2.7.
    pub address_range: String,
    /// The numbers that texts to this bind are sent to.
    pub numbers: Vec<String>,
    /// The alphabet of `data_coding` 0.
    pub default_alphabet: DefaultAlphabet,
    /// Idle time before an `enquire_link`.
    pub enquire_link: Duration,
    /// How long an answer may take.
    pub response_timeout: Duration,
    /// Texts in work at the same time.
    pub window: usize,
    /// Of lower priority are preferred: for numbers that are offered, and for texts to phones.
    pub priority: u32,
    /// With it, TLS to the message centre.
    pub tls: Option<twinpath_smpp::esme::TlsFiles>,
    /// How texts to phones are submitted.
    pub submits: Submits,
}
