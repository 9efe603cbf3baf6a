//! The file as it is written. Names are the wire contract's; every key may also come from the
//! environment, so none is required here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use twinpath_core::records::{Evidence, Trust};
use twinpath_core::risk::RiskVerdict;
use twinpath_core::token::SigningAlgorithm;

use crate::config::StoreUrl;

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// RFC 8414 2.
    pub issuer: Option<String>,
    /// The second path.
    pub http: Http,
    /// The admin listener.
    pub admin: Admin,
    /// The store.
    pub store: Store,
    /// Keys.
    pub keys: Keys,
    /// The first path's rules.
    pub terminal: Terminal,
    /// Limits.
    pub limits: Limits,
    /// Accounts.
    pub accounts: Accounts,
    /// Tokens.
    pub tokens: Tokens,
    /// Apps that register themselves.
    pub registration: Registration,
    /// The sign-in page.
    pub signin: Signin,
    /// What scopes mean, in plain words.
    pub scopes: BTreeMap<String, String>,
    /// What phones show of their apps.
    pub attestation: Attestation,
    /// Types of `authorization_details`.
    pub authorization_details: Vec<DetailType>,
    /// Ways by which texts come in.
    pub sms: Sms,
    /// Who is asked about a proof.
    pub risk: Risk,
}

/// `[risk]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Risk {
    pub camara: Vec<Camara>,
}

/// `[[risk.camara]]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Camara {
    pub name: Option<String>,
    pub base_url: Option<String>,
    pub token_url: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub client_secret_file: Option<PathBuf>,
    pub scope: Option<String>,
    pub countries: Vec<String>,
    pub checks: Vec<RiskCheck>,
    pub sim_swap_max_age_h: Option<u32>,
    pub sim_swap_path: Option<String>,
    pub number_recycled_path: Option<String>,
    pub number_verification_path: Option<String>,
    pub timeout_ms: Option<u32>,
    pub concurrency: Option<u32>,
    pub on_swap: Option<RiskVerdict>,
    pub on_unverified: Option<RiskVerdict>,
    pub on_error: Option<RiskVerdict>,
}

impl std::fmt::Debug for Camara {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Camara").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One of `checks`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskCheck {
    /// Whether the number's SIM was changed lately.
    SimSwap,
    /// Whether the number is another person's than at its latest proof.
    NumberRecycled,
    /// Whether the network sees the number behind the app.
    NumberVerification,
}

/// One of `[terminal.scopes]`
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TerminalScope {
    pub trust: Option<Trust>,
    pub min_age_days: Option<u32>,
}

/// `[limits.farming]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Farming {
    pub numbers_per_instance: Option<u32>,
    pub accounts_per_prefix: Option<u32>,
    pub window_s: Option<u32>,
    pub block_s: Option<u32>,
}

/// `[attestation]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attestation {
    pub android_roots_file: Option<PathBuf>,
    pub android_expired_factory_keys: bool,
    pub android_revocations_file: Option<PathBuf>,
    pub android_revocations_url: Option<String>,
    pub apple_roots_file: Option<PathBuf>,
    pub max_age_s: Option<u32>,
    pub attester: Vec<Attester>,
    pub refresh_s: Option<u32>,
    pub requests_per_hour: Option<u32>,
    pub scopes: BTreeMap<String, Vec<Evidence>>,
}

/// `[[attestation.attester]]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attester {
    pub name: Option<String>,
    pub jwks_file: Option<PathBuf>,
    pub clients: Option<Vec<String>>,
    pub evidence: Option<Evidence>,
}

/// `[[authorization_details]]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetailType {
    #[serde(rename = "type")]
    pub name: Option<String>,
    pub schema_file: Option<PathBuf>,
    pub description: Option<String>,
}

/// `[registration]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    pub enabled: bool,
    pub requests_per_hour: Option<u32>,
}

/// `[signin]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signin {
    pub name: Option<String>,
    pub session_ttl_s: Option<u32>,
}

/// `[http]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    pub listen: Option<String>,
    pub development: bool,
    pub trusted_proxies: Vec<String>,
    pub client_certificate_header: Option<String>,
    pub tls: Option<Tls>,
    pub mtls: Option<Mtls>,
}

/// `[http.tls]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// `[http.mtls]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mtls {
    pub listen: Option<String>,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub public_url: Option<String>,
    pub client_ca_file: Option<PathBuf>,
}

/// `[admin]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    pub listen: Option<String>,
}

/// `[store]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    pub url: Option<StoreUrl>,
    pub connections: Option<u32>,
    pub statement_timeout_s: Option<u32>,
    pub audit_days: Option<u32>,
}

/// `[keys]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    pub master: Option<String>,
    pub master_file: Option<PathBuf>,
    pub algorithms: Option<Vec<SigningAlgorithm>>,
    pub rotate_days: Option<u32>,
    pub announce_days: Option<u32>,
    pub retire_days: Option<u32>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("master_file", &self.master_file).finish_non_exhaustive()
    }
}

/// `[terminal]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terminal {
    pub ttl_s: Option<u32>,
    pub interval_s: Option<u32>,
    pub announce: Option<Announce>,
    pub confirm: Option<Confirm>,
    pub phrase: Option<Phrase>,
    pub phrases: BTreeMap<String, String>,
    pub notify: Option<bool>,
    pub sensitive_scopes: Vec<String>,
    pub scopes: BTreeMap<String, TerminalScope>,
}

/// `announce`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announce {
    /// Texts need no announcement.
    Optional,
    /// Texts with codes nobody announced are dropped.
    Required,
}

/// `confirm`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Never.
    Never,
    /// For scopes marked so.
    Sensitive,
    /// For instances unknown to the account.
    NewDevice,
    /// Always.
    Always,
}

/// `phrase`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phrase {
    /// The words must be one of the app's phrases.
    Required,
    /// Any words.
    Off,
}

/// `[limits]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub texts_per_number_per_hour: Option<u32>,
    pub unredeemed_codes_per_instance: Option<u32>,
    pub block_s: Option<u32>,
    pub pending_codes_per_address: Option<u32>,
    pub waits: Option<u32>,
    pub connections: Option<u32>,
    pub texts_per_route_per_minute: Option<u32>,
    pub texts_per_prefix_per_hour: Option<u32>,
    pub prefix_digits: Option<u32>,
    pub authorizations_per_app_per_hour: Option<u32>,
    pub accounts_per_app_per_hour: Option<u32>,
    pub farming: Farming,
}

/// `[accounts]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accounts {
    pub dormant_days: Option<u32>,
}

/// `[tokens]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    pub access_ttl_s: Option<u32>,
    pub id_ttl_s: Option<u32>,
    pub refresh_ttl_s: Option<u32>,
    pub resources: Vec<String>,
}

/// `[sms]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sms {
    pub smpp: Vec<Smpp>,
    pub smpp_server: Option<SmppServer>,
    pub webhook: Vec<Webhook>,
    pub api: Vec<Api>,
    pub outbound: Option<Outbound>,
}

/// `[[sms.webhook]]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    pub name: Option<String>,
    pub provider: Option<Provider>,
    pub numbers: Vec<String>,
    pub only_numbers: bool,
    pub secret: Option<String>,
    pub secret_file: Option<PathBuf>,
    pub secret_files: BTreeMap<String, PathBuf>,
    pub url: Option<String>,
    pub account_sid: Option<String>,
    pub api_key: Option<String>,
    pub topic_arns: Vec<String>,
    pub allow: Vec<String>,
    pub certificates_sha256: Vec<String>,
    pub priority: u32,
    pub country: Option<String>,
    pub countries: Vec<String>,
    pub ranges: Vec<String>,
    pub refuse_ranges: Vec<String>,
    pub trust: Option<Trust>,
    pub ttl_s: Option<u32>,
    pub unknown_ton: Option<UnknownTon>,
    pub generic: Option<toml::Table>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `provider`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Twilio.
    Twilio,
    /// Telnyx.
    Telnyx,
    /// Vonage, both of its APIs.
    Vonage,
    /// SMS Gateway for Android.
    Smsgate,
    /// AWS SNS.
    Sns,
    /// Any other, by description.
    Generic,
}

/// `[sms.outbound]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    pub countries: Vec<String>,
    pub confirmations_per_number_per_hour: Option<u32>,
    pub confirmations_per_number_per_day: Option<u32>,
    pub texts_per_block_per_hour: Option<u32>,
    pub texts_per_country_per_hour: Option<u32>,
    pub texts_per_app_per_day: Option<u32>,
    pub texts_per_day: Option<u32>,
    pub confirmations: BTreeMap<String, String>,
    pub notices: BTreeMap<String, String>,
}

/// `[[sms.api]]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    pub name: Option<String>,
    pub provider: Option<ApiProvider>,
    pub account_sid: Option<String>,
    pub secret: Option<String>,
    pub secret_file: Option<PathBuf>,
    pub secret_files: BTreeMap<String, PathBuf>,
    pub sender: Option<String>,
    pub url: Option<String>,
    pub receipts: Option<String>,
    pub countries: Vec<String>,
    pub priority: u32,
    pub generic: Option<toml::Table>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `provider` of an API
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiProvider {
    /// Twilio Programmable Messaging.
    Twilio,
    /// As `generic` describes it.
    Generic,
}

/// `[[sms.smpp]]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Smpp {
    pub name: Option<String>,
    pub address: Option<String>,
    pub system_id: Option<String>,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
    pub system_type: Option<String>,
    pub mode: Option<BindMode>,
    pub address_range: Option<String>,
    pub numbers: Vec<String>,
    pub country: Option<String>,
    pub countries: Vec<String>,
    pub ranges: Vec<String>,
    pub refuse_ranges: Vec<String>,
    pub trust: Option<Trust>,
    pub ttl_s: Option<u32>,
    pub unknown_ton: Option<UnknownTon>,
    pub default_alphabet: Option<Alphabet>,
    pub enquire_link_s: Option<u32>,
    pub response_timeout_s: Option<u32>,
    pub window: Option<u32>,
    pub priority: Option<u32>,
    pub tls: bool,
    pub tls_ca_file: Option<PathBuf>,
    pub tls_certificate_file: Option<PathBuf>,
    pub tls_key_file: Option<PathBuf>,
    pub tls_server_name: Option<String>,
    pub submit_window: Option<u32>,
    pub rate_per_s: Option<u32>,
    pub sender: Option<String>,
    pub validity_s: Option<u32>,
    pub receipt_ids: Option<ReceiptIds>,
}

impl std::fmt::Debug for Smpp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smpp").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `[sms.smpp_server]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmppServer {
    pub listen: Option<String>,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub client_ca_file: Option<PathBuf>,
    pub max_connections: Option<u32>,
    pub max_connections_per_address: Option<u32>,
    pub session_init_s: Option<u32>,
    pub inactivity_s: Option<u32>,
    pub enquire_link_s: Option<u32>,
    pub lockout_attempts: Option<u32>,
    pub lockout_s: Option<u32>,
    pub peer: Vec<SmppPeer>,
}

/// `[[sms.smpp_server.peer]]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmppPeer {
    pub name: Option<String>,
    pub system_id: Option<String>,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
    pub allow: Vec<String>,
    pub certificates_sha256: Vec<String>,
    pub max_binds: Option<u32>,
    pub window: Option<u32>,
    pub rate_per_s: Option<u32>,
    pub priority: u32,
    pub numbers: Vec<String>,
    pub country: Option<String>,
    pub countries: Vec<String>,
    pub ranges: Vec<String>,
    pub refuse_ranges: Vec<String>,
    pub trust: Option<Trust>,
    pub ttl_s: Option<u32>,
    pub unknown_ton: Option<UnknownTon>,
    pub default_alphabet: Option<Alphabet>,
}

impl std::fmt::Debug for SmppPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmppPeer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `mode`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindMode {
    /// Both directions.
    #[default]
    Transceiver,
    /// Texts from phones.
    Receiver,
    /// Texts to phones.
    Transmitter,
}

/// `receipt_ids`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptIds {
    /// As in the answers to what was submitted.
    #[default]
    AsIs,
    /// In hexadecimal, where answers have them in decimal.
    Hex,
    /// In decimal, where answers have them in hexadecimal.
    Decimal,
}

/// `unknown_ton`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownTon {
    /// International digits.
    #[default]
    International,
    /// A national number of `country`.
    National,
    /// Refused.
    Refuse,
}

/// `default_alphabet`
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// GSM 03.38, a septet in each octet.
    #[default]
    Gsm,
    /// GSM 03.38, packed.
    GsmPacked,
    /// ISO 8859-1.
    Latin1,
    /// US-ASCII.
    Ascii,
}
