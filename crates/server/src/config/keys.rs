//! Section `[keys]`, but for the master key.

use twinpath_core::token::{KeyPolicy, SigningAlgorithm};

use crate::config::check::within;
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

const DAY_S: i64 = 86_400;

impl file::Keys {
    /// The least windows are such that what is promised holds with the longest lives that can be
    /// configured: key sets are kept for minutes, tokens live a day at most.
    pub(super) fn policy(&self) -> Result<KeyPolicy, ConfigError> {
        let algorithms = self.algorithms.clone().unwrap_or_else(|| vec![SigningAlgorithm::Es256]);
        if algorithms.first() != Some(&SigningAlgorithm::Es256) {
            return refuse(
                "keys.algorithms must begin with \"ES256\": access tokens are signed with it",
            );
        }
        let twice = |(at, alg)| algorithms.iter().take(at).any(|other| other == alg);
        if algorithms.iter().enumerate().any(twice) {
            return refuse("keys.algorithms names one twice");
        }
        let rotate = within(self.rotate_days, "keys.rotate_days", 90, 0, 3650)?;
        let announce = within(self.announce_days, "keys.announce_days", 14, 1, 365)?;
        let retire = within(self.retire_days, "keys.retire_days", 14, 2, 365)?;
        if rotate > 0 && rotate <= announce {
            return refuse(format!(
                "keys.rotate_days = {rotate} must be more than keys.announce_days = {announce}, or 0"
            ));
        }
        let seconds = |days| i64::from(days) * DAY_S;
        Ok(KeyPolicy {
            algorithms,
            rotate_s: seconds(rotate),
            announce_s: seconds(announce),
            retire_s: seconds(retire),
        })
    }
}
