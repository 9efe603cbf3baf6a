//! How many authorizations the store carries: each records a code, then redeems it, as the protocol
//! does, without its cryptography.
//!
//! `cargo run -p twinpath-store --example throughput -- [in flight] [seconds] [accounts before]`,
//! with `MMAP_MIB` in the environment to map that much of the database, or `STORE_URL` to use another
//! than a fresh file (an empty PostgreSQL database), `WRITERS` for its connections, and `MAX_BATCH`: 1
//! gives each operation a transaction of its own.

use std::error::Error;
use std::time::{Duration, Instant};

use twinpath_core::ids::{AccountId, ClientId, CodeKey, Digest, GrantId, RouteName, TerminalKey};
use twinpath_core::records::{
    Account, AccountStatus, AuditEvent, CodeRecord, CodeState, Grant, RefreshState, Sealed,
    Terminal, TextQuota, Trust,
};
use twinpath_core::transaction::{
    Context, Key, Missing, Operation, Rows, Step, Write, random_bytes,
};
use twinpath_store::{Options, Store, StoreError};

/// A text comes in: the code's record and the number's quota.
enum Record {
    Quota(CodeKey, TerminalKey),
    Code(CodeKey, TerminalKey),
}

impl Operation for Record {
    type Outcome = ();

    fn prefetch(&self, keys: &mut Vec<Key>) {
        let (Self::Quota(code, terminal) | Self::Code(code, terminal)) = *self;
        keys.extend([Key::Code(code), Key::Quota(terminal, RouteName::from("modem"))]);
    }

    fn decide(&self, rows: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let route = RouteName::from("modem");
        Ok(match *self {
            Self::Quota(key, terminal) => {
                let quota = rows.quota(terminal, &route)?;
                let mut texts = quota.map_or_else(Vec::new, |quota| quota.texts.clone());
                texts.push((key, cx.now));
                let quota = TextQuota { terminal, route, texts };
                Step::Next(vec![Write::Quota(quota)], Self::Code(key, terminal))
            }
            Self::Code(key, _) if rows.code(key)?.is_some() => Step::Done(Vec::new(), ()),
            Self::Code(key, terminal) => {
                let code = CodeRecord {
                    key,
                    terminal,
                    number: Sealed(random_bytes::<48>(cx.random).to_vec()),
                    route,
                    trust: Trust::Operator,
                    words: Digest([1; 16]),
                    received_at: cx.now,
                    expires_at: cx.now.plus_seconds(300),
                    state: CodeState::Recorded,
                    purge_at: cx.now.plus_seconds(3600),
                };
                Step::Done(vec![Write::Code(code)], ())
            }
        })
    }
}

/// The token request: consume the code; then, on the account's rows, find or make it and its grant.
enum Redeem {
    Consume(CodeKey),
    /// With the id of the account to make, if there is none.
    Grant(TerminalKey, AccountId, GrantId, Sealed),
}

impl Operation for Redeem {
    type Outcome = bool;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        match self {
            Self::Consume(key) => keys.push(Key::Code(*key)),
            Self::Grant(terminal, account, ..) => keys.extend([
                Key::Terminal(*terminal),
                Key::Account(*terminal, *account),
                Key::Grants(*terminal),
            ]),
        }
    }

    fn decide(&self, rows: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        match self {
            Self::Consume(key) => Ok(match rows.code(*key)? {
                Some(code) if code.state == CodeState::Recorded => {
                    let grant = GrantId(random_bytes(cx.random));
                    let state =
                        CodeState::Redeemed { grant, frozen: Digest([2; 16]), confirmed: false };
                    let account = AccountId::compose(&code.terminal, random_bytes(cx.random));
                    let next = Self::Grant(code.terminal, account, grant, code.number.clone());
                    Step::Next(vec![Write::Code(CodeRecord { state, ..code.clone() })], next)
                }
                _ => Step::Done(Vec::new(), false),
            }),
            Self::Grant(terminal, fresh, id, number) => {
                let known = rows.terminal(*terminal)?;
                let account = known.map_or(*fresh, |row| row.account);
                rows.account(*terminal, account)?;
                rows.grants(*terminal)?;
                let first = known.map_or(cx.now, |row| row.created_at);
                let terminal = Terminal {
                    key: *terminal,
                    number: number.clone(),
                    account,
                    created_at: first,
                    proven_at: cx.now,
                };
                Ok(Step::Done(granted(terminal, *id, known.is_none()), true))
            }
        }
    }
}

/// The writes of an authorization on its account's rows.
fn granted(terminal: Terminal, id: GrantId, new: bool) -> Vec<Write> {
    let (key, account, now) = (terminal.key, terminal.account, terminal.proven_at);
    let mut writes = vec![Write::Terminal(terminal)];
    if new {
        let status = AccountStatus::Active;
        let row = Account { terminal: key, id: account, status, created_at: now, changed_at: now };
        writes.push(Write::Account(row));
    }
    let hash = Digest([3; 16]);
    let client_id = ClientId::new("app-0123456789abcdef");
    writes.extend(client_id.clone().map(|client_id| {
        Write::Grant(Grant {
            terminal: key,
            id,
            account,
            client_id,
            jkt: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".to_owned(),
            scope: "openid phone offline_access".to_owned(),
            resources: Vec::new(),
            auth_time: now,
            route: RouteName::from("modem"),
            trust: Trust::Operator,
            revoked_at: None,
            refresh: RefreshState { sequence: 1, hash, previous: None, first: 1, used: false },
            terms: None,
            expires_at: now.plus_seconds(30 * 86_400),
            purge_at: now.plus_seconds(31 * 86_400),
        })
    }));
    writes.push(Write::Audit(AuditEvent {
        client_id,
        account: Some(account.to_string()),
        grant: Some(id.to_string()),
        route: Some("modem".to_owned()),
        ..AuditEvent::new(now, "grant.issued")
    }));
    writes
}

/// One user after another. Returns how long each authorization took.
async fn authorize(store: Store, lane: u64, until: Instant) -> Result<Vec<Duration>, StoreError> {
    let mut took = Vec::new();
    for number in 0_u64.. {
        let started = Instant::now();
        if started >= until {
            break;
        }
        authorize_once(&store, scatter(lane << 40 | number)).await?;
        took.push(started.elapsed());
    }
    Ok(took)
}

async fn authorize_once(store: &Store, seed: [u8; 16]) -> Result<(), StoreError> {
    let key = CodeKey(seed);
    store.run(Record::Quota(key, TerminalKey(seed))).await?;
    if store.run(Redeem::Consume(key)).await? {
        Ok(())
    } else {
        Err(StoreError::Inconsistent("a fresh code was used".to_owned()))
    }
}

/// Spreads numbers over all keys, as a keyed hash does (splitmix64, twice).
fn scatter(number: u64) -> [u8; 16] {
    let mix = |seed: u64| {
        let a = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        c ^ (c >> 31)
    };
    let high = mix(number);
    (u128::from(high) << 64 | u128::from(mix(high))).to_be_bytes()
}

/// Fills the database with accounts before anything is measured.
async fn fill(store: &Store, accounts: u64) -> Result<(), StoreError> {
    let mut lanes = Vec::new();
    for lane in 0..256 {
        let store = store.clone();
        lanes.push(tokio::spawn(async move {
            for number in 0..accounts / 256 {
                authorize_once(&store, scatter((1_000_000 + lane) << 40 | number)).await?;
            }
            Ok::<(), StoreError>(())
        }));
    }
    for lane in lanes {
        lane.await.map_err(|e| StoreError::Unavailable(e.to_string()))??;
    }
    Ok(())
}

/// Bytes this process has written so far, where the system tells.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (in_flight, seconds, accounts) = (argument(64)?, argument(4)?, argument(0)?);
    let mmap_mib: u64 = std::env::var("MMAP_MIB").map_or(Ok(0), |text| text.parse())?;

    let directory = tempfile::tempdir()?;
    let file = || format!("sqlite://{}", directory.path().join("t.db").display());
    let url = std::env::var("STORE_URL").unwrap_or_else(|_| file());
    let mut options = Options { mmap_bytes: mmap_mib << 20, ..Options::default() };
    if let Ok(writers) = std::env::var("WRITERS") {
        options.writers = writers.parse()?;
    }
    if let Ok(most) = std::env::var("MAX_BATCH") {
        options.max_batch = most.parse()?;
    }
    let store = Store::open(&url, options)?;
    fill(&store, accounts).await?;

    let before = store.stats();
    let written_before = written();
    let until = Instant::now() + Duration::from_secs(seconds);
    let lanes: Vec<_> =
        (0..in_flight).map(|lane| tokio::spawn(authorize(store.clone(), lane, until))).collect();
    let mut took = Vec::new();
    for lane in lanes {
        took.extend(lane.await??);
    }
    let kib = (written() - written_before) / 1024;
    took.sort_unstable();
    let after = store.stats();
    let percentile = |percent: usize| took.get(took.len() * percent / 100).copied();
    let batches = after.write_batches - before.write_batches;
    let commits = u32::try_from(after.commits - before.commits)?.max(1);
    println!(
        "{in_flight} in flight, {accounts} accounts before: {} authorizations/s, p50 {:.1?}, p99 {:.1?}",
        took.len() as u64 / seconds.max(1),
        percentile(50).unwrap_or_default(),
        percentile(99).unwrap_or_default(),
    );
    println!(
        "  {batches} batches of {} operations, commit mean {:.2?}, longest {:.1?}, {} KiB written each",
        (after.write_operations - before.write_operations) / batches.max(1),
        (after.commit_sum.saturating_sub(before.commit_sum)) / commits,
        after.commit_max,
        kib / (took.len() as u64).max(1),
    );
    store.close().await;
    Ok(())
}
