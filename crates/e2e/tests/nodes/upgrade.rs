//! Two versions of the program on one database, while one replaces the other.

use twinpath_server::platform::{migrate_store, open_store};

use crate::fleet::Fleet;
use crate::load::Load;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_upgraded_one_after_another() {
    let mut fleet = Fleet::start(3).await;
    let load = Load::start(&fleet).await;
    load.next(20).await;
    let next = fleet.nodes[0].installation.next_config();
    // The next version does not change tables by itself.
    let refused = tokio::task::block_in_place(|| open_store(&next).map(drop)).unwrap_err();
    assert!(refused.to_string().contains("twinpath migrate"), "{refused}");
    // `twinpath migrate` of the next version, while the old one serves.
    let migrated = tokio::task::block_in_place(|| migrate_store(&next)).unwrap();
    assert_eq!(migrated.schema_version(), 5);
    drop(migrated);
    load.next(20).await;
    for node in 0..fleet.nodes.len() {
        let centre = std::sync::Arc::clone(&fleet.centre);
        fleet.nodes[node].upgrade(&centre).await;
        // Old and new side by side, until the last one is new.
        load.next(20).await;
    }
    load.stop().await.verify(&fleet).await;
    for node in &mut fleet.nodes {
        node.stop_next().await;
    }
}
