//! `[sms.outbound]`: texts to phones.

use std::collections::BTreeMap;
use std::sync::Arc;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use twinpath_core::outbound::{
    Confirm, ConfirmPolicy, SpendingLimits, Wording, default_confirmations, default_notices,
};

use crate::config::check::within;
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

/// Section `[sms.outbound]`: what texts to phones may cost, and say. It may be left out.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// What they may cost.
    pub limits: Arc<SpendingLimits>,
    /// What confirmations say, by language.
    pub confirmations: BTreeMap<String, String>,
    /// What notices say, by language.
    pub notices: BTreeMap<String, String>,
    /// Whether numbers are told of installations that their accounts did not know.
    pub notify: bool,
}

/// As long as the longest names are cut to where they leave no room.
const NAME: &str = "sixteen letters.";

impl file::Sms {
    /// Whether anything here carries texts to phones.
    pub(super) fn sends(&self) -> bool {
        let transmits = |bind: &file::Smpp| bind.mode != Some(file::BindMode::Receiver);
        !self.api.is_empty() || self.smpp.iter().any(transmits)
    }

    /// What is sent to phones, where anything can be.
    pub(super) fn check_outbound(
        &self,
        notify: Option<bool>,
    ) -> Result<Option<Outbound>, ConfigError> {
        match (&self.outbound, self.sends()) {
            (Some(_), false) => refuse(
                "[sms.outbound] needs a way to phones: an [[sms.api]], or an [[sms.smpp]] whose mode is \
                 transceiver or transmitter",
            ),
            (None, false) => Ok(None),
            (said, true) => said.clone().unwrap_or_default().check(notify).map(Some),
        }
    }
}

impl file::Outbound {
    pub(super) fn check(&self, notify: Option<bool>) -> Result<Outbound, ConfigError> {
        let limit = |value, name: &str, default| {
            within(value, &format!("sms.outbound.{name}"), default, 0, 1_000_000_000)
        };
        let known = SpendingLimits::default();
        let limits = SpendingLimits {
            countries: self.countries.iter().map(region).collect::<Result<_, _>>()?,
            number_hour: limit(
                self.confirmations_per_number_per_hour,
                "confirmations_per_number_per_hour",
                known.number_hour,
            )?,
            number_day: limit(
                self.confirmations_per_number_per_day,
                "confirmations_per_number_per_day",
                known.number_day,
            )?,
            block_hour: limit(
                self.texts_per_block_per_hour,
                "texts_per_block_per_hour",
                known.block_hour,
            )?,
            country_hour: limit(
                self.texts_per_country_per_hour,
                "texts_per_country_per_hour",
                known.country_hour,
            )?,
            app_day: limit(self.texts_per_app_per_day, "texts_per_app_per_day", known.app_day)?,
            day: limit(self.texts_per_day, "texts_per_day", known.day)?,
        };
        Ok(Outbound {
            limits: Arc::new(limits),
            confirmations: templates(
                &self.confirmations,
                "confirmations",
                ("{code}", "12345678"),
                default_confirmations,
            )?,
            notices: templates(
                &self.notices,
                "notices",
                ("{revoke}", "REVOKE 123456"),
                default_notices,
            )?,
            notify: notify.unwrap_or(true),
        })
    }
}

fn region(code: &String) -> Result<Region, ConfigError> {
    let known = |region: &Region| PHONE_NUMBER_UTIL.get_supported_regions().any(|r| r == *region);
    Region::from_code(code).ok().filter(known).ok_or_else(|| {
        ConfigError(format!("sms.outbound.countries: {code:?} is no ISO 3166-1 country"))
    })
}

/// Each names app and platform and carries its digits; alone, it must fit one text.
fn templates(
    said: &BTreeMap<String, String>,
    key: &str,
    digits: (&str, &str),
    default: fn() -> BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    for (language, template) in said {
        let key = format!("sms.outbound.{key}.{language}");
        for placeholder in ["{app}", "{platform}", digits.0] {
            if template.matches(placeholder).count() != 1 {
                return refuse(format!("{key} must have {placeholder} in it, once"));
            }
        }
        if template.contains(char::is_control) || !Wording::fits(template, NAME, NAME, digits) {
            return refuse(format!("{key} must be one line that fits one text"));
        }
    }
    Ok(if said.is_empty() { default() } else { said.clone() })
}

impl file::Terminal {
    /// What must be confirmed. Without texts to phones nothing can be.
    pub(super) fn confirm_policy(&self, possible: bool) -> Result<ConfirmPolicy, ConfigError> {
        let all = match self.confirm.unwrap_or(file::Confirm::Sensitive) {
            file::Confirm::Never | file::Confirm::Sensitive => Confirm::Never,
            file::Confirm::NewDevice => Confirm::NewDevice,
            file::Confirm::Always => Confirm::Always,
        };
        if all != Confirm::Never && !possible {
            return refuse(
                "terminal.confirm = \"new_device\" and \"always\" need texts to phones: an \
                 [[sms.api]], or an [[sms.smpp]] that is no receiver",
            );
        }
        if self.confirm == Some(file::Confirm::Never) && !self.sensitive_scopes.is_empty() {
            return refuse("terminal.sensitive_scopes: terminal.confirm = \"never\" confirms none");
        }
        if !self.sensitive_scopes.is_empty() && !possible {
            return refuse(
                "terminal.sensitive_scopes need texts to phones: an [[sms.api]], or an [[sms.smpp]] \
                 that is no receiver",
            );
        }
        for name in &self.sensitive_scopes {
            let one = twinpath_core::grant::Scope::parse(name).ok();
            if one.is_none_or(|scope| scope.tokens() != [name.as_str()]) {
                return refuse(format!("terminal.sensitive_scopes: {name:?} is no scope"));
            }
        }
        Ok(ConfirmPolicy { all, sensitive: self.sensitive_scopes.clone().into() })
    }
}
