//! What operations see of each other, and what outlives the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use twinpath_core::ids::{Digest, GrantId};
use twinpath_core::records::CodeState;
use twinpath_core::transaction::{Context, Key, Loaded, Missing, Operation, Rows, Step, Write};
use twinpath_store::{Options, StoreError};

use super::races::poll_once;
use super::toys::{Count, Fetch, Hold, Put, Redeem};
use super::{Backend, samples};

pub(crate) async fn an_operation_sees_those_before_it_in_its_batch(backend: &impl Backend) {
    let store = backend.store();
    let (hold, held, let_go) = Hold::new();
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.run(hold).await }
    });
    held.await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..5 {
        let mut count = Box::pin(store.run(Count(Digest([1; 16]))));
        assert!(poll_once(&mut count).await.is_none());
        waiting.push(count);
    }
    let_go.send(()).unwrap();
    holder.await.unwrap().unwrap();
    let mut sums = Vec::new();
    for count in waiting {
        sums.push(count.await.unwrap());
    }
    assert_eq!(sums, [1, 2, 3, 4, 5]);
    assert_eq!(store.stats().write_batch_max, 5);
}

pub(crate) async fn steps_of_one_operation_are_all_kept(backend: &impl Backend) {
    let store = backend.store();
    let code = samples::code(1);
    samples::record(&store, &code).await;
    let id = GrantId([2; 16]);
    assert_eq!(store.run(Redeem::Consume(code.key, id)).await, Ok(1));
    assert_eq!(store.stats().write_batches, 2, "both steps had one batch");
    let state = CodeState::Redeemed { grant: id, frozen: Digest([7; 16]), confirmed: false };
    let found = store.read(Fetch(Key::Code(code.key))).await.unwrap();
    assert!(matches!(found, Loaded::Code(Some(row)) if row.state == state));
    let found = store.read(Fetch(Key::Grants(code.terminal))).await.unwrap();
    assert!(matches!(found, Loaded::Grants(rows) if rows.len() == 1 && rows[0].id == id));
}

/// Refuses, and writes for that very reason.
struct Refuse;

impl Operation for Refuse {
    type Outcome = Result<(), &'static str>;
    fn decide(&self, _: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(Step::Done(vec![Write::Audit(samples::audit(1))], Err("replayed")))
    }
}

pub(crate) async fn a_refusal_keeps_its_writes(backend: &impl Backend) {
    let store = backend.store();
    assert_eq!(store.run(Refuse).await, Ok(Err("replayed")));
    assert_eq!(store.audit(0, 10).await.unwrap().len(), 1);
}

/// Knows what it needs, and counts how often it is decided.
struct Foresighted(Arc<AtomicU32>);

impl Operation for Foresighted {
    type Outcome = ();
    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.extend([1, 2, 3].map(|byte| Key::Jti(Digest([byte; 16]))));
    }
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        self.0.fetch_add(1, Ordering::Relaxed);
        for byte in 1..=3 {
            rows.jti(Digest([byte; 16]))?;
        }
        Ok(Step::Done(Vec::new(), ()))
    }
}

pub(crate) async fn prefetched_rows_are_loaded_before_the_decision(backend: &impl Backend) {
    let decided = Arc::new(AtomicU32::new(0));
    backend.store().run(Foresighted(Arc::clone(&decided))).await.unwrap();
    assert_eq!(decided.load(Ordering::Relaxed), 1);
}

pub(crate) async fn a_batch_has_a_limit(backend: &impl Backend) {
    let store = backend.open(Options { max_batch: 3, ..Options::default() }).unwrap();
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move { store.run(Count(Digest([1; 16]))).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(store.stats().write_batch_max <= 3);
}

pub(crate) async fn reopening_keeps_everything(backend: &impl Backend) {
    let code = samples::code(1);
    let store = backend.store();
    samples::record(&store, &code).await;
    drop(store);
    for _ in 0..2 {
        let store = backend.store();
        let found = store.read(Fetch(Key::Code(code.key))).await;
        assert_eq!(found, Ok(Loaded::Code(Some(code.clone()))));
        store.close().await;
    }
}

pub(crate) async fn dropping_the_last_handle_finishes_what_was_accepted(backend: &impl Backend) {
    let store = backend.store();
    let (hold, held, let_go) = Hold::new();
    let mut holder = Box::pin(store.run(hold));
    assert!(poll_once(&mut holder).await.is_none());
    held.await.unwrap();
    for byte in 0..10 {
        let code = samples::code(byte);
        let put = Put(vec![Key::Code(code.key)], vec![Write::Code(code)]);
        let mut abandoned = Box::pin(store.run(put));
        assert!(poll_once(&mut abandoned).await.is_none());
    }
    drop(holder);
    drop(let_go);
    drop(store);
    let store = backend.store();
    for byte in 0..10 {
        let key = Key::Code(samples::code(byte).key);
        assert!(matches!(store.read(Fetch(key)).await, Ok(Loaded::Code(Some(_)))));
    }
}

pub(crate) async fn closing_refuses_what_comes_after(backend: &impl Backend) {
    let store = backend.store();
    let other = store.clone();
    store.close().await;
    other.close().await;
    let refused = other.run(Count(Digest([1; 16]))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(other.read(Refuse).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(other.ping().await, Err(StoreError::Unavailable(_))));
}
