//! How texts come to the server, and what becomes of the network on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use twinpath_e2e::app::Attempt;
use twinpath_smpp::centre::{Centre, CentreConfig};
use twinpath_smpp::esme::{
    BackoffConfig, Deliveries, Delivery, Esme, EsmeConfig, SendError, Undecodable,
};
use twinpath_smpp::pdu::{Address, BindMode, CommandStatus, ShortMessage};
use twinpath_testing::proxy::Proxy;

/// What `numbers` of the routes are, without the plus sign.
const NUMBER: &[u8] = b"8610690001";
/// A bind of the server's that held for 10 s is made again within a second: not to be cut off for the
/// rest of the run, it is left alone for so long.
const HOLDS: Duration = Duration::from_secs(12);

/// Numbers that look random, the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Less than `end`: `SplitMix64`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    pub(crate) fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    pub(crate) fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// Who hands texts over.
enum Sender {
    /// The server is bound to it.
    Centre(Centre),
    /// It is bound to the server.
    Gateway(Esme),
}

/// A sender and the network between it and the server.
pub(crate) struct Way {
    pub(crate) route: String,
    sender: Sender,
    network: Proxy,
    since: Instant,
    /// When it last failed, in milliseconds after `since`.
    failed_at: AtomicU32,
    fails: AtomicBool,
}

/// A gateway that takes no messages.
struct Nothing;

impl Deliveries for Nothing {
    async fn deliver(&self, _: Delivery) -> CommandStatus {
        CommandStatus::SystemError
    }

    async fn undecodable(&self, _: Undecodable) -> CommandStatus {
        CommandStatus::SystemError
    }
}

impl Way {
    fn new(route: &str, sender: Sender, network: Proxy) -> Self {
        let (route, since) = (route.to_owned(), Instant::now());
        Self { route, sender, network, since, failed_at: AtomicU32::new(0), fails: false.into() }
    }

    /// A message centre; the server is to bind to the [`port`](Self::port).
    pub(crate) async fn centre(route: &str) -> Self {
        let config = CentreConfig::new("127.0.0.1:0".parse().unwrap());
        let (centre, _) = Centre::start(config, |_| CommandStatus::Ok).await.unwrap();
        let network = Proxy::to(centre.address());
        Self::new(route, Sender::Centre(centre), network)
    }

    /// A gateway that binds to the server's listener.
    pub(crate) fn gateway(route: &str, listener: std::net::SocketAddr, seed: u64) -> Self {
        let network = Proxy::to(listener);
        let address = format!("127.0.0.1:{}", network.port());
        let mut config = EsmeConfig::new(route, &address, route, "secret");
        config.mode = BindMode::Transmitter;
        config.seed = seed;
        config.backoff = BackoffConfig {
            first: Duration::from_millis(20),
            max: Duration::from_millis(200),
            ..BackoffConfig::default()
        };
        let esme = Esme::start(config, Arc::new(Nothing)).unwrap();
        Self::new(route, Sender::Gateway(esme), network)
    }

    /// Where the server finds the message centre.
    pub(crate) fn port(&self) -> u16 {
        self.network.port()
    }

    /// Hands a text over.
    pub(crate) async fn text(
        &self,
        from: &str,
        attempt: &Attempt,
    ) -> Result<CommandStatus, SendError> {
        let from = Address::international(from.trim_start_matches('+').as_bytes().to_vec());
        let text = attempt.text.as_bytes().to_vec();
        let message = ShortMessage::new(from, Address::international(NUMBER), 0, text);
        match &self.sender {
            Sender::Centre(centre) => centre.deliver(message).await,
            Sender::Gateway(esme) => Ok(esme.submit(message).await?.status),
        }
    }

    /// Breaks the connection, holds it up, or holds it up and then breaks it; whether it did.
    pub(crate) async fn fail(&self, dice: &mut Dice) -> bool {
        if self.fails.swap(true, Relaxed) {
            return false;
        }
        let now = u32::try_from(self.since.elapsed().as_millis()).unwrap();
        let held = now.saturating_sub(self.failed_at.load(Relaxed));
        let rests =
            matches!(self.sender, Sender::Centre(_)) && Duration::from_millis(held.into()) < HOLDS;
        if !rests {
            let kind = dice.below(3);
            if kind > 0 {
                self.network.freeze();
                sleep(dice.millis(800)).await;
            }
            if kind < 2 {
                self.network.cut();
                sleep(dice.millis(100)).await;
            }
            self.network.pass();
            self.failed_at.store(now, Relaxed);
        }
        self.fails.store(false, Relaxed);
        !rests
    }

    /// Ends in order.
    pub(crate) async fn end(self) {
        match self.sender {
            Sender::Centre(centre) => centre.shutdown().await,
            Sender::Gateway(esme) => esme.shutdown().await,
        }
    }
}
