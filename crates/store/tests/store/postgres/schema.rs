//! Tables of other versions.

use twinpath_core::ids::Digest;
use twinpath_store::{Migrate, Options, Store, StoreError};
use twinpath_testing::postgres::shared;

use super::ServerBackend;
use crate::suite::Backend;
use crate::suite::toys::Count;

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
