//! The line to the other nodes: one task with one connection.
//!
//! A request that waits for a text has a row in `waiting`, and whoever records that text tells the
//! node named there: `NOTIFY` is sent only where somebody waits, and never from a transaction that
//! carries an authorization (it holds a lock of the whole database while it commits). Everything that
//! gathered while the last round trip was under way goes with the next one.
//!
//! Registering comes before looking, and recording comes before telling; so of a request and a text
//! at the same moment at least one sees the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, interval};
use tokio_postgres::Row;
use twinpath_core::ids::{CodeKey, Digest, Timestamp};
use twinpath_core::transaction::random_bytes;

use super::Shared;
use super::connection::{Call, Notification, Session};
use super::fault::Fault;
use crate::error::StoreError;
use crate::nodes::{Hint, NodeWork, Standing};

/// Most that is taken together.
const GATHER: usize = 256;
/// Codes in one notification: 32 characters each, of at most 8000.
const HINTS: usize = 200;
/// How long what a client was told about its pace is remembered.
const PACE_KEPT_SECONDS: i64 = 120;
/// How long published counts last.
const TALLY_KEPT_SECONDS: i64 = 5;
const RECONNECT: Duration = Duration::from_millis(500);
const CLOCK: Duration = Duration::from_secs(1);

const REGISTRY: &str = "twinpath_registry";

/// How others stand to codes, before this node registers.
const STANDING: &str = "SELECT code, node <> $2 AND until > $3, answered_at, interval_s \
    FROM waiting WHERE code = ANY($1)";
/// A place that another node holds stays its own.
const REGISTER: &str = "INSERT INTO waiting AS w (code, node, until, due) \
    SELECT code, $3, until, until + 120000 FROM unnest($1::bytea[], $2::bigint[]) AS u (code, until) \
    ON CONFLICT (code) DO UPDATE SET node = excluded.node, until = excluded.until, \
    due = greatest(w.due, excluded.due) WHERE w.node = excluded.node OR w.until <= $4";
/// Which are recorded already.
const RECORDED: &str = "SELECT DISTINCT key FROM code WHERE key = ANY($1) AND state <> 4";
const ANSWERED: &str = "INSERT INTO waiting AS w (code, node, until, answered_at, interval_s, due) \
    SELECT code, $5, 0, at, every, at + $4 FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) \
    AS u (code, at, every) \
    ON CONFLICT (code) DO UPDATE SET until = CASE WHEN w.node = excluded.node THEN 0 ELSE w.until \
    END, answered_at = excluded.answered_at, interval_s = excluded.interval_s, \
    due = greatest(w.due, excluded.due)";
/// Tells the nodes that wait, other than this one, and takes their places away.
const TELL: &str = "WITH gone AS (DELETE FROM waiting WHERE code = ANY($1) RETURNING code, node) \
    SELECT pg_notify('twinpath_' || node, string_agg(encode(code, 'hex'), '')) FROM gone \
    WHERE node <> $2 GROUP BY node";
const UNPUBLISH: &str = "DELETE FROM tally WHERE node = $1";
const PUBLISH: &str = "INSERT INTO tally (node, subject, count, until) \
    SELECT $3, subject, count, $4 FROM unnest($1::bytea[], $2::bigint[]) AS u (subject, count)";
const OTHERS: &str = "SELECT subject, sum(count)::bigint FROM tally WHERE node <> $1 AND until > $2 \
    GROUP BY subject";

pub(super) struct Line {
    shared: Arc<Shared>,
    name: String,
    hints: mpsc::Sender<Hint>,
}

/// Runs until every sender of work is gone.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut work: mpsc::Receiver<NodeWork>,
    hints: mpsc::Sender<Hint>,
) {
    let mut random = (shared.options.random)();
    let name = format!("{:016x}", u64::from_be_bytes(random_bytes(&mut *random)));
    let line = Line { shared, name, hints };
    loop {
        match line.connect().await {
            Ok((session, heard)) => match line.serve(session, heard, &mut work).await {
                Ok(()) => return,
                Err(fault) => tracing::debug!(?fault, "the line to the other nodes is cut"),
            },
            Err(fault) => tracing::debug!(?fault, "no line to the other nodes"),
        }
        // Nobody has to wait for a line that is not there.
        let until = Instant::now() + RECONNECT;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                taken = work.recv() => match taken {
                    Some(work) => refuse(work),
                    None => return,
                },
            }
        }
    }
}

fn refuse(work: NodeWork) {
    let cut = || StoreError::unavailable("no line to the other nodes");
    match work {
        NodeWork::Wait { reply, .. } => drop(reply.send(Err(cut()))),
        NodeWork::Tally { reply, .. } => drop(reply.send(Err(cut()))),
        NodeWork::Answered { .. } | NodeWork::Look(_) | NodeWork::Recorded(_) => {}
    }
}

impl Line {
    async fn connect(&self) -> Result<(Session, mpsc::Receiver<Notification>), Fault> {
        let Shared { target, options, clock, .. } = &*self.shared;
        let (session, heard) = Session::listening(target, options).await?;
        // Nothing here needs to survive a crash.
        let name = &self.name;
        let settings =
            format!("SET synchronous_commit = off; LISTEN twinpath_{name}; LISTEN {REGISTRY}");
        session.batch(&settings).await?;
        session.read_clock(clock).await?;
        Ok((session, heard))
    }

    async fn serve(
        &self,
        mut session: Session,
        mut heard: mpsc::Receiver<Notification>,
        work: &mut mpsc::Receiver<NodeWork>,
    ) -> Result<(), Fault> {
        // Whatever happened while nobody listened.
        self.hint(Hint::Registry);
        let mut clock = interval(CLOCK);
        let mut taken = Vec::with_capacity(GATHER);
        loop {
            tokio::select! {
                told = heard.recv() => match told {
                    Some(told) => self.hear(&told),
                    None => return Err(Fault::Disconnected("the line ended".to_owned())),
                },
                count = work.recv_many(&mut taken, GATHER) => {
                    if count == 0 {
                        return Ok(());
                    }
                    self.carry_out(&mut session, taken.drain(..)).await?;
                }
                _ = clock.tick() => {
                    session.read_clock(&self.shared.clock).await?;
                    self.shared.note_skew();
                }
            }
        }
    }

    fn hint(&self, hint: Hint) {
        // A full line is mended by the next look.
        let _full = self.hints.try_send(hint);
    }

    fn hear(&self, told: &Notification) {
        if told.channel == REGISTRY {
            self.hint(Hint::Registry);
            return;
        }
        let (codes, _) = told.payload.as_bytes().as_chunks::<32>();
        for code in codes.iter().filter_map(unhex) {
            self.hint(Hint::Code(code));
        }
    }

    async fn carry_out(
        &self,
        session: &mut Session,
        work: impl Iterator<Item = NodeWork>,
    ) -> Result<(), Fault> {
        let mut waits = Vec::new();
        let mut looks: HashMap<CodeKey, Timestamp> = HashMap::new();
        let mut answered = HashMap::new();
        let mut recorded = HashSet::new();
        let mut tallies = Vec::new();
        for work in work {
            match work {
                NodeWork::Wait { code, until, reply } => waits.push((code, until, reply)),
                NodeWork::Look(codes) => looks.extend(codes),
                NodeWork::Answered { code, at, interval_s } => {
                    answered.insert(code, (at, interval_s));
                }
                NodeWork::Recorded(codes) => recorded.extend(codes),
                NodeWork::Tally { mine, reply } => tallies.push((mine, reply)),
            }
        }
        if !recorded.is_empty() {
            self.tell(session, &recorded).await?;
        }
        if !waits.is_empty() || !looks.is_empty() {
            let standings = self.register(session, &waits, &looks).await?;
            for (code, _, reply) in waits {
                let _gone = reply.send(Ok(standings.get(&code).copied().unwrap_or_default()));
            }
        }
        if !answered.is_empty() {
            self.note_answers(session, &answered).await?;
        }
        for (mine, reply) in tallies {
            let _gone = reply.send(Ok(self.exchange(session, &mine).await?));
        }
        Ok(())
    }

    async fn tell(&self, session: &mut Session, recorded: &HashSet<CodeKey>) -> Result<(), Fault> {
        let keys: Vec<&[u8]> = sorted(recorded.iter());
        let calls: Vec<_> = keys
            .chunks(HINTS)
            .map(|keys| Call::new(TELL).with(keys.to_vec()).with(self.name.as_str()))
            .collect();
        session.all(&calls).await.map(drop)
    }

    /// Registers what waits here; tells how others stand to it, and hints at what is recorded.
    async fn register(
        &self,
        session: &mut Session,
        waits: &[(CodeKey, Timestamp, Reply<Standing>)],
        looks: &HashMap<CodeKey, Timestamp>,
    ) -> Result<HashMap<CodeKey, Standing>, Fault> {
        let now = self.shared.clock.now();
        let mut all: Vec<(&[u8], i64)> = waits
            .iter()
            .map(|(code, until, _)| (code.0.as_slice(), until.0))
            .chain(looks.iter().map(|(code, until)| (code.0.as_slice(), until.0)))
            .collect();
        // One statement cannot write a row twice: of equal codes the longest wait stays.
        all.sort_unstable_by(|a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
        all.dedup_by_key(|(code, _)| *code);
        let keys: Vec<&[u8]> = all.iter().map(|(code, _)| *code).collect();
        // Who only asks takes no place.
        all.retain(|(_, until)| *until > now.0);
        let (places, untils): (Vec<&[u8]>, Vec<i64>) = all.into_iter().unzip();
        let asked: Vec<&[u8]> = sorted(waits.iter().map(|(code, ..)| code));
        let name = self.name.as_str();
        let calls = [
            Call::new(STANDING).with(asked).with(name).with(now.0),
            Call::new(REGISTER).with(places).with(untils).with(name).with(now.0),
            Call::new(RECORDED).with(keys),
        ];
        let answers = session.all(&calls).await?;
        let [standings, _, recorded] = answers.as_slice() else { return Ok(HashMap::new()) };
        for row in recorded {
            if let Some(code) = code(row) {
                self.hint(Hint::Code(code));
            }
        }
        let standing = |row: &Row| {
            let answered_at: Option<i64> = row.try_get(2).ok()?;
            let interval_s: Option<i64> = row.try_get(3).ok()?;
            let answered = answered_at.zip(interval_s.and_then(|s| u64::try_from(s).ok()));
            let answered = answered.map(|(at, interval_s)| (Timestamp(at), interval_s));
            Some((code(row)?, Standing { taken: row.try_get(1).ok()?, answered }))
        };
        Ok(standings.iter().filter_map(standing).collect())
    }

    async fn note_answers(
        &self,
        session: &mut Session,
        answered: &HashMap<CodeKey, (Timestamp, u64)>,
    ) -> Result<(), Fault> {
        let mut all: Vec<_> = answered.iter().collect();
        all.sort_unstable_by_key(|(code, _)| **code);
        let keys: Vec<&[u8]> = all.iter().map(|(code, _)| code.0.as_slice()).collect();
        let ats: Vec<i64> = all.iter().map(|(_, (at, _))| at.0).collect();
        let every = |s: u64| i64::try_from(s).unwrap_or(i64::MAX);
        let intervals: Vec<i64> = all.iter().map(|(_, (_, s))| every(*s)).collect();
        let call = Call::new(ANSWERED)
            .with(keys)
            .with(ats)
            .with(intervals)
            .with(PACE_KEPT_SECONDS * 1000)
            .with(self.name.as_str());
        session.all(&[call]).await.map(drop)
    }

    async fn exchange(
        &self,
        session: &mut Session,
        mine: &[(Digest, u32)],
    ) -> Result<Vec<(Digest, u32)>, Fault> {
        let now = self.shared.clock.now();
        let name = self.name.as_str();
        let sums: HashMap<Digest, u32> = mine.iter().copied().collect();
        let subjects: Vec<&[u8]> = sums.keys().map(|subject| subject.0.as_slice()).collect();
        let counts: Vec<i64> = sums.values().map(|count| i64::from(*count)).collect();
        let until = now.plus_seconds(TALLY_KEPT_SECONDS).0;
        let calls = [
            Call::new(UNPUBLISH).with(name),
            Call::new(PUBLISH).with(subjects).with(counts).with(name).with(until),
            Call::new(OTHERS).with(name).with(now.0),
        ];
        let answers = session.all(&calls).await?;
        let sum = |row: &Row| {
            let subject = row.try_get(0).ok().and_then(Digest::from_slice)?;
            let count: i64 = row.try_get(1).ok()?;
            Some((subject, u32::try_from(count).unwrap_or(u32::MAX)))
        };
        Ok(answers.last().map(|rows| rows.iter().filter_map(sum).collect()).unwrap_or_default())
    }
}

type Reply<T> = tokio::sync::oneshot::Sender<Result<T, StoreError>>;

/// Each once, in order: rows are locked in the order of keys.
fn sorted<'c>(codes: impl Iterator<Item = &'c CodeKey>) -> Vec<&'c [u8]> {
    let mut keys: Vec<&[u8]> = codes.map(|code| code.0.as_slice()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn code(row: &Row) -> Option<CodeKey> {
    row.try_get(0).ok().and_then(CodeKey::from_slice)
}

fn unhex(digits: &[u8; 32]) -> Option<CodeKey> {
    let text = std::str::from_utf8(digits).ok()?;
    u128::from_str_radix(text, 16).ok().map(|number| CodeKey(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_hexadecimal() {
        let digits = *b"000102030405060708090a0b0c0d0e0f";
        let bytes = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!(unhex(&digits), Some(CodeKey(bytes)));
        assert_eq!(unhex(b"zz0102030405060708090a0b0c0d0e0f"), None);
    }
}
