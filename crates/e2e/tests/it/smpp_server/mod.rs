//! `[sms.smpp_server]`: gateways that bind to us, each on an SMPP library that others wrote.

mod capture;
mod kannel;
mod peers;
mod refusals;
mod tls;

use serde_json::{Value, json};
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::config::Settings;
use twinpath_e2e::peer::Peer;
use twinpath_e2e::platform::{Platform, Registration};

/// The route's name, and the peer's `system_id`.
pub(crate) const ROUTE: &str = "gateway";
const PASSWORD: &str = "secret";

/// A listener with one peer.
pub(crate) fn gateways(listen: &str, server: &str, peer: &str) -> Settings {
    Settings::default().with(&format!(
        "[sms.smpp_server]\nlisten = \"{listen}\"\n{server}\n\
         [[sms.smpp_server.peer]]\nname = \"{ROUTE}\"\nsystem_id = \"{ROUTE}\"\n\
         password = \"{PASSWORD}\"\nallow = [\"127.0.0.0/8\"]\nnumbers = [\"+8610690001\"]\n\
         country = \"GB\"\ntrust = \"aggregator\"\n{peer}"
    ))
}

/// A server that gateways can bind to.
struct Rig {
    platform: Platform,
    port: u16,
}

impl Rig {
    async fn start() -> Self {
        Self::with("", "").await
    }

    /// With further lines of the listener's section and of the peer's.
    async fn with(server: &str, peer: &str) -> Self {
        let platform = Platform::start(&gateways("127.0.0.1:0", server, peer)).await;
        let port = platform.server.smpp.unwrap().port();
        Self { platform, port }
    }

    async fn instance(&self) -> Instance {
        let app = self.platform.register(&Registration::new("weather")).await;
        Instance::new(&app, &self.platform.place)
    }

    async fn metric(&self, name: &str) -> f64 {
        self.platform.metric(&format!("twinpath_smpp_peer_{name}{{peer=\"{ROUTE}\"}}")).await
    }
}

/// An ESME on node-smpp.
pub(crate) struct Esme(Peer);

impl Esme {
    fn start() -> Self {
        Self(Peer::node("esme.js"))
    }

    pub(crate) async fn does(&mut self, what: &str, mut more: Value) -> Value {
        more["do"] = what.into();
        self.0.tell(&more).await;
        self.0.hear("answer").await
    }

    async fn connect(&mut self, port: u16) -> Value {
        self.does("connect", json!({"as": "one", "port": port})).await
    }

    async fn ask(&mut self, command: &str, pdu: Value) -> Value {
        self.does("ask", json!({"as": "one", "command": command, "pdu": pdu})).await
    }

    /// Connects and binds; gives the status.
    async fn bind(&mut self, port: u16, system_id: &str, password: &str) -> Value {
        assert_eq!(self.connect(port).await, "open");
        let bind = json!({"system_id": system_id, "password": password});
        self.ask("bind_transceiver", bind).await["status"].clone()
    }

    pub(crate) async fn bound(port: u16) -> Self {
        let mut esme = Self::start();
        assert_eq!(esme.bind(port, ROUTE, PASSWORD).await, 0);
        esme
    }

    /// Submits a text; gives the answer.
    pub(crate) async fn submit(&mut self, from: &str, text: &str) -> Value {
        self.ask("submit_sm", message(from, text)).await
    }
}

/// A `submit_sm` as a gateway makes it of a phone's text.
pub(crate) fn message(from: &str, text: &str) -> Value {
    json!({
        "source_addr_ton": 1, "source_addr_npi": 1, "source_addr": from.trim_start_matches('+'),
        "dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "8610690001",
        "short_message": text,
    })
}

/// An attempt leads to tokens, and once they are in use to nothing more.
pub(crate) async fn redeems_once(app: &Instance, attempt: &Attempt) {
    let tokens = app.redeem(attempt).await.accepts();
    app.refresh(tokens["refresh_token"].as_str().unwrap()).await.accepts();
    app.redeem(attempt).await.refuses(400, "invalid_grant");
}
