//! The server's processes: their start, their end, and what may happen to them in between.
//!
//! The postmaster is our own child, so that its end is seen and its number not given away. The
//! watchdog knows that number before the program starts: see [`Running::launch`].

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::builder::pristine;
use super::{Builder, Cluster, place, succeed};
use crate::processes::{freeze, lives, signal, thaw};
use crate::wait::{patiently, until};
use crate::watchdog::Watchdog;

/// Waits to be told, for the watchdog is told first, then becomes the server.
const LAUNCHER: &str = r#"read -r go && exec "$@" </dev/null"#;

/// What the server logs if another program has its port.
const CLASH: &str = "Address already in use";

/// The server as a process, if it is one now.
#[derive(Debug)]
pub(super) struct Server(Mutex<Running>);

#[derive(Debug)]
struct Running {
    postmaster: Option<Child>,
    watchdog: Watchdog,
}

impl Server {
    fn new(watchdog: Watchdog) -> Self {
        Self(Mutex::new(Running { postmaster: None, watchdog }))
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        // A test that failed while it held the lock is told of already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// The postmaster, if it has not ended of itself.
    fn postmaster(&mut self) -> Option<&mut Child> {
        if self.ended() {
            self.postmaster = None;
            self.watchdog.forget();
        }
        self.postmaster.as_mut()
    }

    fn ended(&mut self) -> bool {
        let status = self.postmaster.as_mut().map(Child::try_wait);
        status.is_some_and(|status| status.expect("it is our child").is_some())
    }

    fn running(&mut self) -> u32 {
        self.postmaster().expect("the server runs").id()
    }

    /// Starts the program. If we die before the watchdog knows it, it never becomes the server, for
    /// its pipe closes; if we die later, the watchdog ends it.
    fn launch(&mut self, data: &Path, log: File) -> u32 {
        assert!(self.postmaster().is_none(), "the server runs already");
        let mut command = place::clean(Command::new("sh"));
        command.args(["-c", LAUNCHER, "sh"]).arg(super::bin("postgres")).arg("-D").arg(data);
        let mut child = place::as_server_user(command)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            // So that Ctrl-C leaves it to the watchdog.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let postmaster = child.id();
        self.watchdog.watch(postmaster);
        let go: ChildStdin = child.stdin.take().expect("it was piped");
        self.postmaster = Some(child);
        (&go).write_all(b"go\n").expect("the launcher lives");
        postmaster
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watchdog.release();
        if let Some(postmaster) = &mut self.postmaster {
            let _ = postmaster.wait();
        }
    }
}

impl Cluster {
    /// A cluster without data or a port.
    pub(super) fn place(options: Builder) -> Self {
        let folder = place::server_directory("twinpath-pg-");
        let data = options.data(&folder);
        let server = Server::new(Watchdog::over_server(&data, &folder));
        Self { options, folder, data, port: 0, server, databases: AtomicU32::new(0) }
    }

    /// Data as `initdb` makes them.
    pub(super) fn copy_pristine(&self) {
        let from = pristine();
        let mut copy = place::clean(Command::new("cp"));
        // Into the directory or as the directory, whichever it is.
        copy.args(["-a", "--no-target-directory"]).args([from, &self.data]);
        succeed(place::as_server_user(copy));
    }

    /// Moves the write-ahead log to the cluster's own directory.
    pub(super) fn part_from_wal(&self) {
        let mut part = place::clean(Command::new("sh"));
        part.args(["-c", r#"mv "$1/pg_wal" "$2/wal" && ln -s "$2/wal" "$1/pg_wal""#, "sh"]);
        part.args([&self.data, &self.folder]);
        succeed(place::as_server_user(part));
    }

    /// The first start, which finds the port.
    pub(super) fn start_somewhere(&mut self) {
        let authentication = self.options.host_based_authentication();
        place::write(&self.data.join("pg_hba.conf"), &authentication, 0o600);
        let started = (0..20).find_map(|_| {
            self.port = free_port();
            let configuration = self.options.configuration(self.port, &self.folder);
            place::write(&self.data.join("postgresql.conf"), &configuration, 0o600);
            self.try_start().ok()
        });
        started.unwrap_or_else(|| panic!("no port is free\n{}", self.log()));
    }

    /// Starts the server and waits until it takes connections. It finds its data as they are.
    pub fn start(&self) {
        // Another program may pass through our port while we are away.
        let started = patiently(|| self.try_start().ok());
        started.unwrap_or_else(|| panic!("port {} is taken\n{}", self.port, self.log()));
    }

    /// Starts the server; an error if its port is taken.
    fn try_start(&self) -> Result<(), ()> {
        let log = File::options().create(true).append(true).open(self.log_file());
        let log = log.expect("its directory is there");
        let before = log.metadata().expect("a file").len();
        let mut running = self.server.lock();
        let postmaster = running.launch(&self.data, log);
        let ready = patiently(|| {
            if running.ended() { Some(false) } else { self.ready(postmaster).then_some(true) }
        });
        if ready == Some(true) {
            return Ok(());
        }
        let log = fs::read(self.log_file()).unwrap_or_default();
        let since = log.get(usize::try_from(before).expect("a small file")..).unwrap_or_default();
        let told = String::from_utf8_lossy(since);
        assert!(ready == Some(false) && told.contains(CLASH), "the server does not start\n{told}");
        Err(())
    }

    /// Whether it says of itself that it takes connections; `pg_ctl` looks at the same.
    fn ready(&self, postmaster: u32) -> bool {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        // The file may be a killed server's.
        lines.next().is_some_and(|first| first == postmaster.to_string())
            && lines.nth(6).is_some_and(|status| status.trim_end() == "ready")
    }

    /// Shuts the server down: what is open is rolled back, what is committed is written out.
    pub fn stop(&self) {
        let mut running = self.server.lock();
        let postmaster = running.running();
        signal("INT", &[postmaster]);
        thaw(postmaster);
        let ended = patiently(|| running.ended().then_some(()));
        ended.unwrap_or_else(|| panic!("the server does not stop\n{}", self.log()));
        running.postmaster();
    }

    /// Kills all its processes at once, as a power cut would. It may be started again.
    pub fn kill(&self) {
        let mut running = self.server.lock();
        let postmaster = running.running();
        let mut all = freeze(postmaster);
        all.push(postmaster);
        signal("KILL", &all);
        // Its number has to be gone: the next server reads it in the lock file and looks.
        until("the postmaster is gone", || running.postmaster().is_none().then_some(()));
        // And they still hold its shared memory and its sockets.
        let gone = || all.iter().all(|pid| !lives(*pid));
        until("its children are gone", || gone().then_some(()));
    }

    /// Shuts the server down and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Freezes all its processes: it holds its connections and answers nothing.
    pub fn suspend(&self) {
        freeze(self.server.lock().running());
    }

    /// Lets it go on.
    pub fn resume(&self) {
        thaw(self.server.lock().running());
    }

    /// Whether its postmaster runs, though perhaps frozen: a full disk, for one, may have ended it.
    pub fn runs(&self) -> bool {
        self.server.lock().postmaster().is_some()
    }
}

/// A free port below those that the system gives out, so that no other program is likely to take it
/// while the server is down. Each process starts somewhere else.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let offset = std::process::id().wrapping_mul(97) + NEXT.fetch_add(1, Relaxed);
        let port = 11_000 + u16::try_from(offset % 10_000).expect("it is small");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
