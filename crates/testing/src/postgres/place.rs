//! Where PostgreSQL's programs are, which user runs its server, and where that user can work.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The server refuses to run as root.
#[derive(Debug, Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

/// The directory of the server's programs: Debian's newest, else `pg_config`'s, else one in `PATH`.
pub(super) fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let found = debian().or_else(configured).or_else(|| in_path().find(|path| serves(path)));
        found.expect("no PostgreSQL server here: install Debian's package `postgresql`")
    })
}

/// Clients alone come without these two.
fn serves(directory: &Path) -> bool {
    directory.join("initdb").is_file() && directory.join("postgres").is_file()
}

fn debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |name: &OsStr| name.to_str()?.parse::<u32>().ok();
    versions
        .filter_map(|entry| Some((version(&entry.file_name())?, entry.path().join("bin"))))
        .filter(|(_, path)| serves(path))
        .max()
        .map(|(_, path)| path)
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    serves(&path).then_some(path)
}

fn in_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// The server's major version.
pub(super) fn version() -> u32 {
    static VERSION: OnceLock<u32> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let output = command("postgres").arg("--version").output().expect("postgres runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
        number.and_then(|number| number.parse().ok()).expect("postgres says its version")
    })
}

/// One of PostgreSQL's programs, see [`clean`].
pub(super) fn command(program: &str) -> Command {
    clean(Command::new(programs().join(program)))
}

/// The same, run by the server's user.
pub(super) fn server_command(program: &str) -> Command {
    as_server_user(command(program))
}

/// Has a command see nothing of the caller's own PostgreSQL settings, language or directories.
pub(super) fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PG") || name.starts_with("LC_")) {
            command.env_remove(name);
        }
    }
    // In our home there may be a password, a certificate or a psqlrc.
    command.env("LC_ALL", "C").env("HOME", "/nonexistent").current_dir("/");
    command
}

/// Has a command run as the server's user, where we are root.
pub(super) fn as_server_user(mut command: Command) -> Command {
    if let Some(User { id, group }) = server_user() {
        command.uid(id).gid(group);
    }
    command
}

/// `postgres`, else `nobody`; none where we are not root, for then it is ourselves.
fn server_user() -> Option<User> {
    static USER: OnceLock<Option<User>> = OnceLock::new();
    *USER.get_or_init(|| {
        let ourselves = fs::metadata("/proc/self").expect("/proc is mounted").uid();
        (ourselves == 0).then(|| {
            let found = user("postgres").or_else(|| user("nobody"));
            found.expect("a user `postgres` or `nobody` to run the server as")
        })
    })
}

fn user(name: &str) -> Option<User> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let matches = fields.next()? == name;
        let (id, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        matches.then_some(User { id, group })
    })
}

/// A fresh directory that every user can get to, though root alone or we can list it.
pub(crate) fn fresh_directory(prefix: &str) -> PathBuf {
    fresh_directory_in(&reachable(), prefix)
}

/// A fresh directory that is the server's user's own.
pub(super) fn server_directory_in(parent: &Path, prefix: &str) -> PathBuf {
    let path = fresh_directory_in(parent, prefix);
    give(&path, 0o700);
    path
}

/// The same, among the temporary files.
pub(super) fn server_directory(prefix: &str) -> PathBuf {
    server_directory_in(&reachable(), prefix)
}

fn fresh_directory_in(parent: &Path, prefix: &str) -> PathBuf {
    let made = tempfile::Builder::new().prefix(prefix).tempdir_in(parent);
    // A watchdog removes it, for a value's drop is not certain.
    made.expect("a temporary directory").keep()
}

/// Makes a file or directory the server's user's.
pub(super) fn give(path: &Path, mode: u32) {
    if let Some(User { id, group }) = server_user() {
        chown(path, Some(id), Some(group)).expect("root may chown");
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Writes a file of the server's user.
pub(super) fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("its directory is there");
    give(path, mode);
}

/// `TMPDIR` is of no use if it lies in a directory of root's that the server's user cannot pass.
fn reachable() -> PathBuf {
    let passable = |path: &Path| {
        server_user().is_none()
            || path
                .ancestors()
                .all(|part| fs::metadata(part).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
    };
    let places = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into(), "/dev/shm".into()];
    let found = places.into_iter().find(|path| passable(path));
    found.expect("a temporary directory that the server's user can get to")
}
