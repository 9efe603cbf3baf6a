//! Nodes are killed under load, one after another.

use crate::fleet::Fleet;
use crate::load::Load;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_may_be_killed_one_after_another() {
    let mut fleet = Fleet::start(3).await;
    let load = Load::start(&fleet).await;
    load.next(20).await;
    for node in 0..fleet.nodes.len() {
        fleet.kill(node).await;
        load.next(30).await;
        fleet.restart(node).await;
        load.next(10).await;
    }
    load.stop().await.verify(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_may_be_killed_at_once() {
    let mut fleet = Fleet::start(3).await;
    let load = Load::start(&fleet).await;
    load.next(20).await;
    for node in 0..fleet.nodes.len() {
        fleet.kill(node).await;
    }
    for node in 0..fleet.nodes.len() {
        fleet.restart(node).await;
    }
    load.next(20).await;
    load.stop().await.verify(&fleet).await;
}
