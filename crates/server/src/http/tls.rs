//! TLS at our own listeners. Certificate and key are read again when their files change.
//!
//! The listener for apps' certificates asks for one and takes any whose private key the client
//! possesses, or none: who an app is, the app's registration decides, for each request
//! ([`twinpath_core::app`]). A session is never resumed there, so each connection shows possession.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use twinpath_core::app::ClientCertificate;

use crate::config::TlsFiles;
use crate::http::Shutdown;

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// A listener's side of TLS.
pub struct Tls {
    identity: Arc<Identity>,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.identity.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// For HTTP: reads the files. `ask` for clients' certificates or not.
    pub fn open(files: &TlsFiles, ask: bool) -> io::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let verifier = ask.then(|| Arc::new(AnyCertificate(algorithms)) as _);
        Self::make(files, provider, verifier, vec![b"http/1.1".to_vec()])
    }

    /// For other protocols: reads the files. With `client_ca`, clients must show a certificate that
    /// one of those in this file vouches for.
    pub fn open_vouched(files: &TlsFiles, client_ca: Option<&Path>) -> io::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = client_ca.map(|path| vouched(path, &provider)).transpose()?;
        Self::make(files, provider, verifier, Vec::new())
    }

    fn make(
        files: &TlsFiles,
        provider: Arc<CryptoProvider>,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
        alpn: Vec<Vec<u8>>,
    ) -> io::Result<Self> {
        let identity = Arc::new(Identity::open(files, Arc::clone(&provider))?);
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let asks = verifier.is_some();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&identity) as _);
        config.alpn_protocols = alpn;
        if asks {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { identity, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands; also gives the client's certificate, if it showed one.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<ClientCertificate>)> {
        let accepted = tokio::time::timeout(HANDSHAKE_TIME, self.acceptor.accept(stream)).await;
        let stream = accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let shown = stream.get_ref().1.peer_certificates();
        let chain = shown.map(|chain| chain.iter().map(|der| der.clone().into_owned()).collect());
        let certificate = chain.map(ClientCertificate::read).transpose();
        Ok((stream, certificate.map_err(io::Error::other)?))
    }

    /// Looks at the files until the server stops.
    pub async fn watch(self: Arc<Self>, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.begun() => return,
            }
            match self.renew() {
                Ok(false) => {}
                Ok(true) => tracing::info!(files = ?self.identity.files, "certificate renewed"),
                Err(error) => tracing::error!(
                    files = ?self.identity.files, %error,
                    "the new certificate cannot be used, the old one goes on"
                ),
            }
        }
    }

    /// Reads the files again if they changed. Whether they did.
    pub fn renew(&self) -> io::Result<bool> {
        self.identity.renew()
    }
}

/// A certificate with its key, as of some moment.
struct Identity {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<(Stamp, Arc<CertifiedKey>)>,
}

/// When the two files were changed last.
type Stamp = [SystemTime; 2];

impl Identity {
    fn open(files: &TlsFiles, provider: Arc<CryptoProvider>) -> io::Result<Self> {
        let current = RwLock::new(read(files, &provider)?);
        Ok(Self { files: files.clone(), provider, current })
    }

    fn renew(&self) -> io::Result<bool> {
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).0;
        if stamp(&self.files)? == known {
            return Ok(false);
        }
        let fresh = read(&self.files, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).1))
    }
}

fn stamp(files: &TlsFiles) -> io::Result<Stamp> {
    let modified = |path: &Path| std::fs::metadata(path)?.modified();
    Ok([placed(&files.certificate, modified)?, placed(&files.key, modified)?])
}

/// Both files; what is half changed does not fit together and is refused.
fn read(files: &TlsFiles, provider: &CryptoProvider) -> io::Result<(Stamp, Arc<CertifiedKey>)> {
    // First, so that a change while we read is seen by the next look.
    let stamp = stamp(files)?;
    let chain = placed(&files.certificate, |path| {
        let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        chain.map_err(io::Error::other)
    })?;
    let key =
        placed(&files.key, |path| PrivateKeyDer::from_pem_file(path).map_err(io::Error::other))?;
    let fitting = CertifiedKey::from_der(chain, key, provider);
    let identity = placed(&files.certificate, |_| fitting.map_err(io::Error::other))?;
    Ok((stamp, Arc::new(identity)))
}

/// Takes certificates that one of those in this file vouches for.
fn vouched(path: &Path, provider: &Arc<CryptoProvider>) -> io::Result<Arc<dyn ClientCertVerifier>> {
    placed(path, |path| {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Ok(builder.build().map_err(io::Error::other)? as _)
    })
}

/// An error names its file.
fn placed<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    act(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

/// Takes any certificate that can be read, if the client proves that it has the private key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for AnyCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|der| der.clone().into_owned()).collect();
        let malformed = |_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
        ClientCertificate::read(chain).map(|_| ClientCertVerified::assertion()).map_err(malformed)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(files: &TlsFiles, at: u64, certificate: &str, key: &str) {
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at);
        fs::File::options().write(true).open(&files.key).unwrap().set_modified(at).unwrap();
    }

    fn current(tls: &Tls) -> CertificateDer<'static> {
        tls.identity.current.read().unwrap().1.cert[0].clone()
    }

    #[test]
    fn changed_files_are_taken_in_when_they_fit_together() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (old, new) = (made(), made());
        let pem = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
            (made.cert.pem(), made.signing_key.serialize_pem())
        };
        let missing = Tls::open(&files, true).unwrap_err().to_string();
        assert!(missing.contains("certificate.pem"), "{missing}");
        let ((old_pem, old_key), (new_pem, new_key)) = (pem(&old), pem(&new));
        write(&files, 1, &old_pem, &old_key);
        let tls = Tls::open(&files, true).unwrap();
        assert!(!tls.renew().unwrap(), "nothing changed");
        // Half a change: the old pair goes on.
        write(&files, 2, &new_pem, &old_key);
        assert!(tls.renew().is_err());
        write(&files, 3, "", &new_key);
        assert!(tls.renew().is_err());
        assert_eq!(&current(&tls), old.cert.der());
        write(&files, 4, &new_pem, &new_key);
        assert!(tls.renew().unwrap());
        assert_eq!(&current(&tls), new.cert.der());
        assert!(!tls.renew().unwrap());
    }
}
