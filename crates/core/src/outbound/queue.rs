//! The queue of texts to phones: claimed, settled, received.

use crate::ids::{Digest, Timestamp};
use crate::join::TOMBSTONE_S;
use crate::records::{Content, Delivery, Note, Outbound, TextPurpose};
use crate::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use crate::vault::Vault;

/// Seconds for which a claim stands: longer than any sender takes.
pub const ATTEMPT_S: i64 = 60;
/// How often a text may have been sent without our knowing, after which it is not sent again.
const UNKNOWN: u32 = 2;
/// The longest pause between two attempts, in seconds.
const MAX_PAUSE_S: i64 = 60;

fn text(note: Option<&Note>) -> Option<(&Note, &Outbound)> {
    let note = note?;
    match &note.content {
        Content::Outbound(outbound) => Some((note, outbound)),
        _ => None,
    }
}

fn put(note: &Note, outbound: Outbound, listed_at: Option<Timestamp>) -> Write {
    Write::Note(Box::new(Note { content: Content::Outbound(outbound), listed_at, ..note.clone() }))
}

fn failed(why: &str) -> Delivery {
    Delivery::Failed { why: why.to_owned() }
}

/// Takes a text to send it, so that no other node does.
#[derive(Clone, Copy, Debug)]
pub struct ClaimText {
    /// Its key.
    pub key: Digest,
}

/// What became of a claim.
#[derive(Clone, PartialEq, Debug)]
pub enum Claimed {
    /// It is to be sent, now and by whoever claimed it.
    Yes(Box<Outbound>),
    /// It is another's, or settled, or gone.
    No,
    /// It is given up: a stable word says why.
    GivenUp(TextPurpose, &'static str),
}

impl Operation for ClaimText {
    type Outcome = Claimed;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Note(self.key));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some((note, known)) = text(view.note(self.key)?) else {
            return Ok(Step::Done(Vec::new(), Claimed::No));
        };
        if note.listed_at.is_none_or(|due| cx.now < due) {
            return Ok(Step::Done(Vec::new(), Claimed::No));
        }
        // Who claimed it before never said how it ended.
        let unknown = known.unknown + u32::from(known.delivery == Delivery::Claimed);
        let over = match () {
            () if cx.now >= known.expires_at => Some("expired"),
            () if unknown >= UNKNOWN => Some("unknown"),
            () => None,
        };
        if let Some(why) = over {
            let given_up = Outbound { delivery: failed(why), unknown, ..known.clone() };
            let outcome = Claimed::GivenUp(known.purpose, why);
            return Ok(Step::Done(vec![put(note, given_up, None)], outcome));
        }
        let attempts = known.attempts.saturating_add(1);
        let claimed = Outbound { delivery: Delivery::Claimed, attempts, unknown, ..known.clone() };
        let write = put(note, claimed.clone(), Some(cx.now.plus_seconds(ATTEMPT_S)));
        Ok(Step::Done(vec![write], Claimed::Yes(Box::new(claimed))))
    }
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settled {
    /// A network or provider took it, and calls it so.
    Accepted {
        /// The sender.
        route: String,
        /// Its identifier there.
        message_id: Option<String>,
    },
    /// It may be tried again.
    Temporary(&'static str),
    /// It may have been sent.
    Unknown(&'static str),
    /// Never again.
    Permanent(&'static str),
}

/// Says how an attempt ended. Its steps: the text; what names it in receipts.
#[derive(Clone, Debug)]
pub struct SettleText {
    /// The text's key.
    pub key: Digest,
    /// Which attempt.
    pub attempt: u32,
    /// How it ended.
    pub settled: Settled,
    /// Of the row by which receipts find it; see [`receipt_key`].
    receipt: Option<Digest>,
    noted: bool,
}

/// The key by which receipts find a text.
fn receipt_key(vault: &Vault, route: &str, message_id: &str) -> Digest {
    vault.identifier("receipt", route, message_id)
}

impl SettleText {
    /// Of this attempt.
    pub fn new(vault: &Vault, key: Digest, attempt: u32, settled: Settled) -> Self {
        let receipt = match &settled {
            Settled::Accepted { route, message_id: Some(id) } => {
                Some(receipt_key(vault, route, id))
            }
            _ => None,
        };
        Self { key, attempt, settled, receipt, noted: false }
    }

    fn settle(&self, known: &Outbound, now: Timestamp) -> (Delivery, u32, Option<Timestamp>) {
        let pause = 2_i64.saturating_pow(self.attempt.min(10)).min(MAX_PAUSE_S);
        let again = |unknown: u32, why| {
            let due = now.plus_seconds(pause);
            if due < known.expires_at && unknown < UNKNOWN {
                (Delivery::Waiting, unknown, Some(due))
            } else {
                (failed(why), unknown, None)
            }
        };
        match &self.settled {
            Settled::Accepted { route, .. } => {
                (Delivery::Accepted { route: route.clone() }, known.unknown, None)
            }
            Settled::Temporary(why) => again(known.unknown, why),
            Settled::Unknown(why) => again(known.unknown.saturating_add(1), why),
            Settled::Permanent(why) => (failed(why), known.unknown, None),
        }
    }
}

impl Operation for SettleText {
    /// Whether it will be tried again.
    type Outcome = bool;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Note(self.receipt.filter(|_| self.noted).unwrap_or(self.key)));
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if let (true, Some(key)) = (self.noted, self.receipt) {
            let _absent = view.note(key)?;
            let content = Content::Receipt { text: self.key };
            let purge_at = cx.now.plus_seconds(TOMBSTONE_S);
            let note = Note { key, content, listed_at: None, purge_at };
            return Ok(Step::Done(vec![Write::Note(Box::new(note))], false));
        }
        let Some((note, known)) = text(view.note(self.key)?) else {
            return Ok(Step::Done(Vec::new(), false));
        };
        // Another node took it over, or its receipt was faster.
        if known.delivery != Delivery::Claimed || known.attempts != self.attempt {
            return Ok(Step::Done(Vec::new(), false));
        }
        let (delivery, unknown, listed_at) = self.settle(known, cx.now);
        let write = put(note, Outbound { delivery, unknown, ..known.clone() }, listed_at);
        Ok(match self.receipt {
            Some(_) => Step::Next(vec![write], Self { noted: true, ..self.clone() }),
            None => Step::Done(vec![write], listed_at.is_some()),
        })
    }
}

/// What a receipt says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// The phone has the text.
    Delivered,
    /// It will not get it: a stable word says why.
    Failed(&'static str),
}

/// Finds the text that a receipt is about. Writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct FindReceipt(Digest);

impl FindReceipt {
    /// By what the sender `route` called it.
    pub fn new(vault: &Vault, route: &str, message_id: &str) -> Self {
        Self(receipt_key(vault, route, message_id))
    }
}

impl Operation for FindReceipt {
    type Outcome = Option<Digest>;

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let text = match view.note(self.0)?.map(|note| &note.content) {
            Some(Content::Receipt { text }) => Some(*text),
            _ => None,
        };
        Ok(Step::Done(Vec::new(), text))
    }
}

/// Notes a receipt with its text. The first that says how it ended counts.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveReceipt {
    /// The text's key.
    pub key: Digest,
    /// What it says.
    pub received: Received,
}

impl Operation for ReceiveReceipt {
    /// Whether it was the first.
    type Outcome = bool;

    fn decide(&self, view: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let Some((note, known)) = text(view.note(self.key)?) else {
            return Ok(Step::Done(Vec::new(), false));
        };
        let Delivery::Accepted { route } = &known.delivery else {
            return Ok(Step::Done(Vec::new(), false));
        };
        let delivery = match self.received {
            Received::Delivered => Delivery::Delivered { route: route.clone() },
            Received::Failed(why) => failed(why),
        };
        let write = put(note, Outbound { delivery, ..known.clone() }, None);
        Ok(Step::Done(vec![write], true))
    }
}
