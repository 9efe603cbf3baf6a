//! A faulty operation fails alone.

use twinpath_core::ids::{Digest, GrantId};
use twinpath_core::records::CodeState;
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::{Options, Store, StoreError};

use super::races::poll_once;
use super::toys::{Consume, Count, Fetch, Hold, Put, Redeem, Unruly};
use super::{Backend, samples};

fn is_inconsistent<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Inconsistent(_)))
}

/// Runs an operation in one batch between two that count, which must succeed.
async fn between_neighbours<O: twinpath_core::transaction::Operation>(
    store: &Store,
    operation: O,
) -> Result<O::Outcome, StoreError> {
    let (hold, held, let_go) = Hold::new();
    let mut holder = Box::pin(store.run(hold));
    assert!(poll_once(&mut holder).await.is_none());
    held.await.unwrap();
    let mut before = Box::pin(store.run(Count(Digest([1; 16]))));
    let mut middle = Box::pin(store.run(operation));
    let mut after = Box::pin(store.run(Count(Digest([1; 16]))));
    assert!(poll_once(&mut before).await.is_none());
    assert!(poll_once(&mut middle).await.is_none());
    assert!(poll_once(&mut after).await.is_none());
    let_go.send(()).unwrap();
    holder.await.unwrap();
    let sums = (before.await.unwrap(), after.await.unwrap());
    assert_eq!(sums.1, sums.0 + 1);
    middle.await
}

pub(crate) async fn an_unread_row_cannot_be_written(backend: &impl Backend) {
    let store = backend.store();
    let (read, unread) = (samples::code(1), samples::code(2));
    let writes = [&read, &unread].map(|row| Write::Code(row.clone())).to_vec();
    let put = Put(vec![Key::Code(read.key)], writes);
    assert!(is_inconsistent(&between_neighbours(&store, put).await));
    for row in [read, unread] {
        let found = store.read(Fetch(Key::Code(row.key))).await;
        assert_eq!(found, Ok(Loaded::Code(None)), "nothing of the step is stored");
    }
}

pub(crate) async fn a_step_keeps_to_one_terminal_or_code(backend: &impl Backend) {
    let store = backend.store();
    let (code, other) = (samples::code(1), samples::code(2));
    let grant = samples::grant();
    let keys = vec![Key::Code(code.key), Key::Code(other.key), Key::Grants(grant.terminal)];
    for writes in [
        vec![Write::Code(code.clone()), Write::Code(other)],
        vec![Write::Code(code.clone()), Write::Grant(grant)],
    ] {
        assert!(is_inconsistent(&store.run(Put(keys.clone(), writes)).await));
    }
    assert_eq!(store.read(Fetch(Key::Code(code.key))).await, Ok(Loaded::Code(None)));
}

pub(crate) async fn the_steps_before_an_inconsistent_one_stay(backend: &impl Backend) {
    let store = backend.store();
    let code = samples::code(1);
    samples::record(&store, &code).await;
    let redeem = Redeem::Consume(code.key, GrantId([u8::MAX; 16]));
    assert!(is_inconsistent(&between_neighbours(&store, redeem).await));
    let found = store.read(Fetch(Key::Code(code.key))).await.unwrap();
    assert!(
        matches!(found, Loaded::Code(Some(row)) if matches!(row.state, CodeState::Redeemed { .. }))
    );
    let found = store.read(Fetch(Key::Grants(code.terminal))).await;
    assert_eq!(found, Ok(Loaded::Grants(Vec::new())));
}

pub(crate) async fn a_panic_harms_no_neighbour(backend: &impl Backend) {
    let store = backend.store();
    assert!(is_inconsistent(&between_neighbours(&store, Unruly::Panics).await));
    assert!(is_inconsistent(&store.read(Unruly::Panics).await));
    assert!(store.read(Fetch(Key::SigningKeys)).await.is_ok());
}

pub(crate) async fn endless_operations_end(backend: &impl Backend) {
    let store = backend.store();
    assert!(is_inconsistent(&between_neighbours(&store, Unruly::AsksForever).await));
    assert!(is_inconsistent(&between_neighbours(&store, Unruly::StepsForever).await));
}

pub(crate) async fn a_full_queue_refuses_at_once(backend: &impl Backend) {
    let store = backend.open(Options { queue_limit: 2, ..Options::default() }).unwrap();
    let (hold, held, let_go) = Hold::new();
    let mut holder = Box::pin(store.run(hold));
    assert!(poll_once(&mut holder).await.is_none());
    held.await.unwrap();
    let count = || Box::pin(store.run(Count(Digest([1; 16]))));
    let (mut first, mut second, mut third) = (count(), count(), count());
    assert!(poll_once(&mut first).await.is_none());
    assert!(poll_once(&mut second).await.is_none());
    assert_eq!(store.stats().write_queue, 2);
    let refused = poll_once(&mut third).await;
    assert!(matches!(refused, Some(Err(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(store.stats().refused, 1);
    let_go.send(()).unwrap();
    assert_eq!((first.await, second.await), (Ok(1), Ok(2)));
    assert_eq!(count().await, Ok(3), "there is room again");
}

pub(crate) async fn reading_cannot_write(backend: &impl Backend) {
    let store = backend.store();
    let code = samples::code(1);
    samples::record(&store, &code).await;
    assert!(is_inconsistent(&store.read(Consume(code.key, GrantId([1; 16]))).await));
    let found = store.read(Fetch(Key::Code(code.key))).await;
    assert_eq!(found, Ok(Loaded::Code(Some(code))));
}
