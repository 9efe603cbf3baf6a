//! Replication: a standby streams, is waited for, and takes over.

use std::thread;
use std::time::Instant;

use twinpath_testing::postgres::{Cluster, try_psql};
use twinpath_testing::wait::until;

#[test]
fn a_standby_streams_and_takes_over() {
    let primary = Cluster::builder().start();
    primary.psql("postgres", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    let begun = Instant::now();
    let standby = primary.standby("second");
    println!("a standby in {:?}", begun.elapsed());
    primary.psql("postgres", "INSERT INTO t VALUES (2)");
    let there = || standby.psql("postgres", "SELECT count(*) FROM t") == "2";
    until("the row is there", || there().then_some(()));
    let refused = standby.try_psql("postgres", "INSERT INTO t VALUES (3)").unwrap_err();
    assert!(refused.contains("read-only transaction"), "{refused}");

    primary.kill();
    let begun = Instant::now();
    standby.promote();
    println!("promoted in {:?}", begun.elapsed());
    standby.psql("postgres", "INSERT INTO t VALUES (3)");
    assert_eq!(standby.psql("postgres", "SELECT count(*) FROM t"), "3");
}

#[test]
fn a_commit_waits_for_the_synchronous_standby() {
    let primary = Cluster::builder().start();
    primary.psql("postgres", "CREATE TABLE t (n int)");
    let first = primary.standby("first");
    primary.set_synchronous_standby("first");
    // The wish to wait comes along with the data, and must not hold up a later primary.
    let later = primary.standby("later");

    first.suspend();
    let url = primary.url("postgres");
    let insert = thread::spawn(move || try_psql(&url, "INSERT INTO t VALUES (1)"));
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    until("the commit waits", || (primary.psql("postgres", waiting) == "1").then_some(()));
    assert!(!insert.is_finished());
    assert_eq!(primary.psql("postgres", "SELECT count(*) FROM t"), "0");
    first.resume();
    insert.join().unwrap().unwrap();
    let there = || first.psql("postgres", "SELECT count(*) FROM t") == "1";
    until("the row is there", || there().then_some(()));

    first.kill();
    primary.set_synchronous_standby("");
    primary.psql("postgres", "INSERT INTO t VALUES (2)");
    primary.stop();
    later.promote();
    later.psql("postgres", "INSERT INTO t VALUES (3)");
}
