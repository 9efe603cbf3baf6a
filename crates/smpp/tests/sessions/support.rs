//! An application that records, a peer that speaks raw octets, and waiting with a deadline.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use twinpath_smpp::{
    centre::{Centre, CentreConfig, Submission},
    esme::{BackoffConfig, BindState, Deliveries, Delivery, Esme, EsmeConfig, Undecodable},
    pdu::{
        Address, BindResp, CommandId, CommandStatus, DEFAULT_MAX_PDU, Header, Pdu, ShortMessage,
        Tlvs, take_frame,
    },
};

pub(crate) const PASSWORD: &str = "secret";
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for something that has to happen.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(DEADLINE, happens).await.unwrap_or_else(|_| panic!("waited too long: {what}"))
}

/// Waits for a condition nothing tells of.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// An application that keeps what it is given.
pub(crate) struct Application {
    pub(crate) received: Mutex<Vec<(Bytes, Option<String>)>>,
    pub(crate) quarantine: Mutex<Vec<Undecodable>>,
    pub(crate) status: Mutex<CommandStatus>,
    pub(crate) most_at_once: AtomicUsize,
    at_once: AtomicUsize,
    /// Calls that may finish.
    pub(crate) gate: Semaphore,
    delay: Duration,
    /// Every state so far: one that passes quickly is not missed.
    states: watch::Sender<Vec<BindState>>,
    /// Why the last connection could not be made.
    unreachable: Mutex<String>,
}

impl Application {
    pub(crate) fn new(gate: usize, delay: Duration) -> Arc<Self> {
        Arc::new(Self {
            received: Mutex::default(),
            quarantine: Mutex::default(),
            status: Mutex::new(CommandStatus::Ok),
            most_at_once: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            gate: Semaphore::new(gate),
            delay,
            states: watch::Sender::new(Vec::new()),
            unreachable: Mutex::default(),
        })
    }

    /// One that answers at once.
    pub(crate) fn open() -> Arc<Self> {
        Self::new(Semaphore::MAX_PERMITS, Duration::ZERO)
    }

    /// Waits until the bind is, or has been, in a state.
    pub(crate) async fn reaches(&self, state: BindState) {
        soon(state.as_str(), async {
            self.states.subscribe().wait_for(|states| states.contains(&state)).await.unwrap();
        })
        .await;
    }

    /// Why the last connection could not be made.
    pub(crate) fn unreachable(&self) -> String {
        self.unreachable.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.received.lock().unwrap().iter().filter_map(|(_, text)| text.clone()).collect()
    }
}

impl Deliveries for Application {
    async fn deliver(&self, delivery: Delivery) -> CommandStatus {
        let at_once = self.at_once.fetch_add(1, Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Relaxed);
        self.gate.acquire().await.unwrap().forget();
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        self.at_once.fetch_sub(1, Relaxed);
        let text = delivery.text().ok().map(|received| received.text);
        assert_ne!(text.as_deref(), Some("panic"), "asked to");
        self.received.lock().unwrap().push((delivery.message.source.octets, text));
        *self.status.lock().unwrap()
    }

    async fn undecodable(&self, undecodable: Undecodable) -> CommandStatus {
        self.quarantine.lock().unwrap().push(undecodable);
        CommandStatus::Ok
    }

    fn unreachable(&self, _: &str, error: &std::io::Error) {
        *self.unreachable.lock().unwrap() = error.to_string();
    }

    fn state(&self, _: &str, state: BindState) {
        self.states.send_modify(|states| states.push(state));
    }
}

pub(crate) fn esme_config(address: SocketAddr) -> EsmeConfig {
    let millis = Duration::from_millis;
    EsmeConfig {
        backoff: BackoffConfig {
            first: millis(10),
            max: millis(50),
            refused: millis(200),
            already_bound: millis(20),
            stable: millis(1),
        },
        ..EsmeConfig::new("test", &address.to_string(), "twinpath", PASSWORD)
    }
}

pub(crate) fn start(config: EsmeConfig, application: &Arc<Application>) -> Esme {
    Esme::start(config, Arc::clone(application)).unwrap()
}

pub(crate) fn centre_config() -> CentreConfig {
    CentreConfig::new("127.0.0.1:0".parse().unwrap())
}

/// A message centre that knows one password.
pub(crate) async fn centre(config: CentreConfig) -> (Centre, mpsc::Receiver<Submission>) {
    let authorize = |bind: &twinpath_smpp::pdu::Bind| {
        if bind.password == PASSWORD { CommandStatus::Ok } else { CommandStatus::InvalidPassword }
    };
    Centre::start(config, authorize).await.unwrap()
}

pub(crate) fn message(data_coding: u8, text: &[u8]) -> ShortMessage {
    let source = Address::international(&b"447911123456"[..]);
    ShortMessage::new(source, Address::new(0, 1, &b"88222"[..]), data_coding, text.to_vec())
}

pub(crate) fn octets(pdu: &Pdu, sequence: u32) -> BytesMut {
    let mut out = BytesMut::new();
    pdu.encode(CommandStatus::Ok, sequence, &mut out).unwrap();
    out
}

/// A PDU with any command and body.
pub(crate) fn raw(command: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap();
    let header = [length, command, 0, sequence].into_iter().flat_map(u32::to_be_bytes);
    header.chain(body.iter().copied()).collect()
}

/// The far end of a connection, speaking whatever it likes.
pub(crate) struct Peer {
    stream: TcpStream,
    input: BytesMut,
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon("connect", TcpStream::connect(address)).await.unwrap();
        Self { stream, input: BytesMut::new() }
    }

    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = soon("accept", listener.accept()).await.unwrap();
        Self { stream, input: BytesMut::new() }
    }

    /// Accepts a connection and grants its bind.
    pub(crate) async fn accept_bound(listener: &TcpListener) -> Self {
        let mut peer = Self::accept(listener).await;
        let (header, Pdu::Bind(bind)) = peer.read().await.unwrap() else { panic!("no bind") };
        let resp =
            BindResp { mode: bind.mode, system_id: Some("raw".into()), tlvs: Tlvs::default() };
        peer.write(&octets(&Pdu::BindResp(resp), header.sequence_number)).await;
        peer
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        soon("write", self.stream.write_all(octets)).await.unwrap();
    }

    /// The next PDU; none once the other side has hung up in order.
    pub(crate) async fn read(&mut self) -> Option<(Header, Pdu)> {
        soon("read", async {
            loop {
                if let Some(frame) = take_frame(&mut self.input, DEFAULT_MAX_PDU).unwrap() {
                    return Some((frame.header, Pdu::decode(&frame).unwrap()));
                }
                if self.stream.read_buf(&mut self.input).await.unwrap() == 0 {
                    return None;
                }
            }
        })
        .await
    }

    /// The next PDU's command, status and sequence number.
    pub(crate) async fn heard(&mut self) -> (CommandId, CommandStatus, u32) {
        let (header, pdu) = self.read().await.unwrap();
        (pdu.command(), header.command_status, header.sequence_number)
    }
}
