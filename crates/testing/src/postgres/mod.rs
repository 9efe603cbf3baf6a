//! A real PostgreSQL server, made by the test itself: unprivileged, on a port of its own, gone with
//! the test.
//!
//! It trusts every connection from this machine, as the superuser `twinpath`. It does not wait for
//! the disk unless it is [`Builder::durable`]; a killed server's rows survive either way, for the
//! kernel lives on.

mod builder;
pub(crate) mod place;
mod replication;
mod server;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub use builder::Builder;
use server::Server;

/// A PostgreSQL server that may run or not. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Cluster {
    options: Builder,
    /// Where its log and its socket are, and its data unless the caller has put them elsewhere.
    folder: PathBuf,
    data: PathBuf,
    port: u16,
    server: Server,
    databases: AtomicU32,
}

/// The cluster that the tests of this process share: start it, use it, never stop it.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::builder().setting("max_connections", "200").start())
}

/// The URL of a database behind any port of this machine, for instance a proxy's.
pub fn url(port: u16, database: &str) -> String {
    format!("postgres://twinpath@127.0.0.1:{port}/{database}")
}

/// What `psql` prints, unaligned and without headings, or what it complains of. Every statement is a
/// transaction of its own.
pub fn try_psql(url: &str, sql: &str) -> Result<String, String> {
    let mut psql = place::command("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql runs");
    let mut input = psql.stdin.take().expect("it was piped");
    // Without a connection psql is gone before it has read anything; then it says why.
    let _ = input.write_all(sql.as_bytes());
    drop(input);
    let output = psql.wait_with_output().expect("psql ends");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
    if output.status.success() { Ok(told(&output.stdout)) } else { Err(told(&output.stderr)) }
}

/// A program of PostgreSQL's, for instance `pg_dump`.
pub fn bin(name: &str) -> PathBuf {
    place::programs().join(name)
}

/// Runs a command as the user who runs the servers, and waits for its end. It runs in `/` unless it
/// has a directory, for that user may not get to ours.
pub fn run_as_server_user(mut command: Command) -> Output {
    if command.get_current_dir().is_none() {
        command.current_dir("/");
    }
    place::as_server_user(command).output().expect("the command runs")
}

/// Runs a command that must succeed.
fn succeed(mut command: Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    let (told, errors) = (&output.stdout, &output.stderr);
    let told = [String::from_utf8_lossy(told), String::from_utf8_lossy(errors)].concat();
    assert!(output.status.success(), "{command:?}: {}\n{told}", output.status);
}

impl Cluster {
    /// Says how a cluster is to be.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its port, the same one as long as it lives.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, to put a proxy before it.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Runs SQL with `psql`, see [`try_psql`]; an error fails the test.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let done = self.try_psql(database, sql);
        done.unwrap_or_else(|error| panic!("{sql}: {error}\n{}", self.log()))
    }

    /// Runs SQL with `psql`, see [`try_psql`].
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        try_psql(&self.url(database), sql)
    }

    /// Creates a database.
    pub fn create_database(&self, name: &str) {
        let mut sql = format!("CREATE DATABASE \"{name}\" TEMPLATE template0");
        if place::version() >= 15 {
            // Half the time of the other strategy.
            sql.push_str(" STRATEGY file_copy");
        }
        self.psql("postgres", &sql);
    }

    /// Drops a database, whoever is connected to it.
    pub fn drop_database(&self, name: &str) {
        self.psql("postgres", &format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
    }

    /// The URL of a new database of a name of its own.
    pub fn fresh_database(&self) -> String {
        let number = self.databases.fetch_add(1, Relaxed);
        let name = format!("t{}_{number}", std::process::id());
        self.create_database(&name);
        self.url(&name)
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        const TAIL: usize = 8000;
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        let tail = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        String::from_utf8_lossy(tail).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}
