//! Binds to message centres, and how what they deliver is answered.

use std::sync::{Arc, Mutex, PoisonError};

use twinpath_core::number::Sender;
use twinpath_core::transaction::random_bytes;
use twinpath_smpp::esme::{BindState, Deliveries, Delivery, Esme, EsmeConfig, Undecodable};
use twinpath_smpp::pdu::{self, CommandStatus, EncodeError};
use twinpath_smpp::text::{DeliveryReceipt, MessageState, ReceiptIds};
use twinpath_store::StoreError;

use crate::config::{Bind, BindMode};
use crate::first_path::{Arrival, Receiver};
use crate::outbound::{self, BindSender, Receipt, ReceiptState, TextSender};
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

/// A bind: texts from phones, and what became of those to phones.
struct Bound {
    receiver: Receiver,
    platform: Arc<Platform>,
    /// The bind that submitted what receipts here speak of.
    submitter: String,
    receipt_ids: ReceiptIds,
}

impl Bound {
    fn new(platform: &Arc<Platform>, bind: &Bind) -> Self {
        Self {
            receiver: Receiver::new(platform, &bind.route),
            platform: Arc::clone(platform),
            submitter: submitter(bind, &platform.config.binds),
            receipt_ids: bind.submits.receipt_ids,
        }
    }

    fn received(&self, receipt: DeliveryReceipt) {
        let receipt = Receipt {
            route: self.submitter.clone(),
            message_id: self.receipt_ids.of_receipt(&receipt.message_id),
            state: state_of(receipt.state),
            error: receipt.error,
        };
        outbound::received(&self.platform, &receipt);
    }
}

/// The bind whose texts the receipts of `bind` speak of: itself, or, if it only receives, the transmitter
/// that has its `system_id`. Operators may know us by one name: of several the one at the same host counts,
/// and none if there is none.
fn submitter(bind: &Bind, all: &[Bind]) -> String {
    let host = |bind: &Bind| bind.address.rsplit_once(':').map(|(host, _)| host.to_owned());
    let pairs = all
        .iter()
        .filter(|other| other.mode == BindMode::Transmitter && other.system_id == bind.system_id);
    let pairs: Vec<_> = pairs.filter(|_| bind.mode == BindMode::Receiver).collect();
    let near = pairs.iter().find(|other| host(other) == host(bind));
    let other = match (near, pairs.as_slice()) {
        (Some(near), _) => Some(*near),
        (None, [only]) => Some(*only),
        (None, _) => None,
    };
    other.unwrap_or(bind).route.name.0.to_string()
}

fn state_of(state: MessageState) -> ReceiptState {
    match state {
        MessageState::Delivered | MessageState::Accepted => ReceiptState::Delivered,
        MessageState::Enroute | MessageState::Unknown => ReceiptState::Pending,
        MessageState::Expired => ReceiptState::Expired,
        MessageState::Deleted | MessageState::Undeliverable => ReceiptState::Failed,
        MessageState::Rejected => ReceiptState::Rejected,
    }
}

impl Deliveries for Bound {
    async fn deliver(&self, delivery: Delivery) -> CommandStatus {
        if let Some(receipt) = delivery.receipt() {
            self.received(receipt);
        }
        // Whatever it is, it is counted as a text of the route.
        self.receiver.deliver(delivery).await
    }

    async fn undecodable(&self, undecodable: Undecodable) -> CommandStatus {
        self.receiver.undecodable(undecodable).await
    }

    fn state(&self, bind: &str, state: BindState) {
        self.receiver.state(bind, state);
    }
}

/// The running binds.
#[derive(Debug, Default)]
pub struct RunningBinds {
    binds: Vec<Arc<Esme>>,
    senders: Vec<(u32, Arc<BindSender>)>,
}

impl RunningBinds {
    /// Starts a bind for each configured message centre.
    pub fn start(platform: &Arc<Platform>) -> Result<Self, EncodeError> {
        let mut running = Self::default();
        for bind in &platform.config.binds {
            let esme = Esme::start(bind.esme(), Arc::new(Bound::new(platform, bind)))?;
            platform.binds.add(&bind.route.name.0, esme.counters());
            let esme = Arc::new(esme);
            if bind.mode != BindMode::Receiver {
                let sender = BindSender::new(bind, &esme);
                running.senders.push((bind.priority, Arc::new(sender)));
            }
            running.binds.push(esme);
        }
        running.senders.sort_by_key(|(priority, _)| *priority);
        Ok(running)
    }

    /// The binds that send texts to phones, each with its priority, the preferred first.
    pub fn senders(&self) -> Vec<(u32, Arc<dyn TextSender>)> {
        let shared = |sender: &Arc<BindSender>| Arc::clone(sender) as Arc<dyn TextSender>;
        self.senders.iter().map(|(priority, sender)| (*priority, shared(sender))).collect()
    }

    /// Answers what is under way, unbinds and closes, all binds at once.
    pub async fn stop(self) {
        let stop = |esme: Arc<Esme>| tokio::spawn(async move { esme.shutdown().await });
        let stops: Vec<_> = self.binds.into_iter().map(stop).collect();
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
        config.session.request_window = self.submits.window;
        config.rate_per_s = self.submits.rate_per_s;
        config.tls.clone_from(&self.tls);
        config.seed = u64::from_le_bytes(random_bytes(&mut SystemRandom));
        config
    }
}

/// Refuses every text, so that it comes again to the server proper.
#[derive(Debug)]
struct Refuser {
    state: tokio::sync::watch::Sender<BindState>,
    /// Why there was no connection.
    unreachable: Mutex<Option<String>>,
}

impl Deliveries for Refuser {
    async fn deliver(&self, _: Delivery) -> CommandStatus {
        CommandStatus::Throttled
    }

    async fn undecodable(&self, _: Undecodable) -> CommandStatus {
        CommandStatus::Throttled
    }

    fn unreachable(&self, _: &str, error: &std::io::Error) {
        let mut unreachable = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        *unreachable = Some(error.to_string());
    }

    fn state(&self, _: &str, state: BindState) {
        self.state.send_replace(state);
    }
}

/// Binds once and unbinds: whether the message centre takes us. Some centres take one bind at a time
/// and refuse this one while the server runs.
pub async fn try_bind(bind: &Bind, patience: std::time::Duration) -> Result<(), String> {
    let (state, mut states) = tokio::sync::watch::channel(BindState::Connecting);
    let refuser = Arc::new(Refuser { state, unreachable: Mutex::default() });
    let esme = Esme::start(bind.esme(), Arc::clone(&refuser)).map_err(|e| e.to_string())?;
    let settled = |state: &BindState| *state != BindState::Connecting;
    let state = match tokio::time::timeout(patience, states.wait_for(settled)).await {
        Ok(Ok(state)) => *state,
        Ok(Err(_)) | Err(_) => BindState::Waiting,
    };
    esme.shutdown().await;
    let unreachable = refuser.unreachable.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (state, unreachable) {
        (BindState::Bound, _) => Ok(()),
        (BindState::Refused, _) => {
            Err("the message centre refused the bind: check system_id, password \
                                   and mode, or whether it is bound already"
                .to_owned())
        }
        (_, Some(why)) => Err(why),
        _ if bind.tls.is_some() => Err("connected, but no answer to the bind: check whether the \
                                        message centre wants a client certificate, or another one"
            .to_owned()),
        _ => Err("no answer: check the address and whether the message centre is up".to_owned()),
    }
}

#[cfg(test)]
mod tests;
