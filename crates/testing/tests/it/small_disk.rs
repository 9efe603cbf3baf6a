//! A full disk: what was committed stays, and there is room again later.

use twinpath_testing::postgres::Cluster;
use twinpath_testing::small_disk::SmallDisk;

#[test]
fn a_full_disk_refuses_rows_and_keeps_the_old_ones() {
    let Some(disk) = SmallDisk::mount(64) else {
        println!("skipped: the test on a full disk needs root and a tmpfs");
        return;
    };
    let cluster = Cluster::builder().durable().on_disk(disk.path()).wal_apart().start();
    cluster.psql("postgres", "CREATE TABLE t (n text); INSERT INTO t VALUES ('old')");
    let many = "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 100000)";
    let error = cluster.try_psql("postgres", many).unwrap_err();
    // "No space left on device", or that a part of a block found room.
    assert!(error.contains("HINT:  Check free disk space."), "{error}");
    assert!(cluster.runs());
    assert_eq!(cluster.psql("postgres", "SELECT n FROM t"), "old");
    cluster.psql("postgres", "VACUUM t");
    cluster.psql("postgres", "INSERT INTO t VALUES ('new')");
    drop(cluster);
    let path = disk.path().to_owned();
    drop(disk);
    assert!(!path.exists());
}
