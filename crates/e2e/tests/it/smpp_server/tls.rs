//! TLS at the listener, and certificates that gateways must show.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use twinpath_e2e::number;
use twinpath_e2e::pdu::hex;
use twinpath_e2e::wait::within;

use super::{Esme, PASSWORD, ROUTE, Rig};

/// The content type of an alert (RFC 8446 5.1).
const TLS_ALERT: u8 = 21;

/// A folder with a CA and what it vouches for.
struct Pki {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let (key, folder) = (KeyPair::generate().unwrap(), tempfile::tempdir().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate whose subject is its issuer for self-signed.
        params.distinguished_name.push(DnType::CommonName, "the platform's CA");
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Issues `{name}.pem` and `{name}.key`; gives the fingerprint in hex.
    fn issue(&self, name: &str) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        hex(digest(&SHA256, certificate.der()).as_ref())
    }

    fn lines(&self) -> String {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        format!("certificate_file = {certificate:?}\nkey_file = {key:?}\n")
    }

    /// Options of node-smpp.
    fn options(&self, shown: Option<(&Path, &str)>) -> Value {
        let mut options = json!({"ca": self.path("ca.pem")});
        if let Some((folder, name)) = shown {
            options["cert"] = json!(folder.join(format!("{name}.pem")));
            options["key"] = json!(folder.join(format!("{name}.key")));
        }
        options
    }
}

/// The bind's status over TLS, or how the connection ended.
async fn bind(esme: &mut Esme, port: u16, tls: &Value) -> Value {
    let opened = esme.does("connect", json!({"as": "one", "port": port, "tls": tls})).await;
    if opened != "open" {
        return opened;
    }
    let answer =
        esme.ask("bind_transceiver", json!({"system_id": ROUTE, "password": PASSWORD})).await;
    if answer.is_object() { answer["status"].clone() } else { answer }
}

#[tokio::test]
async fn a_text_comes_over_tls() {
    let pki = Pki::new();
    pki.issue("server");
    let rig = Rig::with(&pki.lines(), "").await;
    let weather = rig.instance().await;
    let mut esme = Esme::start();
    assert_eq!(bind(&mut esme, rig.port, &pki.options(None)).await, 0);
    let attempt = weather.attempt();
    assert_eq!(esme.submit(&number(1), &attempt.text).await["status"], 0);
    weather.redeem(&attempt).await.accepts();
    // Who speaks no TLS is not heard.
    let mut plain = TcpStream::connect(("127.0.0.1", rig.port)).await.unwrap();
    let enquire_link = [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 1];
    plain.write_all(&enquire_link).await.unwrap();
    let mut said = Vec::new();
    within("the end", plain.read_to_end(&mut said)).await.unwrap();
    assert!(said.first().is_none_or(|kind| *kind == TLS_ALERT), "{said:?}");
}

#[tokio::test]
async fn only_certificates_that_the_ca_vouches_for_and_the_peer_lists_come_in() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    pki.issue("server");
    let listed = pki.issue("listed");
    pki.issue("other");
    stranger.issue("listed");
    let server = format!("{}client_ca_file = {:?}", pki.lines(), pki.path("ca.pem"));
    let rig = Rig::with(&server, &format!("certificates_sha256 = [\"{listed}\"]")).await;
    let mut esme = Esme::start();
    for shown in [None, Some((stranger.folder.path(), "listed"))] {
        let ended = bind(&mut esme, rig.port, &pki.options(shown)).await;
        assert!(ended.is_string(), "{shown:?}: {ended}");
    }
    let own = pki.folder.path();
    let status = bind(&mut esme, rig.port, &pki.options(Some((own, "other")))).await;
    assert_eq!(status, 0x0E, "not this peer's");
    assert_eq!(bind(&mut esme, rig.port, &pki.options(Some((own, "listed")))).await, 0);
    assert!((rig.metric("refused_binds_total").await - 1.0).abs() < 0.1);
}
