//! The database fails under load: it is restarted, killed, full, out of connections, or out of a
//! node's reach.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::block_in_place;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::wait::until;
use twinpath_testing::postgres::{self, Cluster};
use twinpath_testing::proxy::Proxy;
use twinpath_testing::small_disk::SmallDisk;

use crate::fleet::{CONNECTIONS, Fleet};
use crate::load::Load;

const DATABASE: &str = "twinpath";
/// What the message centre sees while nothing can be recorded: `ESME_RTHROTTLED`.
const THROTTLED: &str = "text: status 0x58";
const NODES: usize = 3;

async fn fleet_on(cluster: &Cluster) -> Fleet {
    block_in_place(|| cluster.create_database(DATABASE));
    let url = cluster.url(DATABASE);
    Fleet::on(&url, &vec![url.clone(); NODES], "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_may_be_restarted() {
    let cluster = block_in_place(|| Cluster::builder().start());
    let fleet = fleet_on(&cluster).await;
    let load = Load::start(&fleet).await;
    load.next(20).await;
    block_in_place(|| cluster.restart());
    load.next(20).await;
    block_in_place(|| cluster.stop());
    load.sees(THROTTLED, 5).await;
    block_in_place(|| cluster.start());
    load.next(20).await;
    load.stop().await.verify(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_may_be_killed() {
    let cluster = block_in_place(|| Cluster::builder().durable().start());
    let fleet = fleet_on(&cluster).await;
    let load = Load::start(&fleet).await;
    for _ in 0..2 {
        load.next(30).await;
        block_in_place(|| cluster.kill());
        load.sees(THROTTLED, 5).await;
        block_in_place(|| cluster.start());
    }
    load.next(20).await;
    load.stop().await.verify(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_may_run_out_of_connections() {
    let most = NODES * CONNECTIONS + 5;
    let limit = most.to_string();
    let cluster = block_in_place(|| Cluster::builder().setting("max_connections", &limit).start());
    let fleet = fleet_on(&cluster).await;
    let mut load = Load::start(&fleet).await;
    load.next(20).await;
    // The nodes' connections are ended until others have taken all that there are.
    let full = Arc::new(AtomicBool::new(true));
    let ender = std::thread::spawn({
        let url = cluster.url("postgres");
        move || postgres::try_psql(&url, END_UNTIL_FULL)
    });
    let ends = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'";
    fleet.sql_gives(ends, "1").await;
    let hogs: Vec<_> = (0..most)
        .map(|_| {
            let (port, full) = (cluster.port(), Arc::clone(&full));
            std::thread::spawn(move || hog(port, &full))
        })
        .collect();
    block_in_place(|| ender.join()).unwrap().expect("all connections are taken");
    // Whoever had texted already only asks for tokens now.
    load.text_until_refused(10).await;
    full.store(false, Relaxed);
    for hog in hogs {
        hog.join().unwrap();
    }
    load.next(20).await;
    load.stop().await.verify(&fleet).await;
}

const END_UNTIL_FULL: &str = "DO $$ BEGIN LOOP
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'node-%';
    PERFORM pg_sleep(0.05);
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hog')
        >= current_setting('max_connections')::int - 1;
END LOOP; END $$";

/// Takes a connection and keeps it.
fn hog(port: u16, full: &AtomicBool) {
    let mut kept = None;
    while full.load(Relaxed) {
        kept = kept.or_else(|| connect(port));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A connection without a driver; nothing if there is none to spare.
fn connect(port: u16) -> Option<TcpStream> {
    /// Protocol 3.0.
    const VERSION: u32 = 196_608;
    let parameters = b"user\0twinpath\0database\0postgres\0application_name\0hog\0\0".as_slice();
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let start = [&length.to_be_bytes()[..], &VERSION.to_be_bytes(), parameters].concat();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(&start).ok()?;
    let mut kind = [0];
    stream.read_exact(&mut kind).ok()?;
    // `R` begins the welcome, `E` an error.
    (kind == *b"R").then_some(stream)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_may_lose_the_database() {
    let url = block_in_place(|| postgres::shared().fresh_database());
    let database = url.rsplit('/').next().unwrap();
    let address = postgres::shared().address();
    let proxies: Vec<_> = (0..NODES).map(|_| Proxy::to(address)).collect();
    let urls: Vec<_> = proxies.iter().map(|p| postgres::url(p.port(), database)).collect();
    let fleet = Fleet::on(&url, &urls, "").await;
    let load = Load::start(&fleet).await;
    load.next(20).await;
    for lose in [Proxy::freeze, Proxy::cut] {
        block_in_place(|| lose(&proxies[1]));
        load.sees(THROTTLED, 1).await;
        // A few: whoever comes to this node is kept for seconds.
        load.next(8).await;
        proxies[1].pass();
        until("the node is ready", async || fleet.nodes[1].ready().await.then_some(())).await;
        load.next(20).await;
    }
    load.stop().await.verify(&fleet).await;
    // And it is as good as the others.
    let weather = fleet.install(&Registration::new("again")).await;
    let attempt = weather[1].attempt();
    fleet.text(1, &number(900_000), &attempt).await.ok();
    weather[1].redeem(&attempt).await.accepts();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_may_be_full() {
    let Some(disk) = block_in_place(|| SmallDisk::mount(80)) else {
        println!("skipped: a small disk needs root and a tmpfs");
        return;
    };
    let cluster = block_in_place(|| Cluster::builder().on_disk(disk.path()).wal_apart().start());
    let fleet = fleet_on(&cluster).await;
    let mut load = Load::start(&fleet).await;
    load.next(20).await;
    let ballast = disk.path().join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    block_in_place(|| while file.write_all(&[0; 4096]).is_ok() {});
    drop(file);
    // There may be room for texts where there is none for grants.
    load.text_until_refused(20).await;
    std::fs::remove_file(&ballast).unwrap();
    load.next(20).await;
    load.stop().await.verify(&fleet).await;
}
