//! What happens when the server does.

use std::process::Command;
use std::time::{Duration, Instant};

use twinpath_core::ids::{Digest, GrantId};
use twinpath_core::transaction::Key;
use twinpath_store::{Options, Store, StoreError};
use twinpath_testing::postgres::{Cluster, shared};

use super::ServerBackend;
use crate::suite::toys::{Consume, Count, Fetch};
use crate::suite::{Backend, samples};

fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

/// Options of a store that is tested for what it does when nobody answers.
fn impatient() -> Options {
    let short = Duration::from_millis(500);
    Options { writers: 2, busy_timeout: short, statement_timeout: short, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_are_made_again_unnoticed() {
    let backend = ServerBackend::new(2);
    let store = backend.store();
    for round in 1..=5 {
        assert_eq!(store.run(Count(Digest([1; 16]))).await, Ok(round));
        assert!(store.read(Fetch(Key::SigningKeys)).await.is_ok());
        backend.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
    }
    assert!(!store.stats().failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_died_is_found_again() {
    let cluster = Cluster::builder().durable().start();
    cluster.create_database("t");
    let store = Store::open(&cluster.url("t"), impatient()).unwrap();
    samples::record(&store, &samples::code(1)).await;
    cluster.kill();
    let refused = store.run(Count(Digest([1; 16]))).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    assert!(store.stats().failed);
    assert!(is_unavailable(&store.ping().await));
    let begun = Instant::now();
    assert!(is_unavailable(&store.run(Count(Digest([1; 16]))).await));
    assert!(begun.elapsed() < Duration::from_millis(400), "told at once, not after the full time");
    cluster.start();
    // A server that has just started may still hang up once on whoever comes.
    let mut found = store.run(Count(Digest([1; 16]))).await;
    while begun.elapsed() < Duration::from_secs(30) && is_unavailable(&found) {
        found = store.run(Count(Digest([1; 16]))).await;
    }
    assert!(matches!(found, Ok(1..)), "{found:?}");
    assert!(!store.stats().failed);
    assert_eq!(store.run(Consume(samples::code(1).key, GrantId([1; 16]))).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_no_standby_confirmed_is_not_acknowledged() {
    let cluster = Cluster::builder().start();
    cluster.create_database("t");
    let store = Store::open(&cluster.url("t"), impatient()).unwrap();
    assert_eq!(store.run(Count(Digest([1; 16]))).await, Ok(1));
    let standby = |name: &str| {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        cluster.psql("t", &set);
        cluster.psql("t", "SELECT pg_reload_conf()");
        // Sessions take it in between their statements.
        let shown = format!(
            "SELECT count(*) FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting = '{name}'"
        );
        twinpath_testing::wait::until("the setting", || {
            (cluster.psql("t", &shown).trim() == "1").then_some(())
        });
    };
    standby("nobody");
    // Whoever ends the wait makes the server warn, and then say that it committed: here, but
    // nowhere else.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let count = tokio::spawn({
        let store = store.clone();
        async move { store.run(Count(Digest([2; 16]))).await }
    });
    twinpath_testing::wait::until("a commit that waits", || {
        (cluster.psql("t", waiting).trim() == "1").then_some(())
    });
    cluster.psql(
        "t",
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    );
    let refused = count.await.unwrap();
    assert!(is_unavailable(&refused), "{refused:?}");
    // What was seen of it is not passed on either, until something behind it is confirmed.
    let seen = store.run(Fetch(Key::Jti(Digest([2; 16])))).await;
    assert!(is_unavailable(&seen), "{seen:?}");
    // However often it is tried: sessions that wait are not left behind for new ones.
    for _ in 0..12 {
        // Or contended: a row is held by a commit that waits.
        assert!(store.run(Count(Digest([3; 16]))).await.is_err());
        assert!(store.ping().await.is_err());
    }
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twinpath'";
    let sessions: u32 = cluster.psql("t", sessions).trim().parse().unwrap();
    assert!(sessions <= 2 + 2 + 1 + 1, "{sessions}");
    standby("");
    let begun = Instant::now();
    loop {
        match store.run(Count(Digest([1; 16]))).await {
            Ok(_) => break,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
    }
}

/// A certificate for 127.0.0.1 that signs itself, and its key.
fn certificate(directory: &std::path::Path, name: &str) -> (String, String) {
    let path = |kind: &str| directory.join(format!("{name}.{kind}"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=twinpath test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(path("key"))
        .arg("-out")
        .arg(path("pem"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |kind| std::fs::read_to_string(path(kind)).unwrap();
    (read("pem"), read("key"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_checks_whose_server_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (pem, key) = certificate(directory.path(), "server");
    certificate(directory.path(), "stranger");
    let cluster = Cluster::builder().tls(&pem, &key).start();
    cluster.create_database("t");
    let url = |name: &str| {
        let roots = directory.path().join(name);
        format!("{}?sslmode=verify-full&sslrootcert={}", cluster.url("t"), roots.display())
    };
    let store = Store::open(&url("server.pem"), Options::default()).unwrap();
    assert_eq!(store.run(Count(Digest([1; 16]))).await, Ok(1));
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE NOT ssl AND application_name = 'twinpath'";
    assert_eq!(cluster.psql("t", plain).trim(), "0");
    let refused = Store::open(&url("stranger.pem"), Options::default()).map(drop);
    assert!(format!("{refused:?}").contains("certificate"), "{refused:?}");
    let elsewhere = url("server.pem").replace("127.0.0.1", "localhost");
    let refused = Store::open(&elsewhere, Options::default());
    assert!(is_unavailable(&refused.map(drop)), "the certificate is for another name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_reached_is_told_in_time() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    let url = format!("postgres://me:hunter2@127.0.0.1:{port}/t");
    let begun = Instant::now();
    let refused = Store::open(&url, impatient()).map(drop).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    let missing = shared().url("no_such_database");
    let refused = Store::open(&missing, impatient()).map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
}
