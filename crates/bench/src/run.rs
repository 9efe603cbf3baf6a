//! The passes, by turns, and what is printed of them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::Key;
use crate::child::Role;
use crate::load::random;
use crate::options::Options;
use crate::pass::Bench;
use crate::process::{Launch, pin_this};
use crate::report::Report;
use crate::{BenchError, io};

/// Instances' keys; numbers share them.
const KEYS: usize = 512;

/// Measures, prints, and fails loudly if any authorization went wrong.
pub async fn bench(options: Options) -> Result<(), BenchError> {
    let launch = Launch::this_executable()?;
    let json = options.json;
    let report = tokio::select! {
        report = measure(options, launch) => report?,
        stop = interrupted() => return stop,
    };
    if json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text());
    }
    match report.wrong() {
        Some((count, first)) => Err(BenchError::Wrong { count, first }),
        None => Ok(()),
    }
}

/// The same without printing, with child processes started by any means. Dropping it stops them.
pub async fn measure(options: Options, launch: Launch) -> Result<Report, BenchError> {
    if let Some(cpus) = options.pin.as_ref().and_then(|pin| pin.load.as_deref()) {
        pin_this(cpus)?;
    }
    let keys = (0..KEYS).map(|_| Key::generate()).collect::<Result<Vec<_>, _>>()?;
    let passes = options.passes;
    let master = random::<32>();
    let begun = AtomicU64::new(0);
    let bench = Bench { options, launch, keys: Arc::new(keys), master, begun };
    let (mut floor, mut server) = (Vec::new(), Vec::new());
    for pass in 1..=passes {
        floor.push(bench.pass(Role::Floor, &format!("pass {pass}/{passes}, floor")).await?);
        server.push(bench.pass(Role::Server, &format!("pass {pass}/{passes}, server")).await?);
    }
    Ok(Report::new(bench.options, floor, server))
}

async fn interrupted() -> Result<(), BenchError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(io("SIGTERM"))?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Err(BenchError::Interrupted)
}
