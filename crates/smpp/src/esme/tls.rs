//! Owns TLS to a message centre: whom we trust there, and what we show of ourselves.
//!
//! Invariants: nothing is sent before the message centre has shown a certificate of its name from
//! a trusted CA; files are read again at each connection, so that new ones need no restart.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;

/// How TLS to a message centre is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the CAs that are trusted, and no others. Those of the system if there is none.
    pub ca: Option<PathBuf>,
    /// PEM: the certificate shown to the message centre with its chain, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name on the message centre's certificate; the host that is connected to if there is
    /// none.
    pub server_name: Option<String>,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {1}", path = .0.display())]
    Unreadable(PathBuf, std::io::Error),
    /// A file holds no certificate, or something else than certificates.
    #[error("{}: not a PEM file of certificates", .0.display())]
    Certificates(PathBuf),
    /// A file holds no private key.
    #[error("{}: not a PEM file with a private key", .0.display())]
    Key(PathBuf),
    /// Certificate and key are not each other's.
    #[error("{path}: {1}", path = .0.display())]
    Identity(PathBuf, rustls::Error),
    /// The system trusts nobody.
    #[error("this system has no root certificates: name a file of the message centre's CA")]
    NoRoots,
    /// Nothing a certificate could name.
    #[error("{0:?} is no name or address that a certificate could be for")]
    Name(String),
    /// Something that does not happen.
    #[error("TLS cannot be set up")]
    Setup,
}

impl TlsFiles {
    /// Reads everything: whether TLS could be set up now.
    pub fn check(&self, address: &str) -> Result<(), TlsError> {
        self.name(address)?;
        self.client().map(|_| ())
    }

    /// The name the message centre's certificate must have.
    pub(super) fn name(&self, address: &str) -> Result<ServerName<'static>, TlsError> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
    }

    /// What connects, from the files as they are now.
    pub(super) async fn connector(&self) -> Result<TlsConnector, TlsError> {
        let files = self.clone();
        let client = spawn_blocking(move || files.client()).await;
        let client = client.map_err(|_| TlsError::Setup).flatten()?;
        Ok(TlsConnector::from(Arc::new(client)))
    }

    fn client(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsError::Setup)?
            .with_root_certificates(self.roots()?);
        let Some((certificate, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let secret =
            PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| TlsError::Key(key.clone()))?;
        let client = builder.with_client_auth_cert(chain, secret);
        client.map_err(|error| TlsError::Identity(key.clone(), error))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.ca else {
            let found = rustls_native_certs::load_native_certs().certs;
            let (added, _strange) = roots.add_parsable_certificates(found);
            return if added == 0 { Err(TlsError::NoRoots) } else { Ok(roots) };
        };
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|_| TlsError::Certificates(path.clone()))?;
        }
        Ok(roots)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error))
}

/// At least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| TlsError::Certificates(path.to_owned()))
}
