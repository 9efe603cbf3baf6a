//! One server: made, used, stopped, killed, frozen.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use twinpath_testing::postgres::{Cluster, bin, run_as_server_user, shared, try_psql};
use twinpath_testing::wait::until;

#[test]
fn a_cluster_is_made_and_removed() {
    let begun = Instant::now();
    let cluster = Cluster::builder().setting("max_connections", "20").start();
    println!("made and started in {:?}", begun.elapsed());
    let begun = Instant::now();
    let second = Cluster::builder().start();
    println!("the second in {:?}", begun.elapsed());
    assert_ne!(cluster.port(), second.port());

    assert_eq!(cluster.psql("postgres", "SHOW max_connections"), "20");
    assert_eq!(cluster.psql("postgres", "SHOW fsync; SHOW wal_level"), "off\nreplica");
    assert_eq!(cluster.psql("postgres", "SELECT 1, NULL, 'x y'"), "1||x y");
    let error = cluster.try_psql("postgres", "SELECT 1/0; SELECT 2").unwrap_err();
    assert_eq!(error, "ERROR:  division by zero");

    cluster.create_database("some");
    cluster.psql("some", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    let mut dump = Command::new(bin("pg_dump"));
    let dump = dump.arg("--data-only").arg(cluster.url("some")).output().unwrap();
    assert!(String::from_utf8_lossy(&dump.stdout).contains("\n7\n"), "{dump:?}");
    cluster.drop_database("some");
    assert!(cluster.try_psql("some", "SELECT 1").unwrap_err().contains("does not exist"));

    let data = cluster.data().to_owned();
    assert!(data.is_dir());
    let begun = Instant::now();
    drop(cluster);
    println!("removed in {:?}", begun.elapsed());
    assert!(!data.parent().unwrap().exists());
}

#[test]
fn fresh_databases_are_apart() {
    let begun = Instant::now();
    let (one, other) = (shared().fresh_database(), shared().fresh_database());
    let now = Instant::now();
    let third = shared().fresh_database();
    println!("shared and two in {:?}, one more in {:?}", begun.elapsed(), now.elapsed());
    assert_ne!(one, other);
    assert_ne!(other, third);
    try_psql(&one, "CREATE TABLE t (n int)").unwrap();
    try_psql(&other, "CREATE TABLE t (n int)").unwrap();
    assert_eq!(shared().psql("postgres", "SHOW max_connections"), "200");
}

#[test]
fn committed_rows_outlive_a_kill() {
    let cluster = Cluster::builder().durable().start();
    assert_eq!(cluster.psql("postgres", "SHOW fsync; SHOW full_page_writes"), "on\non");
    cluster.psql("postgres", "CREATE TABLE t (n int)");
    for round in 1..=3 {
        cluster.psql("postgres", "INSERT INTO t SELECT generate_series(1, 100)");
        let open = cluster.url("postgres");
        let open = thread::spawn(move || {
            try_psql(&open, "BEGIN; INSERT INTO t VALUES (0); SELECT pg_sleep(600)")
        });
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        until("it sleeps", || (cluster.psql("postgres", asleep) == "1").then_some(()));
        cluster.kill();
        open.join().unwrap().unwrap_err();
        assert!(!cluster.runs());
        TcpListener::bind(cluster.address()).expect("its port is free");

        let begun = Instant::now();
        cluster.start();
        println!("recovered in {:?}", begun.elapsed());
        let rows = cluster.psql("postgres", "SELECT count(*), min(n) FROM t");
        assert_eq!(rows, format!("{}|1", round * 100));
    }
}

#[test]
fn a_server_stops_and_starts_again() {
    let cluster = Cluster::builder().start();
    cluster.psql("postgres", "CREATE TABLE t (n int); ALTER SYSTEM SET work_mem = '5MB'");
    cluster.restart();
    assert_eq!(cluster.psql("postgres", "SELECT count(*) FROM t; SHOW work_mem"), "0\n5MB");
    cluster.stop();
    assert!(!cluster.runs());
    assert!(cluster.log().contains("database system is shut down"));
    let error = cluster.try_psql("postgres", "SELECT 1").unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    cluster.start();
    cluster.suspend();
    cluster.stop();
}

#[test]
fn a_frozen_server_answers_when_it_goes_on() {
    let cluster = Cluster::builder().start();
    cluster.suspend();
    let url = cluster.url("postgres");
    let asked = thread::spawn(move || try_psql(&url, "SELECT 1"));
    assert!(cluster.runs());
    assert!(!asked.is_finished());
    cluster.resume();
    assert_eq!(asked.join().unwrap().unwrap(), "1");
    cluster.suspend();
    cluster.kill();
    cluster.start();
    cluster.suspend();
    // It is removed even so.
}

#[test]
fn a_port_that_another_took_is_waited_for() {
    let cluster = Cluster::builder().start();
    cluster.stop();
    let other = TcpListener::bind(cluster.address()).unwrap();
    thread::scope(|scope| {
        let started = scope.spawn(|| cluster.start());
        let clash = || cluster.log().contains("Address already in use").then_some(());
        until("it has met the other", clash);
        drop(other);
        started.join().unwrap();
    });
    assert_eq!(cluster.psql("postgres", "SELECT 1"), "1");
}

#[test]
fn it_offers_tls() {
    let folder = tempfile::tempdir().unwrap();
    let Some((certificate, key)) = certificate(folder.path()) else {
        println!("skipped: the test of TLS needs openssl");
        return;
    };
    let cluster = Cluster::builder().tls(&certificate, &key).start();
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (mode, expected) in [("require", "t"), ("disable", "f")] {
        let url = format!("{}?sslmode={mode}", cluster.url("postgres"));
        assert_eq!(try_psql(&url, encrypted).unwrap(), expected);
    }
    let root = folder.path().join("certificate");
    let checked = format!("sslmode=verify-full&sslrootcert={}", root.display());
    let url = format!("{}?{checked}", cluster.url("postgres"));
    assert_eq!(try_psql(&url, encrypted).unwrap(), "t");
}

fn certificate(folder: &Path) -> Option<(String, String)> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "key", "-out", "certificate"])
        .current_dir(folder)
        .output()
        .ok()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |name| std::fs::read_to_string(folder.join(name)).unwrap();
    Some((read("certificate"), read("key")))
}

#[test]
fn commands_run_as_the_servers_user() {
    let mut id = Command::new("id");
    id.arg("-u");
    let output = run_as_server_user(id);
    assert_ne!(String::from_utf8_lossy(&output.stdout).trim(), "0");
}
