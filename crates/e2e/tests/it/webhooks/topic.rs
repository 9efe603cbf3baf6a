//! AWS SNS: the server fetches the certificate that signs, and confirms the subscription, at the host that
//! the call names. Here a proxy leads there, and a CA of the test's own vouches for it.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use twinpath_e2e::app::Instance;
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Answer, send};
use twinpath_e2e::platform::{Registration, metric};
use twinpath_e2e::process::Installation;
use twinpath_e2e::{number, random_text};

use super::post;
use crate::certificates::pki::Pki;

const HOST: &str = "sns.eu-west-1.amazonaws.com";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:two-way";

/// Now, as RFC 3339 has it.
pub(super) fn utc_now() -> String {
    let now = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.000Z"]).output().unwrap();
    String::from_utf8(now.stdout).unwrap().trim().to_owned()
}

/// What signs a topic's messages.
struct Signer {
    key: aws_lc_rs::signature::RsaKeyPair,
    pem: String,
}

impl Signer {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let pem = certificate.pem();
        let key = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap();
        Self { key, pem }
    }

    /// The message with what SNS adds: names and values of these, each on a line, are signed.
    fn sign(&self, mut message: Value, names: &[&str]) -> String {
        let said = |name: &&str| format!("{name}\n{}\n", message[*name].as_str().unwrap());
        let said: String = names.iter().map(said).collect();
        let mut mark = vec![0; self.key.public_modulus_len()];
        let (padding, chance) =
            (&aws_lc_rs::signature::RSA_PKCS1_SHA256, aws_lc_rs::rand::SystemRandom::new());
        self.key.sign(padding, &chance, said.as_bytes(), &mut mark).unwrap();
        message["SignatureVersion"] = "2".into();
        message["Signature"] = STANDARD.encode(mark).into();
        message.to_string()
    }

    fn subscription(&self) -> String {
        let url = format!("https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=23");
        let message = json!({
            "Type": "SubscriptionConfirmation", "MessageId": random_text(), "Token": "23",
            "TopicArn": TOPIC, "Message": "You have chosen to subscribe.", "SubscribeURL": url,
            "Timestamp": utc_now(), "SigningCertURL": format!("https://{HOST}/signer.pem"),
        });
        let names =
            ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
        self.sign(message, &names)
    }

    fn notification(&self, topic: &str, from: &str, text: &str) -> String {
        let message = json!({
            "originationNumber": from, "destinationNumber": "+15005550006", "messageKeyword": "K",
            "messageBody": text, "inboundMessageId": random_text(), "previousPublishedMessageId": "p",
        });
        let message = json!({
            "Type": "Notification", "MessageId": random_text(), "TopicArn": topic,
            "Message": message.to_string(), "Timestamp": utc_now(),
            "SigningCertURL": format!("https://{HOST}/signer.pem"),
        });
        self.sign(message, &["Message", "MessageId", "Timestamp", "TopicArn", "Type"])
    }
}

/// AWS behind a proxy: certificate and subscriptions, by TLS in its name.
struct Aws {
    proxy: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Aws {
    async fn start(pki: &Pki, pem: String) -> Self {
        let identity = pki.issue(HOST);
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, pem, noted) = (acceptor.clone(), pem.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    if let Some(target) = serve(stream, acceptor, &pem).await {
                        noted.lock().unwrap().push(target);
                    }
                });
            }
        });
        Self { proxy, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The target of the first line of a head, read to its end.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut lines = BufReader::with_capacity(1, stream).lines();
    let first = lines.next_line().await.ok()??;
    while !lines.next_line().await.ok()??.is_empty() {}
    first.split(' ').nth(1).map(str::to_owned)
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor, pem: &str) -> Option<String> {
    assert_eq!(head(&mut stream).await?, format!("{HOST}:443"));
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    let mut stream = acceptor.accept(stream).await.ok()?;
    let target = head(&mut stream).await?;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{pem}",
        pem.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    let _ = stream.shutdown().await;
    Some(target)
}

#[tokio::test]
async fn a_topic_subscribes_itself_and_hands_over_a_text() {
    let (pki, signer) = (Pki::new(), Signer::new());
    let aws = Aws::start(&pki, signer.pem.clone()).await;
    let section = format!(
        "[[sms.webhook]]\nname = \"sns\"\nprovider = \"sns\"\ntopic_arns = [\"{TOPIC}\"]\n\
         trust = \"aggregator\""
    );
    let installation = Installation::new(&Settings::default().with(&section))
        .env("HTTPS_PROXY", &format!("http://{}", aws.proxy))
        .env("SSL_CERT_FILE", pki.path("ca.pem").to_str().unwrap());
    let app = installation.register(&Registration::new("weather")).await;
    let _process = installation.start().await;
    let weather = Instance::new(&app, &installation.place().await);
    let call = async |body: &str| -> Answer {
        let kind = [("Content-Type", "text/plain; charset=UTF-8")];
        send(installation.address, &post("/sms/sns", &kind, body)).await
    };

    assert_eq!(call(&signer.subscription()).await.status, 200, "{}", installation.log());
    let asked = aws.asked();
    assert_eq!(asked[0], "/signer.pem");
    assert!(asked[1].starts_with("/?Action=ConfirmSubscription&"), "{asked:?}");

    let (attempt, from) = (weather.attempt(), number(1));
    let right = signer.notification(TOPIC, &from, &attempt.text);
    let elsewhere = TOPIC.replace("two-way", "another");
    for wrong in [
        Signer::new().notification(TOPIC, &from, &attempt.text),
        signer.notification(&elsewhere, &from, &attempt.text),
        right.replace(&from[1..], &number(2)[1..]),
        right.replace(HOST, "sns.eu-west-1.amazonaws.com.example"),
        right.replace(HOST, "s3.eu-west-1.amazonaws.com"),
    ] {
        assert_eq!(call(&wrong).await.status, 401, "{wrong}");
    }
    weather.redeem(&attempt).await.refuses(400, "authorization_pending");
    for _ in 0..2 {
        assert_eq!(call(&right).await.status, 200);
    }
    weather.redeem(&attempt).await.accepts();
    let texts = |outcome| format!("twinpath_texts_total{{of=\"sns\",outcome=\"{outcome}\"}}");
    for outcome in ["recorded", "duplicate"] {
        assert!((metric(installation.admin, &texts(outcome)).await - 1.0).abs() < 0.5, "{outcome}");
    }
    assert_eq!(aws.asked().len(), 2, "the certificate is kept");
}
