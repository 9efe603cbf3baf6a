//! An installation behind a load balancer: each request goes to the next node that is up, and what
//! failed for now is asked again with a fresh proof and assertion, as PROTOCOL 5 has it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use twinpath_e2e::app::{Attempt, Draft, Instance};
use twinpath_e2e::centre::{Centre, ROK};
use twinpath_e2e::http::Answer;
use twinpath_e2e::pdu::Text;

/// How long a node that failed is left alone.
const OUT: Duration = Duration::from_millis(300);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(30);
/// `ESME_RMSGQFUL`, `ESME_RTHROTTLED`, and `ESME_RX_T_APPN` of a session that ends: come again.
const AGAIN: [u64; 3] = [0x14, 0x58, 0x64];

/// Who is up, as far as was seen.
pub(crate) struct Balancer {
    pub(crate) addresses: Vec<SocketAddr>,
    out_until: Vec<Mutex<Instant>>,
    turn: AtomicUsize,
    /// What clients and the message centre saw fail, and how often.
    seen: Mutex<BTreeMap<String, usize>>,
    /// What they must never see.
    strange: Mutex<Vec<String>>,
    /// Texts that were acknowledged and requests that were granted.
    promised: AtomicUsize,
    /// Nobody tries again.
    stopped: AtomicBool,
}

/// What became of a request.
pub(crate) enum Told {
    /// Granted.
    Granted(serde_json::Value),
    /// Refused for good, by an OAuth error.
    Refused(String),
    /// The load ended before there was an answer.
    GivenUp,
}

impl Balancer {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            out_until: addresses.iter().map(|_| Mutex::new(Instant::now())).collect(),
            addresses,
            turn: AtomicUsize::new(0),
            seen: Mutex::default(),
            strange: Mutex::default(),
            promised: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    fn next(&self) -> usize {
        let (count, now) = (self.addresses.len(), Instant::now());
        let first = self.turn.fetch_add(1, Relaxed);
        let all = (first..first + count).map(|turn| turn % count);
        let mut up = all.filter(|node| *self.out_until[*node].lock().unwrap() <= now);
        up.next().unwrap_or(first % count)
    }

    pub(crate) fn note(&self, what: &str) {
        *self.seen.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn strange(&self, what: String) {
        self.strange.lock().unwrap().push(what);
    }

    pub(crate) fn promised(&self) -> usize {
        self.promised.load(Relaxed)
    }

    fn promise(&self) {
        self.promised.fetch_add(1, Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(crate) fn resume(&self) {
        self.stopped.store(false, Relaxed);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// What failed, and how often.
    pub(crate) fn seen(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap().clone()
    }

    /// Fails the test if anybody saw what nobody should.
    pub(crate) fn nothing_strange(&self) {
        let strange = self.strange.lock().unwrap();
        assert!(strange.is_empty(), "{}: {:#?}", strange.len(), &strange[..strange.len().min(5)]);
    }

    /// Hands a text to one bind after another until one acknowledges it; whether one did.
    pub(crate) async fn text(&self, centre: &Centre, from: &str, attempt: &Attempt) -> bool {
        let text = Text::new(from, &attempt.text);
        loop {
            let receipt = centre.deliver_to("*", &text).await;
            match receipt.status() {
                Some(ROK) => {
                    self.promise();
                    return true;
                }
                None => self.note("text: no answer"),
                Some(status) if AGAIN.contains(&status) => {
                    self.note(&format!("text: status {status:#x}"));
                }
                Some(_) => self.strange(format!("a text: {receipt:?}")),
            }
            if self.stopped() {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// An installation, asking at any node.
pub(crate) struct Client {
    /// The same one at each node.
    pub(crate) doors: Vec<Instance>,
}

impl Client {
    pub(crate) fn new(doors: Vec<Instance>) -> Self {
        Self { doors }
    }

    pub(crate) fn bound(&self) -> bool {
        self.doors[0].app.dpop
    }

    /// Asks until there is an answer that means something. The requests are never the same twice.
    /// Nobody is told to wait for what has `arrived`.
    pub(crate) async fn ask(
        &self,
        balancer: &Balancer,
        arrived: bool,
        make: impl Fn(&Instance) -> Draft,
    ) -> Told {
        loop {
            let node = balancer.next();
            let door = &self.doors[node];
            let answer = door.try_send(&make(door)).await;
            match judge(balancer, answer.as_ref(), arrived) {
                Verdict::Done(told) => return told,
                Verdict::AtOnce => {}
                Verdict::Later => tokio::time::sleep(PAUSE).await,
                Verdict::Elsewhere => {
                    *balancer.out_until[node].lock().unwrap() = Instant::now() + OUT;
                    tokio::time::sleep(PAUSE).await;
                }
            }
            if balancer.stopped() {
                return Told::GivenUp;
            }
        }
    }
}

enum Verdict {
    Done(Told),
    /// Again with what the answer told.
    AtOnce,
    /// Again after a while.
    Later,
    /// This node cannot now.
    Elsewhere,
}

fn judge(balancer: &Balancer, answer: Option<&Answer>, arrived: bool) -> Verdict {
    let Some(answer) = answer else {
        balancer.note("request: no answer");
        return Verdict::Elsewhere;
    };
    let error = answer.error().unwrap_or_default();
    match (answer.status, error.as_str()) {
        (200, _) => {
            balancer.promise();
            Verdict::Done(Told::Granted(answer.json()))
        }
        (400, "use_dpop_nonce") => Verdict::AtOnce,
        (400, "authorization_pending" | "slow_down") if !arrived => {
            balancer.note(&format!("request: {error}"));
            Verdict::Later
        }
        (503, "temporarily_unavailable") if answer.header("retry-after").is_some() => {
            balancer.note("request: 503 temporarily_unavailable");
            Verdict::Elsewhere
        }
        (400, "invalid_grant") => Verdict::Done(Told::Refused(error)),
        _ => {
            balancer.strange(format!("{} {}", answer.status, answer.text()));
            Verdict::Later
        }
    }
}
