//! `[[risk.camara]]`: operators' APIs that are asked about a proof before a grant is made.

use std::time::Duration;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use twinpath_core::risk::RiskVerdict;

use crate::config::check::{required, within};
use crate::config::load::refuse;
use crate::config::secrets::secret;
use crate::config::{ConfigError, Password, file};

/// One `[[risk.camara]]`.
#[derive(Clone, Debug)]
pub struct Camara {
    /// For counters and logs.
    pub name: String,
    /// Where its APIs are, without a slash at the end.
    pub base_url: String,
    /// Its token endpoint (RFC 6749 3.2).
    pub token_url: String,
    /// The platform's name there.
    pub client_id: String,
    /// With the client's secret.
    pub client_secret: Password,
    /// What the token is asked for.
    pub scope: String,
    /// Countries whose numbers it is asked about; empty is all.
    pub countries: Vec<Region>,
    /// Whether it is asked for SIM swaps: the API's path, the hours that count, and what follows.
    pub sim_swap: Option<SimSwap>,
    /// Whether it is asked for recycled numbers: the API's path.
    pub number_recycled: Option<String>,
    /// Whether it is asked to verify the number that its network sees behind the app.
    pub number_verification: Option<NumberVerification>,
    /// How long all that is asked about one proof may take.
    pub timeout: Duration,
    /// Questions at the same time.
    pub concurrency: usize,
    /// What follows if it cannot tell.
    pub on_error: RiskVerdict,
}

/// How SIM swaps are asked for.
#[derive(Clone, Debug)]
pub struct SimSwap {
    /// The API's path.
    pub path: String,
    /// How far back a swap counts.
    pub max_age_h: u32,
    /// What follows from one.
    pub verdict: RiskVerdict,
}

/// How numbers are verified.
#[derive(Clone, Debug)]
pub struct NumberVerification {
    /// The API's path.
    pub path: String,
    /// What follows where the app brings no token of the network's.
    pub on_unverified: RiskVerdict,
}

impl file::Risk {
    /// `texts`: whether texts go to phones.
    pub(super) fn check(&self, issuer: &str, texts: bool) -> Result<Vec<Camara>, ConfigError> {
        let all = self.camara.iter().enumerate().map(|(at, file)| file.check(at, issuer));
        let all: Vec<_> = all.collect::<Result<_, _>>()?;
        for (at, one) in all.iter().enumerate() {
            let on_swap = one.sim_swap.as_ref().map(|swap| swap.verdict);
            let unverified = one.number_verification.as_ref().map(|it| it.on_unverified);
            let asked = [on_swap, unverified, Some(one.on_error)];
            if !texts && asked.contains(&Some(RiskVerdict::Confirm)) {
                return refuse(format!(
                    "risk.camara.{at}: \"confirm\" needs texts to phones, see [sms.outbound]"
                ));
            }
            if all.iter().take(at).any(|other| other.name == one.name) {
                return refuse(format!("two [[risk.camara]] are named {:?}", one.name));
            }
        }
        Ok(all)
    }
}

impl file::Camara {
    fn check(&self, at: usize, issuer: &str) -> Result<Camara, ConfigError> {
        let key = |name: &str| format!("risk.camara.{at}.{name}");
        let url = |value: &Option<String>, name: &str| url(value.clone(), &key(name), issuer);
        let path = |value: &Option<String>, name: &str, default: &str| {
            let path = value.clone().unwrap_or_else(|| default.to_owned());
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
            if path.starts_with('/') && path.bytes().all(plain) {
                return Ok(path);
            }
            refuse(format!("{}: {path:?} must be a path like {default}", key(name)))
        };
        let secret = secret(
            self.client_secret.as_deref(),
            self.client_secret_file.as_deref(),
            &key("client_secret"),
        )?;
        let asks = |check| self.checks.contains(&check);
        let (swap, recycled) =
            (asks(file::RiskCheck::SimSwap), asks(file::RiskCheck::NumberRecycled));
        let verified = asks(file::RiskCheck::NumberVerification);
        if !swap && !recycled && !verified {
            return refuse(format!(
                "{} must name what is asked: \"sim_swap\", \"number_recycled\", \
                 \"number_verification\"",
                key("checks")
            ));
        }
        let max_age_h = within(self.sim_swap_max_age_h, &key("sim_swap_max_age_h"), 240, 1, 2400)?;
        let timeout = within(self.timeout_ms, &key("timeout_ms"), 2000, 50, 10_000)?;
        let concurrency = within(self.concurrency, &key("concurrency"), 64, 1, 10_000)?;
        // There is no right answer for everybody: that the check is skipped while the provider is down, or
        // that nobody signs in.
        let on_error = required(self.on_error, &key("on_error"))?;
        let verdict = match self.on_swap.unwrap_or(RiskVerdict::Deny) {
            RiskVerdict::Allow => {
                return refuse(format!("{} must be deny or confirm", key("on_swap")));
            }
            verdict => verdict,
        };
        let sim_swap_path = path(&self.sim_swap_path, "sim_swap_path", "/sim-swap/v1/check")?;
        let recycled_path = path(
            &self.number_recycled_path,
            "number_recycled_path",
            "/number-recycling/v0.2/check",
        )?;
        let verification_path = path(
            &self.number_verification_path,
            "number_verification_path",
            "/number-verification/v1/verify",
        )?;
        if !verified && self.on_unverified.is_some() {
            return refuse(format!("{} needs the check number_verification", key("on_unverified")));
        }
        Ok(Camara {
            name: required(self.name.clone(), &key("name"))?,
            base_url: url(&self.base_url, "base_url")?,
            token_url: url(&self.token_url, "token_url")?,
            client_id: required(self.client_id.clone(), &key("client_id"))?,
            client_secret: Password(required(secret, &key("client_secret_file"))?),
            scope: self.scope.clone().unwrap_or_else(|| scope(swap, recycled)),
            countries: self
                .countries
                .iter()
                .map(|c| country(c, &key("countries")))
                .collect::<Result<_, _>>()?,
            sim_swap: swap.then_some(SimSwap { path: sim_swap_path, max_age_h, verdict }),
            number_recycled: recycled.then_some(recycled_path),
            number_verification: verified.then_some(NumberVerification {
                path: verification_path,
                on_unverified: self.on_unverified.unwrap_or(RiskVerdict::Allow),
            }),
            timeout: Duration::from_millis(timeout.into()),
            concurrency: usize::try_from(concurrency).unwrap_or(1),
            on_error,
        })
    }
}

/// As CAMARA names them.
fn scope(swap: bool, recycled: bool) -> String {
    let names = [(swap, "sim-swap:check"), (recycled, "number-recycling:check")];
    let asked: Vec<_> =
        names.into_iter().filter_map(|(asked, name)| asked.then_some(name)).collect();
    asked.join(" ")
}

fn country(code: &str, key: &str) -> Result<Region, ConfigError> {
    Region::from_code(code)
        .ok()
        .filter(|region| PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == *region))
        .ok_or_else(|| ConfigError(format!("{key}: {code:?} is no ISO 3166-1 country")))
}

/// https; http where the issuer is on this machine, for tests.
fn url(value: Option<String>, key: &str, issuer: &str) -> Result<String, ConfigError> {
    let url = required(value, key)?;
    let local = issuer.starts_with("http://");
    let scheme = url.starts_with("https://") || (local && url.starts_with("http://"));
    let plain = url::Url::parse(&url).is_ok_and(|it| {
        it.username().is_empty() && it.password().is_none() && it.query().is_none()
    });
    if scheme && plain {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    // A URL may hold a password: it is not repeated.
    refuse(format!("{key} must be an https URL without user, password or query"))
}
