//! `[[sms.api]]`: providers that send texts to phones.

use std::path::PathBuf;

use serde::Deserialize as _;
use twinpath_core::number::SenderPolicy;
use twinpath_gateway::generic::Secrets;
use twinpath_gateway::outbound::{Api, DescribedApi, Description, TwilioApi};
use twinpath_gateway::proof::{Flaw, Secret};

use crate::config::check::required;
use crate::config::file::{self, ApiProvider};
use crate::config::load::refuse;
use crate::config::route::{Senders, private_url, route_name};
use crate::config::secrets::secret;
use crate::config::{ConfigError, Webhook};

/// Where Twilio takes texts, unless it is another region.
const TWILIO: &str = "https://api.twilio.com";

/// One `[[sms.api]]`.
#[derive(Clone, Debug)]
pub struct OutboundApi {
    /// The label of its metrics.
    pub name: String,
    /// What it is asked, and what its answers mean.
    pub api: Api,
    /// Whose phones it sends to.
    pub senders: SenderPolicy,
    /// Lower ones are tried first.
    pub priority: u32,
    /// The webhook that its receipts come by.
    pub receipts: Option<String>,
}

impl file::Sms {
    pub(super) fn apis(
        &self,
        webhooks: &[Webhook],
        issuer: &str,
    ) -> Result<Vec<OutboundApi>, ConfigError> {
        let apis = self.api.iter().enumerate().map(|(at, api)| api.check(at, webhooks, issuer));
        let apis: Vec<_> = apis.collect::<Result<_, _>>()?;
        for (at, api) in apis.iter().enumerate() {
            let before = || apis.iter().take(at);
            let bound = self.smpp.iter().any(|bind| bind.name.as_ref() == Some(&api.name));
            if bound || before().any(|other| other.name == api.name) {
                return refuse(format!("two ways to phones are named {:?}", api.name));
            }
            if api.receipts.is_some() && before().any(|other| other.receipts == api.receipts) {
                return refuse(format!(
                    "sms.api.{at}.receipts is another API's webhook too: nobody could say whose texts \
                     its receipts name"
                ));
            }
        }
        Ok(apis)
    }
}

impl file::Api {
    fn check(
        &self,
        at: usize,
        webhooks: &[Webhook],
        issuer: &str,
    ) -> Result<OutboundApi, ConfigError> {
        let key = |name: &str| format!("sms.api.{at}.{name}");
        let name = required(self.name.clone(), &key("name"))?;
        route_name(&name, &key("name"))?;
        let named = |wanted: &str| webhooks.iter().find(|hook| *hook.route.name.0 == *wanted);
        let receipts = match &self.receipts {
            Some(wanted) if named(wanted).is_none() => {
                let key = key("receipts");
                return refuse(format!("{key}: no [[sms.webhook]] is named {wanted:?}"));
            }
            Some(wanted) => named(wanted),
            None => named(&name),
        };
        let senders = Senders {
            country: None,
            countries: &self.countries,
            ranges: &[],
            refuse_ranges: &[],
            trust: None,
            unknown_ton: None,
        };
        Ok(OutboundApi {
            api: self.api(receipts.map(|hook| hook.called_at(issuer)), &key)?,
            senders: senders.check(&key)?,
            priority: self.priority,
            receipts: receipts.map(|hook| hook.route.name.0.to_string()),
            name,
        })
    }

    fn api(
        &self,
        callback: Option<String>,
        key: &dyn Fn(&str) -> String,
    ) -> Result<Api, ConfigError> {
        match required(self.provider, &key("provider"))? {
            ApiProvider::Twilio => self.twilio(callback, key),
            ApiProvider::Generic => self.described(key),
        }
    }

    fn twilio(
        &self,
        callback: Option<String>,
        key: &dyn Fn(&str) -> String,
    ) -> Result<Api, ConfigError> {
        if self.generic.is_some() || !self.secret_files.is_empty() {
            let (generic, files) = (key("generic"), key("secret_files"));
            return refuse(format!("{generic} and {files} are no keys of this provider"));
        }
        let url = self.url.as_deref().unwrap_or(TWILIO);
        private_url(url, &key("url"))?;
        let token = secret(self.secret.as_deref(), self.secret_file.as_deref(), &key("secret"))?;
        let flawed = |flaw: Flaw| {
            let name = if flaw.key == "base_url" { "url" } else { &flaw.key };
            ConfigError(format!("{} {}", key(name), flaw.reason))
        };
        let token = Secret::new(required(token, &key("secret"))?).map_err(flawed)?;
        let account = required(self.account_sid.clone(), &key("account_sid"))?;
        let sender = required(self.sender.clone(), &key("sender"))?;
        TwilioApi::new(account, token, sender, url, callback).map(Api::Twilio).map_err(flawed)
    }

    fn described(&self, key: &dyn Fn(&str) -> String) -> Result<Api, ConfigError> {
        for (name, said) in [
            ("account_sid", self.account_sid.is_some()),
            ("sender", self.sender.is_some()),
            ("url", self.url.is_some()),
        ] {
            if said {
                let key = key(name);
                return refuse(format!("{key} is no key of this provider: see its generic table"));
            }
        }
        let table = required(self.generic.clone(), &key("generic"))?;
        let description = Description::deserialize(table)
            .map_err(|error| ConfigError(format!("{}: {}", key("generic"), error.message())))?;
        private_url(&description.url, &key("generic.url"))?;
        let api = DescribedApi::new(description, self.secrets(key)?).map_err(|flaw| {
            ConfigError(format!("{}.{}: {}", key("generic"), flaw.key, flaw.reason))
        })?;
        Ok(Api::Generic(Box::new(api)))
    }

    /// The secrets that a description names; `secret` is the one of this API's own key.
    fn secrets(&self, key: &dyn Fn(&str) -> String) -> Result<Secrets, ConfigError> {
        let own = secret(self.secret.as_deref(), self.secret_file.as_deref(), &key("secret"))?;
        let own = own.map(|value| ("secret".to_owned(), value));
        let read = |(name, path): (&String, &PathBuf)| {
            let key = key(&format!("secret_files.{name}"));
            let value = secret(None, Some(path.as_path()), &key)?;
            Ok::<_, ConfigError>((name.clone(), required(value, &key)?))
        };
        let files: Vec<_> = self.secret_files.iter().map(read).collect::<Result<_, _>>()?;
        let mut secrets = Secrets::new();
        for (name, value) in files.into_iter().chain(own) {
            let empty = |_| ConfigError(format!("{}: {name} is empty", key("secret")));
            secrets.insert(name.clone(), Secret::new(value).map_err(empty)?);
        }
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, File};

    fn read(lines: &str) -> Result<Config, String> {
        let text = format!(
            "issuer = \"https://id.example.com/t\"\nstore.url = \"sqlite:///tmp/x.db\"\n\
             keys.master = {:?}\n{lines}",
            "01".repeat(32)
        );
        let file: File = toml::from_str(&text).map_err(|error| error.to_string())?;
        file.check().map_err(|error| error.0)
    }

    fn api(lines: &str) -> String {
        format!("[[sms.api]]\nname = \"w\"\n{lines}\n")
    }

    const HOOK: &str =
        "[[sms.webhook]]\nname = \"w\"\nprovider = \"twilio\"\nsecret = \"hunter2\"\n";
    const TWILIO: &str = "provider = \"twilio\"\naccount_sid = \"AC1\"\nsecret = \"hunter2\"\n\
                          sender = \"+15005550006\"\n";
    const GENERIC: &str = "provider = \"generic\"\n[sms.api.generic]\nmethod = \"POST\"\n\
                           sender = \"a\"\nbody = { form = { to = \"{to}\", text = \"{text}\" } }\n";

    #[test]
    fn receipts_come_by_a_webhook() {
        let config = read(&format!("{HOOK}{}", api(TWILIO))).unwrap();
        assert_eq!(config.apis[0].receipts.as_deref(), Some("w"), "that of the same name");
        let request = config.apis[0].api.request("+447911123456", "x", "r").unwrap();
        let body = String::from_utf8(request.into_body()).unwrap();
        let callback = "StatusCallback=https%3A%2F%2Fid.example.com%2Ft%2Fsms%2Fw";
        assert!(body.ends_with(callback), "{body}");
        assert!(config.outbound.is_some() && !format!("{config:?}").contains("hunter2"));
        assert_eq!(read(&api(TWILIO)).unwrap().apis[0].receipts, None);
        let other = api(TWILIO).replace("\"w\"", "\"x\"");
        let named = read(&format!("{HOOK}{other}receipts = \"w\"\n")).unwrap();
        assert_eq!(named.apis[0].receipts.as_deref(), Some("w"));
    }

    #[test]
    fn what_could_not_work_or_would_not_protect_is_refused() {
        let second = api(&format!("{TWILIO}receipts = \"w\"")).replacen("\"w\"", "\"x\"", 1);
        for (lines, why) in [
            (api(""), "sms.api.0.provider is missing"),
            (api("provider = \"twilio\""), "sms.api.0.secret is missing"),
            (api(&TWILIO.replace("AC1", "A/1")), "sms.api.0.account_sid is no SID"),
            (api(&TWILIO.replace("hunter2", "")), "sms.api.0.secret is empty"),
            (api(&format!("{TWILIO}url = \"http://a.example\"")), "sms.api.0.url must be an https"),
            (api(&format!("{TWILIO}receipts = \"x\"")), "no [[sms.webhook]] is named \"x\""),
            (api(&format!("{TWILIO}countries = [\"XX\"]")), "sms.api.0.countries"),
            (api(TWILIO).repeat(2), "two ways to phones are named \"w\""),
            (format!("{HOOK}{}{second}", api(TWILIO)), "sms.api.1.receipts is another API's"),
            (api("provider = \"generic\""), "sms.api.0.generic is missing"),
            (api(GENERIC), "missing field `url`"),
            (api(&format!("{GENERIC}url = \"http://a.example/\"")), "generic.url must be an https"),
            (
                api(&format!("secret = \"x\"\n{GENERIC}url = \"https://a.example/\"")),
                "generic.secrets.secret: is used by nothing",
            ),
            (
                api(&format!("sender = \"x\"\n{GENERIC}url = \"https://a.example/\"")),
                "sms.api.0.sender is no key",
            ),
        ] {
            let said = read(&lines).expect_err(&lines);
            assert!(said.contains(why), "{lines}: {said}");
        }
    }
}
