//! The server's configuration file (PROTOCOL 12).

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// The master key of all tests.
pub const MASTER: &str = "6f1d9b8a4c0e7d5230a1b2c3d4e5f60718293a4b5c6d7e8f9fa0b1c2d3e4f506";

/// One `[[sms.smpp]]`.
#[derive(Clone, Debug)]
pub struct Bind {
    /// `name`
    pub name: String,
    /// The message centre's port.
    pub port: u16,
    /// `system_id`
    pub system_id: String,
    /// `trust`
    pub trust: String,
    /// Further lines.
    pub more: String,
}

impl Bind {
    /// A transceiver bind of an operator's.
    pub fn new(name: &str, port: u16) -> Self {
        let (system_id, trust) = ("twinpath".to_owned(), "operator".to_owned());
        Self { name: name.to_owned(), port, system_id, trust, more: String::new() }
    }

    /// Under another name here.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Under another name at the message centre.
    #[must_use]
    pub fn system_id(mut self, system_id: &str) -> Self {
        system_id.clone_into(&mut self.system_id);
        self
    }

    /// With another trust.
    #[must_use]
    pub fn trust(mut self, trust: &str) -> Self {
        trust.clone_into(&mut self.trust);
        self
    }

    /// With further lines of TOML.
    #[must_use]
    pub fn with(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }
}

/// What a test's server runs with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `http.development`
    pub development: bool,
    /// Further lines of `[http]`.
    pub http_more: String,
    /// The issuer's path: empty, or `/` and more.
    pub issuer_path: String,
    /// The whole issuer, if it is not where the server listens: nodes share one.
    pub issuer: Option<String>,
    /// `store.url`; an SQLite file of the server's own if it is not given.
    pub store: Option<String>,
    /// Further lines of `[store]`.
    pub store_more: String,
    /// Further lines of `[keys]`.
    pub keys_more: String,
    /// Further sections, but for `[http]`, `[admin]`, `[store]`, `[keys]`.
    pub sections: String,
    /// The binds.
    pub binds: Vec<Bind>,
}

impl Settings {
    /// With these binds.
    pub fn binds(binds: &[Bind]) -> Self {
        Self { binds: binds.to_vec(), ..Self::default() }
    }

    /// With further sections.
    #[must_use]
    pub fn with(mut self, sections: &str) -> Self {
        self.sections.push_str(sections);
        self.sections.push('\n');
        self
    }

    /// With apps that do not authenticate let in.
    #[must_use]
    pub fn development(mut self) -> Self {
        self.development = true;
        self
    }

    /// The issuer of a server that listens here.
    pub fn issuer(&self, address: SocketAddr) -> String {
        let shared = self.issuer.clone();
        shared.unwrap_or_else(|| format!("http://{address}{}", self.issuer_path))
    }

    /// The file. The store is in `folder`, unless it is a server's.
    pub fn file(&self, issuer: &str, listen: &str, admin: &str, folder: &Path) -> String {
        let embedded = || format!("sqlite://{}/twinpath.db", folder.display());
        let store = self.store.clone().unwrap_or_else(embedded);
        let mut text = format!(
            "issuer = \"{issuer}\"\n\
             [http]\nlisten = \"{listen}\"\ndevelopment = {}\n{}\n\
             [admin]\nlisten = \"{admin}\"\n\
             [store]\nurl = \"{store}\"\n{}\n\
             [keys]\nmaster = \"{MASTER}\"\n{}\n\
             {}\n",
            self.development, self.http_more, self.store_more, self.keys_more, self.sections,
        );
        for Bind { name, port, system_id, trust, more } in &self.binds {
            write!(
                text,
                "[[sms.smpp]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n\
                 system_id = \"{system_id}\"\npassword = \"secret\"\nnumbers = [\"+8610690001\"]\n\
                 country = \"GB\"\ntrust = \"{trust}\"\n{more}"
            )
            .unwrap();
        }
        text
    }
}
