//! What every kind of route is configured with: whose texts it may bring.

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use twinpath_core::number::{SenderPolicy, UnknownTon};
use twinpath_core::records::Trust;

use crate::config::abuse;
use crate::config::check::checked_issuer;
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

/// Keys of a route, as its section has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Senders<'a> {
    pub(super) country: Option<&'a String>,
    pub(super) countries: &'a [String],
    pub(super) ranges: &'a [String],
    pub(super) refuse_ranges: &'a [String],
    pub(super) trust: Option<Trust>,
    pub(super) unknown_ton: Option<file::UnknownTon>,
}

/// A name that metrics, logs and URLs can carry.
pub(super) fn route_name(name: &str, key: &str) -> Result<(), ConfigError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return refuse(format!("{key}: use 1 to 64 letters, digits, - _ ."));
    }
    Ok(())
}

/// Certificates' SHA-256 as OpenSSL prints them, or without colons; kept as base64url, as thumbprints
/// are.
pub(super) fn fingerprints(texts: &[String], key: &str) -> Result<Vec<String>, ConfigError> {
    let fingerprint = |text: &String| {
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let octets = (0..digits.len())
            .step_by(2)
            .map(|at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
        let octets: Option<Vec<u8>> = octets.collect();
        let octets = octets.filter(|octets| octets.len() == 32);
        let octets = octets
            .ok_or_else(|| ConfigError(format!("{key}: {text:?} must be 64 hexadecimal digits")))?;
        Ok(twinpath_wire::b64::encode(octets))
    };
    texts.iter().map(fingerprint).collect()
}

/// Whether a URL is https, or http of this machine, whatever its query is.
pub(super) fn private_url(url: &str, key: &str) -> Result<(), ConfigError> {
    let plain = url.split('?').next().unwrap_or_default().trim_end_matches('/');
    match checked_issuer(plain.to_owned()) {
        Ok(_) => Ok(()),
        Err(_) => refuse(format!("{key} must be an https URL; http on loopback only")),
    }
}

fn region(code: &str, key: &str) -> Result<Region, ConfigError> {
    let known = Region::from_code(code).ok();
    let known = known
        .filter(|region| PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == *region));
    known.ok_or_else(|| ConfigError(format!("{key}: {code:?} is no ISO 3166-1 country")))
}

impl Senders<'_> {
    /// `key` makes a key's full name.
    pub(super) fn check(self, key: &dyn Fn(&str) -> String) -> Result<SenderPolicy, ConfigError> {
        let unknown_ton = match self.unknown_ton.unwrap_or_default() {
            file::UnknownTon::International => UnknownTon::International,
            file::UnknownTon::National => UnknownTon::National,
            file::UnknownTon::Refuse => UnknownTon::Refuse,
        };
        if unknown_ton == UnknownTon::National && self.country.is_none() {
            let key = key("country");
            return refuse(format!("{key} is missing: unknown_ton = \"national\" needs it"));
        }
        let countries = self.countries.iter().map(|code| region(code, &key("countries")));
        Ok(SenderPolicy {
            country: self.country.map(|code| region(code, &key("country"))).transpose()?,
            countries: countries.collect::<Result<_, _>>()?,
            ranges: abuse::ranges((self.ranges, self.refuse_ranges), key)?,
            unknown_ton,
            trust: self.trust.unwrap_or(Trust::Aggregator),
        })
    }
}
