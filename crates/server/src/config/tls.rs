//! `[http.tls]`, `[http.mtls]` and the proxy's header: TLS, and apps' certificates (RFC 8705).

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::HeaderName;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use twinpath_core::app::ClientRoots;

use crate::config::check::{address, checked_issuer, required};
use crate::config::load::refuse;
use crate::config::{ConfigError, file};

/// Where a listener's certificate and key are. They are read again when they change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// PEM: the certificate, then those between it and its root.
    pub certificate: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC 1.
    pub key: PathBuf,
}

/// How apps' certificates come in, and what may vouch for them.
#[derive(Clone, Default, Debug)]
pub struct Mtls {
    /// The listener that asks for them.
    pub listen: Option<(SocketAddr, TlsFiles)>,
    /// The base URL of `mtls_endpoint_aliases` (RFC 8705 5).
    pub public_url: Option<String>,
    /// The header by which trusted proxies hand them on.
    pub header: Option<HeaderName>,
    /// For `tls_client_auth`.
    pub roots: ClientRoots,
}

impl Mtls {
    /// Whether a request can bring a certificate.
    pub fn possible(&self) -> bool {
        self.listen.is_some() || self.header.is_some()
    }
}

/// Headers that say other things already.
const TAKEN: [&str; 8] = [
    "authorization",
    "content-length",
    "content-type",
    "dpop",
    "host",
    "oauth-client-attestation",
    "oauth-client-attestation-pop",
    "x-forwarded-for",
];

impl file::Http {
    pub(super) fn check_tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let Some(tls) = &self.tls else { return Ok(None) };
        let key = |name: &str| format!("http.tls.{name}");
        Ok(Some(TlsFiles {
            certificate: required(tls.certificate_file.clone(), &key("certificate_file"))?,
            key: required(tls.key_file.clone(), &key("key_file"))?,
        }))
    }

    pub(super) fn check_mtls(&self, proxies: &[IpAddr]) -> Result<Mtls, ConfigError> {
        let header = self.client_certificate_header.as_deref().map(checked_header).transpose()?;
        if header.is_some() && proxies.is_empty() {
            return refuse(
                "http.client_certificate_header needs http.trusted_proxies: it is believed from \
                 them only",
            );
        }
        let Some(mtls) = &self.mtls else {
            return Ok(Mtls { header, ..Mtls::default() });
        };
        let listen = match &mtls.listen {
            Some(text) => Some((address(text, "http.mtls.listen")?, self.mtls_files(mtls)?)),
            None => None,
        };
        let checked = Mtls {
            public_url: mtls.public_url.as_deref().map(checked_url).transpose()?,
            roots: mtls.client_ca_file.as_deref().map_or(Ok(ClientRoots::default()), roots)?,
            listen,
            header,
        };
        if !checked.possible() {
            return refuse(
                "http.mtls.listen is missing, or http.client_certificate_header: without them no \
                 certificate can come in",
            );
        }
        if checked.listen.is_some() && checked.public_url.is_none() {
            return refuse(
                "http.mtls.public_url is missing: apps have to be told where this listener is",
            );
        }
        Ok(checked)
    }

    fn mtls_files(&self, mtls: &file::Mtls) -> Result<TlsFiles, ConfigError> {
        match (&mtls.certificate_file, &mtls.key_file, self.check_tls()?) {
            (Some(certificate), Some(key), _) => {
                Ok(TlsFiles { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None, Some(files)) => Ok(files),
            (Some(_), None, _) => refuse("http.mtls.key_file is missing"),
            (None, ..) => refuse("http.mtls.certificate_file is missing"),
        }
    }
}

fn checked_header(name: &str) -> Result<HeaderName, ConfigError> {
    match HeaderName::try_from(name) {
        Ok(name) if !TAKEN.contains(&name.as_str()) => Ok(name),
        _ => refuse(format!("http.client_certificate_header: {name:?} cannot be its name")),
    }
}

fn checked_url(url: &str) -> Result<String, ConfigError> {
    match checked_issuer(url.to_owned()) {
        Ok(url) if url.starts_with("https://") => Ok(url),
        _ => refuse(format!(
            "http.mtls.public_url {url:?} must be an https URL without query, fragment or a slash \
             at its end"
        )),
    }
}

fn roots(path: &Path) -> Result<ClientRoots, ConfigError> {
    let at = path.display();
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| ConfigError(format!("http.mtls.client_ca_file {at}: {error}")))?;
    if certificates.is_empty() {
        return refuse(format!("http.mtls.client_ca_file {at} holds no certificate"));
    }
    ClientRoots::new(&certificates)
        .map_err(|error| ConfigError(format!("http.mtls.client_ca_file {at}: {error}")))
}

#[cfg(test)]
mod tests {
    use crate::config::File;

    /// The message of a refusal, or nothing.
    fn fault(lines: &str) -> Option<String> {
        let text = format!(
            "issuer = \"https://id.example.com\"\nstore.url = \"sqlite:///tmp/x.db\"\n\
             keys.master = {:?}\n{lines}",
            "01".repeat(32)
        );
        let file: File = toml::from_str(&text).unwrap();
        file.check().err().map(|error| error.0)
    }

    #[test]
    fn what_could_not_work_or_would_not_protect_is_refused() {
        for (lines, why) in [
            ("http.client_certificate_header = \"client-cert\"", "trusted_proxies"),
            ("http.client_certificate_header = \"not a name\"", "cannot be its name"),
            ("http.client_certificate_header = \"Authorization\"", "cannot be its name"),
            ("http.tls.certificate_file = \"/a\"", "http.tls.key_file is missing"),
            ("http.mtls.public_url = \"https://mtls.example.com\"", "http.mtls.listen is missing"),
            ("http.mtls.listen = \"127.0.0.1:1\"", "http.mtls.certificate_file is missing"),
            (
                "[http.mtls]\nlisten = \"127.0.0.1:1\"\ncertificate_file = \"/a\"",
                "http.mtls.key_file is missing",
            ),
            (
                "[http.mtls]\nlisten = \"127.0.0.1:1\"\ncertificate_file = \"/a\"\nkey_file = \"/b\"",
                "http.mtls.public_url is missing",
            ),
            (
                "[http]\ntrusted_proxies = [\"127.0.0.1\"]\nclient_certificate_header = \"a\"\n\
                 mtls.public_url = \"http://127.0.0.1\"",
                "must be an https URL",
            ),
            (
                "[http]\ntrusted_proxies = [\"127.0.0.1\"]\nclient_certificate_header = \"a\"\n\
                 mtls.client_ca_file = \"/dev/null\"",
                "holds no certificate",
            ),
        ] {
            let said = fault(lines).unwrap_or_default();
            assert!(said.contains(why), "{lines}: {said}");
        }
        let fine = "[http]\ntrusted_proxies = [\"127.0.0.1\"]\nclient_certificate_header = \"A\"\n\
                    [http.tls]\ncertificate_file = \"/a\"\nkey_file = \"/b\"\n\
                    [http.mtls]\nlisten = \"127.0.0.1:1\"\npublic_url = \"https://m.example.com\"";
        assert_eq!(fault(fine), None);
    }
}
