//! `kill -9` in mid-load: what was acknowledged is there, and what was used stays used.
//!
//! The child is this test binary, run again for [`child`] alone. It tells on its output what the store
//! acknowledged; the parent kills it, and looks.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use twinpath_core::ids::{CodeKey, GrantId};
use twinpath_core::records::CodeRecord;
use twinpath_core::transaction::{Key, Loaded};
use twinpath_store::{Options, Store};
use twinpath_testing::postgres::shared;

use crate::suite::samples;
use crate::suite::toys::{Consume, Fetch};

const DATABASE: &str = "TWINPATH_CRASH_DATABASE";
const ROUND: &str = "TWINPATH_CRASH_ROUND";
const ROUNDS: u64 = 5;

fn key(number: u64) -> CodeKey {
    // Spread over the whole range, as keyed hashes are.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    CodeKey((u128::from(spread) << 64 | u128::from(number)).to_be_bytes())
}

/// Records and consumes codes until it is killed. A plain test run has nothing to do here.
#[test]
fn child() {
    let (Ok(url), Ok(round)) = (std::env::var(DATABASE), std::env::var(ROUND)) else { return };
    let first = round.parse::<u64>().unwrap() << 32;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&url, Options::default()).unwrap();
        let next = Arc::new(AtomicU64::new(first));
        let loads = (0..32).map(|_| tokio::spawn(load(store.clone(), Arc::clone(&next))));
        for load in loads.collect::<Vec<_>>() {
            load.await.unwrap();
        }
    });
}

async fn load(store: Store, next: Arc<AtomicU64>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let code = CodeRecord { key: key(number), ..samples::code(1) };
        samples::record(&store, &code).await;
        tell('R', number);
        if number.is_multiple_of(2) {
            assert!(store.run(Consume(code.key, GrantId([1; 16]))).await.unwrap());
            tell('C', number);
        }
    }
}

fn tell(what: char, number: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ACK {what} {number}").unwrap();
    out.flush().unwrap();
}

/// Runs the child until it has told `enough`, kills it, and returns all it told.
fn killed_after(enough: usize, url: &str, round: u64) -> Vec<(char, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(DATABASE, url)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = Vec::new();
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some((_, rest)) = line.split_once("ACK ").filter(|_| line.ends_with('\n')) {
            let (what, number) = rest.trim_end().split_once(' ').unwrap();
            told.push((what.chars().next().unwrap(), number.parse().unwrap()));
        }
        line.clear();
        if told.len() == enough {
            // SIGKILL. What it told before dying is still read.
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(!status.success() && told.len() >= enough, "{status}");
    told
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    nothing_is_lost(format!("sqlite://{}", directory.path().join("t.db").display())).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_from_a_server() {
    nothing_is_lost(shared().fresh_database()).await;
}

async fn nothing_is_lost(url: String) {
    let mut told = Vec::new();
    for round in 0..ROUNDS {
        let enough = 200 + 333 * usize::try_from(round).unwrap();
        let url = url.clone();
        let run = move || killed_after(enough, &url, round);
        told.extend(tokio::task::spawn_blocking(run).await.unwrap());
    }
    let store = Store::open(&url, Options::default()).unwrap();
    for (what, number) in &told {
        if *what == 'C' {
            let again = store.run(Consume(key(*number), GrantId([2; 16]))).await;
            assert_eq!(again, Ok(false), "code {number} was consumed before the crash");
        }
        let found = store.read(Fetch(Key::Code(key(*number)))).await.unwrap();
        assert!(matches!(found, Loaded::Code(Some(_))), "code {number} was recorded");
    }
    println!("{} acknowledgements over {ROUNDS} kills", told.len());
}
