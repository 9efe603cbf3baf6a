//! Binds to message centres, and how what they deliver is answered.

use std::sync::Arc;

use twinpath_core::number::Sender;
use twinpath_core::transaction::random_bytes;
use twinpath_smpp::esme::{BindState, Deliveries, Delivery, Esme, EsmeConfig, Undecodable};
use twinpath_smpp::pdu::{self, CommandStatus, EncodeError};
use twinpath_store::StoreError;

use crate::config::{Bind, BindMode};
use crate::first_path::{Arrival, Receiver};
use crate::platform::{Platform, SystemRandom};

async fn receive(receiver: &Receiver, delivery: &Delivery) -> Result<&'static str, StoreError> {
    let received = match delivery.text() {
        Ok(received) => received,
        Err(refusal) => return Ok(refusal.as_str()),
    };
    let source = &delivery.message.source;
    let sender = Sender { ton: source.ton, npi: source.npi, address: &source.octets };
    receiver.receive(Arrival { sender, text: &received.text, id: None }).await
}

impl Deliveries for Receiver {
    async fn deliver(&self, delivery: Delivery) -> CommandStatus {
        let route = self.route();
        match receive(self, &delivery).await {
            Ok(outcome) => {
                self.count(outcome);
                tracing::debug!(route, outcome, "a text");
                CommandStatus::Ok
            }
            Err(error @ StoreError::Inconsistent(_)) => {
                // It would fail each time it came again, and hold up those behind it.
                self.count("failed");
                tracing::error!(route, %error, "a text can never be recorded");
                CommandStatus::PermanentApplicationError
            }
            Err(error) => {
                self.count("not_recorded");
                tracing::warn!(route, %error, "a text could not be recorded: it will come again");
                CommandStatus::Throttled
            }
        }
    }

    async fn undecodable(&self, undecodable: Undecodable) -> CommandStatus {
        let route = self.route();
        self.count("undecodable");
        let bytes = undecodable.raw.len();
        tracing::warn!(route, reason = %undecodable.reason, bytes, "a PDU could not be read");
        let reason = undecodable.reason.to_string();
        match self.put_aside(&undecodable.raw, &reason).await {
            Ok(()) => CommandStatus::Ok,
            Err(error @ StoreError::Inconsistent(_)) => {
                tracing::error!(route, %error, "a PDU can never be put aside");
                CommandStatus::Ok
            }
            Err(error) => {
                tracing::warn!(route, %error, "a PDU could not be put aside: it will come again");
                CommandStatus::Throttled
            }
        }
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
            let receiver = Receiver::new(platform, &bind.route);
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
