//! Tables of other versions.

use std::time::{Duration, Instant};

use twinpath_core::ids::{Digest, TerminalKey};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::{Migrate, Options, Store, StoreError};
use twinpath_testing::postgres::shared;

use super::ServerBackend;
use crate::suite::toys::{Count, Fetch, Put};
use crate::suite::{Backend, samples};

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
        assert_eq!(store.schema_version(), 4);
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
    assert_eq!((new.schema_version(), old.schema_version()), (5, 4));
    assert_eq!(new.run(Count(Digest([1; 16]))).await, Ok(sum + 1));
    assert_eq!(old.run(Count(Digest([1; 16]))).await, Ok(sum + 2));
    // A node of the old version may even start afresh.
    assert_eq!(backend.store().run(Count(Digest([1; 16]))).await, Ok(sum + 3));
}

/// What migrations 2 to 4 added taken away again, and rows as a program of version 1 writes them.
const BACK_TO_1: &str = "
ALTER TABLE grants DROP COLUMN terms;
ALTER TABLE signing_key DROP COLUMN signs_at;
DROP TABLE interaction, session;
DELETE FROM partition_use WHERE parent = 'interaction';
DROP TABLE instance, note;
ALTER TABLE code DROP COLUMN confirmation;
ALTER TABLE audit DROP COLUMN instance, DROP COLUMN evidence;
UPDATE meta SET value = 1 WHERE name = 'schema_version';
";
const ROWS_OF_1: &str = r#"
INSERT INTO terminal (terminal, touched) VALUES (decode(repeat('01', 16), 'hex'), 1);
INSERT INTO grants (terminal, id, account, client_id, jkt, scope, resources, auth_time, route, trust,
    revoked_at, sequence, hash, previous, first, used, expires_at, purge_at, due)
    SELECT k, k, k, 'app', 'thumbprint', 'openid phone', '[]', 1000, 'modem', 2, NULL, 1, k, NULL, 1,
    0, 2000, 3000, 3000 FROM decode(repeat('01', 16), 'hex') AS k;
INSERT INTO signing_key VALUES ('k1', '\x00ff01', '{"kty":"EC","crv":"P-256","kid":"k1",
    "alg":"ES256","use":"sig","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}', 5, NULL);
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_1_read_as_they_were() {
    // Written before the migration, and by a node of version 1 after it.
    for migrated in [false, true] {
        let backend = ServerBackend::new(1);
        backend.store().close().await;
        if !migrated {
            backend.psql(BACK_TO_1);
        }
        backend.psql(ROWS_OF_1);
        let store = backend.store();
        assert_eq!(store.schema_version(), 4);
        let mut grant = samples::grant();
        let found = store.read(Fetch(Key::Grants(grant.terminal))).await;
        assert_eq!(found, Ok(Loaded::Grants(vec![grant.clone()])));
        let mut key = samples::signing_key("k1");
        key.signs_at = key.created_at;
        let found = store.read(Fetch(Key::SigningKeys)).await;
        assert_eq!(found, Ok(Loaded::SigningKeys(vec![key])));
        grant.terms = Some(Box::new(samples::terms()));
        let session = samples::session(1);
        let keys = vec![Key::Grants(grant.terminal), Key::Sessions(grant.terminal)];
        let writes = vec![Write::Grant(grant), Write::Session(session.clone())];
        store.run(Put(keys, writes)).await.unwrap();
        let found = store.read(Fetch(Key::Sessions(session.terminal))).await;
        assert_eq!(found, Ok(Loaded::Sessions(vec![session])));
    }
}
