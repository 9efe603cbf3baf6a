//! `[sms.smpp_server]`: the listener that gateways and aggregators bind to, and who they are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use twinpath_core::first_message::Route;
use twinpath_core::ids::RouteName;
use twinpath_smpp::text::DefaultAlphabet;

use crate::config::check::{address, default_alphabet, limited, required, within};
use crate::config::load::refuse;
use crate::config::route::{Senders, fingerprints, route_name};
use crate::config::secrets::secret;
use crate::config::{ConfigError, Network, Password, TlsFiles, file};

/// The listener.
#[derive(Clone, Debug)]
pub struct SmppServer {
    /// Where it listens.
    pub listen: SocketAddr,
    /// With it the listener speaks TLS.
    pub tls: Option<TlsFiles>,
    /// PEM: with it clients must show a certificate that one of these vouches for.
    pub client_ca: Option<PathBuf>,
    /// Connections at the same time.
    pub max_connections: usize,
    /// Connections of an IPv4 address or an IPv6 /64 at the same time.
    pub max_connections_per_address: usize,
    /// How long a connection may stay unbound, its handshake included.
    pub session_init: Duration,
    /// Silence after which a session ends.
    pub inactivity: Duration,
    /// Silence after which a peer is asked whether it is there.
    pub enquire_link: Duration,
    /// Failed binds after which no more are looked at for a while.
    pub lockout: Lockout,
    /// Who may bind.
    pub peers: Vec<Peer>,
}

/// When guessing is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lockout {
    /// Failed binds.
    pub attempts: u32,
    /// For how long they count, and how long a lockout lasts.
    pub time: Duration,
}

/// One `[[sms.smpp_server.peer]]`.
#[derive(Clone, Debug)]
pub struct Peer {
    /// How its texts are read and believed.
    pub route: Route,
    /// SMPP 3.4 5.2.1.
    pub system_id: String,
    /// SMPP 3.4 5.2.2.
    pub password: Password,
    /// Where it may come from.
    pub allow: Vec<Network>,
    /// SHA-256 of the certificates it may show (RFC 8705 3.1); empty leaves that to `client_ca`.
    pub certificates: Vec<String>,
    /// Sessions at the same time.
    pub max_binds: usize,
    /// Texts in work at the same time, in each session.
    pub window: usize,
    /// Texts a second, in all its sessions.
    pub rate_per_s: Option<u32>,
    /// The numbers whose texts it hands over.
    pub numbers: Vec<String>,
    /// Of lower priority are offered first.
    pub priority: u32,
    /// The alphabet of `data_coding` 0.
    pub default_alphabet: DefaultAlphabet,
}

fn size(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

impl file::SmppServer {
    /// `ttl_s` is what `[terminal]` says.
    pub(super) fn check(&self, ttl_s: u32) -> Result<SmppServer, ConfigError> {
        let key = |name: &str| format!("sms.smpp_server.{name}");
        let number = |value, name: &str, default, max| within(value, &key(name), default, 1, max);
        let seconds = |value, name: &str, default, max| {
            number(value, name, default, max).map(|s| Duration::from_secs(s.into()))
        };
        let peers = self.peer.iter().enumerate();
        let peers = peers.map(|(at, peer)| peer.check(at, ttl_s)).collect::<Result<Vec<_>, _>>()?;
        if peers.is_empty() {
            return refuse("sms.smpp_server.peer is missing: nobody could bind");
        }
        for (at, peer) in peers.iter().enumerate() {
            if peers.iter().take(at).any(|other| other.system_id == peer.system_id) {
                return refuse(format!(
                    "sms.smpp_server.peer.{at}.system_id is another peer's too"
                ));
            }
            if !peer.certificates.is_empty() && self.client_ca_file.is_none() {
                return refuse(format!(
                    "sms.smpp_server.peer.{at}.certificates_sha256 needs \
                     sms.smpp_server.client_ca_file: without it no certificate is asked for"
                ));
            }
        }
        let (inactivity, enquire_link) = (
            seconds(self.inactivity_s, "inactivity_s", 300, 86_400)?,
            seconds(self.enquire_link_s, "enquire_link_s", 30, 3600)?,
        );
        if inactivity <= enquire_link {
            return refuse("sms.smpp_server.inactivity_s must be longer than enquire_link_s");
        }
        Ok(SmppServer {
            listen: address(&required(self.listen.clone(), &key("listen"))?, &key("listen"))?,
            tls: self.files()?,
            client_ca: self.client_ca_file.clone(),
            max_connections: size(number(self.max_connections, "max_connections", 256, 100_000)?),
            max_connections_per_address: size(number(
                self.max_connections_per_address,
                "max_connections_per_address",
                16,
                100_000,
            )?),
            session_init: seconds(self.session_init_s, "session_init_s", 10, 300)?,
            inactivity,
            enquire_link,
            lockout: Lockout {
                attempts: number(self.lockout_attempts, "lockout_attempts", 5, 1000)?,
                time: seconds(self.lockout_s, "lockout_s", 300, 86_400)?,
            },
            peers,
        })
    }

    fn files(&self) -> Result<Option<TlsFiles>, ConfigError> {
        match (&self.certificate_file, &self.key_file, &self.client_ca_file) {
            (Some(certificate), Some(key), _) => {
                Ok(Some(TlsFiles { certificate: certificate.clone(), key: key.clone() }))
            }
            (None, None, None) => Ok(None),
            (Some(_), None, _) => refuse("sms.smpp_server.key_file is missing"),
            (None, ..) => refuse("sms.smpp_server.certificate_file is missing"),
        }
    }
}

impl file::SmppPeer {
    fn check(&self, at: usize, ttl_s: u32) -> Result<Peer, ConfigError> {
        let key = |name: &str| format!("sms.smpp_server.peer.{at}.{name}");
        let name = required(self.name.clone(), &key("name"))?;
        route_name(&name, &key("name"))?;
        let system_id =
            limited(required(self.system_id.clone(), &key("system_id"))?, 15, &key("system_id"))?;
        let password =
            secret(self.password.as_deref(), self.password_file.as_deref(), &key("password"))?;
        let password = limited(required(password, &key("password"))?, 64, &key("password"))?;
        if password.is_empty() || system_id.is_empty() {
            return refuse(format!("{} and password must not be empty", key("system_id")));
        }
        let number = |value, name: &str, default, max| within(value, &key(name), default, 1, max);
        let Self { country, countries, ranges, refuse_ranges, trust, unknown_ton, .. } = self;
        let senders = Senders {
            country: country.as_ref(),
            countries,
            ranges,
            refuse_ranges,
            trust: *trust,
            unknown_ton: *unknown_ton,
        };
        Ok(Peer {
            route: Route {
                name: RouteName::from(name.as_str()),
                senders: senders.check(&key)?,
                ttl_s: within(self.ttl_s, &key("ttl_s"), ttl_s, 10, 86_400)?.into(),
            },
            system_id,
            password: Password(password),
            allow: self.networks(&key("allow"))?,
            certificates: fingerprints(&self.certificates_sha256, &key("certificates_sha256"))?,
            max_binds: size(number(self.max_binds, "max_binds", 4, 1000)?),
            window: size(number(self.window, "window", 256, 10_000)?),
            rate_per_s: match self.rate_per_s {
                Some(_) => Some(number(self.rate_per_s, "rate_per_s", 1, 1_000_000)?),
                None => None,
            },
            numbers: self.numbers.clone(),
            priority: self.priority,
            default_alphabet: default_alphabet(self.default_alphabet),
        })
    }

    /// An empty list would say either nobody or everybody: it has to be said.
    fn networks(&self, key: &str) -> Result<Vec<Network>, ConfigError> {
        if self.allow.is_empty() {
            return refuse(format!(
                "{key} is missing: name the peer's addresses, like [\"192.0.2.0/24\"]"
            ));
        }
        let network = |text: &String| {
            text.parse().map_err(|why| ConfigError(format!("{key}: {text:?} {why}")))
        };
        self.allow.iter().map(network).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{File, SmppServer};

    const LISTEN: &str = "[sms.smpp_server]\nlisten = \"127.0.0.1:2775\"\n";
    const PEER: &str = "[[sms.smpp_server.peer]]\nname = \"a\"\nsystem_id = \"a\"\n\
                        password = \"p\"\nallow = [\"10.0.0.0/8\", \"::1\"]\n";

    fn read(lines: &str) -> Result<SmppServer, String> {
        let text = format!(
            "issuer = \"https://id.example.com\"\nstore.url = \"sqlite:///tmp/x.db\"\n\
             keys.master = {:?}\n{lines}",
            "01".repeat(32)
        );
        let file: File = toml::from_str(&text).map_err(|error| error.to_string())?;
        file.check().map(|config| config.smpp_server.unwrap()).map_err(|error| error.0)
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let server = read(&format!("{LISTEN}{PEER}")).unwrap();
        assert_eq!((server.max_connections, server.max_connections_per_address), (256, 16));
        assert_eq!((server.session_init.as_secs(), server.inactivity.as_secs()), (10, 300));
        assert_eq!((server.lockout.attempts, server.lockout.time.as_secs()), (5, 300));
        assert!(server.tls.is_none());
        let peer = &server.peers[0];
        assert_eq!((peer.max_binds, peer.window, peer.rate_per_s), (4, 256, None));
        assert!(peer.allow[0].contains([10, 1, 2, 3].into()));
        assert!(!format!("{server:?}").contains("\"p\""), "no password");
    }

    #[test]
    fn fingerprints_are_read_as_openssl_prints_them() {
        let tls = "certificate_file = \"/a\"\nkey_file = \"/b\"\nclient_ca_file = \"/c\"\n";
        let colons = vec!["Ab"; 32].join(":");
        let listed = format!("{LISTEN}{tls}{PEER}certificates_sha256 = [{colons:?}]");
        let plain = format!("{LISTEN}{tls}{PEER}certificates_sha256 = [{:?}]", "aB".repeat(32));
        let [listed, plain] = [listed, plain].map(|lines| read(&lines).unwrap().peers.remove(0));
        assert_eq!((listed.certificates.len(), listed.certificates[0].len()), (1, 43));
        assert_eq!(listed.certificates, plain.certificates);
    }

    #[test]
    fn what_could_not_work_or_would_not_protect_is_refused() {
        let twice = format!("{PEER}{}", PEER.replace("name = \"a\"", "name = \"b\""));
        let open = PEER.replace("allow = [\"10.0.0.0/8\", \"::1\"]\n", "");
        for (lines, why) in [
            ("[sms.smpp_server]\n".to_owned() + PEER, "listen is missing"),
            (LISTEN.to_owned(), "nobody could bind"),
            (format!("{LISTEN}{open}"), "allow is missing"),
            (format!("{LISTEN}{open}allow = [\"10.0.0.0/33\"]"), "must be an address"),
            (format!("{LISTEN}{}", PEER.replace("\"p\"", "\"\"")), "must not be empty"),
            (format!("{LISTEN}{twice}"), "peer.1.system_id is another peer's"),
            (
                format!("{LISTEN}{PEER}{}", PEER.replace("system_id = \"a\"", "system_id = \"b\"")),
                "two routes are named \"a\"",
            ),
            (format!("{LISTEN}certificate_file = \"/a\"\n{PEER}"), "key_file is missing"),
            (format!("{LISTEN}client_ca_file = \"/a\"\n{PEER}"), "certificate_file is missing"),
            (format!("{LISTEN}inactivity_s = 30\n{PEER}"), "longer than enquire_link_s"),
            (format!("{LISTEN}lockout_attempts = 0\n{PEER}"), "lockout_attempts = 0 must be"),
            (format!("{LISTEN}{PEER}rate_per_s = 0"), "rate_per_s = 0 must be"),
            (format!("{LISTEN}{PEER}certificates_sha256 = [{:?}]", "ab".repeat(32)), "client_ca"),
            (
                format!("{LISTEN}client_ca_file = \"/a\"\n{PEER}certificates_sha256 = [\"ab\"]"),
                "64 hexadecimal digits",
            ),
            (format!("{LISTEN}{PEER}alow = []"), "unknown field"),
        ] {
            let said = read(&lines).unwrap_err();
            assert!(said.contains(why), "{lines}: {said}");
        }
    }
}
