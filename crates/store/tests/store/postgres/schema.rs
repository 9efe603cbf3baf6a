//! Tables of other versions.

use std::time::{Duration, Instant};

use twinpath_core::ids::{Digest, TerminalKey};
use twinpath_core::transaction::Key;
use twinpath_store::{Migrate, Options, Store, StoreError};
use twinpath_testing::postgres::shared;

use super::ServerBackend;
use crate::suite::Backend;
use crate::suite::toys::{Count, Fetch};

fn refusal(result: Result<Store, StoreError>) -> String {
    match result {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_database_is_used_if_it_allows() {
    let backend = ServerBackend::new(1);
    backend.store().close().await;
    backend.psql("UPDATE meta SET value = 99 WHERE name = 'schema_version'");
    let store = backend.store();
    assert_eq!(store.schema_version(), 99);
    assert_eq!(store.run(Count(Digest([1; 16]))).await, Ok(1));
    backend.psql("UPDATE meta SET value = 98 WHERE name = 'oldest_program'");
    let message = refusal(backend.open(Options::default()));
    assert!(message.contains("version 99") && message.contains("from version 98"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_is_set_up_and_a_foreign_one_is_left_alone() {
    let backend = ServerBackend::new(1);
    let careful = || Options { migrate: Migrate::IfEmpty, ..Options::default() };
    backend.open(careful()).unwrap();
    let foreign = ServerBackend::new(1);
    foreign.psql("CREATE TABLE theirs (id integer)");
    let message = refusal(foreign.open(Options::default()));
    assert!(message.contains("another program"), "{message}");
    foreign.psql("CREATE TABLE meta (id integer)");
    let message = refusal(foreign.open(Options::default()));
    assert!(message.contains("another program"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_set_up_one_database() {
    let url = shared().fresh_database();
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || Store::open(&url, Options::default()))
        })
        .collect();
    for start in starts {
        let store = start.join().unwrap().unwrap();
        assert_eq!(store.schema_version(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbouring_versions_work_side_by_side() {
    let backend = ServerBackend::new(2);
    let next = |migrate| Options { next_schema: true, migrate, ..Options::default() };
    let old = backend.store();
    assert_eq!(old.run(Count(Digest([1; 16]))).await, Ok(1));
    let message = refusal(backend.open(next(Migrate::IfEmpty)));
    assert!(message.contains("twinpath migrate"), "{message}");

    // Someone reads the table that is to be altered, for a while. The migration waits without
    // making everyone wait behind it.
    let url = backend.url.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let sql = "BEGIN; SELECT count(*) FROM grants; SELECT pg_sleep(2); COMMIT";
        twinpath_testing::postgres::try_psql(&url, sql).unwrap();
    });
    let busy = "SELECT count(*) FROM pg_locks WHERE relation = 'grants'::regclass AND granted AND mode = 'AccessShareLock'";
    twinpath_testing::wait::until("the reader", || {
        (backend.psql(busy).trim() != "0").then_some(())
    });
    let url = backend.url.clone();
    let options = next(Migrate::Always);
    let migrating = tokio::task::spawn_blocking(move || Store::open(&url, options).unwrap());
    let (mut sum, mut slowest) = (1, Duration::ZERO);
    while !migrating.is_finished() {
        let begun = Instant::now();
        let terminal = TerminalKey([2; 16]);
        old.run(Fetch(Key::Grants(terminal))).await.unwrap();
        sum += 1;
        assert_eq!(old.run(Count(Digest([1; 16]))).await, Ok(sum));
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_millis(1500), "{slowest:?}");
    let new = migrating.await.unwrap();
    reading.await.unwrap();
    assert_eq!((new.schema_version(), old.schema_version()), (2, 1));
    assert_eq!(new.run(Count(Digest([1; 16]))).await, Ok(sum + 1));
    assert_eq!(old.run(Count(Digest([1; 16]))).await, Ok(sum + 2));
    // A node of the old version may even start afresh.
    assert_eq!(backend.store().run(Count(Digest([1; 16]))).await, Ok(sum + 3));
}
