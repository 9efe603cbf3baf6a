//! The server as a process of its own, to be killed and started again on the same store.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use twinpath_server::config::{self, Config};
use twinpath_server::serve::Server;

use crate::app::{App, Place};
use crate::config::Settings;
use crate::http::{Request, send_octets};
use crate::platform::Registration;
use crate::wait::until;

/// A configured server that may run or not.
pub struct Installation {
    /// Its issuer.
    pub issuer: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its admin listener.
    pub admin: SocketAddr,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

/// A running process. It is killed with its value.
pub struct Process {
    child: Child,
}

/// The `twinpath` command, where cargo puts it: beside the `deps` folder that the test runs from.
/// `TWINPATH_BIN` names another one, for instance a release build.
pub fn twinpath() -> PathBuf {
    if let Some(path) = std::env::var_os("TWINPATH_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("twinpath");
    assert!(path.is_file(), "{} is missing: run `cargo build -p twinpath` first", path.display());
    path
}

impl Installation {
    /// Configures one on ports outside the range that the system gives out, so that nothing takes
    /// them while the server is down.
    pub fn new(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (address, admin) = (fixed_address(), fixed_address());
        let issuer = settings.issuer(address);
        let text = settings.file(&issuer, &address.to_string(), &admin.to_string(), folder.path());
        std::fs::write(folder.path().join("twinpath.toml"), text).unwrap();
        let environment = Vec::new();
        Self { issuer, address, admin, binary: twinpath(), environment, folder }
    }

    /// With a variable more in the server's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("twinpath.toml")
    }

    /// Runs a command with `--config`, whether the server runs or not.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let (what, more) = arguments.split_at(arguments.len().min(2));
        let mut command = Command::new(&self.binary);
        command.args(what).arg("--config").arg(self.config()).args(more);
        command.stdin(Stdio::null()).output().await.unwrap()
    }

    /// The same, for a command that succeeds and prints JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        serde_json::from_slice(&output.stdout).expect("JSON on stdout")
    }

    /// Registers an app with `twinpath app register`.
    pub async fn register(&self, registration: &Registration) -> Arc<App> {
        let (metadata, key) = registration.metadata();
        let text = |name: &str| metadata[name].as_str().unwrap();
        let dpop = if metadata["dpop_bound_access_tokens"] == true { "required" } else { "off" };
        let jwks = self.folder.path().join("jwks.json");
        let mut arguments = vec!["app", "register", "--client-id", text("client_id")];
        arguments.extend([
            "--name",
            text("client_name"),
            "--auth-method",
            text("token_endpoint_auth_method"),
        ]);
        arguments.extend(["--scope", text("scope"), "--dpop", dpop]);
        if metadata["jwks"].is_object() {
            std::fs::write(&jwks, metadata["jwks"].to_string()).unwrap();
            arguments.extend(["--jwks", jwks.to_str().unwrap()]);
        }
        registration.registered(&self.json(&arguments).await, key)
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(&self) -> Process {
        let log =
            File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let child = Command::new(&self.binary)
            .args(["serve", "--config"])
            .arg(self.config())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut process = Process { child };
        let ready = Request::new("GET", "/readyz").octets();
        until("the server is ready", async || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            let answer = send_octets(self.address, &ready).await?;
            (answer.status == 200).then_some(())
        })
        .await;
        process
    }

    /// Runs the next version of the server, within this process.
    pub async fn start_next(&self) -> Server {
        let config = self.next_config();
        let server = Server::start(config).await.unwrap();
        let ready = Request::new("GET", "/readyz").octets();
        until("the server is ready", async || {
            let answer = send_octets(self.address, &ready).await?;
            (answer.status == 200).then_some(())
        })
        .await;
        server
    }

    /// As the next version of the program reads it.
    pub fn next_config(&self) -> Config {
        let mut config = config::load(&self.config(), std::iter::empty()).unwrap();
        config.store.next_schema = true;
        config
    }

    /// What the server says of itself while it runs.
    pub async fn place(&self) -> Arc<Place> {
        Place::discover(&self.issuer, self.address).await
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Process {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends SIGTERM.
    pub async fn terminate(&self) {
        let pid = self.id().to_string();
        let kill = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
        assert!(kill.success());
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        crate::wait::within("the server's end", self.child.wait()).await.unwrap()
    }
}

/// A free address below the ephemeral range. Each process starts somewhere else.
pub fn fixed_address() -> SocketAddr {
    use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 9000).unwrap();
    loop {
        let port = 21_000 + (first + NEXT.fetch_add(1, Relaxed)) % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
