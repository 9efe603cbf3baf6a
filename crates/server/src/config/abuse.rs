//! What keeps the first path and the apps from being pumped and farmed: further keys of `[limits]`,
//! `[limits.farming]`, and the ranges of a route. Zero is no limit: how much traffic is honest, only the
//! operator knows.

use std::collections::BTreeMap;

use twinpath_core::grant::TrustPolicy;
use twinpath_core::number::NumberRanges;

use crate::config::check::within;
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

/// Limits by what texts and authorizations have in common; 0 is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abuse {
    /// Texts recorded of one route within a minute.
    pub texts_per_route_per_minute: u32,
    /// Texts recorded of one block of numbers within an hour.
    pub texts_per_prefix_per_hour: u32,
    /// How many digits a block's numbers have in common, country code included.
    pub prefix_digits: usize,
    /// Authorizations of one app within an hour.
    pub authorizations_per_app_per_hour: u32,
    /// Accounts that one app's authorizations create within an hour.
    pub accounts_per_app_per_hour: u32,
    /// One holder or one block of numbers that proves too many.
    pub farming: Farming,
}

/// `[limits.farming]`
#[derive(Clone, Copy, Debug, Default)]
pub struct Farming {
    /// Different numbers that one instance proves; one without attestation counts with its address.
    pub numbers_per_instance: u32,
    /// New accounts of one block of numbers.
    pub accounts_per_prefix: u32,
    /// Seconds within which they are counted.
    pub window_s: i64,
    /// Seconds for which more are refused.
    pub block_s: i64,
}

impl file::Limits {
    pub(super) fn check_abuse(&self) -> Result<Abuse, ConfigError> {
        let limit = |value, key: &str| within(value, &format!("limits.{key}"), 0, 0, 1_000_000_000);
        let farming = &self.farming;
        let digits = within(self.prefix_digits, "limits.prefix_digits", 8, 3, 14)?;
        let window_s = within(farming.window_s, "limits.farming.window_s", 86_400, 60, 31_536_000)?;
        let block_s = within(farming.block_s, "limits.farming.block_s", 86_400, 60, 31_536_000)?;
        Ok(Abuse {
            texts_per_route_per_minute: limit(
                self.texts_per_route_per_minute,
                "texts_per_route_per_minute",
            )?,
            texts_per_prefix_per_hour: limit(
                self.texts_per_prefix_per_hour,
                "texts_per_prefix_per_hour",
            )?,
            prefix_digits: usize::try_from(digits).unwrap_or(8),
            authorizations_per_app_per_hour: limit(
                self.authorizations_per_app_per_hour,
                "authorizations_per_app_per_hour",
            )?,
            accounts_per_app_per_hour: limit(
                self.accounts_per_app_per_hour,
                "accounts_per_app_per_hour",
            )?,
            farming: Farming {
                numbers_per_instance: within(
                    farming.numbers_per_instance,
                    "limits.farming.numbers_per_instance",
                    0,
                    0,
                    10_000,
                )?,
                accounts_per_prefix: within(
                    farming.accounts_per_prefix,
                    "limits.farming.accounts_per_prefix",
                    0,
                    0,
                    100_000,
                )?,
                window_s: window_s.into(),
                block_s: block_s.into(),
            },
        })
    }
}

/// The ranges of a route: `key` names its keys in errors.
pub(super) fn ranges(
    (accept, refused): (&[String], &[String]),
    key: &dyn Fn(&str) -> String,
) -> Result<NumberRanges, ConfigError> {
    let read = |name: &str, all: &[String]| {
        let one = |range: &String| {
            let digits = range.strip_prefix('+').unwrap_or_default();
            let right = (1..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|b| b.is_ascii_digit());
            if right {
                return Ok(Box::from(range.as_str()));
            }
            refuse(format!(
                "{}: {range:?} must be + and the first digits of numbers, like +44791",
                key(name)
            ))
        };
        all.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    Ok(NumberRanges { accept: read("ranges", accept)?, refuse: read("refuse_ranges", refused)? })
}

/// `[terminal.scopes]`
pub(super) fn scopes(
    said: &BTreeMap<String, file::TerminalScope>,
) -> Result<TrustPolicy, ConfigError> {
    let one = |(name, rule): (&String, &file::TerminalScope)| {
        let scope = twinpath_core::grant::Scope::parse(name).ok();
        if scope.is_none_or(|scope| scope.tokens() != [name.as_str()]) {
            return refuse(format!("terminal.scopes: {name:?} is no scope (RFC 6749 3.3)"));
        }
        match rule.trust {
            Some(trust) => Ok((name.clone(), trust)),
            None => refuse(format!("terminal.scopes.{name}.trust is missing")),
        }
    };
    Ok(TrustPolicy::new(said.iter().map(one).collect::<Result<_, _>>()?))
}
