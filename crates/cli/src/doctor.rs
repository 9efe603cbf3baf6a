//! `doctor`: checks a configuration and what it names, and says what to do about what is wrong.

mod attestation;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;
use twinpath_core::vault::Vault;
use twinpath_server::config::{self, Bind, Config};
use twinpath_server::first_path::smpp::try_bind;
use twinpath_server::first_path::smpp_server::open_tls;
use twinpath_server::http::Tls;
use twinpath_server::platform::{now, open_store, read_signing_keys};

/// 2025-01-01: no right clock is behind it.
const PAST: i64 = 1_735_689_600;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Report {
    passed: usize,
    noted: usize,
    failed: usize,
}

impl Report {
    fn ok(&mut self, what: &str, detail: &str) {
        self.passed += 1;
        println!("ok    {what}: {detail}");
    }

    fn note(&mut self, what: &str, detail: &str) {
        self.noted += 1;
        println!("note  {what}: {detail}");
    }

    fn end(self) -> usize {
        println!("{} right, {} to know, {} wrong", self.passed, self.noted, self.failed);
        self.failed
    }

    fn fail(&mut self, what: &str, detail: &str) {
        self.failed += 1;
        println!("FAIL  {what}: {detail}");
    }
}

/// Checks everything, prints a line each, and returns how many failed.
pub(crate) async fn examine(path: &Path) -> usize {
    let mut report = Report::default();
    match config::load(path, std::env::vars()) {
        Err(error) => report.fail("configuration", &error.to_string()),
        Ok(config) => {
            report.ok("configuration", &format!("{} is complete", path.display()));
            for note in &config.notes {
                report.note("configuration", note);
            }
            let hears_android = Box::pin(examine_store(&config, &mut report)).await;
            attestation::examine(&config.attestation, hears_android, &mut report);
            examine_clock(&mut report);
            examine_tls(&config, &mut report);
            examine_listener(config.listen, &mut report).await;
            if let Some((listen, _)) = &config.mtls.listen {
                examine_listener(*listen, &mut report).await;
            }
            examine_binds(&config, &mut report).await;
            examine_smpp_server(&config, &mut report).await;
        }
    }
    report.end()
}

/// Says whether any app shows evidence of Android phones.
async fn examine_store(config: &Config, report: &mut Report) -> bool {
    let store = match open_store(config) {
        Ok(store) => store,
        Err(error) => {
            report.fail("store", &error.to_string());
            return false;
        }
    };
    match store.ping().await {
        Ok(()) => report.ok("store", &format!("takes writes, schema {}", store.schema_version())),
        Err(error) => report.fail("store", &error.to_string()),
    }
    match (Vault::new(&config.master.0), read_signing_keys(&store).await) {
        (Ok(vault), Ok(keys)) if !keys.is_empty() => {
            match twinpath_core::token::KeyRing::open(&keys, &vault, &config.keys, now()) {
                Ok(_) => report.ok("signing keys", &format!("{} in the store", keys.len())),
                Err(_) => report.fail("signing keys", "the master key does not open them"),
            }
        }
        (Ok(_), Ok(_)) => {
            report.note("signing keys", "none yet: the server makes one at its start");
        }
        (_, Err(error)) => report.fail("signing keys", &error.to_string()),
        (Err(error), _) => report.fail("master key", &error.to_string()),
    }
    let hears_android = attestation::hears_android(&store).await;
    store.close().await;
    hears_android.unwrap_or_else(|error| {
        report.fail("apps", &error.to_string());
        false
    })
}

fn examine_clock(report: &mut Report) {
    if now().seconds() < PAST {
        report.fail("clock", "it is years behind: tokens and proofs need a right one");
    } else {
        report.ok("clock", "plausible; keep it synchronized (proofs may be 60 s old)");
    }
}

fn examine_tls(config: &Config, report: &mut Report) {
    let asking = config.mtls.listen.as_ref().map(|(_, files)| files);
    for (what, files) in [("TLS", config.tls.as_ref()), ("mTLS", asking)] {
        match files.map(|files| Tls::open(files, true)) {
            Some(Ok(_)) => report.ok(what, "the certificate fits its key"),
            Some(Err(error)) => report.fail(what, &error.to_string()),
            None => {}
        }
    }
}

async fn examine_listener(listen: SocketAddr, report: &mut Report) {
    let what = format!("port {listen}");
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => report.ok(&what, "free"),
        Err(_) if TcpStream::connect(listen).await.is_ok() => {
            report.note(&what, "something listens there: this server, if it runs");
        }
        Err(error) => report.fail(&what, &error.to_string()),
    }
}

async fn examine_binds(config: &Config, report: &mut Report) {
    let bound = !config.binds.is_empty() || config.smpp_server.is_some();
    if !bound && config.webhooks.is_empty() {
        let none = "no [[sms.smpp]], no [sms.smpp_server], no [[sms.webhook]]: no text can arrive";
        report.note("routes", none);
    }
    for webhook in config.webhooks.iter().filter(|webhook| webhook.numbers.is_empty()) {
        let what = format!("webhook {}", webhook.route.name.0);
        report.note(&what, "no numbers: apps are not told where to text");
    }
    for bind in &config.binds {
        examine_bind(bind, report).await;
    }
}

async fn examine_smpp_server(config: &Config, report: &mut Report) {
    let Some(server) = &config.smpp_server else { return };
    match open_tls(server) {
        Ok(Some(_)) => report.ok("SMPP server's TLS", "the certificate fits its key"),
        Ok(None) => report.note("SMPP server's TLS", "none: use it on a private network only"),
        Err(error) => report.fail("SMPP server's TLS", &error.to_string()),
    }
    examine_listener(server.listen, report).await;
    for peer in server.peers.iter().filter(|peer| peer.numbers.is_empty()) {
        let what = format!("peer {}", peer.route.name.0);
        report.note(&what, "no numbers: apps are not told where to text");
    }
}

async fn examine_bind(bind: &Bind, report: &mut Report) {
    let what = format!("bind {}", bind.route.name.0);
    if bind.numbers.is_empty() {
        report.note(&what, "no numbers: apps are not told where to text");
    }
    if bind.tls.is_none() && !is_loopback(&bind.address) {
        report.note(&what, "no tls: password and texts are readable unless a tunnel carries them");
    }
    match try_bind(bind, PATIENCE).await {
        Ok(()) => report.ok(&what, &format!("{} accepts it", bind.address)),
        Err(why) => report.fail(&what, &format!("{}: {why}", bind.address)),
    }
}

/// Whether `host:port` is on this machine.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = host.parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}
