//! Texts to phones, over a bind of their own to a message centre of their own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use twinpath_core::number::E164;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::Settings;
use twinpath_e2e::rig::Rig;
use twinpath_e2e::wait::until;
use twinpath_server::outbound::{Attempt, Attempting, OutboundText, TextSender};
use twinpath_server::platform::Platform;
use twinpath_smpp::esme::{
    BindState, Deliveries, Delivery, Esme, EsmeConfig, SendError, Undecodable,
};
use twinpath_smpp::pdu::{Address, BindMode, CommandStatus, SubmitSm};
use twinpath_smpp::text;

/// The bind's name.
pub(super) const OUT: &str = "out";

/// Takes no texts.
struct Nothing;

impl Deliveries for Nothing {
    async fn deliver(&self, _: Delivery) -> CommandStatus {
        CommandStatus::Ok
    }

    async fn undecodable(&self, _: Undecodable) -> CommandStatus {
        CommandStatus::Ok
    }
}

struct Bind(Esme);

impl std::fmt::Debug for Bind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bind")
    }
}

impl TextSender for Bind {
    fn name(&self) -> &str {
        OUT
    }

    fn up(&self) -> bool {
        self.0.counters().state() == BindState::Bound
    }

    fn serves(&self, _: &E164) -> bool {
        true
    }

    fn send<'a>(&'a self, text: &'a OutboundText) -> Attempting<'a> {
        Box::pin(async move {
            let encoded = text::encode(&text.body);
            assert!(encoded.fits_one, "{}", text.body);
            let to = text.to.as_str().trim_start_matches('+').to_owned();
            let (from, to) = (Address::international("8610690001"), Address::international(to));
            let message = SubmitSm::new(from, to, encoded.data_coding, encoded.octets);
            match self.0.submit(message).await {
                Ok(answer) if answer.status == CommandStatus::Ok => {
                    let id = answer.message_id;
                    let message_id = id.map(|id| String::from_utf8_lossy(&id).into_owned());
                    Attempt::Accepted { message_id }
                }
                Ok(answer) if answer.status == CommandStatus::Throttled => {
                    Attempt::Temporary("throttled")
                }
                Ok(_) => Attempt::Permanent("refused"),
                Err(SendError::Lost | SendError::TimedOut) => Attempt::Unknown("no_answer"),
                Err(_) => Attempt::Temporary("not_bound"),
            }
        })
    }
}

/// A rig that texts phones, and the message centre by which it does.
pub(super) struct Mobile {
    pub(super) rig: Rig,
    pub(super) out: Arc<Centre>,
}

/// Adds a bind to a server by which it texts phones.
pub(super) async fn connect(platform: &Platform, out: &Centre) {
    let address = format!("127.0.0.1:{}", out.port);
    let mut config = EsmeConfig::new(OUT, &address, "texter", "secret");
    config.mode = BindMode::Transmitter;
    config.session.response = Duration::from_secs(2);
    let bind = Arc::new(Bind(Esme::start(config, Arc::new(Nothing)).unwrap()));
    platform.outbox.add(Arc::clone(&bind) as Arc<dyn TextSender>);
    until("the bind of texts to phones", async || bind.up().then_some(())).await;
}

impl Mobile {
    /// With these sections of the configuration, and `[sms.outbound]` if there is none.
    pub(super) async fn with(sections: &str) -> Self {
        let mut settings = Settings::default().with(sections);
        if !sections.contains("[sms.outbound") {
            settings = settings.with("[sms.outbound]");
        }
        let out = Arc::new(Centre::start().await);
        let rig = Rig::with(settings).await;
        connect(&rig.platform.server.platform, &out).await;
        Self { rig, out }
    }

    /// The `nth` text to a phone, counted from one: to whom, and what it says.
    pub(super) async fn text(&self, nth: usize) -> (String, String) {
        said(&self.out.event("submit_sm", nth).await)
    }

    /// How many texts went to phones.
    pub(super) fn texts(&self) -> usize {
        self.out.events("submit_sm").len()
    }

    /// How many texts to phones ended so.
    pub(super) async fn outcome(&self, of: &str, outcome: &str) -> f64 {
        let name = format!("twinpath_outbound_texts_total{{of=\"{of}\",outcome=\"{outcome}\"}}");
        self.rig.platform.metric(&name).await
    }

    /// Waits until so many ended so.
    pub(super) async fn ended(&self, of: &str, outcome: &str, times: f64) {
        let what = format!("{times} texts {outcome}");
        until(&what, async || (self.outcome(of, outcome).await >= times).then_some(())).await;
    }
}

pub(super) fn said(event: &Value) -> (String, String) {
    let member = |name: &str| event[name].as_str().unwrap().to_owned();
    (format!("+{}", member("to")), member("text"))
}

/// The eight digits of a confirmation.
pub(super) fn digits(text: &str) -> String {
    let (_, last) = text.rsplit_once('#').unwrap_or_else(|| panic!("no digits: {text}"));
    last.split(' ').next().unwrap().to_owned()
}

/// `REVOKE` and the digits of a notice.
pub(super) fn revocation(text: &str) -> String {
    text.get(text.find("REVOKE ").unwrap()..).unwrap().to_owned()
}
