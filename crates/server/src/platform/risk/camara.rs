//! CAMARA's APIs of mobile operators: SIM Swap, Number Recycling, Number Verification, each over HTTPS
//! with an OAuth access token.
//!
//! Whatever comes back is held against what the API says, bounded in time and size; what does not hold is
//! *unknown*, and the configured `on_error` decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use rlibphonenumber::PhoneNumber;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use twinpath_core::ids::Timestamp;
use twinpath_core::number::E164;
use twinpath_core::risk::{Asking, RiskFinding, RiskHook, RiskQuestion, RiskReason, RiskVerdict};
use twinpath_core::transaction::random_bytes;

use crate::config;
use crate::platform::SystemRandom;
use crate::platform::risk::breaker::Breaker;

/// The largest answer that is read.
const ANSWER_MAX: usize = 16 * 1024;
/// An access token is asked for anew so long before it ends.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);
/// The longest time a token is believed.
const TOKEN_MAX: u64 = 3600;

/// Why nothing was found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Fault {
    #[error("no answer in time")]
    Slow,
    #[error("too many failures lately, or too many questions")]
    Busy,
    #[error("no connection")]
    Unreachable,
    #[error("the token endpoint gave no token")]
    Token,
    #[error("status {0}")]
    Status(StatusCode),
    #[error("the answer is not what the API says")]
    Malformed,
}

impl Fault {
    /// Whether it is the provider that fails, and not this number that it knows nothing of.
    fn is_providers(self) -> bool {
        match self {
            Self::Status(status) => {
                status.is_server_error()
                    || [StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED].contains(&status)
            }
            Self::Busy => false,
            Self::Slow | Self::Unreachable | Self::Token | Self::Malformed => true,
        }
    }
}

/// One provider.
#[derive(Debug)]
pub struct Camara {
    config: config::Camara,
    client: reqwest::Client,
    token: Mutex<Option<(Arc<str>, Instant)>>,
    breaker: Breaker,
    slots: Semaphore,
}

impl Camara {
    /// As configured; `local` if all of it is on this machine.
    pub fn new(config: &config::Camara, local: bool) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(config.timeout)
            .user_agent("twinpath");
        let client = if local { client.no_proxy() } else { client };
        Ok(Self {
            slots: Semaphore::new(config.concurrency),
            client: client.build()?,
            token: Mutex::default(),
            breaker: Breaker::default(),
            config: config.clone(),
        })
    }

    fn knows(&self, number: &E164) -> bool {
        let countries = &self.config.countries;
        let region = || PhoneNumber::parse(number.as_str(), None).ok()?.get_region_code();
        countries.is_empty() || region().is_some_and(|region| countries.contains(&region))
    }

    /// Asks within the time, the number of questions and the patience that are configured.
    async fn bounded<T>(&self, ask: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err(Fault::Busy);
        };
        if !self.breaker.admits(Instant::now()) {
            return Err(Fault::Busy);
        }
        let asked = tokio::time::timeout(self.config.timeout, ask).await;
        let answer = asked.unwrap_or(Err(Fault::Slow));
        let well = !answer.as_ref().is_err_and(|fault| fault.is_providers());
        self.breaker.ended(well, Instant::now());
        answer
    }

    async fn all(
        &self,
        question: &RiskQuestion,
        number: &E164,
        evidence: Option<&str>,
    ) -> Result<RiskFinding, Fault> {
        let config = &self.config;
        let swapped = async {
            let Some(swap) = &config.sim_swap else { return Ok(false) };
            let body = json!({"phoneNumber": number.as_str(), "maxAge": swap.max_age_h});
            self.check(&swap.path, &body, "swapped").await
        };
        let recycled = async {
            // A number that never was proven here was nobody's.
            let (Some(path), Some((_, proven))) = (&config.number_recycled, question.known) else {
                return Ok(false);
            };
            let body = json!({"phoneNumber": number.as_str(), "specifiedDate": date(proven)});
            self.check(path, &body, "phoneNumberRecycled").await
        };
        let (swapped, recycled, verified) =
            tokio::try_join!(swapped, recycled, self.seen(number, evidence))?;
        let swap = match &config.sim_swap {
            Some(swap) if swapped => RiskFinding::because(swap.verdict, RiskReason::SimSwap),
            _ => RiskFinding::CLEAR,
        };
        Ok(RiskFinding { recycled, ..swap.and(verified) })
    }

    /// What Number Verification says, if it is to be asked.
    async fn seen(&self, number: &E164, evidence: Option<&str>) -> Result<RiskFinding, Fault> {
        let Some(verification) = &self.config.number_verification else {
            return Ok(RiskFinding::CLEAR);
        };
        let verified = match evidence {
            Some(evidence) => self.verified(&verification.path, number, evidence).await?,
            None => None,
        };
        Ok(match verified {
            Some(true) => RiskFinding::CLEAR,
            Some(false) => RiskFinding::because(RiskVerdict::Deny, RiskReason::OtherNumber),
            None => RiskFinding::because(verification.on_unverified, RiskReason::Unverified),
        })
    }

    /// Whether the phone for which the operator's authorization server made this token has the number;
    /// `None` for what it does not take for a token of its own, or of a phone on its network.
    async fn verified(
        &self,
        path: &str,
        number: &E164,
        evidence: &str,
    ) -> Result<Option<bool>, Fault> {
        let body = json!({"phoneNumber": number.as_str()});
        match self.post(path, &body, evidence, "devicePhoneNumberVerified").await {
            Ok(verified) => Ok(Some(verified)),
            Err(Fault::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// One question with the platform's own token, that one member answers.
    async fn check(&self, path: &str, body: &Value, member: &str) -> Result<bool, Fault> {
        let token = self.access_token(None).await?;
        match self.post(path, body, &token, member).await {
            // It may have been revoked before its time.
            Err(Fault::Status(StatusCode::UNAUTHORIZED)) => {
                let token = self.access_token(Some(&token)).await?;
                self.post(path, body, &token, member).await
            }
            answer => answer,
        }
    }

    async fn post(
        &self,
        path: &str,
        body: &Value,
        token: &str,
        member: &str,
    ) -> Result<bool, Fault> {
        let correlator = uuid(random_bytes(&mut SystemRandom));
        let request = self
            .client
            .post(format!("{}{path}", self.config.base_url))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header("x-correlator", correlator)
            .body(body.to_string());
        let answer = object(request).await?;
        answer.get(member).and_then(Value::as_bool).ok_or(Fault::Malformed)
    }

    /// RFC 6749 4.4, the one at hand unless it is `spent`. Who comes while it is asked for waits for it.
    async fn access_token(&self, spent: Option<&str>) -> Result<Arc<str>, Fault> {
        let mut held = self.token.lock().await;
        if let Some((token, until)) = &*held
            && Instant::now() < *until
            && spent.is_none_or(|spent| *spent != **token)
        {
            return Ok(Arc::clone(token));
        }
        *held = None;
        let config = &self.config;
        let scope = Some(escaped(&config.scope)).filter(|scope| !scope.is_empty());
        let scope = scope.map_or_else(String::new, |scope| format!("&scope={scope}"));
        let request = self
            .client
            .post(&config.token_url)
            .basic_auth(escaped(&config.client_id), Some(escaped(&config.client_secret.0)))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .body(format!("grant_type=client_credentials{scope}"));
        let answer = object(request).await.map_err(|fault| match fault {
            Fault::Status(_) | Fault::Malformed => Fault::Token,
            fault => fault,
        })?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let token = text("access_token")
            .filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
        let bearer = text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let token: Arc<str> = token.filter(|_| bearer).ok_or(Fault::Token)?.into();
        let life = answer.get("expires_in").and_then(Value::as_u64).unwrap_or(60).min(TOKEN_MAX);
        let until = Instant::now() + Duration::from_secs(life).saturating_sub(TOKEN_MARGIN);
        *held = Some((Arc::clone(&token), until));
        Ok(token)
    }
}

impl RiskHook for Camara {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn ask<'a>(
        &'a self,
        question: &'a RiskQuestion,
        number: &'a E164,
        evidence: Option<&'a str>,
    ) -> Asking<'a, RiskFinding> {
        Box::pin(async move {
            if !self.knows(number) {
                return RiskFinding::CLEAR;
            }
            self.bounded(self.all(question, number, evidence)).await.unwrap_or_else(|fault| {
                let (provider, verdict) = (&self.config.name, self.config.on_error);
                tracing::warn!(provider, ?verdict, %fault, "a risk provider could not tell");
                RiskFinding::because(verdict, RiskReason::Unavailable)
            })
        })
    }
}

/// A JSON object of bounded size with status 200.
async fn object(request: reqwest::RequestBuilder) -> Result<serde_json::Map<String, Value>, Fault> {
    let lost =
        |error: reqwest::Error| if error.is_timeout() { Fault::Slow } else { Fault::Unreachable };
    let mut response = request.send().await.map_err(lost)?;
    if response.status() != StatusCode::OK {
        return Err(Fault::Status(response.status()));
    }
    let media = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case("application/json") {
        return Err(Fault::Malformed);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(Fault::Malformed);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| Fault::Malformed)
}

/// RFC 6749 2.3.1: user and password are form-encoded before they are joined.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// RFC 9562 5.4.
fn uuid(random: [u8; 16]) -> String {
    let bits = (u128::from_be_bytes(random) & !(0xF << 76 | 0x3 << 62)) | 4 << 76 | 2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// RFC 3339 full-date, in UTC.
fn date(at: Timestamp) -> String {
    let days = at.seconds().div_euclid(86_400);
    // Howard Hinnant's civil_from_days: years of this calendar begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, right) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (1_798_761_599, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(Timestamp(seconds * 1000)), right);
        }
    }

    #[test]
    fn correlators_are_uuids() {
        for byte in [0, 0xFF, 0x5A] {
            let text = uuid([byte; 16]);
            let at = |index| text.as_bytes()[index];
            assert_eq!(
                (text.len(), at(8), at(13), at(14), at(18), at(23)),
                (36, b'-', b'-', b'4', b'-', b'-')
            );
            assert!(b"89ab".contains(&at(19)), "{text}");
        }
    }
}
