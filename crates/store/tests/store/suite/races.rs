//! One winner, whoever races.

use twinpath_core::ids::{Digest, GrantId};
use twinpath_core::transaction::{Key, Loaded};

use super::toys::{Consume, Count, Fetch, Hold};
use super::{Backend, samples};

const RACERS: u8 = 8;
const CODES: u16 = 200;

pub(crate) async fn a_code_has_one_winner(backend: &impl Backend) {
    let store = backend.store();
    for number in 0..CODES {
        samples::record(&store, &samples::code_number(number)).await;
    }
    let racers = (0..RACERS).map(|racer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut won = Vec::new();
            for number in 0..CODES {
                let key = samples::code_number(number).key;
                if store.run(Consume(key, GrantId([racer; 16]))).await.unwrap() {
                    won.push(number);
                }
            }
            won
        })
    });
    let mut winners = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        winners.extend(racer.await.unwrap());
    }
    winners.sort_unstable();
    assert_eq!(winners, (0..CODES).collect::<Vec<_>>());
}

/// The racers certainly share a batch here: they queue up behind one that holds the writer.
pub(crate) async fn a_batch_has_one_winner_for_a_code(backend: &impl Backend) {
    let store = backend.store();
    let code = samples::code(1);
    samples::record(&store, &code).await;
    let (hold, held, let_go) = Hold::new();
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.run(hold).await }
    });
    held.await.unwrap();
    let batches = store.stats().write_batches;
    let mut racers = Vec::new();
    for racer in 0..RACERS {
        let mut race = Box::pin(store.run(Consume(code.key, GrantId([racer; 16]))));
        // Polled once, it is in the queue.
        assert!(poll_once(&mut race).await.is_none());
        racers.push(race);
    }
    let_go.send(()).unwrap();
    holder.await.unwrap().unwrap();
    let mut wins = 0;
    for race in racers {
        wins += u32::from(race.await.unwrap());
    }
    assert_eq!(wins, 1);
    assert_eq!(store.stats().write_batches, batches + 2, "the racers had one batch");
}

pub(crate) async fn two_stores_on_one_database_add_up(backend: &impl Backend) {
    const EACH: i64 = 150;
    let counter = Digest([1; 16]);
    let stores = [backend.store(), backend.store()];
    let mut tasks = Vec::new();
    for store in &stores {
        for _ in 0..2 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..EACH {
                    store.run(Count(counter)).await.unwrap();
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    for store in &stores {
        let Loaded::Jti(Some(row)) = store.read(Fetch(Key::Jti(counter))).await.unwrap() else {
            panic!("no counter")
        };
        assert_eq!(row.purge_at.0, 4 * EACH);
    }
}

/// What a future says when it is polled for the first time.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
