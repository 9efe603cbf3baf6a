//! TLS to a message centre: whom a bind trusts, and what it shows of itself.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use twinpath_smpp::{
    centre::Centre,
    esme::{BindState, EsmeConfig, TlsFiles},
    pdu::CommandStatus,
};

use crate::support::{
    Application, centre, centre_config, esme_config, message, soon, start, until,
};

/// A CA, with a folder for what it issues.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Ca {
    fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Certificate and key, in files of this name.
    fn issue(&self, file: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (self.path(&format!("{file}.pem")), self.path(&format!("{file}.key")));
        fs::write(&paths.0, certificate.pem()).unwrap();
        fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(default_provider());
        WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap()
    }
}

/// A message centre behind TLS.
struct Secured {
    address: SocketAddr,
    centre: Centre,
    failures: mpsc::UnboundedReceiver<String>,
}

/// Starts one with a certificate for these names; it asks for certificates of `clients`.
async fn secured(ca: &Ca, names: &[&str], clients: Option<&Ca>) -> Secured {
    let (certificate, key) = ca.issue("centre", names);
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients.verifier()),
        None => builder.with_no_client_auth(),
    };
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let (centre, _submitted) = centre(centre_config()).await;
    let (to, listener) = (centre.address(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let (failed, failures) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, failed) = (acceptor.clone(), failed.clone());
            tokio::spawn(async move {
                match acceptor.accept(stream).await {
                    Ok(mut stream) => {
                        let mut plain = TcpStream::connect(to).await?;
                        copy_bidirectional(&mut stream, &mut plain).await?;
                    }
                    Err(error) => drop(failed.send(error.to_string())),
                }
                io::Result::Ok(())
            });
        }
    });
    Secured { address, centre, failures }
}

fn config(address: SocketAddr, tls: TlsFiles) -> EsmeConfig {
    EsmeConfig { tls: Some(tls), ..esme_config(address) }
}

fn trusting(ca: &Ca) -> TlsFiles {
    TlsFiles { ca: Some(ca.path("ca.pem")), ..TlsFiles::default() }
}

#[tokio::test]
async fn texts_pass_over_tls_in_both_directions() {
    let ca = Ca::new();
    let secured = secured(&ca, &["127.0.0.1"], None).await;
    let application = Application::open();
    let esme = start(config(secured.address, trusting(&ca)), &application);
    application.reaches(BindState::Bound).await;
    soon("listed", secured.centre.bound_until(|bound| !bound.is_empty())).await;
    for n in 0..100 {
        let text = format!("text {n} {}", "x".repeat(100));
        let answer = secured.centre.deliver(message(0, text.as_bytes())).await;
        assert_eq!(answer, Ok(CommandStatus::Ok));
        assert_eq!(application.texts().last(), Some(&text));
    }
    esme.shutdown().await;
    soon("unbound", secured.centre.bound_until(<[_]>::is_empty)).await;
}

#[tokio::test]
async fn a_centre_that_proves_nothing_hears_no_password() {
    let (ca, other) = (Ca::new(), Ca::new());
    let Secured { address, centre, mut failures } = secured(&ca, &["smsc.example"], None).await;
    let named = |name: &str| Some(name.to_owned());
    // Of another CA; of another name; a name that is the host's by default; nobody at all.
    for tls in [
        TlsFiles { server_name: named("smsc.example"), ..trusting(&other) },
        TlsFiles { server_name: named("smsc.example.org"), ..trusting(&ca) },
        trusting(&ca),
    ] {
        let application = Application::open();
        let esme = start(config(address, tls), &application);
        application.reaches(BindState::Waiting).await;
        assert!(application.unreachable().starts_with("TLS: "), "{}", application.unreachable());
        soon("an alert", failures.recv()).await.unwrap();
        esme.shutdown().await;
    }
    assert!(centre.bound().is_empty());
    let application = Application::open();
    let right = TlsFiles { server_name: named("smsc.example"), ..trusting(&ca) };
    let _esme = start(config(address, right), &application);
    application.reaches(BindState::Bound).await;
}

#[tokio::test]
async fn a_centre_that_asks_for_a_certificate_gets_the_configured_one() {
    let (ca, clients) = (Ca::new(), Ca::new());
    let Secured { address, mut failures, centre: _centre } =
        secured(&ca, &["127.0.0.1"], Some(&clients)).await;
    let strange = Some(ca.issue("strange", &["twinpath"]));
    for identity in [None, strange] {
        let application = Application::open();
        let esme = start(config(address, TlsFiles { identity, ..trusting(&ca) }), &application);
        application.reaches(BindState::Waiting).await;
        soon("an alert", failures.recv()).await.unwrap();
        assert_eq!(esme.counters().binds.load(std::sync::atomic::Ordering::Relaxed), 0);
        esme.shutdown().await;
    }
    // The files are written after the start: they count from the next connection on.
    let application = Application::open();
    let identity = Some((clients.path("own.pem"), clients.path("own.key")));
    let _esme = start(config(address, TlsFiles { identity, ..trusting(&ca) }), &application);
    application.reaches(BindState::Waiting).await;
    assert!(application.unreachable().contains("own.pem"), "{}", application.unreachable());
    clients.issue("own", &["twinpath"]);
    application.reaches(BindState::Bound).await;
}

#[tokio::test]
async fn a_plain_peer_is_no_message_centre_for_tls_nor_the_other_way() {
    let ca = Ca::new();
    let (plain, _submitted) = centre(centre_config()).await;
    let application = Application::open();
    let _esme = start(config(plain.address(), trusting(&ca)), &application);
    application.reaches(BindState::Waiting).await;
    assert!(plain.bound().is_empty());

    let Secured { address, mut failures, centre: _centre } =
        secured(&ca, &["127.0.0.1"], None).await;
    let application = Application::open();
    let esme = start(esme_config(address), &application);
    soon("no TLS", failures.recv()).await.unwrap();
    application.reaches(BindState::Waiting).await;
    until("tried again", || {
        esme.counters().connects.load(std::sync::atomic::Ordering::Relaxed) > 1
    })
    .await;
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let ca = Ca::new();
    let (certificate, key) = ca.issue("one", &["one.example"]);
    let (_, other) = ca.issue("two", &["two.example"]);
    let with = |identity| TlsFiles { identity: Some(identity), ..trusting(&ca) };
    let missing = ca.path("missing.pem");
    for (files, why) in [
        (TlsFiles { ca: Some(missing.clone()), ..TlsFiles::default() }, "missing.pem"),
        (TlsFiles { ca: Some(key.clone()), ..TlsFiles::default() }, "PEM file of certificates"),
        (with((missing, key.clone())), "missing.pem"),
        (with((key.clone(), key.clone())), "PEM file of certificates"),
        (with((certificate.clone(), certificate.clone())), "private key"),
        (with((certificate.clone(), other)), "two.key"),
        (TlsFiles { server_name: Some("a b".to_owned()), ..trusting(&ca) }, "a b"),
    ] {
        let error = files.check("127.0.0.1:2775").unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for address in ["127.0.0.1:2775", "[::1]:2775", "smsc.example:2775"] {
        with((certificate.clone(), key.clone())).check(address).unwrap();
    }
}
