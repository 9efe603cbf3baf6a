//! The outbox: sends what the queue holds.
//!
//! A decision has put the row; the node that committed it sends at once, and any node finds by listing what
//! was left. Whoever sends claims the row first, so that no two do ([`ClaimText`]).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use twinpath_core::ids::{Digest, Timestamp};
use twinpath_core::outbound::{
    ATTEMPT_S, ClaimText, Claimed, FindReceipt, ReceiveReceipt, Received, SettleText, Settled,
    Spend, Spent,
};
use twinpath_core::records::{NoteKind, Outbound, TextPurpose};
use twinpath_store::StoreError;

use crate::http::Shutdown;
use crate::outbound::words::words;
use crate::outbound::{Attempt, OutboundText, Receipt, ReceiptState, TextSender};
use crate::platform::{Platform, now};

/// What became of texts to phones, by who sent them, or by what they were for where nobody did.
pub(super) const METRIC: &str = "twinpath_outbound_texts_total";

/// Texts and receipts between whoever puts them and the task that works on them.
const QUEUE: usize = 10_000;
/// Texts in work at the same time.
const IN_WORK: usize = 64;
/// How often what was left is looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How many are taken up at once.
const SWEPT: usize = 100;
/// Receipts that wait for their text's answer.
const EARLY: usize = 1_000;
/// How often a receipt's text is looked for, once in a sweep.
const RECEIPT_LOOKS: u32 = 10;
/// The longest that one sender may take: all the senders tried end within a claim.
const SENDER_TIME: Duration = Duration::from_secs(20);
/// How many senders are tried in one attempt.
const SENDERS_TRIED: usize = 2;

const _: () = assert!(SENDER_TIME.as_secs() * (SENDERS_TRIED as u64) < ATTEMPT_S.unsigned_abs());

enum Work {
    Send(Digest),
    /// And how often its text was looked for.
    Receive(Receipt, u32),
}

/// The way to phones.
#[derive(Debug)]
pub struct Outbox {
    senders: RwLock<Vec<Arc<dyn TextSender>>>,
    queue: mpsc::Sender<Work>,
    work: Mutex<Option<mpsc::Receiver<Work>>>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Send(_) => "Send",
            Self::Receive(..) => "Receive",
        })
    }
}

impl Default for Outbox {
    fn default() -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        Self { senders: RwLock::default(), queue, work: Mutex::new(Some(work)) }
    }
}

impl Outbox {
    /// Adds a sender, preferred less than those before it.
    pub fn add(&self, sender: Arc<dyn TextSender>) {
        self.senders.write().unwrap_or_else(PoisonError::into_inner).push(sender);
    }

    /// Has a text sent whose row was put, and is durable. Where there is no room it is found later.
    pub fn send(&self, text: Digest) {
        let _ = self.queue.try_send(Work::Send(text));
    }

    pub(super) fn take_receipt(&self, receipt: Receipt) {
        let _ = self.queue.try_send(Work::Receive(receipt, 0));
    }

    /// The senders, in order of preference.
    fn senders(&self) -> Vec<Arc<dyn TextSender>> {
        self.senders.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends texts until the server stops; what is under way then is finished.
pub async fn dispatch(platform: Arc<Platform>, shutdown: Shutdown) {
    let taken = platform.outbox.work.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut work) = taken.filter(|_| platform.config.outbound.is_some()) else {
        return;
    };
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tasks = JoinSet::new();
    let mut early = Early::default();
    loop {
        let room = tasks.len() < IN_WORK;
        tokio::select! {
            () = shutdown.begun() => break,
            Some(done) = tasks.join_next() => {
                if let Some(receipt) = done.ok().flatten().and_then(|receipt| early.keep(receipt)) {
                    of_nothing(&platform, &receipt);
                }
            }
            Some(work) = work.recv(), if room => {
                tasks.spawn(carry_out(Arc::clone(&platform), work));
            }
            _ = sweep.tick(), if room => {
                for work in early.due() {
                    tasks.spawn(carry_out(Arc::clone(&platform), work));
                }
                for text in due(&platform).await {
                    tasks.spawn(carry_out(Arc::clone(&platform), Work::Send(text)));
                }
            }
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn due(platform: &Platform) -> Vec<Digest> {
    let start = (Timestamp(0), Digest([0; 16]));
    match platform.store.notes(NoteKind::Outbound, start, now(), SWEPT).await {
        Ok(notes) => notes.into_iter().map(|note| note.key).collect(),
        Err(error) => {
            tracing::warn!(%error, "texts that wait could not be looked for");
            Vec::new()
        }
    }
}

/// Gives back a receipt that found no text, with how often it was looked for before.
async fn carry_out(platform: Arc<Platform>, work: Work) -> Option<(Receipt, u32)> {
    let done = match work {
        Work::Send(text) => send(&platform, text).await.map(|()| true),
        Work::Receive(receipt, looks) => match receive(&platform, &receipt).await {
            Ok(false) => return Some((receipt, looks)),
            done => done,
        },
    };
    if let Err(error) = done {
        tracing::warn!(%error, "the outbox could not go on: it will again");
    }
    None
}

/// Receipts that found no text yet: a network may deliver a text, and say so, before its answer to the
/// submission is read and durable.
#[derive(Default)]
struct Early(VecDeque<(Receipt, u32)>);

impl Early {
    /// Keeps one for another look; gives it back if that was the last, or if there is no room.
    fn keep(&mut self, (receipt, looks): (Receipt, u32)) -> Option<Receipt> {
        if looks + 1 >= RECEIPT_LOOKS || self.0.len() >= EARLY {
            return Some(receipt);
        }
        self.0.push_back((receipt, looks + 1));
        None
    }

    fn due(&mut self) -> impl Iterator<Item = Work> {
        let due = self.0.len().min(SWEPT);
        self.0.drain(..due).map(|(receipt, looks)| Work::Receive(receipt, looks))
    }
}

fn of_nothing(platform: &Platform, receipt: &Receipt) {
    platform.counters.count(METRIC, &receipt.route, "receipt_of_nothing");
}

async fn send(platform: &Platform, key: Digest) -> Result<(), StoreError> {
    let count = |of: &str, outcome| platform.counters.count(METRIC, of, outcome);
    let text = match platform.run(ClaimText { key }).await? {
        Claimed::Yes(text) => text,
        Claimed::No => return Ok(()),
        Claimed::GivenUp(purpose, why) => {
            count(purpose.as_str(), why);
            return Ok(());
        }
    };
    let (of, settled) = attempt(platform, key, &text).await?;
    count(&of, word(&settled));
    tracing::debug!(
        of,
        purpose = text.purpose.as_str(),
        outcome = word(&settled),
        "a text to a phone"
    );
    platform.run(SettleText::new(&platform.vault, key, text.attempts, settled)).await?;
    Ok(())
}

fn word(settled: &Settled) -> &'static str {
    match settled {
        Settled::Accepted { .. } => "accepted",
        Settled::Temporary(why) | Settled::Unknown(why) | Settled::Permanent(why) => why,
    }
}

/// One attempt: by whom it was made, or what the text was for, and how it ended.
async fn attempt(
    platform: &Platform,
    key: Digest,
    text: &Outbound,
) -> Result<(String, Settled), StoreError> {
    let nobody = |settled| Ok((text.purpose.as_str().to_owned(), settled));
    let Some((to, body)) = words(platform, text) else {
        return nobody(Settled::Permanent("no_words"));
    };
    if let Some(why) = unpaid(platform, text, &to).await? {
        return nobody(Settled::Permanent(why));
    }
    let reference = format!("{key:?}");
    let outbound = OutboundText { to, body, reference };
    let senders = platform.outbox.senders();
    let serving = senders.iter().filter(|sender| sender.serves(&outbound.to));
    if !senders.is_empty() && serving.clone().next().is_none() {
        return nobody(Settled::Permanent("no_sender"));
    }
    let mut last = (text.purpose.as_str().to_owned(), Settled::Temporary("down"));
    for sender in serving.filter(|sender| sender.up()).take(SENDERS_TRIED) {
        let settled = by(sender.as_ref(), &outbound).await;
        let again = matches!(settled, Settled::Temporary(_));
        last = (sender.name().to_owned(), settled);
        if !again {
            break;
        }
    }
    Ok(last)
}

async fn by(sender: &dyn TextSender, text: &OutboundText) -> Settled {
    match timeout(SENDER_TIME, sender.send(text)).await {
        Ok(Attempt::Accepted { message_id }) => {
            Settled::Accepted { route: sender.name().to_owned(), message_id }
        }
        Ok(Attempt::Temporary(why)) => Settled::Temporary(why),
        Ok(Attempt::Permanent(why)) => Settled::Permanent(why),
        Ok(Attempt::Unknown(why)) => Settled::Unknown(why),
        Err(_) => Settled::Unknown("timeout"),
    }
}

/// Why a notice is not paid for. Confirmations were counted before their code waited for them; a notice is
/// at its first attempt.
async fn unpaid(
    platform: &Platform,
    text: &Outbound,
    to: &twinpath_core::number::E164,
) -> Result<Option<&'static str>, StoreError> {
    let Some(outbound) = platform.config.outbound.as_ref() else {
        return Ok(Some("not_configured"));
    };
    if !matches!(text.purpose, TextPurpose::Notice { .. }) || text.attempts > 1 {
        return Ok(None);
    }
    let spent = match Spend::of(text, to, &outbound.limits, &platform.vault, now()) {
        Ok(spend) => platform.run(spend).await?,
        Err(spent) => spent,
    };
    Ok(match spent {
        Spent::Counted => None,
        Spent::Over(_) => Some("over_limit"),
        Spent::Country => Some("country"),
    })
}

/// Whether there is such a text.
async fn receive(platform: &Platform, receipt: &Receipt) -> Result<bool, StoreError> {
    let find = FindReceipt::new(&platform.vault, &receipt.route, &receipt.message_id);
    let Some(key) = platform.store.read(find).await? else {
        return Ok(false);
    };
    let received = match receipt.state {
        ReceiptState::Delivered => Received::Delivered,
        state => Received::Failed(state.as_str()),
    };
    platform.run(ReceiveReceipt { key, received }).await?;
    Ok(true)
}
