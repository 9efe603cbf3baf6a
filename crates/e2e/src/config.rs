//! The server's configuration file (PROTOCOL 12).

use std::fmt::Write as _;
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
    /// `trust`
    pub trust: String,
    /// Further lines.
    pub more: String,
}

impl Bind {
    /// A transceiver bind of an operator's.
    pub fn new(name: &str, port: u16) -> Self {
        Self { name: name.to_owned(), port, trust: "operator".to_owned(), more: String::new() }
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
    /// The issuer's path: empty, or `/` and more.
    pub issuer_path: String,
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

    /// The file. The store and its master key are in `folder`.
    pub fn file(&self, issuer: &str, listen: &str, admin: &str, folder: &Path) -> String {
        let mut text = format!(
            "issuer = \"{issuer}\"\n\
             [http]\nlisten = \"{listen}\"\ndevelopment = {}\n\
             [admin]\nlisten = \"{admin}\"\n\
             [store]\nurl = \"sqlite://{}/twinpath.db\"\n\
             [keys]\nmaster = \"{MASTER}\"\n\
             {}\n",
            self.development,
            folder.display(),
            self.sections,
        );
        for Bind { name, port, trust, more } in &self.binds {
            write!(
                text,
                "[[sms.smpp]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n\
                 system_id = \"twinpath\"\npassword = \"secret\"\nnumbers = [\"+8610690001\"]\n\
                 country = \"GB\"\ntrust = \"{trust}\"\n{more}"
            )
            .unwrap();
        }
        text
    }
}
