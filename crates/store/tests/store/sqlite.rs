//! The suite on files, and what can only be asked of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use twinpath_core::ids::Digest;
use twinpath_core::records::{CodeRecord, Sealed};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::{Options, Store, StoreError};

use crate::suite::toys::{Count, Fetch, Put};
use crate::suite::{
    Backend, batches, every_case, faults, instances, notes, operators, races, rows, samples,
    sign_in,
};

/// A database in a directory of its own.
struct FileBackend(TempDir);

impl FileBackend {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("t.db")
    }

    /// Another program at the same file.
    fn intruder(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

impl Backend for FileBackend {
    fn open(&self, options: Options) -> Result<Store, StoreError> {
        Store::open(&url(&self.path()), options)
    }
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

macro_rules! on_a_file {
    ($($module:ident::$case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $module::$case(&FileBackend::new()).await;
        }
    )*};
}

every_case!(on_a_file);

fn refusal(result: Result<Store, StoreError>) -> String {
    match result {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_database_newer_than_the_program_is_refused() {
    let backend = FileBackend::new();
    drop(backend.store());
    let sql = "UPDATE meta SET value = 99 WHERE name = 'schema_version'";
    backend.intruder().execute(sql, []).unwrap();
    let message = refusal(backend.open(Options::default()));
    assert!(message.contains("schema version 99"), "{message}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let backend = FileBackend::new();
    std::fs::write(backend.path(), [b'x'; 5000]).unwrap();
    let message = refusal(backend.open(Options::default()));
    assert!(message.contains("not a database"), "{message}");
    let nowhere = url(&backend.0.path().join("no/such/directory/t.db"));
    let message = refusal(Store::open(&nowhere, Options::default()));
    assert!(message.contains("cannot create"), "{message}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let backend = FileBackend::new();
    let store = backend.store();
    store.ping().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(backend.0.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3, "the database, its log, its shared index");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn closing_leaves_one_whole_file() {
    let backend = FileBackend::new();
    let store = backend.store();
    samples::record(&store, &samples::code(1)).await;
    store.close().await;
    let copy = backend.0.path().join("copy.db");
    std::fs::copy(backend.path(), &copy).unwrap();
    let store = Store::open(&url(&copy), Options::default()).unwrap();
    let found = store.read(Fetch(Key::Code(samples::code(1).key))).await;
    assert_eq!(found, Ok(Loaded::Code(Some(samples::code(1)))));
}

#[tokio::test]
async fn malformed_rows_are_told_and_harm_no_neighbour() {
    let backend = FileBackend::new();
    let store = backend.store();
    let code = samples::code(1);
    samples::record(&store, &code).await;
    let app = Box::new(samples::app("a"));
    store.run(Put(vec![Key::App(app.client_id.clone())], vec![Write::App(app)])).await.unwrap();
    let grant = samples::grant();
    store.run(Put(vec![Key::Grants(grant.terminal)], vec![Write::Grant(grant)])).await.unwrap();
    let damages = [
        ("code", Key::Code(code.key), "UPDATE code SET trust = 9"),
        ("code", Key::Code(code.key), "UPDATE code SET trust = 0, words = x'00'"),
        ("code", Key::Code(code.key), "UPDATE code SET words = zeroblob(16), state = 1"),
        ("code", Key::Code(code.key), "UPDATE code SET route = CAST(x'ff' AS TEXT)"),
        ("app", Key::App(samples::client_id("a")), "UPDATE app SET document = '{}'"),
        ("grants", Key::Grants(code.terminal), "UPDATE grants SET sequence = -1"),
        ("grants", Key::Grants(code.terminal), "UPDATE grants SET sequence = 1, resources = '['"),
    ];
    for (table, key, sql) in damages {
        backend.intruder().execute(sql, []).unwrap();
        let (bad, good, read) = tokio::join!(
            store.run(Fetch(key.clone())),
            store.run(Count(Digest([1; 16]))),
            store.read(Fetch(key))
        );
        for result in [bad, read] {
            let Err(StoreError::Inconsistent(why)) = result else { panic!("{sql}: {result:?}") };
            assert!(why.contains(&format!("table {table}:")), "{sql}: {why}");
        }
        assert!(good.is_ok());
    }
    assert!(matches!(store.apps(None, 9).await, Err(StoreError::Inconsistent(_))));
    assert!(!store.stats().failed);
}

#[tokio::test]
async fn a_full_disk_refuses_until_there_is_space() {
    let backend = FileBackend::new();
    let limit = Arc::new(AtomicU32::new(1_000_000));
    let options = Options { page_limit: Some(Arc::clone(&limit)), ..Options::default() };
    let store = backend.open(options).unwrap();
    let big = |byte| CodeRecord { number: Sealed(vec![byte; 50_000]), ..samples::code(byte) };
    let put = |byte| Put(vec![Key::Code(big(byte).key)], vec![Write::Code(big(byte))]);
    store.run(put(0)).await.unwrap();
    let sql = "PRAGMA page_count";
    let pages: u32 = backend.intruder().query_row(sql, [], |row| row.get(0)).unwrap();
    limit.store(pages + 20, Ordering::Relaxed);
    let mut kept = vec![0];
    for byte in 1..6 {
        match store.run(put(byte)).await {
            Ok(()) => kept.push(byte),
            Err(error) => {
                assert_eq!(error.to_string(), "the store is unavailable: no space is left");
            }
        }
    }
    assert!((1..6).contains(&kept.len()), "{kept:?}");
    assert!(!store.stats().failed, "a full disk damages nothing");
    assert!(store.read(Fetch(Key::Code(big(0).key))).await.is_ok());
    limit.store(1_000_000, Ordering::Relaxed);
    store.run(put(6)).await.unwrap();
    kept.push(6);
    for byte in 0..=6 {
        let expected = kept.contains(&byte).then(|| big(byte));
        let found = store.read(Fetch(Key::Code(big(byte).key))).await;
        assert_eq!(found, Ok(Loaded::Code(expected)));
    }
}

/// As root: `mount -t tmpfs -o size=1M tmpfs /some/place`.
#[tokio::test]
#[ignore = "needs a file system of about 1 MB, named by TWINPATH_SMALL_DISK"]
async fn a_truly_full_disk_refuses_until_there_is_space() {
    let disk = PathBuf::from(std::env::var("TWINPATH_SMALL_DISK").unwrap());
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![0; 400_000]).unwrap();
    let store = Store::open(&url(&disk.join("t.db")), Options::default()).unwrap();
    let mut kept = Vec::new();
    let mut refused = 0;
    for number in 0..2000 {
        let code = samples::code_number(number);
        let put = Put(vec![Key::Code(code.key)], vec![Write::Code(code)]);
        match store.run(put).await {
            Ok(()) => kept.push(number),
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && !kept.is_empty(), "{refused} of 2000 refused");
    std::fs::remove_file(ballast).unwrap();
    samples::record(&store, &samples::code_number(2000)).await;
    assert!(!store.stats().failed);
    for number in kept {
        let found = store.read(Fetch(Key::Code(samples::code_number(number).key))).await;
        assert!(matches!(found, Ok(Loaded::Code(Some(_)))), "code {number}");
    }
}

#[tokio::test]
async fn a_store_that_failed_acknowledges_nothing_until_it_is_sound() {
    let backend = FileBackend::new();
    let store = backend.store();
    let count = || store.run(Count(Digest([1; 16])));
    count().await.unwrap();
    backend.intruder().execute_batch("ALTER TABLE meta RENAME TO lost").unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(store.stats().failed);
    let refused = count().await.unwrap_err().to_string();
    assert!(refused.contains("has not recovered"), "{refused}");
    backend.intruder().execute_batch("ALTER TABLE lost RENAME TO meta").unwrap();
    assert_eq!(count().await, Ok(2));
    assert!(!store.stats().failed);
}

#[tokio::test]
async fn a_writer_that_never_lets_go_is_given_up_on() {
    let backend = FileBackend::new();
    let busy_timeout = Duration::from_millis(30);
    let options = Options { busy_timeout, ..Options::default() };
    let store = backend.open(options).unwrap();
    let intruder = backend.intruder();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.run(Count(Digest([1; 16]))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.read(Fetch(Key::SigningKeys)).await.is_ok(), "reading goes on");
    intruder.execute_batch("COMMIT").unwrap();
    assert_eq!(store.run(Count(Digest([1; 16]))).await, Ok(1));
    assert!(!store.stats().failed);
}
