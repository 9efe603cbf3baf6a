//! Whole authorizations, several in flight: a text handed to any node and a request at any other,
//! either of them first, some grants refreshed. One number makes one authorization, so each terminal
//! has to end with one grant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinHandle;
use twinpath_e2e::app::Instance;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::number;
use twinpath_e2e::pdu::Text;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::wait::{DEADLINE, until};

use crate::client::{Balancer, Client, Told};
use crate::fleet::Fleet;
use crate::ledger::{Entry, Ledger};

/// Authorizations under way at the same time.
const STREAMS: usize = 6;
/// Between two of a stream: enough is enough, for all of them are held against the rows at the end.
const PAUSE: Duration = Duration::from_millis(15);

/// Texts that one test may send before it gives up.
const TEXTS: usize = 2000;
/// Of five texts that come first, this one is left for the end: its client went away.
const LEFT: u32 = 4;

/// A load that runs until it is stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    streams: Vec<JoinHandle<Vec<Entry>>>,
    /// Who texts without redeeming, and what it texted.
    texter: Arc<Client>,
    texted: Vec<Entry>,
}

struct Shared {
    centre: Arc<Centre>,
    balancer: Arc<Balancer>,
    numbers: AtomicU32,
    /// Authorizations count that began in the present epoch.
    epoch: AtomicUsize,
    done: AtomicUsize,
}

impl Load {
    /// Half of it by an app that is bound to keys, half by one whose refresh tokens rotate.
    pub(crate) async fn start(fleet: &Fleet) -> Self {
        let bound = Registration::new("weather");
        let rotating = Registration::new("bearer").method("client_secret_basic").bearer();
        let (bound, rotating) = (fleet.install(&bound).await, fleet.install(&rotating).await);
        let shared = Arc::new(Shared {
            centre: Arc::clone(&fleet.centre),
            balancer: Arc::new(Balancer::new(fleet.addresses())),
            numbers: AtomicU32::new(0),
            epoch: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        });
        let streams: Vec<_> = (0..STREAMS)
            .map(|stream| {
                let app = if stream % 2 == 0 { &bound[0].app } else { &rotating[0].app };
                let instance = Instance::new(app, &fleet.place);
                let client = Arc::new(Client::new(fleet.everywhere(&instance)));
                tokio::spawn(Arc::clone(&shared).stream(client))
            })
            .collect();
        let texter = Arc::new(Client::new(bound));
        Self { streams, texter, texted: Vec::new(), shared }
    }

    /// Waits for so many whole authorizations that begin from now on.
    pub(crate) async fn next(&self, count: usize) {
        self.shared.epoch.fetch_add(1, Relaxed);
        self.shared.done.store(0, Relaxed);
        let enough = async || (self.shared.done.load(Relaxed) >= count).then_some(());
        self.until(&format!("{count} whole authorizations"), enough).await;
    }

    /// How often this was seen to fail so far.
    pub(crate) fn seen(&self, what: &str) -> usize {
        self.shared.balancer.seen().get(what).copied().unwrap_or(0)
    }

    /// Waits until this was seen to fail so many times more.
    pub(crate) async fn sees(&self, what: &str, more: usize) {
        let enough = self.seen(what) + more;
        self.until(what, async || (self.seen(what) >= enough).then_some(())).await;
    }

    /// Waits, and tells how the load fares if that is in vain.
    async fn until(&self, what: &str, look: impl AsyncFnMut() -> Option<()>) {
        let vain = tokio::time::sleep(DEADLINE.mul_f64(0.9));
        tokio::select! {
            () = until(what, look) => {}
            () = vain => panic!("in vain: {what}; {:?}", self.shared.balancer.seen()),
        }
    }

    /// Has phones text, whatever becomes of the requests, until so many were refused in a row.
    pub(crate) async fn text_until_refused(&mut self, times: usize) {
        let mut refused = 0;
        while refused < times {
            let n = self.shared.numbers.fetch_add(1, Relaxed);
            let mut entry = Entry::new(number(n), Arc::clone(&self.texter));
            let text = Text::new(&entry.from, &entry.attempt.text);
            entry.acknowledged = self.shared.centre.deliver_to("*", &text).await.is_ok();
            refused = if entry.acknowledged { 0 } else { refused + 1 };
            self.texted.push(entry);
            assert!(self.texted.len() < TEXTS, "texts are taken without end");
        }
    }

    /// How many texts were acknowledged and tokens given out so far.
    pub(crate) fn promised(&self) -> usize {
        self.shared.balancer.promised()
    }

    /// Ends it: whoever has no answer yet gives up.
    pub(crate) async fn stop(self) -> Ledger {
        self.shared.balancer.stop();
        let mut entries = self.texted;
        for stream in self.streams {
            entries.extend(stream.await.unwrap());
        }
        self.shared.balancer.resume();
        Ledger { entries, balancer: Arc::clone(&self.shared.balancer) }
    }
}

impl Shared {
    async fn stream(self: Arc<Self>, client: Arc<Client>) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !self.balancer.stopped() {
            let n = self.numbers.fetch_add(1, Relaxed);
            let epoch = self.epoch.load(Relaxed);
            let mut entry = Entry::new(number(n), Arc::clone(&client));
            if self.authorize(n, &mut entry).await && epoch == self.epoch.load(Relaxed) {
                self.done.fetch_add(1, Relaxed);
            }
            entries.push(entry);
            tokio::time::sleep(PAUSE).await;
        }
        entries
    }

    /// Whether it came to its end.
    async fn authorize(&self, n: u32, entry: &mut Entry) -> bool {
        let text = self.balancer.text(&self.centre, &entry.from, &entry.attempt);
        let told = if n.is_multiple_of(3) {
            let redeem = entry.redeem(&self.balancer, Some(5));
            let (acknowledged, told) = tokio::join!(text, redeem);
            entry.acknowledged = acknowledged;
            told
        } else {
            entry.acknowledged = text.await;
            if !entry.acknowledged || n % 5 == LEFT {
                return entry.acknowledged;
            }
            entry.redeem(&self.balancer, None).await
        };
        entry.asked = true;
        match told {
            Told::Granted(tokens) => entry.granted(&tokens),
            // A Bearer app never gets an answer twice: the first one was lost.
            Told::Refused(_) if !entry.client.bound() => return entry.acknowledged,
            Told::Refused(error) => {
                self.balancer.strange(format!("a redemption: {error}"));
                return false;
            }
            Told::GivenUp => return false,
        }
        for _ in 0..n % 4 {
            match entry.refresh(&self.balancer).await {
                Told::Granted(tokens) => entry.granted(&tokens),
                Told::Refused(error) => self.balancer.strange(format!("a refresh: {error}")),
                Told::GivenUp => return false,
            }
        }
        entry.acknowledged
    }
}
