//! A program that plays the other side: it says lines of JSON and is told lines of JSON.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::wait::within;

/// A running program.
pub struct Peer {
    name: String,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// Where the programs are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

impl Peer {
    /// Starts `peers/{script}` on Node.
    pub fn node(script: &str) -> Self {
        let folder = folder();
        assert!(
            folder.join("node_modules/openid-client").is_dir(),
            "packages are missing: run `npm ci --prefix {}` (Node 20 or later)",
            folder.display()
        );
        Self::start(Command::new("node").arg(folder.join(script)), script)
    }

    /// Starts `peers/{script}` on the Python that `./test` sets up.
    pub fn python(script: &str) -> Self {
        let folder = folder();
        let python = folder.join("../../../target/peers-python/bin/python");
        assert!(
            python.exists(),
            "packages are missing: run `python3 -m venv target/peers-python` and `pip install -r` \
             {}/requirements.txt in it",
            folder.display()
        );
        Self::start(Command::new(python).arg("-u").arg(folder.join(script)), script)
    }

    /// Starts `peers/{script}` on Perl, with Debian's libnet-smpp-perl.
    pub fn perl(script: &str) -> Self {
        Self::start(Command::new("perl").arg(folder().join(script)), script)
    }

    fn start(command: &mut Command, name: &str) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let stdin = process.stdin.take().unwrap();
        let stdout = process.stdout.take().unwrap();
        let lines = BufReader::new(stdout).lines();
        Self { name: name.to_owned(), stdin, lines, _process: process }
    }

    /// Tells it one thing.
    pub async fn tell(&mut self, what: &Value) {
        let line = format!("{what}\n");
        self.stdin.write_all(line.as_bytes()).await.expect("it runs");
    }

    /// What it says next under this name.
    pub async fn hear(&mut self, name: &str) -> Value {
        let what = format!("{name} of {}", self.name);
        let line = within(&what, self.lines.next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("{} ended before it said {name}", self.name));
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let value = said.get(name).unwrap_or_else(|| panic!("{} said {line}", self.name));
        value.clone()
    }
}
