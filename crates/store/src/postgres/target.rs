//! Where the database is: the URL, and how the way to it is protected.
//!
//! `postgres://user:password@host1:5432,host2:5432/database?sslmode=verify-full`. Of several hosts the
//! one that takes writes is used, so a promoted standby is found. TLS, where it is used, always checks
//! the server's certificate and name.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long sent bytes may stay unacknowledged before a connection counts as cut.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// Where the database is.
#[derive(Clone)]
pub(super) struct Target {
    /// How to each of its hosts, in order. Where several are one configuration, the driver gives them
    /// no time of their own, and one that takes connections and then hangs hides those behind it.
    pub(super) hosts: Vec<Config>,
    pub(super) tls: MakeRustlsConnect,
}

/// Parameters that the driver does not know.
#[derive(Default)]
struct Protection {
    mode: Option<String>,
    roots: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Target {
    /// Reads a URL. Messages never repeat it: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (plain, protection) = Protection::take_from(url);
        let config: Config = plain.parse().map_err(|_| malformed())?;
        if config.get_dbname().is_none() {
            return Err(refuse("it names no database"));
        }
        if config.get_hosts().is_empty() {
            return Err(refuse("it names no host"));
        }
        let mode = protection.mode(&config)?;
        let hosts = one_host_each(&plain).map(|url| {
            let mut config: Config = url.parse().map_err(|_| malformed())?;
            set_up(&mut config, mode);
            Ok(config)
        });
        let hosts = hosts.collect::<Result<_, StoreError>>()?;
        Ok(Self { hosts, tls: MakeRustlsConnect::new(protection.client(mode)?) })
    }
}

fn set_up(config: &mut Config, mode: SslMode) {
    config
        .ssl_mode(mode)
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .keepalives_idle(Duration::from_secs(5))
        .keepalives_interval(Duration::from_secs(2))
        .keepalives_retries(3);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_application_name().is_none() {
        config.application_name("twinpath");
    }
}

/// The URL once for each of its hosts. Those that a parameter names stay together.
fn one_host_each(url: &str) -> impl Iterator<Item = String> {
    let begin = url.find("://").map_or(0, |scheme| scheme + 3);
    let begin = url.find('@').map_or(begin, |user| user + 1);
    let (user, rest) = url.split_at(begin);
    let (hosts, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    hosts.split(',').map(move |host| format!("{user}{host}{rest}"))
}

fn malformed() -> StoreError {
    refuse("it is not of the form postgres://user:password@host:port/database?parameter=value")
}

impl Protection {
    /// Splits the URL's parameters into the driver's and ours.
    fn take_from(url: &str) -> (String, Self) {
        let mut ours = Self::default();
        let Some((place, query)) = url.split_once('?') else {
            return (url.to_owned(), ours);
        };
        let mut theirs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "sslmode" => &mut ours.mode,
                "sslrootcert" => &mut ours.roots,
                "sslcert" => &mut ours.certificate,
                "sslkey" => &mut ours.key,
                _ => {
                    theirs.append_pair(&name, &value);
                    continue;
                }
            };
            *slot = Some(value.into_owned());
        }
        // The driver decodes percent signs but takes a plus for itself.
        let theirs = theirs.finish().replace('+', "%20");
        if theirs.is_empty() {
            (place.to_owned(), ours)
        } else {
            (format!("{place}?{theirs}"), ours)
        }
    }

    fn mode(&self, config: &Config) -> Result<SslMode, StoreError> {
        match self.mode.as_deref() {
            Some("disable") => Ok(SslMode::Disable),
            Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
            Some(_) => Err(refuse(
                "sslmode must be verify-full or disable: what may be plain is as good as plain",
            )),
            None if is_here(config) => Ok(SslMode::Disable),
            None => Ok(SslMode::Require),
        }
    }

    fn client(&self, mode: SslMode) -> Result<ClientConfig, StoreError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.roots {
            let pem = read(path, "sslrootcert")?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
                added
                    .ok_or_else(|| refuse("sslrootcert holds something else than certificates"))?;
            }
        } else if mode == SslMode::Require {
            let (_added, _strange) =
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() && mode == SslMode::Require {
            return Err(refuse("there is no certificate to trust: name a file by sslrootcert="));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| refuse("TLS cannot be set up"))?
            .with_root_certificates(roots);
        match (&self.certificate, &self.key) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(certificate), Some(key)) => {
                let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate, "sslcert")?)
                    .collect::<Result<_, _>>()
                    .map_err(|_| refuse("sslcert is not a PEM file of certificates"))?;
                let key = PrivateKeyDer::from_pem_slice(&read(key, "sslkey")?)
                    .map_err(|_| refuse("sslkey is not a PEM file with a private key"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|_| refuse("sslcert and sslkey do not fit each other"))
            }
            _ => Err(refuse("sslcert and sslkey go together")),
        }
    }
}

/// Whether the way to the database does not leave the machine.
fn is_here(config: &Config) -> bool {
    config.get_hosts().iter().all(here)
        && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// Whether the way to this host does not leave the machine.
fn here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let loopback = name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
            name == "localhost" || loopback
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn read(path: &str, parameter: &str) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|error| refuse(&format!("{parameter}: {error}")))
}

fn refuse(why: &str) -> StoreError {
    StoreError::unavailable(format!("the store's URL cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        Target::parse(url).map(|target| target.hosts[0].get_ssl_mode()).unwrap()
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_told_otherwise() {
        assert_eq!(mode("postgres://me@127.0.0.1/db"), SslMode::Disable);
        assert_eq!(mode("postgres://me@localhost:5433/db"), SslMode::Disable);
        assert_eq!(mode("postgresql://me@%2Frun%2Fpostgresql/db"), SslMode::Disable);
        assert_eq!(mode("postgres://me@db.example/db?sslmode=disable"), SslMode::Disable);
        for url in [
            "postgres://me@127.0.0.1,db.example/db",
            "postgres://me@10.0.0.1/db",
            "postgres://me@localhost/db?hostaddr=10.0.0.1",
        ] {
            match Target::parse(url) {
                Ok(target) => assert_eq!(target.hosts[0].get_ssl_mode(), SslMode::Require),
                // A machine without any root certificate.
                Err(error) => assert!(error.to_string().contains("sslrootcert"), "{error}"),
            }
        }
    }

    #[test]
    fn each_host_has_a_configuration_of_its_own() {
        let url = "postgres://me:x@127.0.0.1:5001,localhost:5002,[::1]/db?application_name=a";
        let target = Target::parse(&format!("{url}&sslmode=disable")).unwrap();
        let ports: Vec<_> = target.hosts.iter().map(|host| host.get_ports().to_vec()).collect();
        assert_eq!(ports, [vec![5001], vec![5002], vec![5432]]);
        for host in &target.hosts {
            assert_eq!((host.get_hosts().len(), host.get_dbname()), (1, Some("db")));
            assert_eq!((host.get_user(), host.get_application_name()), (Some("me"), Some("a")));
            assert_eq!(host.get_ssl_mode(), SslMode::Disable);
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        }
        let one = Target::parse("postgres:///db?host=127.0.0.1").unwrap();
        assert_eq!((one.hosts.len(), one.hosts[0].get_hosts().len()), (1, 1));
    }

    #[test]
    fn bad_urls_are_refused_without_repeating_them() {
        let bad = [
            "postgres://me:hunter2@db.example",
            "postgres://me:hunter2@db.example:port/db",
            "postgres://me:hunter2@127.0.0.1/db?sslmode=prefer",
            "postgres://me:hunter2@127.0.0.1/db?sslmode=sometimes",
            "postgres://me:hunter2@127.0.0.1/db?nonsense=hunter2",
            "postgres://me:hunter2@127.0.0.1/db?sslrootcert=/does/not/exist",
            "postgres://me:hunter2@127.0.0.1/db?sslcert=/dev/null",
            "postgres:///db",
        ];
        for url in bad {
            let Err(error) = Target::parse(url) else { panic!("{url} was taken") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
