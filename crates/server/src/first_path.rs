//! The first path: a bind for each configured message centre, and what becomes of its texts.
//!
//! The network gets its `ESME_ROK` only when the text's record is durable, or when the text is refused
//! by rule. Anything else has it sent again, but for a fault that would only repeat itself.

use std::sync::Arc;

use twinpath_core::first_message::Route;
use twinpath_core::join::{RecordText, Recorded, VoidedGrants};
use twinpath_core::number::Sender;
use twinpath_core::transaction::random_bytes;
use twinpath_smpp::esme::{BindState, Deliveries, Delivery, Esme, EsmeConfig, Undecodable};
use twinpath_smpp::pdu::{self, CommandStatus, EncodeError};
use twinpath_store::StoreError;

use crate::config::{Bind, BindMode};
use crate::platform::{Platform, SystemRandom};

/// What became of the texts of each route.
pub const METRIC: &str = "twinpath_texts_total";

/// The first-message receiver of one route.
#[derive(Debug)]
pub struct Receiver {
    platform: Arc<Platform>,
    route: Route,
}

impl Receiver {
    /// Reads a text and has it recorded.
    async fn receive(&self, delivery: &Delivery) -> Result<&'static str, StoreError> {
        let text = match delivery.text() {
            Ok(received) => received.text,
            Err(refusal) => return Ok(refusal.as_str()),
        };
        let source = &delivery.message.source;
        let sender = Sender { ton: source.ton, npi: source.npi, address: &source.octets };
        let message = match self.route.receive(sender, &text) {
            Ok(message) => message,
            Err(refusal) => return Ok(refusal.as_str()),
        };
        let platform = &self.platform;
        let per_hour = platform.config.limits.texts_per_number_per_hour;
        let record =
            RecordText::new(&platform.vault, &self.route, &message, per_hour, &mut SystemRandom)
                .map_err(|error| StoreError::Inconsistent(error.to_string()))?;
        let code = record.code();
        let recorded = platform.run(record).await?;
        if recorded == Recorded::Voided {
            // By now it is durable: what cannot be read is lost convenience.
            match platform.store.read(VoidedGrants::of(code)).await {
                Ok(lost) => platform.tell_of_grants(&lost),
                Err(error) => tracing::warn!(%error, "apps were not told of a voided proof"),
            }
        }
        if matches!(recorded, Recorded::New | Recorded::Voided) {
            platform.waiters.wake(code);
        }
        Ok(recorded.as_str())
    }
}

impl Deliveries for Receiver {
    async fn deliver(&self, delivery: Delivery) -> CommandStatus {
        let route = self.route.name.0.as_ref();
        match self.receive(&delivery).await {
            Ok(outcome) => {
                self.platform.counters.count(METRIC, route, outcome);
                tracing::debug!(route, outcome, "a text");
                CommandStatus::Ok
            }
            Err(error @ StoreError::Inconsistent(_)) => {
                // It would fail each time it came again, and hold up those behind it.
                self.platform.counters.count(METRIC, route, "failed");
                tracing::error!(route, %error, "a text can never be recorded");
                CommandStatus::PermanentApplicationError
            }
            Err(error) => {
                self.platform.counters.count(METRIC, route, "not_recorded");
                tracing::warn!(route, %error, "a text could not be recorded: it will come again");
                CommandStatus::Throttled
            }
        }
    }

    async fn undecodable(&self, undecodable: Undecodable) -> CommandStatus {
        let route = self.route.name.0.as_ref();
        self.platform.counters.count(METRIC, route, "undecodable");
        let bytes = undecodable.raw.len();
        tracing::warn!(route, reason = %undecodable.reason, bytes, "a PDU could not be read");
        CommandStatus::Ok
    }

    fn state(&self, bind: &str, state: BindState) {
        match state {
            BindState::Connecting | BindState::Waiting => {
                tracing::debug!(bind, state = state.as_str(), "bind");
            }
            _ => tracing::info!(bind, state = state.as_str(), "bind"),
        }
    }
}

/// The running binds.
#[derive(Debug, Default)]
pub struct RunningBinds(Vec<Esme>);

impl RunningBinds {
    /// Starts a bind for each configured message centre.
    pub fn start(platform: &Arc<Platform>) -> Result<Self, EncodeError> {
        let mut running = Vec::new();
        for bind in &platform.config.binds {
            let receiver = Receiver { platform: Arc::clone(platform), route: bind.route.clone() };
            let esme = Esme::start(bind.esme(), Arc::new(receiver))?;
            platform.binds.add(&bind.route.name.0, esme.counters());
            running.push(esme);
        }
        Ok(Self(running))
    }

    /// Answers what is under way, unbinds and closes, all binds at once.
    pub async fn stop(self) {
        let stops: Vec<_> = self.0.into_iter().map(|esme| tokio::spawn(esme.shutdown())).collect();
        for stop in stops {
            let _ = stop.await;
        }
    }
}

impl Bind {
    /// As the driver takes it.
    pub fn esme(&self) -> EsmeConfig {
        let mut config =
            EsmeConfig::new(&self.route.name.0, &self.address, &self.system_id, &self.password.0);
        config.system_type.clone_from(&self.system_type);
        config.address_range.clone_from(&self.address_range);
        config.default_alphabet = self.default_alphabet;
        config.mode = match self.mode {
            BindMode::Transceiver => pdu::BindMode::Transceiver,
            BindMode::Receiver => pdu::BindMode::Receiver,
            BindMode::Transmitter => pdu::BindMode::Transmitter,
        };
        config.session.enquire_link = self.enquire_link;
        // Longer than we keep quiet ourselves.
        config.session.inactivity =
            config.session.inactivity.max(2 * self.enquire_link + self.response_timeout);
        config.session.response = self.response_timeout;
        config.session.window = self.window;
        config.seed = u64::from_le_bytes(random_bytes(&mut SystemRandom));
        config
    }
}

/// Refuses every text, so that it comes again to the server proper.
#[derive(Debug)]
struct Refuser(tokio::sync::watch::Sender<BindState>);

impl Deliveries for Refuser {
    async fn deliver(&self, _: Delivery) -> CommandStatus {
        CommandStatus::Throttled
    }

    async fn undecodable(&self, _: Undecodable) -> CommandStatus {
        CommandStatus::Throttled
    }

    fn state(&self, _: &str, state: BindState) {
        self.0.send_replace(state);
    }
}

/// Binds once and unbinds: whether the message centre takes us. Some centres take one bind at a time
/// and refuse this one while the server runs.
pub async fn try_bind(bind: &Bind, patience: std::time::Duration) -> Result<(), String> {
    let (sender, mut states) = tokio::sync::watch::channel(BindState::Connecting);
    let esme = Esme::start(bind.esme(), Arc::new(Refuser(sender))).map_err(|e| e.to_string())?;
    let settled = |state: &BindState| *state != BindState::Connecting;
    let state = match tokio::time::timeout(patience, states.wait_for(settled)).await {
        Ok(Ok(state)) => *state,
        Ok(Err(_)) | Err(_) => BindState::Waiting,
    };
    esme.shutdown().await;
    match state {
        BindState::Bound => Ok(()),
        BindState::Refused => {
            Err("the message centre refused the bind: check system_id, password \
                                   and mode, or whether it is bound already"
                .to_owned())
        }
        _ => Err("no answer: check the address and whether the message centre is up".to_owned()),
    }
}
