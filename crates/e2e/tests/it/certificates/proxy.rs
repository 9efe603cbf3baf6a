//! Certificates that a proxy hands on: nginx, and headers that only look so.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::process::{Child, Command};
use twinpath_e2e::config::Settings;
use twinpath_e2e::http::{Request, send};
use twinpath_e2e::number;
use twinpath_e2e::process::fixed_address;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;

use super::pki::{Identity, Pki, refresh};
use super::{DNS, by_ca, by_key, claims_of, text};

/// A platform that believes the header from these addresses.
async fn behind(pki: &Pki, proxies: &str) -> Rig {
    let http_more =
        format!("trusted_proxies = {proxies}\nclient_certificate_header = \"client-cert\"");
    let ca = format!("[http.mtls]\nclient_ca_file = {:?}\n", pki.path("ca.pem"));
    Rig::with(Settings { http_more, ..Settings::default() }.with(&ca)).await
}

/// RFC 9440 2.2.
fn header(identity: &Identity) -> String {
    format!(":{}:", STANDARD.encode(&identity.certificate))
}

#[tokio::test]
async fn a_header_of_no_trusted_proxy_is_nothing() {
    let pki = Pki::new();
    // The client's own X-Forwarded-For makes it no proxy, nor the proxy's address in it.
    let rig = behind(&pki, "[\"192.0.2.1\"]").await;
    let weather = rig.install(&by_ca("weather")).await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let forged = header(&pki.issue(DNS));
    let draft = weather.token_draft(&attempt).header("Client-Cert", &forged);
    for draft in [draft.clone(), draft.header("X-Forwarded-For", "192.0.2.1")] {
        weather.send(&draft).await.refuses(401, "invalid_client");
    }
    let ignored = "twinpath_client_certificate_headers_total{of=\"http\",outcome=\"ignored\"}";
    assert!((rig.platform.metric(ignored).await - 2.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_trusted_proxys_header_is_the_certificate() {
    let pki = Pki::new();
    let rig = behind(&pki, "[\"127.0.0.1\"]").await;
    let weather = rig.install(&by_ca("weather")).await;
    let attempt = weather.attempt();
    rig.text(&number(1), &attempt).await;
    let draft = || weather.token_draft(&attempt);
    let right = header(&pki.issue(DNS));
    for wrong in [
        header(&Identity::self_signed()),
        header(&pki.issue("bank.example.com")),
        header(&pki.issue_until(DNS, 2020)),
        String::new(),
    ] {
        let answer = weather.send(&draft().header("Client-Cert", &wrong)).await;
        answer.refuses(401, "invalid_client");
    }
    for junk in ["x", ":x:", "::", &right[1..], "%2D%2D%2D%2D%2DBEGIN"] {
        let answer = weather.send(&draft().header("Client-Cert", junk)).await;
        answer.refuses(400, "invalid_request");
    }
    let twice = draft().header("Client-Cert", &right).more_header("Client-Cert", &right);
    weather.send(&twice).await.refuses(400, "invalid_request");
    let tokens = weather.send(&draft().header("Client-Cert", &right)).await.accepts();
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    for (shown, status) in [(&right, 200), (&header(&pki.issue(DNS)), 401)] {
        let request = Request::new("GET", "/userinfo").header("Authorization", &bearer);
        let request = request.header("Client-Cert", shown);
        assert_eq!(send(rig.platform.place.address, &request).await.status, status);
    }
}

#[tokio::test]
async fn nginx_hands_certificates_on() {
    let pki = Pki::new();
    let rig = behind(&pki, "[\"127.0.0.1\"]").await;
    let own = Identity::self_signed();
    let weather = rig.install(&by_ca("weather")).await;
    let bank = rig.install(&by_key("bank", &own)).await;
    let nginx = Nginx::start(&pki, rig.platform.place.address).await;
    for (instance, right) in [(&weather, &pki.issue(DNS)), (&bank, &own)] {
        let attempt = instance.attempt();
        rig.text(&number(2), &attempt).await;
        let draft = || instance.token_draft(&attempt);
        let forged = draft().header("Client-Cert", &header(right));
        pki.send(nginx.address, None, &draft()).await.refuses(401, "invalid_client");
        pki.send(nginx.address, None, &forged).await.refuses(401, "invalid_client");
        let other = Identity::self_signed();
        pki.send(nginx.address, Some(&other), &forged).await.refuses(401, "invalid_client");
        let tokens = pki.send(nginx.address, Some(right), &draft()).await.accepts();
        let access = text(&tokens, "access_token");
        assert_eq!(claims_of(access)["cnf"], json!({"x5t#S256": right.thumbprint()}));
        let again = refresh(instance, text(&tokens, "refresh_token"));
        pki.send(nginx.address, Some(right), &again).await.accepts();
        let bearer = format!("Bearer {access}");
        pki.userinfo(nginx.address, Some(right), &bearer).await.accepts();
        for shown in [None, Some(&other)] {
            let answer = pki.userinfo(nginx.address, shown, &bearer).await;
            answer.refuses(401, "invalid_token");
        }
    }
}

/// An nginx of the test's own, killed with its value.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    _child: Child,
}

impl Nginx {
    /// Speaks TLS, asks for certificates, and hands them on to `upstream`, which also has what is below
    /// `/hooks/` here as `/sms/`.
    pub(crate) async fn start(pki: &Pki, upstream: SocketAddr) -> Self {
        let address = fixed_address();
        let at = |name: &str| pki.path(name).display().to_string();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};", at(kind)))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {}; error_log {};\n\
             events {{}}\n\
             http {{ access_log off; {temporary}\n\
             server {{\n\
                 listen {address} ssl;\n\
                 ssl_certificate {}; ssl_certificate_key {};\n\
                 ssl_verify_client optional_no_ca;\n\
                 proxy_set_header Client-Cert $ssl_client_escaped_cert;\n\
                 proxy_set_header X-Forwarded-For $remote_addr;\n\
                 location / {{ proxy_pass http://{upstream}; }}\n\
                 location /hooks/ {{ proxy_pass http://{upstream}/sms/; }}\n\
             }} }}\n",
            at("pid"),
            at("error.log"),
            at("server.pem"),
            at("server.key"),
        );
        std::fs::write(at("nginx.conf"), config).unwrap();
        // Debian keeps it out of the PATH of those who are not root.
        let debian = Path::new("/usr/sbin/nginx");
        let program = if debian.is_file() { debian } else { Path::new("nginx") };
        let mut child = Command::new(program)
            .args(["-e", &at("error.log"), "-c", &at("nginx.conf")])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("nginx is installed");
        until("nginx listens", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("nginx: {status}: {:?}", std::fs::read_to_string(at("error.log")));
            }
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Self { address, _child: child }
    }
}
