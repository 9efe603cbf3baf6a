//! Certificates and connections of the tests' own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use twinpath_e2e::app::{Draft, Instance};
use twinpath_e2e::http::{Answer, Request, exchange};
use twinpath_e2e::jose::{base64url, sha256};
use twinpath_e2e::wait::within;

/// A CA, and a folder with its certificate and those of a server it vouches for.
pub(crate) struct Pki {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) root: CertificateDer<'static>,
    folder: TempDir,
}

/// What a client shows.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Pki {
    pub(crate) fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), params("Tests"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let root = certificate.der().clone();
        let this = Self { issuer: Issuer::new(params, key), root, folder };
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&key, &this.issuer).unwrap();
        std::fs::write(this.path("server.pem"), server.pem()).unwrap();
        std::fs::write(this.path("server.key"), key.serialize_pem()).unwrap();
        this
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `certificate_file` and `key_file` of a server.
    pub(crate) fn files(&self) -> String {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        format!("certificate_file = {certificate:?}\nkey_file = {key:?}\n")
    }

    /// `[http.mtls]`, listening on a free port.
    pub(crate) fn listener(&self) -> String {
        let ca = self.path("ca.pem");
        format!(
            "[http.mtls]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://mtls.example.com\"\n\
             client_ca_file = {ca:?}\n{}",
            self.files()
        )
    }

    /// A certificate of this CA for an app.
    pub(crate) fn issue(&self, dns: &str) -> Identity {
        self.issue_until(dns, 2100)
    }

    /// The same, good to the beginning of a year.
    pub(crate) fn issue_until(&self, dns: &str, year: i32) -> Identity {
        let (key, mut params) = (KeyPair::generate().unwrap(), params(dns));
        params.subject_alt_names = vec![SanType::DnsName(dns.to_owned().try_into().unwrap())];
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity { certificate, key }
    }

    /// Connects, showing a certificate or none.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(identity.shown())),
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::from(address.ip());
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        within("a handshake", connecting).await
    }

    /// One request; nothing if the server refuses the connection.
    pub(crate) async fn try_send(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
        request: &Request,
    ) -> Option<Answer> {
        let stream = self.connect(address, identity).await.ok()?;
        exchange(stream, &request.octets()).await
    }

    pub(crate) async fn send(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
        draft: &Draft,
    ) -> Answer {
        self.try_send(address, identity, &draft.request()).await.expect("an answer")
    }

    /// Userinfo with a token as it is.
    pub(crate) async fn userinfo(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
        authorization: &str,
    ) -> Answer {
        let request = Request::new("GET", "/userinfo").header("Authorization", authorization);
        self.try_send(address, identity, &request).await.expect("an answer")
    }
}

impl Identity {
    /// A certificate that nobody vouches for.
    pub(crate) fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params("anything").self_signed(&key).unwrap().der().clone();
        Self { certificate, key }
    }

    /// Another's certificate without its key.
    pub(crate) fn stolen(&self) -> Self {
        Self { certificate: self.certificate.clone(), key: KeyPair::generate().unwrap() }
    }

    /// `x5t#S256` (RFC 8705 3.1).
    pub(crate) fn thumbprint(&self) -> String {
        sha256(&self.certificate)
    }

    /// The JWK set with its key (RFC 8705 2.2.2).
    pub(crate) fn jwks(&self) -> Value {
        let point = self.key.public_key_raw();
        let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
        let x5c =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &self.certificate);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y, "x5c": [x5c]}]})
    }

    fn shown(&self) -> Shown {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let key = any_supported_type(&key).unwrap();
        Shown(Arc::new(CertifiedKey::new(vec![self.certificate.clone()], key)))
    }
}

/// Shows the certificate whether the key fits it or not.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The request with a refresh token.
pub(crate) fn refresh(instance: &Instance, token: &str) -> Draft {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    instance.draft("token_endpoint", &form)
}
