//! From the file as written to what the server runs with.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use twinpath_core::first_message::Route;
use twinpath_core::grant::{DetailTypeSource, DetailTypes};
use twinpath_core::ids::RouteName;
use twinpath_core::number::SenderPolicy;
use twinpath_smpp::text::DefaultAlphabet;
use twinpath_wire::code::Code;
use twinpath_wire::phrase::{compose, default_phrases};

use crate::config::abuse;
use crate::config::file::{self, Alphabet};
use crate::config::load::refuse;
use crate::config::route::{Senders, route_name};
use crate::config::secrets::{master_key, secret};
use crate::config::{
    Announce, Bind, Config, ConfigError, File, Limits, Password, Phrase, Registration, Store,
    Terminal, Tokens, Webhook,
};

pub(super) fn required<T>(value: Option<T>, key: &str) -> Result<T, ConfigError> {
    let variable = key.to_uppercase().replace('.', "__");
    value.ok_or_else(|| ConfigError(format!("{key} is missing (or set TWINPATH__{variable})")))
}

pub(super) fn within(
    value: Option<u32>,
    key: &str,
    default: u32,
    min: u32,
    max: u32,
) -> Result<u32, ConfigError> {
    let value = value.unwrap_or(default);
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    refuse(format!("{key} = {value} must be between {min} and {max}"))
}

impl File {
    /// Checks everything and reads the secrets.
    pub fn check(self) -> Result<Config, ConfigError> {
        let issuer = checked_issuer(required(self.issuer.clone(), "issuer")?)?;
        let site = site(self.signin.name.as_deref(), &issuer);
        let store = self.store.check()?;
        let (master, master_made_at) = master_key(&self.keys, &store.url)?;
        let ttl_s = within(self.terminal.ttl_s, "terminal.ttl_s", 300, 10, 3600)?;
        let proxy = |ip: &String| {
            ip.parse::<IpAddr>().map_err(|_| not_an_address("http.trusted_proxies", ip))
        };
        let trusted_proxies =
            self.http.trusted_proxies.iter().map(proxy).collect::<Result<Vec<_>, _>>()?;
        let attestation = self.attestation.check(&issuer)?;
        let risk = self.risk.check(&issuer, self.sms.sends())?;
        let webhooks = webhooks(&self.sms.webhook, ttl_s)?;
        let config = Config {
            apis: self.sms.apis(&webhooks, &issuer)?,
            issuer,
            listen: address(
                self.http.listen.as_deref().unwrap_or("127.0.0.1:8080"),
                "http.listen",
            )?,
            development: self.http.development,
            tls: self.http.check_tls()?,
            mtls: self.http.check_mtls(&trusted_proxies)?,
            trusted_proxies,
            admin: self
                .admin
                .listen
                .as_deref()
                .map(|text| address(text, "admin.listen"))
                .transpose()?,
            store,
            master,
            master_made_at,
            keys: self.keys.policy()?,
            terminal: self.terminal.check(ttl_s)?,
            confirm: self.terminal.confirm_policy(self.sms.sends())?,
            outbound: self.sms.check_outbound(self.terminal.notify)?,
            limits: self.limits.check()?,
            abuse: self.limits.check_abuse()?,
            risk,
            tokens: self.tokens.check()?,
            registration: self.registration.check()?,
            site,
            attestation,
            details: detail_types(&self.authorization_details)?,
            session_ttl_s: i64::from(within(
                self.signin.session_ttl_s,
                "signin.session_ttl_s",
                8 * 3600,
                0,
                30 * 86_400,
            )?),
            scopes: scopes(&self.scopes)?,
            dormant_s: i64::from(within(
                self.accounts.dormant_days,
                "accounts.dormant_days",
                365,
                1,
                36_500,
            )?) * 86_400,
            webhooks,
            binds: binds(&self.sms.smpp, ttl_s)?,
            smpp_server: self.sms.smpp_server.as_ref().map(|s| s.check(ttl_s)).transpose()?,
            notes: Vec::new(),
        };
        config.refuse_shared_names()?;
        Ok(Config { notes: self.notes(&config), ..config })
    }

    fn notes(&self, config: &Config) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(path) = &config.master_made_at {
            notes.push(format!(
                "the master key is a development key made beside the store ({}): in production give \
                 keys.master_file one that is kept elsewhere",
                path.display()
            ));
        }
        if config.development {
            notes.push("http.development: apps without authentication are accepted".to_owned());
        }
        if config.admin.is_some_and(|admin| !admin.ip().is_loopback()) {
            notes.push(
                "admin.listen is reachable from other machines, without encryption".to_owned(),
            );
        }
        if let Some(server) = &config.smpp_server
            && server.tls.is_none()
            && !server.listen.ip().is_loopback()
        {
            notes.push(
                "sms.smpp_server.listen is reachable from other machines without TLS: passwords and \
                 texts cross the network readable unless a tunnel carries them"
                    .to_owned(),
            );
        }
        if config.outbound.is_none() && self.terminal.notify != Some(false) {
            notes.push(
                "numbers are not told of new installations (terminal.notify): no texts are sent to \
                 phones: there is no [[sms.api]], and no bind is a transceiver or transmitter"
                    .to_owned(),
            );
        }
        notes
    }
}

/// RFC 8414 2: an https URL without query or fragment; http on loopback only.
pub(super) fn checked_issuer(issuer: String) -> Result<String, ConfigError> {
    let whole = |rest: &str| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.ends_with('/')
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\\".contains(&b))
    };
    if issuer.strip_prefix("https://").is_some_and(whole) {
        return Ok(issuer);
    }
    let loopback = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    match issuer.strip_prefix("http://") {
        Some(rest) if whole(rest) && loopback(rest) => Ok(issuer),
        Some(_) => {
            refuse(format!("issuer {issuer:?}: http is allowed on loopback only, use https"))
        }
        None => refuse(format!(
            "issuer {issuer:?} must be an https URL without query, fragment or a slash at its end"
        )),
    }
}

fn not_an_address(key: &str, text: &str) -> ConfigError {
    ConfigError(format!("{key}: {text:?} is not an address"))
}

pub(super) fn address(text: &str, key: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError(format!("{key}: {text:?} must be an address and a port, like 127.0.0.1:8080"))
    })
}

impl file::Store {
    fn check(&self) -> Result<Store, ConfigError> {
        let url = required(self.url.clone(), "store.url")?.check()?;
        let connections = within(self.connections, "store.connections", 4, 1, 64)?;
        let timeout = within(self.statement_timeout_s, "store.statement_timeout_s", 5, 1, 60)?;
        Ok(Store {
            url,
            connections: usize::try_from(connections).unwrap_or(1),
            statement_timeout: Duration::from_secs(timeout.into()),
            audit_days: within(self.audit_days, "store.audit_days", 400, 1, 36_500)?,
            next_schema: false,
        })
    }
}

impl file::Terminal {
    fn check(&self, ttl_s: u32) -> Result<Terminal, ConfigError> {
        let mut phrases = default_phrases();
        if !self.phrases.is_empty() {
            phrases.clone_from(&self.phrases);
        }
        if let Some((language, _)) = phrases.iter().find(|(_, text)| !text.contains("{app}")) {
            return refuse(format!("terminal.phrases.{language} must name the app with {{app}}"));
        }
        let code = Code::from_bytes([0; 20]);
        let fits = |text: &str| compose(text, "App", &code).is_ok();
        if let Some((language, _)) = phrases.iter().find(|(_, text)| !fits(text)) {
            return refuse(format!(
                "terminal.phrases.{language} is too long: with a name and the code it must fit one \
                 text (160 GSM characters, or 70 of others)"
            ));
        }
        Ok(Terminal {
            announce_required: self.announce == Some(Announce::Required),
            ttl_s: ttl_s.into(),
            phrase_required: self.phrase != Some(Phrase::Off),
            phrases,
            scopes: abuse::scopes(&self.scopes)?,
            interval_s: within(self.interval_s, "terminal.interval_s", 5, 1, 60)?.into(),
        })
    }
}

impl file::Limits {
    fn check(&self) -> Result<Limits, ConfigError> {
        let size = |value, key, default, max| {
            within(value, key, default, 1, max)
                .and_then(|n| usize::try_from(n).or_else(|_| refuse(format!("{key} is too large"))))
        };
        Ok(Limits {
            texts_per_number_per_hour: size(
                self.texts_per_number_per_hour,
                "limits.texts_per_number_per_hour",
                20,
                10_000,
            )?,
            pending_codes_per_address: size(
                self.pending_codes_per_address,
                "limits.pending_codes_per_address",
                1000,
                10_000_000,
            )?,
            unredeemed_codes_per_instance: size(
                self.unredeemed_codes_per_instance,
                "limits.unredeemed_codes_per_instance",
                3,
                1000,
            )?,
            block_s: within(self.block_s, "limits.block_s", 86_400, 1, 31_536_000)?.into(),
            waits: size(self.waits, "limits.waits", 20_000, 10_000_000)?,
            connections: size(self.connections, "limits.connections", 10_000, 10_000_000)?,
        })
    }
}

/// What pages call the platform: its name, or the issuer's host.
fn site(name: Option<&str>, issuer: &str) -> twinpath_pages::Site {
    let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let name = name.unwrap_or(host).to_owned();
    twinpath_pages::Site { name, assets: format!("{path}{}/", crate::http::path::PAGES) }
}

/// RFC 9396: each type with the schema in its file.
fn detail_types(files: &[file::DetailType]) -> Result<DetailTypes, ConfigError> {
    let sources = files.iter().enumerate().map(|(at, file)| file.read(at));
    let sources: Vec<_> = sources.collect::<Result<_, _>>()?;
    DetailTypes::new(sources).map_err(|why| ConfigError(format!("authorization_details: {why}")))
}

impl file::DetailType {
    fn read(&self, at: usize) -> Result<DetailTypeSource, ConfigError> {
        let key = |name: &str| format!("authorization_details.{at}.{name}");
        let name = required(self.name.clone(), &key("type"))?;
        let description = required(self.description.clone(), &key("description"))?;
        let path = required(self.schema_file.clone(), &key("schema_file"))?;
        let unusable =
            |why: String| ConfigError(format!("{} {}: {why}", key("schema_file"), path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| unusable(error.to_string()))?;
        let schema =
            serde_json::from_str(&text).map_err(|error| unusable(format!("no JSON: {error}")))?;
        Ok(DetailTypeSource { name, description, schema })
    }
}

/// Names as RFC 6749 3.3 has them, each with a sentence for people.
fn scopes(said: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ConfigError> {
    for (name, words) in said {
        let one = twinpath_core::grant::Scope::parse(name).ok();
        if one.is_none_or(|scope| scope.tokens() != [name.as_str()]) {
            return refuse(format!("scopes: {name:?} is no scope (RFC 6749 3.3)"));
        }
        if words.is_empty() || words.chars().count() > 200 || words.chars().any(char::is_control) {
            return refuse(format!("scopes.{name} must say in 1 to 200 characters what it allows"));
        }
    }
    Ok(said.clone())
}

impl file::Tokens {
    fn check(&self) -> Result<Tokens, ConfigError> {
        let access = within(self.access_ttl_s, "tokens.access_ttl_s", 600, 10, 86_400)?;
        let id = within(self.id_ttl_s, "tokens.id_ttl_s", 600, 10, 86_400)?;
        let refresh =
            within(self.refresh_ttl_s, "tokens.refresh_ttl_s", 180 * 86_400, 60, 3650 * 86_400)?;
        Ok(Tokens {
            access_ttl_s: access.into(),
            id_ttl_s: id.into(),
            refresh_ttl_s: refresh.into(),
            resources: self.resources.clone(),
        })
    }
}

impl file::Registration {
    fn check(&self) -> Result<Registration, ConfigError> {
        let key = "registration.requests_per_hour";
        let requests_per_hour = within(self.requests_per_hour, key, 300, 1, 1_000_000)?;
        Ok(Registration { enabled: self.enabled, requests_per_hour })
    }
}

fn webhooks(files: &[file::Webhook], ttl_s: u32) -> Result<Vec<Webhook>, ConfigError> {
    files.iter().enumerate().map(|(at, webhook)| webhook.check(at, ttl_s)).collect()
}

fn binds(files: &[file::Smpp], ttl_s: u32) -> Result<Vec<Bind>, ConfigError> {
    files.iter().enumerate().map(|(at, bind)| bind.check(at, ttl_s)).collect()
}

impl Config {
    /// A route's name says in metrics, tokens and limits which one it is.
    fn refuse_shared_names(&self) -> Result<(), ConfigError> {
        let binds = self.binds.iter().map(|bind| &bind.route.name);
        let peers = self.smpp_server.iter().flat_map(|server| &server.peers);
        let mut known = std::collections::BTreeSet::new();
        let webhooks = self.webhooks.iter().map(|webhook| &webhook.route.name);
        let peers = peers.map(|peer| &peer.route.name);
        for name in binds.chain(peers).chain(webhooks) {
            if !known.insert(&name.0) {
                return refuse(format!("two routes are named {:?}", name.0));
            }
        }
        Ok(())
    }
}

impl file::Smpp {
    fn check(&self, at: usize, ttl_s: u32) -> Result<Bind, ConfigError> {
        let key = |name: &str| format!("sms.smpp.{at}.{name}");
        let name = required(self.name.clone(), &key("name"))?;
        route_name(&name, &key("name"))?;
        let system_id =
            limited(required(self.system_id.clone(), &key("system_id"))?, 15, &key("system_id"))?;
        let password =
            secret(self.password.as_deref(), self.password_file.as_deref(), &key("password"))?;
        let password = limited(password.unwrap_or_default(), 64, &key("password"))?;
        let ttl_s = within(self.ttl_s, &key("ttl_s"), ttl_s, 10, 86_400)?;
        let seconds = |value, name: &str, default| {
            within(value, &key(name), default, 1, 3600).map(|s| Duration::from_secs(s.into()))
        };
        let window = within(self.window, &key("window"), 256, 1, 10_000)?;
        Ok(Bind {
            route: Route {
                name: RouteName::from(name.as_str()),
                senders: self.senders(&key)?,
                ttl_s: ttl_s.into(),
            },
            address: checked_target(
                required(self.address.clone(), &key("address"))?,
                &key("address"),
            )?,
            system_id,
            password: Password(password),
            system_type: limited(
                self.system_type.clone().unwrap_or_default(),
                12,
                &key("system_type"),
            )?,
            mode: self.mode.unwrap_or_default(),
            address_range: limited(
                self.address_range.clone().unwrap_or_default(),
                40,
                &key("address_range"),
            )?,
            numbers: self.numbers.clone(),
            default_alphabet: default_alphabet(self.default_alphabet),
            enquire_link: seconds(self.enquire_link_s, "enquire_link_s", 30)?,
            response_timeout: seconds(self.response_timeout_s, "response_timeout_s", 10)?,
            window: usize::try_from(window).unwrap_or(256),
            priority: self.priority.unwrap_or(0),
            tls: self.tls_files(&key)?,
            submits: self.submits(&key)?,
        })
    }

    fn senders(&self, key: &dyn Fn(&str) -> String) -> Result<SenderPolicy, ConfigError> {
        let Self { country, countries, ranges, refuse_ranges, trust, unknown_ton, .. } = self;
        let (country, trust, unknown_ton) = (country.as_ref(), *trust, *unknown_ton);
        Senders { country, countries, ranges, refuse_ranges, trust, unknown_ton }.check(key)
    }
}

pub(super) fn default_alphabet(said: Option<Alphabet>) -> DefaultAlphabet {
    match said.unwrap_or_default() {
        Alphabet::Gsm => DefaultAlphabet::Gsm,
        Alphabet::GsmPacked => DefaultAlphabet::GsmPacked,
        Alphabet::Latin1 => DefaultAlphabet::Latin1,
        Alphabet::Ascii => DefaultAlphabet::Ascii,
    }
}

fn checked_target(text: String, key: &str) -> Result<String, ConfigError> {
    let right = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
    if right { Ok(text) } else { refuse(format!("{key}: {text:?} must be host:port")) }
}

pub(super) fn limited(text: String, max: usize, key: &str) -> Result<String, ConfigError> {
    if text.len() > max || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return refuse(format!("{key} must have at most {max} ASCII characters"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
