//! A primary and a standby that every commit waits for.

use tokio::task::block_in_place;
use twinpath_testing::postgres::Cluster;

use crate::fleet::Fleet;
use crate::load::Load;
use crate::waking::wakes_at_once;

const DATABASE: &str = "twinpath";
const STANDBY: &str = "standby";
const NODES: usize = 3;
const THROTTLED: &str = "text: status 0x58";

struct Pair {
    primary: Cluster,
    standby: Cluster,
}

impl Pair {
    fn start() -> Self {
        let primary = Cluster::builder().start();
        let standby = primary.standby(STANDBY);
        primary.set_synchronous_standby(STANDBY);
        primary.create_database(DATABASE);
        Self { primary, standby }
    }

    /// Nodes that know of both.
    async fn fleet(&self) -> Fleet {
        let (one, other) = (self.primary.port(), self.standby.port());
        let url = format!("postgres://twinpath@127.0.0.1:{one},127.0.0.1:{other}/{DATABASE}");
        Fleet::on(&self.primary.url(DATABASE), &vec![url; NODES], "").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_the_primarys_place() {
    let pair = block_in_place(Pair::start);
    let mut fleet = pair.fleet().await;
    let load = Load::start(&fleet).await;
    load.next(40).await;
    block_in_place(|| pair.primary.kill());
    load.sees(THROTTLED, 3).await;
    block_in_place(|| pair.standby.promote());
    fleet.database = pair.standby.url(DATABASE);
    load.next(40).await;
    load.stop().await.verify(&fleet).await;
    wakes_at_once(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_the_place_of_a_primary_that_hangs() {
    let pair = block_in_place(Pair::start);
    let mut fleet = pair.fleet().await;
    let load = Load::start(&fleet).await;
    load.next(40).await;
    // It takes connections still, for its kernel does, and never says a word on them.
    block_in_place(|| pair.primary.suspend());
    load.sees(THROTTLED, 3).await;
    block_in_place(|| pair.standby.promote());
    fleet.database = pair.standby.url(DATABASE);
    load.next(40).await;
    load.stop().await.verify(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_while_the_standby_is_frozen() {
    let pair = block_in_place(Pair::start);
    let fleet = pair.fleet().await;
    let load = Load::start(&fleet).await;
    load.next(20).await;
    block_in_place(|| pair.standby.suspend());
    // What was on its way to the standby may still count.
    load.sees(THROTTLED, 3).await;
    let before = load.promised();
    load.sees(THROTTLED, 6).await;
    assert_eq!(load.promised(), before, "something was promised that one machine alone has");
    block_in_place(|| pair.standby.resume());
    load.next(20).await;
    load.stop().await.verify(&fleet).await;
}
