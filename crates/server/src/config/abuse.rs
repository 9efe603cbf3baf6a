//! What keeps the first path and the apps from being pumped and farmed: further keys of `[limits]`,
//! `[limits.farming]`, and the ranges of a route. Zero is no limit: how much traffic is honest, only the
//! operator knows.

use std::collections::BTreeMap;

use twinpath_core::grant::{ProofPolicy, Requirement};
use twinpath_core::number::NumberRanges;
use twinpath_core::records::Trust;

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
) -> Result<ProofPolicy, ConfigError> {
    let one = |(name, rule): (&String, &file::TerminalScope)| {
        let scope = twinpath_core::grant::Scope::parse(name).ok();
        if scope.is_none_or(|scope| scope.tokens() != [name.as_str()]) {
            return refuse(format!("terminal.scopes: {name:?} is no scope (RFC 6749 3.3)"));
        }
        if *rule == file::TerminalScope::default() {
            return refuse(format!(
                "terminal.scopes.{name} asks for nothing: say trust, min_age_days, or both"
            ));
        }
        let path = format!("terminal.scopes.{name}.min_age_days");
        let min_age_days = match rule.min_age_days {
            None => 0,
            said => within(said, &path, 0, 1, 3650)?,
        };
        let trust = rule.trust.unwrap_or(Trust::Test);
        Ok((name.clone(), Requirement { trust, min_age_days }))
    };
    Ok(ProofPolicy::new(said.iter().map(one).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError, File};

    fn read(lines: &str) -> Result<Config, ConfigError> {
        let text = format!(
            "issuer = \"https://id.example.com\"\nstore.url = \"sqlite:///tmp/x.db\"\n\
             keys.master = {:?}\n{lines}",
            "01".repeat(32)
        );
        let file: File = toml::from_str(&text).map_err(|error| ConfigError(error.to_string()))?;
        file.check()
    }

    const BIND: &str = "[[sms.smpp]]\nname = \"a\"\naddress = \"a:1\"\nsystem_id = \"a\"\n";
    const CAMARA: &str = "[[risk.camara]]\nname = \"o\"\nbase_url = \"https://o.example/\"\n\
        token_url = \"https://o.example/token\"\nclient_id = \"t\"\nclient_secret = \"hunter2\"\n\
        checks = [\"sim_swap\"]\n";

    #[test]
    fn what_could_not_work_is_refused_by_name() {
        for (lines, why) in [
            ("limits.prefix_digits = 2", "limits.prefix_digits = 2 must be between 3 and 14"),
            ("limits.farming.window_s = 1", "limits.farming.window_s"),
            ("limits.farming.numbers = 1", "unknown field `numbers`"),
            ("terminal.scopes.\"a b\".trust = \"test\"", "is no scope"),
            ("terminal.scopes.pay.trust = \"high\"", "unknown variant"),
            (
                "[terminal.scopes.pay]",
                "terminal.scopes.pay asks for nothing: say trust, min_age_days, or both",
            ),
            (
                "terminal.scopes.pay.min_age_days = 0",
                "terminal.scopes.pay.min_age_days = 0 must be between 1 and 3650",
            ),
            (&format!("{BIND}ranges = [\"4474\"]"), "sms.smpp.0.ranges: \"4474\" must be +"),
            (&format!("{BIND}refuse_ranges = [\"+0\"]"), "sms.smpp.0.refuse_ranges"),
            (CAMARA, "risk.camara.0.on_error is missing"),
            (&format!("{CAMARA}on_error = \"confirm\""), "needs texts to phones"),
            (&format!("{CAMARA}on_error = \"deny\"\non_swap = \"allow\""), "deny or confirm"),
            (&format!("{CAMARA}on_error = \"deny\"\ncountries = [\"XX\"]"), "ISO 3166-1"),
            (
                &format!("{CAMARA}on_error = \"deny\"\non_unverified = \"deny\""),
                "on_unverified needs the check number_verification",
            ),
            (
                &format!("{CAMARA}on_error = \"deny\"\non_unverified = \"confirm\"")
                    .replace("sim_swap", "number_verification"),
                "needs texts to phones",
            ),
            (&format!("{CAMARA}on_error = \"deny\"\nsim_swap_path = \"x\""), "must be a path"),
            (&format!("{CAMARA}on_error = \"deny\"\ntimeout_ms = 60000"), "timeout_ms"),
            (&format!("{CAMARA}on_error = \"deny\"\n{CAMARA}on_error = \"deny\""), "named \"o\""),
            (
                &format!("{CAMARA}on_error = \"deny\"").replace("[\"sim_swap\"]", "[]"),
                "checks must name what is asked",
            ),
            (
                &format!("{CAMARA}on_error = \"deny\"")
                    .replace("https://o.example/t", "http://o/t"),
                "token_url must be an https URL",
            ),
            (
                &format!("{CAMARA}on_error = \"deny\"")
                    .replace("//o.example/\"", "//u:hunter2@o\""),
                "base_url must be an https URL",
            ),
        ] {
            let said = read(lines).map(|_| ()).unwrap_err().0;
            assert!(said.contains(why) && !said.contains("hunter2"), "{lines}: {said}");
        }
    }

    #[test]
    fn what_is_configured_arrives_and_its_secret_is_not_shown() {
        let config = read(&format!("{CAMARA}on_error = \"deny\"")).unwrap();
        let camara = &config.risk[0];
        assert_eq!(camara.base_url, "https://o.example");
        assert_eq!(camara.scope, "sim-swap:check");
        assert_eq!(camara.sim_swap.as_ref().map(|swap| swap.max_age_h), Some(240));
        assert!(camara.number_recycled.is_none());
        assert!(!format!("{config:?}").contains("hunter2"));
        // Nothing of it is on by itself.
        let config = read("").unwrap();
        assert!(config.risk.is_empty());
        assert_eq!(config.abuse.texts_per_prefix_per_hour, 0);
        assert_eq!(config.abuse.farming.numbers_per_instance, 0);
    }
}
