//! Section `[attestation]`: whom phones' evidence must come from, and which of it is enough for which
//! scope.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use twinpath_core::ids::ClientId;
use twinpath_core::instance::ScopePolicy;
use twinpath_core::records::Evidence;

use crate::config::check::{required, within};
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

/// Section `[attestation]`.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// The roots of Android Key Attestation, in place of those of this release: PEM, or the JSON list that
    /// Google publishes.
    pub android_roots_file: Option<PathBuf>,
    /// Whether expired certificates of keys put in at the factory are let pass.
    pub android_expired_factory_keys: bool,
    /// Google's status list. With a URL, the last one fetched is kept here.
    pub android_revocations_file: Option<PathBuf>,
    /// Where the status list is fetched.
    pub android_revocations_url: Option<String>,
    /// The roots of App Attest, in place of those of this release: PEM.
    pub apple_roots_file: Option<PathBuf>,
    /// The oldest client attestation, in seconds.
    pub max_age_s: i64,
    /// Other attesters than the platform's own.
    pub attesters: Vec<AttesterFile>,
    /// Evidence that a source address may have judged within an hour, at each node.
    pub requests_per_hour: u32,
    /// How often files are looked at, and the URL is asked.
    pub refresh: Duration,
    /// Which evidence is enough for which scope.
    pub scopes: Arc<ScopePolicy>,
}

impl file::Attestation {
    pub(super) fn check(&self, issuer: &str) -> Result<Attestation, ConfigError> {
        let key = "attestation.android_revocations_url";
        let local = issuer.starts_with("http://");
        if let Some(url) = &self.android_revocations_url {
            let fetched = url.starts_with("https://") || (local && url.starts_with("http://"));
            if !fetched || url::Url::parse(url).is_err() {
                return refuse(format!("{key}: {url:?} must be an https URL"));
            }
        }
        let refresh_s = within(self.refresh_s, "attestation.refresh_s", 3600, 1, 86_400)?;
        let key = "attestation.requests_per_hour";
        let requests_per_hour = within(self.requests_per_hour, key, 3000, 1, 10_000_000)?;
        Ok(Attestation {
            max_age_s: i64::from(within(
                self.max_age_s,
                "attestation.max_age_s",
                86_400,
                60,
                31_536_000,
            )?),
            attesters: attesters(&self.attester)?,
            requests_per_hour,
            android_expired_factory_keys: self.android_expired_factory_keys,
            android_roots_file: self.android_roots_file.clone(),
            android_revocations_file: self.android_revocations_file.clone(),
            android_revocations_url: self.android_revocations_url.clone(),
            apple_roots_file: self.apple_roots_file.clone(),
            refresh: Duration::from_secs(refresh_s.into()),
            scopes: Arc::new(scopes(&self.scopes)?),
        })
    }
}

/// One `[[attestation.attester]]`: its keys are read anew while the server runs.
#[derive(Clone, Debug)]
pub struct AttesterFile {
    /// What tokens call it.
    pub name: String,
    /// Its public keys, a JWK set (RFC 7517 5).
    pub jwks_file: PathBuf,
    /// The apps it is trusted for; `None` for all: `["*"]`.
    pub clients: Option<Vec<ClientId>>,
    /// What its word is worth.
    pub evidence: Evidence,
}

fn attesters(files: &[file::Attester]) -> Result<Vec<AttesterFile>, ConfigError> {
    let read = |(at, file): (usize, &file::Attester)| {
        let key = |name: &str| format!("attestation.attester.{at}.{name}");
        let client = |id: &String| {
            let wrong = || ConfigError(format!("{}: {id:?} is no client_id", key("clients")));
            ClientId::new(id).ok_or_else(wrong)
        };
        let said = required(file.clients.clone(), &key("clients"))?;
        let every = said == ["*"];
        let clients = (!every).then(|| said.iter().map(client).collect());
        Ok(AttesterFile {
            name: required(file.name.clone(), &key("name"))?,
            jwks_file: required(file.jwks_file.clone(), &key("jwks_file"))?,
            clients: clients.transpose()?,
            evidence: file.evidence.unwrap_or(Evidence::Software),
        })
    };
    let all = files.iter().enumerate().map(read).collect::<Result<Vec<_>, ConfigError>>()?;
    for (at, one) in all.iter().enumerate() {
        if all.iter().take(at).any(|other| other.name == one.name) {
            return refuse(format!("two [[attestation.attester]] are named {:?}", one.name));
        }
    }
    Ok(all)
}

fn scopes(said: &BTreeMap<String, Vec<Evidence>>) -> Result<ScopePolicy, ConfigError> {
    for (name, evidence) in said {
        let one = twinpath_core::grant::Scope::parse(name).ok();
        if one.is_none_or(|scope| scope.tokens() != [name.as_str()]) {
            return refuse(format!("attestation.scopes: {name:?} is no scope (RFC 6749 3.3)"));
        }
        if evidence.is_empty() {
            return refuse(format!("attestation.scopes.{name} must name what is enough"));
        }
    }
    Ok(ScopePolicy::new(said.clone()))
}
