//! Keeps authorizations in flight: each worker makes one after the other, a text and a request.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use twinpath_server::http::path;
use twinpath_smpp::centre::BoundEsme;
use twinpath_smpp::pdu::{Address, CommandStatus, ShortMessage};
use twinpath_wire::b64;
use twinpath_wire::code::Code;
use twinpath_wire::oauth::{ErrorBody, ErrorCode};
use twinpath_wire::phrase::{compose, default_phrases};
use twinpath_wire::verifier::Verifier;

use crate::app::{App, Key, TokenRequest};
use crate::check::{Receipt, number};
use crate::connection::{Answer, Connection};
use crate::options::{Dpop, Options, Order};
use crate::target::{NUMBER, Site};

/// What a request that comes before its text waits at most.
const WAIT_S: u32 = 30;
/// How much later its text is sent.
const HEAD_START: Duration = Duration::from_millis(5);
/// How often a text is sent, if it is refused for now, and how long between.
const TEXTS: u32 = 20;
const TEXT_PAUSE: Duration = Duration::from_millis(100);
/// A worker whose authorization went wrong waits before the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a pass is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Nothing counts yet.
    WarmUp,
    /// What is started and ended in this phase counts.
    Measured,
    /// Nothing is started any more.
    Over,
}

/// What all workers of a pass share.
#[derive(Debug)]
pub(crate) struct Load {
    site: Arc<Site>,
    keys: Arc<Vec<Key>>,
    host: String,
    template: String,
    /// In every `jti`, so that two passes never say the same.
    run: String,
    accounts: u64,
    /// The first new number, where every authorization takes one.
    first: u64,
    dpop: bool,
    order: Order,
    pub(crate) phase: watch::Sender<Phase>,
    sequence: AtomicU64,
    /// Authorizations that ended well, in all and while measured.
    pub(crate) done: AtomicU64,
    pub(crate) measured: AtomicU64,
    pub(crate) harvest: Mutex<Harvest>,
}

/// What workers bring in.
#[derive(Debug, Default)]
pub(crate) struct Harvest {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) times: Vec<Times>,
    /// What went wrong, by kind.
    pub(crate) errors: BTreeMap<String, u64>,
    /// What had to be said again, as the protocol foresees, by kind.
    pub(crate) retries: BTreeMap<&'static str, u64>,
}

/// How long one authorization took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the text to its acknowledgement.
    pub(crate) text: Option<Duration>,
    /// From the token request to its answer.
    pub(crate) request: Duration,
    pub(crate) whole: Duration,
}

impl Load {
    pub(crate) fn new(
        site: &Arc<Site>,
        keys: &Arc<Vec<Key>>,
        options: &Options,
        first: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            site: Arc::clone(site),
            keys: Arc::clone(keys),
            host: site.issuer.trim_start_matches("http://").to_owned(),
            template: default_phrases().remove("en").unwrap_or_default(),
            run: b64::encode(random::<9>()),
            accounts: options.accounts.into(),
            first,
            dpop: options.dpop == Dpop::Required,
            order: options.order,
            phase: watch::Sender::new(Phase::WarmUp),
            sequence: AtomicU64::new(0),
            done: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            harvest: Mutex::default(),
        })
    }

    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Changes what was brought in.
    pub(crate) fn reap<T>(&self, with: impl FnOnce(&mut Harvest) -> T) -> T {
        with(&mut self.harvest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn retried(&self, kind: &'static str) {
        self.reap(|harvest| *harvest.retries.entry(kind).or_default() += 1);
    }

    /// Whose turn it is: every number once, then any.
    fn number_of(&self, sequence: u64) -> u64 {
        match sequence.checked_rem(self.accounts) {
            None => self.first + sequence,
            Some(_) if sequence < self.accounts => sequence,
            Some(_) => mixed(sequence) % self.accounts,
        }
    }

    fn app_of(&self, sequence: u64) -> Option<(u32, &App)> {
        // With as many numbers as apps, each number still meets every app.
        let turn = mixed(sequence ^ 0x5bd1_e995) % u64::try_from(self.site.apps.len()).ok()?;
        let app = self.site.apps.get(usize::try_from(turn).ok()?)?;
        Some((u32::try_from(turn).ok()?, app))
    }

    fn request_first(&self, sequence: u64) -> bool {
        match self.order {
            Order::TextFirst => false,
            Order::RequestFirst => true,
            Order::Mixed => sequence.is_multiple_of(2),
        }
    }

    /// Sends a text until it is acknowledged for good.
    async fn text(&self, esme: &BoundEsme, message: ShortMessage) -> Result<Duration, String> {
        let started = Instant::now();
        for _ in 0..TEXTS {
            match esme.deliver(message.clone()).await {
                Ok(CommandStatus::Ok) => return Ok(started.elapsed()),
                Ok(CommandStatus::Throttled) => self.retried("text throttled"),
                Ok(status) => return Err(format!("text: {status:?}")),
                Err(error) => return Err(format!("text: {error}")),
            }
            tokio::time::sleep(TEXT_PAUSE).await;
        }
        Err("text: throttled again and again".to_owned())
    }
}

/// `SplitMix64`: well spread, and the same in every run.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness the server refuses the second verifier, and the pass fails.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}

fn seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// One authorization's own.
struct Attempt<'a> {
    sequence: u64,
    app: &'a App,
    key: Option<&'a Key>,
    verifier: Verifier,
    wait_s: Option<u32>,
}

/// Makes one authorization after the other until the pass is over.
pub(crate) async fn work(load: Arc<Load>) {
    let mut caller = Caller {
        connection: Connection::new(load.site.address),
        nonce: None,
        load: Arc::clone(&load),
    };
    loop {
        let phase = load.phase();
        if phase == Phase::Over {
            return;
        }
        let sequence = load.sequence.fetch_add(1, Relaxed);
        match authorize(&load, &mut caller, sequence).await {
            Ok((times, receipt)) => {
                load.done.fetch_add(1, Relaxed);
                let still = load.phase();
                if still == Phase::Measured {
                    load.measured.fetch_add(1, Relaxed);
                }
                load.reap(|harvest| {
                    harvest.receipts.push(receipt);
                    if phase == Phase::Measured && still == Phase::Measured {
                        harvest.times.push(times);
                    }
                });
            }
            Err(kind) => {
                load.reap(|harvest| *harvest.errors.entry(kind).or_default() += 1);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn authorize(
    load: &Load,
    caller: &mut Caller,
    sequence: u64,
) -> Result<(Times, Receipt), String> {
    let index = load.number_of(sequence);
    let (app_index, app) = load.app_of(sequence).ok_or("no apps")?;
    // An instance of an app is where its number is.
    let key_index = index.checked_rem(u64::try_from(load.keys.len()).unwrap_or(1));
    let key = key_index.and_then(|n| load.keys.get(usize::try_from(n).ok()?));
    let key = key.filter(|_| load.dpop);
    let jkt = key.map_or("", |key| key.jkt.as_str());
    let verifier = Verifier::from_random(random());
    let code = Code::commit(&load.site.issuer, &app.client_id, jkt, verifier.as_str());
    let text = compose(&load.template, &app.name, &code).map_err(|error| error.to_string())?;
    let (from, to) = (Address::international(number(index)), Address::new(0, 1, NUMBER));
    let message = ShortMessage::new(from, to, 0, text.into_bytes());

    let request_first = load.request_first(sequence) && load.site.esme.is_some();
    let wait_s = request_first.then_some(WAIT_S);
    let attempt = Attempt { sequence, app, key, verifier, wait_s };
    let started = Instant::now();
    let asked = seconds();
    let (text, request, answer) = match &load.site.esme {
        None => {
            let (request, answer) = caller.ask(&attempt).await?;
            (None, request, answer)
        }
        Some(esme) if request_first => {
            let text = async {
                tokio::time::sleep(HEAD_START).await;
                load.text(esme, message).await
            };
            let (text, asked) = tokio::join!(text, caller.ask(&attempt));
            let (request, answer) = asked?;
            (Some(text?), request, answer)
        }
        Some(esme) => {
            let text = load.text(esme, message).await?;
            let (request, answer) = caller.ask(&attempt).await?;
            (Some(text), request, answer)
        }
    };
    let times = Times { text, request, whole: started.elapsed() };
    let jkt = key.map(|key| key.jkt.clone());
    let came = seconds();
    let body = answer.body;
    Ok((times, Receipt { body, app: app_index, jkt, number: index, asked, came }))
}

/// One worker's second path.
struct Caller {
    connection: Connection,
    nonce: Option<String>,
    load: Arc<Load>,
}

impl Caller {
    /// The answer that has tokens, and how long it took.
    async fn ask(&mut self, attempt: &Attempt<'_>) -> Result<(Duration, Answer), String> {
        let started = Instant::now();
        let load = Arc::clone(&self.load);
        for turn in 0..3 {
            let request = TokenRequest {
                app: attempt.app,
                key: attempt.key,
                issuer: &load.site.issuer,
                host: &load.host,
                path: path::TOKEN,
                verifier: attempt.verifier.as_str(),
                nonce: self.nonce.as_deref(),
                jti: &format!("{}.{:x}.{turn}", load.run, attempt.sequence),
                wait_s: attempt.wait_s,
                now: seconds(),
            };
            let answer = self.connection.exchange(&request.write()).await;
            let answer = answer.map_err(|error| format!("token: {error}"))?;
            if answer.nonce.is_some() && answer.nonce != self.nonce {
                self.nonce.clone_from(&answer.nonce);
            }
            if answer.status == 200 {
                return Ok((started.elapsed(), answer));
            }
            let refusal: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
            if refusal.code() != Some(ErrorCode::UseDpopNonce) {
                let why = refusal.error_description.unwrap_or_default();
                return Err(format!("token: {} {}: {why}", answer.status, refusal.error));
            }
            load.retried("a first nonce");
        }
        Err("token: no nonce is good enough".to_owned())
    }
}
