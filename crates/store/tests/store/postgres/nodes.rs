//! What nodes tell each other.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use twinpath_core::ids::{CodeKey, Digest, Timestamp};
use twinpath_core::transaction::{Key, Write};
use twinpath_store::{Hint, Standing, Store};

use super::ServerBackend;
use crate::suite::toys::Put;
use crate::suite::{Backend, samples};

const SOON: Duration = Duration::from_secs(20);

/// Far in the future.
const LATER: Timestamp = Timestamp(4_000_000_000_000);

async fn next(hints: &mut Receiver<Hint>) -> Hint {
    loop {
        match tokio::time::timeout(SOON, hints.recv()).await.unwrap().unwrap() {
            // Also told whenever a line is made.
            Hint::Registry => {}
            hint @ Hint::Code(_) => return hint,
        }
    }
}

async fn registry(hints: &mut Receiver<Hint>) {
    let hint = tokio::time::timeout(SOON, hints.recv()).await.unwrap();
    assert_eq!(hint, Some(Hint::Registry));
}

/// A node whose line is up.
async fn node(backend: &ServerBackend) -> (Store, Receiver<Hint>) {
    let store = backend.store();
    let mut hints = store.hints().unwrap();
    assert!(store.hints().is_none(), "there is one listener");
    registry(&mut hints).await;
    (store, hints)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_at_one_node_wakes_a_request_at_another() {
    let backend = ServerBackend::new(1);
    let ((here, mut hints), (there, mut others)) = (node(&backend).await, node(&backend).await);
    assert!(here.is_shared());
    let code = samples::code(1);
    assert_eq!(here.wait_for(code.key, LATER).await, Ok(Standing::default()));
    samples::record(&there, &code).await;
    assert_eq!(next(&mut hints).await, Hint::Code(code.key));
    // Nobody else waited, and nothing is left of the wait.
    assert!(others.try_recv().is_err());
    assert_eq!(backend.psql("SELECT count(*) FROM waiting").trim(), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_late_hears_at_once() {
    let backend = ServerBackend::new(1);
    let ((here, mut hints), (there, _)) = (node(&backend).await, node(&backend).await);
    let code = samples::code(1);
    samples::record(&there, &code).await;
    here.wait_for(code.key, LATER).await.unwrap();
    assert_eq!(next(&mut hints).await, Hint::Code(code.key));
    here.look(vec![(code.key, LATER)]);
    assert_eq!(next(&mut hints).await, Hint::Code(code.key), "looking is the safety net");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_knows_how_others_stand_to_a_code() {
    let backend = ServerBackend::new(1);
    let ((one, _), (other, _)) = (node(&backend).await, node(&backend).await);
    let code = CodeKey([1; 16]);
    assert_eq!(one.wait_for(code, LATER).await, Ok(Standing::default()));
    let standing = other.wait_for(code, LATER).await.unwrap();
    assert_eq!(standing, Standing { taken: true, answered: None });
    assert!(!one.wait_for(code, LATER).await.unwrap().taken, "its own place");
    one.answered(code, Timestamp(5_000), 7);
    let answered = Some((Timestamp(5_000), 7));
    let standing = loop {
        let standing = other.wait_for(code, LATER).await.unwrap();
        if !standing.taken {
            break standing;
        }
    };
    assert_eq!(standing, Standing { taken: false, answered });
    let standing = one.wait_for(code, LATER).await.unwrap();
    assert_eq!(standing, Standing { taken: true, answered }, "the other has the place now");
    // Who only asks takes no place.
    let free = CodeKey([2; 16]);
    one.wait_for(free, Timestamp(0)).await.unwrap();
    assert_eq!(other.wait_for(free, LATER).await, Ok(Standing::default()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_of_all_nodes_are_summed() {
    let backend = ServerBackend::new(1);
    let nodes = [node(&backend).await, node(&backend).await, node(&backend).await];
    let subject = |byte| Digest([byte; 16]);
    let [(a, _), (b, _), (c, _)] = &nodes;
    assert_eq!(a.tally(vec![(subject(1), 3), (subject(2), 1)]).await, Ok(Vec::new()));
    assert_eq!(b.tally(vec![(subject(1), 4)]).await.unwrap().len(), 2);
    assert_eq!(b.tally(vec![(subject(1), 5)]).await.unwrap().len(), 2, "replaces, does not add");
    let mut sums = c.tally(Vec::new()).await.unwrap();
    sums.sort_unstable();
    assert_eq!(sums, [(subject(1), 8), (subject(2), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_hears_of_apps_and_keys() {
    let backend = ServerBackend::new(1);
    let ((one, mut ones), (_other, mut others)) = (node(&backend).await, node(&backend).await);
    let app = Box::new(samples::app("a"));
    one.run(Put(vec![Key::App(app.client_id.clone())], vec![Write::App(app)])).await.unwrap();
    registry(&mut ones).await;
    registry(&mut others).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_cut_comes_back() {
    let backend = ServerBackend::new(1);
    let (here, mut hints) = node(&backend).await;
    let (there, _) = node(&backend).await;
    backend.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
    registry(&mut hints).await;
    let code = samples::code(1);
    while here.wait_for(code.key, LATER).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    samples::record(&there, &code).await;
    here.look(vec![(code.key, LATER)]);
    assert_eq!(next(&mut hints).await, Hint::Code(code.key));
}
