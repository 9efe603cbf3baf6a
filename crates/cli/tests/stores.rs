//! `migrate`, `copy` and `backup` as processes.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use twinpath_testing::postgres::{shared, try_psql};

const MASTER: &str = "6f1d9b8a4c0e7d5230a1b2c3d4e5f60718293a4b5c6d7e8f9fa0b1c2d3e4f506";

/// A configuration that names a store.
struct Installation {
    folder: TempDir,
    url: String,
}

impl Installation {
    fn new(url: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = url(folder.path());
        let text = format!(
            "issuer = \"http://127.0.0.1:8080\"\n[store]\nurl = \"{url}\"\n[keys]\nmaster = \
             \"{MASTER}\"\n"
        );
        fs::write(folder.path().join("t.toml"), text).unwrap();
        Self { folder, url }
    }

    fn file() -> Self {
        Self::new(|folder| format!("sqlite://{}", folder.join("t.db").display()))
    }

    fn server() -> Self {
        Self::new(|_| shared().fresh_database())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command with this configuration.
    fn run(&self, words: &[&str]) -> Told {
        let config = self.path("t.toml");
        twinpath(&[words, &["--config", config.to_str().unwrap()]].concat())
    }

    fn register(&self, client_id: &str) {
        let name = ["app", "register", "--name", "Weather", "--client-id", client_id];
        self.run(&[&name[..], &["--auth-method", "client_secret_post"]].concat()).right();
    }

    fn apps(&self) -> String {
        self.run(&["app", "list"]).right()
    }
}

/// What a command told.
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Told {
    #[track_caller]
    fn right(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    fn wrong(self) -> String {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        self.err
    }
}

fn twinpath(words: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinpath"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TWINPATH")) {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } = command.args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Told { code: status.code(), out: text(&stdout), err: text(&stderr) }
}

#[test]
fn a_store_that_is_of_this_version_is_not_migrated() {
    for place in [Installation::file(), Installation::server()] {
        let check = place.run(&["migrate", "--check"]).right();
        assert!(check.contains("made at first use"), "{check}");
        assert!(!place.path("t.db").exists());
        let first = place.run(&["migrate"]).right();
        assert!(first.contains("it now has those of version 4"), "{first}");
        let second = place.run(&["migrate"]).right();
        assert!(second.contains("of version 4 already"), "{second}");
        let check = place.run(&["migrate", "--check"]).right();
        assert!(check.contains("of version 4, as they should be"), "{check}");
    }
}

#[test]
fn a_newer_store_is_left_as_it_is() {
    let place = Installation::server();
    place.run(&["migrate"]).right();
    try_psql(&place.url, "UPDATE meta SET value = 7 WHERE name = 'schema_version'").unwrap();
    for words in [&["migrate"][..], &["migrate", "--check"]] {
        let newer = place.run(words).right();
        assert!(newer.contains("of version 7, this program's of 4"), "{newer}");
    }
}

#[test]
fn a_file_moves_to_a_server_and_back() {
    let (from, to, back) = (Installation::file(), Installation::server(), Installation::file());
    from.register("weather");
    from.register("maps");
    let copied = twinpath(&["copy", "--from", &from.url, "--to", &to.url]);
    assert!(copied.err.contains("No server may run"), "{}", copied.err);
    assert!(copied.err.contains("rows"), "plain lines: {}", copied.err);
    let copied = copied.right();
    assert!(copied.contains("The stores agree") && copied.contains("2  apps"), "{copied}");
    assert_eq!(from.apps(), to.apps());
    twinpath(&["copy", "--from", &to.url, "--to", &back.url]).right();
    assert_eq!(from.apps(), back.apps());
    let again = twinpath(&["copy", "--from", &from.url, "--to", &to.url]).wrong();
    assert!(again.contains("nothing is overwritten"), "{again}");
    let same = twinpath(&["copy", "--from", &to.url, "--to", &to.url]).wrong();
    assert!(same.contains("the same store"), "{same}");
}

#[test]
fn urls_can_come_from_the_environment_and_are_not_repeated() {
    let from = Installation::file();
    from.register("weather");
    let to = "postgres://me:hunter2@127.0.0.1:1/db";
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinpath"));
        command.args(words).env("TWINPATH_COPY_FROM", &from.url).env("TWINPATH_COPY_TO", to);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, told) = run(&["copy"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("the destination: ") && !told.contains("hunter2"), "{told}");
    let (_, help) = run(&["copy", "--help"]);
    assert!(help.contains("Interrupted?") && !help.contains("hunter2"), "{help}");
    let (_, wrong) = run(&["copy", "--nonsense"]);
    assert!(!wrong.contains("hunter2"), "{wrong}");
}

#[test]
fn a_file_is_backed_up_once() {
    let place = Installation::file();
    place.register("weather");
    let to = place.path("backup.db");
    let words = ["backup", "--to", to.to_str().unwrap()];
    let told = place.run(&words).right();
    assert!(told.contains("The master key is not in it"), "{told}");
    let again = place.run(&words).wrong();
    assert!(again.contains("nothing is overwritten"), "{again}");
    let restored = Installation::file();
    fs::copy(&to, restored.path("t.db")).unwrap();
    assert_eq!(place.apps(), restored.apps());
    let server = Installation::server().run(&words).wrong();
    assert!(server.contains("pg_dump"), "{server}");
}
