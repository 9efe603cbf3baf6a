//! Partitions by time: which one a row goes to, making them ahead, dropping them when over.
//!
//! A row's `period` is taken from a time in it when it is first inserted, and stays. A partition is
//! dropped once nothing in it can matter any more: `partition_use.keep_until` says when. A key is
//! unique only within a partition, so two inserts of one code on the two sides of a period's end, at
//! the same moment on two nodes, would not see each other. Therefore a code that is inserted close to
//! an end is inserted into both periods: the row where it belongs, and a claim in the neighbour. By
//! the time an insert needs no claim, every insert on the other side has long been committed. An
//! authorization request needs none: its key is random, and nobody else knows it yet.

use twinpath_core::ids::Timestamp;

use super::connection::Session;
use super::fault::Fault;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// How close to a period's end a code is claimed on both sides: far more than a transaction can take
/// or clocks can differ.
const CLAIM_MS: i64 = MINUTE_MS;

/// A partitioned table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Parent {
    /// By `received_at`.
    Code,
    /// By `purge_at`.
    Jti,
    /// By `created_at`.
    Interaction,
    /// By the time of the newest text.
    Quota,
    /// By `at`.
    Audit,
}

impl Parent {
    const ALL: [Self; 5] = [Self::Code, Self::Jti, Self::Interaction, Self::Quota, Self::Audit];

    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Jti => "jti",
            Self::Interaction => "interaction",
            Self::Quota => "quota",
            Self::Audit => "audit",
        }
    }

    fn length_ms(self) -> i64 {
        match self {
            Self::Code | Self::Audit => DAY_MS,
            Self::Jti => HOUR_MS,
            Self::Interaction => 6 * HOUR_MS,
            Self::Quota => 2 * HOUR_MS,
        }
    }

    /// How long after its period a partition is kept, unless a row asks for longer. A code is
    /// remembered for 72 hours after its end.
    fn margin_ms(self, audit_days: u32) -> i64 {
        match self {
            Self::Code => 4 * DAY_MS,
            Self::Jti => 0,
            Self::Quota | Self::Interaction => 2 * HOUR_MS,
            Self::Audit => i64::from(audit_days) * DAY_MS,
        }
    }

    /// Pages leave room where rows change in place.
    fn fill(self) -> u32 {
        match self {
            // A code is rewritten once, when it is redeemed.
            Self::Code => 55,
            // A request is rewritten at each of its stages, all within minutes.
            Self::Interaction => 40,
            Self::Quota => 70,
            Self::Jti | Self::Audit => 100,
        }
    }

    /// The period of a time.
    pub(super) fn period(self, at: Timestamp) -> i32 {
        let period = at.0.div_euclid(self.length_ms());
        i32::try_from(period).unwrap_or(if period < 0 { i32::MIN } else { i32::MAX })
    }

    fn end(self, period: i32) -> i64 {
        i64::from(period).saturating_add(1).saturating_mul(self.length_ms())
    }

    /// Until when a partition is kept if no row asks for longer.
    pub(super) fn kept_until(self, period: i32, audit_days: u32) -> Timestamp {
        Timestamp(self.end(period).saturating_add(self.margin_ms(audit_days)))
    }
}

/// The neighbouring period in which a code received at this time is claimed too.
pub(super) fn claim(received_at: Timestamp) -> Option<i32> {
    let length = Parent::Code.length_ms();
    let period = Parent::Code.period(received_at);
    let into = received_at.0.rem_euclid(length);
    if into < CLAIM_MS {
        period.checked_sub(1)
    } else if into >= length - CLAIM_MS {
        period.checked_add(1)
    } else {
        None
    }
}

/// A partition that has to be there and kept for long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) parent: Parent,
    pub(super) period: i32,
    /// Not to be dropped before.
    pub(super) keep_until: Timestamp,
}

/// What is needed from now on: the present periods and those that begin soon.
pub(super) fn ahead(now: Timestamp, audit_days: u32) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for parent in Parent::ALL {
        // A claim may reach back into the period before.
        let first = parent.period(Timestamp(now.0.saturating_sub(2 * CLAIM_MS)));
        let last = parent.period(Timestamp(now.0.saturating_add(2 * HOUR_MS)));
        for period in first..=last {
            let keep_until = parent.kept_until(period, audit_days);
            // What ended just now is not made to be dropped at once.
            if keep_until > now {
                wanted.push(Wanted { parent, period, keep_until });
            }
        }
    }
    wanted
}

/// Makes the partitions that are missing, and keeps those that are there for long enough.
pub(super) async fn ensure(session: &Session, wanted: &[Wanted]) -> Result<(), Fault> {
    const LOCK: i64 = 0x7477_696e_0002;
    const KNOWN: &str = "SELECT FROM partition_use WHERE parent = $1 AND period = $2 \
        AND keep_until >= $3 AND to_regclass($4) IS NOT NULL";
    const KEEP: &str = "INSERT INTO partition_use VALUES ($1, $2, $3) ON CONFLICT \
        (parent, period) DO UPDATE SET keep_until = \
        greatest(partition_use.keep_until, excluded.keep_until)";
    for Wanted { parent, period, keep_until } in wanted {
        let name = parent.name();
        let partition = partition(*parent, *period);
        if !session.ask(KNOWN, &[&name, period, &keep_until.0, &partition]).await?.is_empty() {
            continue;
        }
        session.batch("BEGIN").await?;
        session.ask("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        session.ask(KEEP, &[&name, period, &keep_until.0]).await?;
        let there = "SELECT to_regclass($1) IS NOT NULL";
        let rows = session.ask(there, &[&partition]).await?;
        if !rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or(false) {
            // Attached, not made in place: that would lock out everyone who uses the parent.
            let fill = parent.fill();
            session
                .batch(&format!(
                    "CREATE TABLE {partition} (LIKE {name} INCLUDING ALL) WITH (fillfactor = \
                     {fill}); ALTER TABLE {name} ATTACH PARTITION {partition} FOR VALUES IN \
                     ({period})"
                ))
                .await?;
        }
        session.batch(super::connection::COMMIT).await?;
    }
    Ok(())
}

/// Drops partitions that are over. How many, and whether one was in use.
pub(super) async fn drop_over(session: &Session, now: Timestamp) -> Result<(usize, bool), Fault> {
    const OVER: &str = "SELECT parent, period FROM partition_use WHERE keep_until <= $1";
    const FORGET: &str = "DELETE FROM partition_use WHERE parent = $1 AND period = $2 AND \
        keep_until <= $3 RETURNING period";
    let (mut dropped, mut in_use) = (0, false);
    for row in session.ask(OVER, &[&now.0]).await? {
        let (Ok(name), Ok(period)) = (row.try_get::<_, &str>(0), row.try_get::<_, i32>(1)) else {
            continue;
        };
        let Some(parent) = Parent::ALL.into_iter().find(|parent| parent.name() == name) else {
            continue;
        };
        // Whoever writes waits behind the one who drops: so try briefly, and later again.
        session.batch("BEGIN; SET LOCAL lock_timeout = '100ms'").await?;
        let forgot = session.ask(FORGET, &[&name, &period, &now.0]).await;
        let gone = match forgot {
            Ok(rows) if rows.is_empty() => Ok(()),
            Ok(_) => {
                let partition = partition(parent, period);
                session.batch(&format!("DROP TABLE IF EXISTS {partition}; COMMIT")).await.map(
                    |()| {
                        dropped += 1;
                    },
                )
            }
            Err(fault) => Err(fault),
        };
        match gone {
            Ok(()) => {}
            Err(Fault::Conflict | Fault::Locked) => {
                tracing::debug!(name, period, "a partition is in use");
                session.roll_back().await;
                in_use = true;
                break;
            }
            Err(fault) => return Err(fault),
        }
        // Ends what did not commit; without effect after a commit.
        session.roll_back().await;
    }
    Ok((dropped, in_use))
}

fn partition(parent: Parent, period: i32) -> String {
    let name = parent.name();
    let sign = if period < 0 { "m" } else { "p" };
    format!("{name}_{sign}{}", period.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_each_other() {
        assert_eq!(Parent::Code.period(Timestamp(0)), 0);
        assert_eq!(Parent::Code.period(Timestamp(DAY_MS - 1)), 0);
        assert_eq!(Parent::Code.period(Timestamp(DAY_MS)), 1);
        assert_eq!(Parent::Code.period(Timestamp(-1)), -1);
        assert_eq!(Parent::Jti.period(Timestamp(i64::MAX)), i32::MAX);
        assert_eq!(Parent::Quota.kept_until(0, 0), Timestamp(4 * HOUR_MS));
        assert_eq!(partition(Parent::Jti, -3), "jti_m3");
    }

    #[test]
    fn near_an_end_two_inserts_always_share_a_period() {
        // Whatever two times less than the claimed span apart: their sets of periods meet.
        let periods = |at: i64| {
            let at = Timestamp(10 * DAY_MS + at);
            [Some(Parent::Code.period(at)), claim(at)]
        };
        let steps = [-CLAIM_MS - 1, -CLAIM_MS, -CLAIM_MS + 1, -1, 0, 1, CLAIM_MS - 1, CLAIM_MS];
        for a in steps {
            for b in steps {
                let (one, other) = (periods(a), periods(b));
                let meet = one.iter().flatten().any(|period| other.contains(&Some(*period)));
                assert!(meet || a.abs_diff(b) >= CLAIM_MS.unsigned_abs(), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_comes_soon_is_made_ahead() {
        let now = Timestamp(10 * DAY_MS - HOUR_MS);
        let wanted = ahead(now, 30);
        let codes = wanted.iter().filter(|wanted| wanted.parent == Parent::Code);
        assert_eq!(codes.map(|wanted| wanted.period).collect::<Vec<_>>(), [9, 10]);
        let audit = wanted.iter().find(|wanted| wanted.parent == Parent::Audit);
        assert_eq!(audit.map(|wanted| wanted.keep_until), Some(Timestamp(40 * DAY_MS)));
    }
}
