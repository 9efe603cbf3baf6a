//! One pass: a fresh target, warm-up, the measured window, and the check of all that was answered.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::app::Key;
use crate::check::Checker;
use crate::child::Role;
use crate::connection::Connection;
use crate::load::{Load, Phase, work};
use crate::options::Options;
use crate::process::{Launch, Usage};
use crate::report::{Figures, Metrics, Window};
use crate::target::Target;
use crate::{BenchError, io};

/// How often we look.
const TICK: Duration = Duration::from_millis(250);
/// The shortest and the longest warm-up; with accounts to make it lasts until they are there.
const WARM_UP: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(2));
/// So many errors, and the pass ends: there is no figure left to save.
const TOO_MANY: u64 = 100;
/// Answers that may wait to be checked until the window is over; beyond, they are checked in it.
const BACKLOG: usize = 300_000;

/// What stays the same through all passes.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) launch: Launch,
    /// Instances' keys.
    pub(crate) keys: Arc<Vec<Key>>,
    /// The servers' master key: passes may share a store.
    pub(crate) master: [u8; 32],
    /// Passes begun.
    pub(crate) begun: AtomicU64,
}

/// New numbers of one pass; there are enough for ten passes.
const NUMBERS: u64 = 10_000_000;

impl Bench {
    /// Measures one target. `name` says which, on stderr.
    pub(crate) async fn pass(&self, role: Role, name: &str) -> Result<Figures, BenchError> {
        let options = &self.options;
        let mut progress = Progress::new(name);
        progress.show("starting");
        let mut target = Target::start(role, options, &self.launch, &self.master).await?;
        let load = {
            let first = self.begun.fetch_add(1, Relaxed) * NUMBERS;
            Load::new(&target.site, &self.keys, options, first)
        };
        let mut workers = JoinSet::new();
        for _ in 0..options.concurrency {
            workers.spawn(work(Arc::clone(&load)));
        }
        let mut pass = Pass { load, checker: Checker::new(&target.site), progress };
        pass.warm_up(&mut target, options).await?;
        let window = pass.window(&mut target, options).await?;
        pass.load.phase.send_replace(Phase::Over);
        while workers.join_next().await.is_some() {}
        pass.check();
        let harvest = pass.load.reap(std::mem::take);
        let figures = Figures::new(&window, &harvest, pass.checker.checked());
        pass.progress.done(&figures);
        Ok(figures)
    }
}

struct Pass {
    load: Arc<Load>,
    checker: Checker,
    progress: Progress,
}

impl Pass {
    async fn warm_up(&mut self, target: &mut Target, options: &Options) -> Result<(), BenchError> {
        let started = Instant::now();
        let time = Duration::from_millis(u64::from(options.seconds) * 100);
        let time = time.clamp(WARM_UP.0, WARM_UP.1);
        loop {
            let done = self.load.done.load(Relaxed);
            if started.elapsed() >= time && done >= options.accounts.into() {
                return Ok(());
            }
            self.progress.show(&format!("warming up, {done} authorizations"));
            if !self.tick(target).await? {
                return Ok(());
            }
        }
    }

    async fn window(
        &mut self,
        target: &mut Target,
        options: &Options,
    ) -> Result<Window, BenchError> {
        let before = Metrics::read(target).await?;
        let own = Usage::of_this()?;
        let usage = target.process.usage()?;
        let started = Instant::now();
        self.load.phase.send_replace(Phase::Measured);
        let whole = Duration::from_secs(options.seconds.into());
        while let Some(left) = whole.checked_sub(started.elapsed()) {
            let measured = self.load.measured.load(Relaxed);
            let seconds = started.elapsed().as_secs();
            self.progress.show(&format!("{seconds} s, {measured} authorizations"));
            if left < TICK {
                tokio::time::sleep(left).await;
                break;
            }
            if !self.tick(target).await? {
                break;
            }
        }
        let authorizations = self.load.measured.load(Relaxed);
        let elapsed = started.elapsed();
        let usage = (usage, target.process.usage()?);
        let own = (own, Usage::of_this()?);
        let metrics = before.zip(Metrics::read(target).await?);
        Ok(Window { authorizations, elapsed, usage, own, metrics })
    }

    /// Waits a little; `false` if there is no use in going on.
    async fn tick(&mut self, target: &mut Target) -> Result<bool, BenchError> {
        tokio::time::sleep(TICK).await;
        target.process.alive()?;
        if self.load.reap(|harvest| harvest.receipts.len()) > BACKLOG {
            self.check();
        }
        let errors = self.load.reap(|harvest| harvest.errors.values().sum::<u64>());
        Ok(errors < TOO_MANY)
    }

    /// Checks what was answered so far.
    fn check(&mut self) {
        let receipts = self.load.reap(|harvest| std::mem::take(&mut harvest.receipts));
        self.progress.show(&format!("checking {} authorizations", receipts.len()));
        let wrong = tokio::task::block_in_place(|| self.checker.check(&receipts));
        self.load.reap(|harvest| {
            for what in wrong {
                *harvest.errors.entry(format!("check: {what}")).or_default() += 1;
            }
        });
    }
}

impl Metrics {
    /// From the server's admin listener; the floor has none.
    async fn read(target: &Target) -> Result<Option<Self>, BenchError> {
        let Some(admin) = target.admin else { return Ok(None) };
        let answer = Connection::new(admin).get("/metrics").await.map_err(io("/metrics"))?;
        Ok(Some(Self::parse(&String::from_utf8_lossy(&answer.body))))
    }
}

/// What is going on, on stderr: one line that changes on a terminal, one line a pass elsewhere.
struct Progress {
    name: String,
    terminal: bool,
    width: usize,
}

impl Progress {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), terminal: std::io::stderr().is_terminal(), width: 0 }
    }

    fn show(&mut self, what: &str) {
        if self.terminal {
            let line = format!("{}: {what}", self.name);
            let width = self.width;
            // Nothing depends on whether anyone sees it.
            let _ = write!(std::io::stderr(), "\r{line:width$}");
            self.width = line.len();
        }
    }

    fn done(&mut self, figures: &Figures) {
        self.show("");
        let (start, name) = (if self.terminal { "\r" } else { "" }, &self.name);
        let _ = writeln!(std::io::stderr(), "{start}{name}: {}", figures.line());
    }
}
