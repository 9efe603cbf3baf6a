//! `[[sms.webhook]]`: gateways that hand texts over by HTTP.

use std::path::PathBuf;

use serde::Deserialize as _;
use twinpath_core::first_message::Route;
use twinpath_core::ids::RouteName;
use twinpath_gateway::generic::{Description, Generic, Secrets};
use twinpath_gateway::proof::{Flaw, Secret};
use twinpath_gateway::provider::Provider;
use twinpath_gateway::smsgate::SmsGate;
use twinpath_gateway::sns::Sns;
use twinpath_gateway::telnyx::Telnyx;
use twinpath_gateway::twilio::Twilio;
use twinpath_gateway::vonage::Vonage;

use crate::config::check::{required, within};
use crate::config::load::refuse;
use crate::config::route::{Senders, fingerprints, route_name};
use crate::config::secrets::secret;
use crate::config::{Config, ConfigError, Network, file};

/// One `[[sms.webhook]]`.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// How its texts are read and believed.
    pub route: Route,
    /// How it calls.
    pub provider: Provider,
    /// The URL that the provider was given, if it is not below the issuer.
    pub url: Option<String>,
    /// The numbers whose texts it hands over.
    pub numbers: Vec<String>,
    /// Whether texts to other numbers are left.
    pub only_numbers: bool,
    /// Where it may call from; empty for anywhere.
    pub allow: Vec<Network>,
    /// The TLS client certificates it may show (RFC 8705 3.1); empty asks for none.
    pub certificates: Vec<String>,
    /// Lower ones are offered first.
    pub priority: u32,
}

impl Webhook {
    /// The URL that the provider was given.
    pub(super) fn called_at(&self, issuer: &str) -> String {
        match &self.url {
            Some(url) => url.clone(),
            None => format!("{issuer}/sms/{}", self.route.name.0),
        }
    }

    /// The URL as the provider called it.
    pub fn url(&self, config: &Config, query: Option<&str>) -> String {
        let mut url = self.called_at(&config.issuer);
        if let Some(query) = query {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        url
    }
}

impl file::Webhook {
    pub(super) fn check(&self, at: usize, ttl_s: u32) -> Result<Webhook, ConfigError> {
        let key = |name: &str| format!("sms.webhook.{at}.{name}");
        let name = required(self.name.clone(), &key("name"))?;
        route_name(&name, &key("name"))?;
        let Self { country, countries, ranges, refuse_ranges, trust, unknown_ton, .. } = self;
        let (country, trust, unknown_ton) = (country.as_ref(), *trust, *unknown_ton);
        let senders = Senders { country, countries, ranges, refuse_ranges, trust, unknown_ton };
        let provider = self.provider(&key)?;
        if provider.requires_certificate() && self.certificates_sha256.is_empty() {
            return refuse(format!(
                "{} is missing: which client certificates it may show",
                key("certificates_sha256")
            ));
        }
        let url = self.url.clone();
        if url
            .as_ref()
            .is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            return refuse(format!("{} must be the URL that the provider calls", key("url")));
        }
        Ok(Webhook {
            route: Route {
                name: RouteName::from(name.as_str()),
                senders: senders.check(&key)?,
                ttl_s: within(self.ttl_s, &key("ttl_s"), ttl_s, 10, 86_400)?.into(),
            },
            provider,
            url,
            numbers: self.numbers.clone(),
            only_numbers: self.only_numbers,
            allow: self.networks(&key("allow"))?,
            certificates: fingerprints(&self.certificates_sha256, &key("certificates_sha256"))?,
            priority: self.priority,
        })
    }

    fn networks(&self, key: &str) -> Result<Vec<Network>, ConfigError> {
        let read = |text: &String| {
            text.parse().map_err(|why| ConfigError(format!("{key}: {text:?} {why}")))
        };
        self.allow.iter().map(read).collect()
    }

    fn provider(&self, key: &dyn Fn(&str) -> String) -> Result<Provider, ConfigError> {
        let flawed = |flaw: Flaw| ConfigError(format!("{}: {}", key(&flaw.key), flaw.reason));
        let kind = required(self.provider, &key("provider"))?;
        self.refuse_what_is_another_provider_s(kind, key)?;
        let one = || -> Result<Vec<Secret>, ConfigError> {
            let name = key("secret");
            let said = secret(self.secret.as_deref(), self.secret_file.as_deref(), &name)?;
            let said = required(said, &name)?;
            // A second line is the secret of before, or the next one, while they are changed.
            let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
            let secrets: Result<Vec<_>, _> = lines.map(Secret::new).collect();
            let secrets = secrets.map_err(flawed)?;
            if secrets.is_empty() { refuse(format!("{name} is empty")) } else { Ok(secrets) }
        };
        Ok(match kind {
            file::Provider::Twilio => {
                let account_sid = self.account_sid.clone();
                Provider::Twilio(Twilio { secrets: one()?, account_sid })
            }
            file::Provider::Telnyx => {
                let name = key("secret");
                let said = secret(self.secret.as_deref(), self.secret_file.as_deref(), &name)?;
                let keys: Vec<String> =
                    required(said, &name)?.lines().map(|line| line.trim().to_owned()).collect();
                Provider::Telnyx(Telnyx::new(&keys).map_err(flawed)?)
            }
            file::Provider::Vonage => {
                Provider::Vonage(Vonage { secrets: one()?, api_key: self.api_key.clone() })
            }
            file::Provider::Smsgate => Provider::SmsGate(SmsGate { secrets: one()? }),
            file::Provider::Sns => {
                let topics = self.topic_arns.clone();
                if topics.is_empty() {
                    return refuse(format!(
                        "{} is missing: whose messages count",
                        key("topic_arns")
                    ));
                }
                Provider::Sns(Sns { topics })
            }
            file::Provider::Generic => self.generic(key)?,
        })
    }

    fn generic(&self, key: &dyn Fn(&str) -> String) -> Result<Provider, ConfigError> {
        let table = required(self.generic.clone(), &key("generic"))?;
        let description = Description::deserialize(table)
            .map_err(|error| ConfigError(format!("{}: {}", key("generic"), error.message())))?;
        let secrets = self.secrets(key)?;
        let generic = Generic::new(description, secrets).map_err(|flaw| {
            ConfigError(format!("{}.{}: {}", key("generic"), flaw.key, flaw.reason))
        })?;
        Ok(Provider::Generic(Box::new(generic)))
    }

    /// The secrets that a description names; `secret` is the one of this webhook's own key.
    fn secrets(&self, key: &dyn Fn(&str) -> String) -> Result<Secrets, ConfigError> {
        let mut secrets = Secrets::new();
        let own = secret(self.secret.as_deref(), self.secret_file.as_deref(), &key("secret"))?;
        let own = own.map(|value| ("secret".to_owned(), value));
        let read = |(name, path): (&String, &PathBuf)| {
            let key = key(&format!("secret_files.{name}"));
            let value = secret(None, Some(path.as_path()), &key)?;
            Ok::<_, ConfigError>((name.clone(), required(value, &key)?))
        };
        let files: Vec<_> = self.secret_files.iter().map(read).collect::<Result<_, _>>()?;
        for (name, value) in files.into_iter().chain(own) {
            let made = Secret::new(value);
            let made =
                made.map_err(|_| ConfigError(format!("{}: {name} is empty", key("secret"))))?;
            secrets.insert(name, made);
        }
        Ok(secrets)
    }

    /// A key that does nothing would be taken for protection.
    fn refuse_what_is_another_provider_s(
        &self,
        kind: file::Provider,
        key: &dyn Fn(&str) -> String,
    ) -> Result<(), ConfigError> {
        use file::Provider::{Generic, Sns, Twilio, Vonage};
        let of = |provider: file::Provider| kind == provider;
        for (name, said, own) in [
            ("account_sid", self.account_sid.is_some(), of(Twilio)),
            ("api_key", self.api_key.is_some(), of(Vonage)),
            ("topic_arns", !self.topic_arns.is_empty(), of(Sns)),
            ("generic", self.generic.is_some(), of(Generic)),
            ("secret_files", !self.secret_files.is_empty(), of(Generic)),
            ("secret", self.secret.is_some() || self.secret_file.is_some(), !of(Sns)),
        ] {
            if said && !own {
                return refuse(format!("{} is no key of this provider", key(name)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::File;

    fn check(sections: &str) -> Result<crate::config::Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "issuer = \"https://id.example.com\"\nstore.url = \"sqlite://{}\"\n\
             keys.master = {:?}\n{sections}",
            folder.path().join("t.db").display(),
            "01".repeat(32),
        );
        let file = toml::from_str::<File>(&text).map_err(|error| error.to_string())?;
        file.check().map_err(|error| error.to_string())
    }

    #[test]
    fn what_protects_nothing_is_refused() {
        let webhook = "[[sms.webhook]]\nname = \"w\"\n";
        let generic = "[sms.webhook.generic]\nmethod = \"GET\"\nformat = \"query\"\n\
            fields = { from = \"f\", text = \"t\" }\n";
        for (more, why) in [
            ("", "sms.webhook.0.provider is missing"),
            ("provider = \"clickatell\"", "unknown variant"),
            ("provider = \"twilio\"", "sms.webhook.0.secret is missing"),
            ("provider = \"twilio\"\nsecret = \"\"", "sms.webhook.0.secret is empty"),
            ("provider = \"twilio\"\nsecret = \"s\"\napi_key = \"k\"", "api_key is no key of"),
            ("provider = \"telnyx\"\nsecret = \"no key\"", "sms.webhook.0"),
            ("provider = \"sns\"", "topic_arns is missing"),
            ("provider = \"generic\"\nsecret = \"s\"", "generic is missing"),
            ("provider = \"smsgate\"\nsecret = \"s\"\nallow = [\"here\"]", "allow"),
            ("provider = \"smsgate\"\nsecret = \"s\"\nurl = \"/sms/w\"", "url"),
            (&format!("provider = \"generic\"\n{generic}authentication = []"), "authentication"),
            (
                &format!("provider = \"generic\"\n{generic}authentication = [\"mtls\"]"),
                "certificates_sha256 is missing",
            ),
        ] {
            let refused = check(&format!("{webhook}{more}")).unwrap_err();
            assert!(refused.contains(why), "{more}: {refused}");
        }
        let twice = format!("{webhook}provider = \"smsgate\"\nsecret = \"s\"\n");
        let refused = check(&twice.repeat(2)).unwrap_err();
        assert!(refused.contains("two routes are named"), "{refused}");
    }
}
