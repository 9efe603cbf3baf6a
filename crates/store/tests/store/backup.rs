//! Backups made while a store is written to, and what is there when they are restored.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use twinpath_core::ids::GrantId;
use twinpath_core::records::CodeRecord;
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::{Options, Store, StoreError};
use twinpath_testing::postgres::{Cluster, bin, run_as_server_user, shared};
use twinpath_testing::wait::until;

use crate::suite::samples;
use crate::suite::toys::{Consume, Fetch, Put};

/// A store that is written to until it is told to stop.
struct Busy {
    store: Store,
    stop: Arc<AtomicBool>,
    /// Every code below this number was acknowledged, with a line of the trail.
    acknowledged: Arc<AtomicU16>,
    writing: tokio::task::JoinHandle<()>,
}

impl Busy {
    fn on(store: Store) -> Self {
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU16>::default());
        let (writer, told, count) = (store.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
        let writing = tokio::spawn(async move {
            for number in 0..u16::MAX {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                put(&writer, number).await;
                count.store(number + 1, Ordering::Relaxed);
            }
        });
        Self { store, stop, acknowledged, writing }
    }

    fn acknowledged(&self) -> u16 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    async fn reached(&self, number: u16) {
        while self.acknowledged() < number {
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) -> u16 {
        self.stop.store(true, Ordering::Relaxed);
        self.writing.await.unwrap();
        self.store.close().await;
        self.acknowledged.load(Ordering::Relaxed)
    }
}

async fn put(store: &Store, number: u16) {
    let code = samples::code_number(number);
    let writes = vec![Write::Code(code.clone()), Write::Audit(samples::audit(i64::from(number)))];
    store.run(Put(vec![Key::Code(code.key)], writes)).await.unwrap();
}

/// Everything up to a moment between `first` and `last` acknowledgements is there, nothing is there
/// in part, and the store can be used.
async fn holds(url: &str, first: u16, last: u16) {
    let store = Store::open(url, Options::default()).unwrap();
    let mut there = 0;
    for number in 0..=last {
        let code: CodeRecord = samples::code_number(number);
        let found = store.read(Fetch(Key::Code(code.key))).await.unwrap();
        if found == Loaded::Code(Some(code)) {
            assert_eq!(number, there, "no gap");
            there += 1;
        }
    }
    assert!(there >= first, "{there} of {first} rows of before the backup");
    let (mut lines, mut after) = (0, 0);
    loop {
        let page = store.audit(after, 1000).await.unwrap();
        let Some(line) = page.last() else { break };
        (lines, after) = (lines + page.len(), line.id);
    }
    assert_eq!(lines, usize::from(there), "a code and its line are there together");
    let code = samples::code_number(0).key;
    assert_eq!(store.run(Consume(code, GrantId([1; 16]))).await, Ok(true));
    put(&store, last + 1).await;
    store.close().await;
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_file_is_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("t.db"), folder.path().join("backup.db"));
    let busy = Busy::on(Store::open(&url(&path), Options::default()).unwrap());
    busy.reached(300).await;
    let first = busy.acknowledged();
    let (from, copy) = (url(&path), to.clone());
    let made = tokio::task::spawn_blocking(move || Store::back_up(&from, &copy)).await.unwrap();
    made.unwrap();
    // It goes on, and what it goes on with is not in the backup.
    let during = busy.acknowledged();
    busy.reached(during + 100).await;
    let last = busy.end().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&to).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    }
    // Restored as docs/operations.md says: in place of the old one, without its log.
    std::fs::copy(&to, &path).unwrap();
    for beside in ["t.db-wal", "t.db-shm"] {
        let _absent = std::fs::remove_file(folder.path().join(beside));
    }
    holds(&url(&path), first, last).await;
}

#[test]
fn a_backup_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("t.db"), folder.path().join("backup.db"));
    drop(Store::open(&url(&path), Options::default()).unwrap());
    std::fs::write(&to, "precious").unwrap();
    assert!(matches!(Store::back_up(&url(&path), &to), Err(StoreError::Unavailable(_))));
    assert_eq!(std::fs::read(&to).unwrap(), b"precious");
    let nowhere = url(&folder.path().join("none.db"));
    assert!(Store::back_up(&nowhere, &folder.path().join("b.db")).is_err());
    assert!(!folder.path().join("none.db").exists() && !folder.path().join("b.db").exists());
}

/// Runs one of PostgreSQL's own programs, which must succeed.
fn succeed(program: &str, arguments: &[&str]) {
    let mut command = Command::new(bin(program));
    command.args(arguments);
    let output = run_as_server_user(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_is_dumped_and_restored() {
    let (from, to) = (shared().fresh_database(), shared().fresh_database());
    let busy = Busy::on(Store::open(&from, Options::default()).unwrap());
    busy.reached(300).await;
    let first = busy.acknowledged();
    // The server's user writes it, so it is where that user may.
    let file = shared().data().with_file_name("dump");
    let (dump, target) = (file.to_str().unwrap().to_owned(), to.clone());
    let dumping = tokio::task::spawn_blocking(move || {
        let but = ["--exclude-table-data=waiting", "--exclude-table-data=tally"];
        let dumped = ["--format=custom", "--file", &dump, "--dbname", &from];
        succeed("pg_dump", &[&dumped[..], &but].concat());
        let one = ["--exit-on-error", "--single-transaction", "--dbname", &target, &dump];
        succeed("pg_restore", &one);
    });
    dumping.await.unwrap();
    let last = busy.end().await;
    holds(&to, first, last).await;
}

/// Runs a script as the user who owns the server's files, in its data directory.
fn at_server(cluster: &Cluster, script: &str) {
    let mut command = Command::new("sh");
    command.args(["-e", "-c", script]).current_dir(cluster.data());
    let output = run_as_server_user(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A base backup and the archived log: the server as it was at any moment since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_restored_to_a_point_in_time() {
    // Beside the data, so that it goes with the server.
    let archive = "test ! -f ../archive/%f && cp %p ../archive/%f";
    let cluster =
        Cluster::builder().setting("archive_mode", "on").setting("archive_command", archive);
    let cluster = cluster.start();
    at_server(&cluster, "mkdir ../archive");
    let url = cluster.fresh_database();
    let store = Store::open(&url, Options::default()).unwrap();
    put(&store, 0).await;
    let base = cluster.data().with_file_name("base");
    let (base, port) = (base.to_str().unwrap(), cluster.port().to_string());
    let from = ["--host=127.0.0.1", "--username=twinpath", "--checkpoint=fast", "--port"];
    succeed("pg_basebackup", &[&from[..], &[&port, "--pgdata", base]].concat());
    put(&store, 1).await;
    cluster.psql("postgres", "SELECT pg_create_restore_point('here')");
    put(&store, 2).await;
    store.close().await;
    // Restored as docs/operations.md says. The stop archives the last of the log.
    cluster.stop();
    at_server(
        &cluster,
        "rm -r ./*; cp -a ../base/. .; touch recovery.signal; cat >>postgresql.auto.conf <<'END'
restore_command = 'cp ../archive/%f %p'
recovery_target_name = 'here'
recovery_target_action = 'promote'
END",
    );
    cluster.start();
    until("it takes writes", || {
        let recovering = cluster.psql("postgres", "SELECT pg_is_in_recovery()");
        (recovering == "f").then_some(())
    });
    holds(&url, 2, 2).await;
}
