//! Several writers and several nodes on the same rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use twinpath_core::ids::{Digest, GrantId, RouteName, TerminalKey, Timestamp};
use twinpath_core::records::{CodeRecord, Interaction, UsedJti};
use twinpath_core::transaction::{Context, Key, Missing, Operation, Rows, Step, Write};
use twinpath_store::{Options, Store, StoreError};
use twinpath_testing::postgres::shared;

use super::ServerBackend;
use crate::suite::toys::{Approve, Begin, Consume, Count, Fetch, Hold, Put};
use crate::suite::{Backend, races, samples, sign_in};

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_has_one_winner_among_writers() {
    races::a_code_has_one_winner(&ServerBackend::new(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_with_several_writers_add_up() {
    races::two_stores_on_one_database_add_up(&ServerBackend::new(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_approved_once_among_writers() {
    sign_in::a_request_is_approved_once(&ServerBackend::new(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_has_one_first_session_among_writers() {
    sign_in::a_terminal_has_one_first_session(&ServerBackend::new(4)).await;
}

/// Records a code unless it is recorded: `true` for the one who did.
struct RecordOnce(CodeRecord);

impl Operation for RecordOnce {
    type Outcome = bool;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        Ok(match rows.code(self.0.key)? {
            Some(_) => Step::Done(Vec::new(), false),
            None => Step::Done(vec![Write::Code(self.0.clone())], true),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_recorded_once_on_the_two_sides_of_a_days_end() {
    let backend = ServerBackend::new(2);
    let nodes = [backend.store(), backend.store()];
    // Before the end, after it, and far enough from it not to be claimed on the other side.
    let times = [[-1, 0], [-59_000, 500], [-500, 59_000], [-59_999, 0]];
    for number in 0..200_u16 {
        let won = Arc::new(AtomicUsize::new(0));
        let racers = times[usize::from(number) % times.len()].into_iter().zip(nodes.clone());
        let racers = racers.map(|(offset, node)| {
            let won = Arc::clone(&won);
            let code = samples::code_number(number);
            let received_at = Timestamp(10 * DAY_MS + offset);
            tokio::spawn(async move {
                if node.run(RecordOnce(CodeRecord { received_at, ..code })).await.unwrap() {
                    won.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        for racer in racers.collect::<Vec<_>>() {
            racer.await.unwrap();
        }
        assert_eq!(won.load(Ordering::Relaxed), 1, "code {number}");
    }
    let rows = "SELECT count(*) FILTER (WHERE state <> 4), count(DISTINCT period) FROM code";
    assert_eq!(backend.psql(rows).trim(), "200|2");
    // The row, not the claim, is what is consumed.
    for number in 0..200_u16 {
        let key = samples::code_number(number).key;
        assert_eq!(nodes[1].run(Consume(key, GrantId([1; 16]))).await, Ok(true));
        assert_eq!(nodes[0].run(Consume(key, GrantId([2; 16]))).await, Ok(false));
    }
}

/// Puts a row of a terminal only if another one of that terminal is not there: two such must meet.
struct Either(TerminalKey, u8);

impl Operation for Either {
    type Outcome = bool;
    fn decide(&self, rows: &Rows, _: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        if !rows.grants(self.0)?.is_empty() {
            return Ok(Step::Done(Vec::new(), false));
        }
        let mut grant = samples::grant();
        (grant.terminal, grant.id) = (self.0, GrantId([self.1; 16]));
        Ok(Step::Done(vec![Write::Grant(grant)], true))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_to_different_rows_of_one_terminal_meet() {
    let backend = ServerBackend::new(2);
    let nodes = [backend.store(), backend.store()];
    for byte in 0..100 {
        let terminal = TerminalKey([byte; 16]);
        let (one, other) =
            tokio::join!(nodes[0].run(Either(terminal, 1)), nodes[1].run(Either(terminal, 2)));
        assert!(one.unwrap() != other.unwrap(), "terminal {byte}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_the_server_does_not_take_harms_no_neighbour() {
    let backend = ServerBackend::new(1);
    let store = backend.store();
    let (hold, held, let_go) = Hold::new();
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.run(hold).await }
    });
    held.await.unwrap();
    let put = |byte: u8, route: &str| {
        let code = CodeRecord { route: RouteName::from(route), ..samples::code(byte) };
        let store = store.clone();
        tokio::spawn(async move {
            store.run(Put(vec![Key::Code(code.key)], vec![Write::Code(code)])).await
        })
    };
    let mut good: Vec<_> = (0..8).map(|byte| put(byte, "modem")).collect();
    let poison = put(8, "a\0b");
    good.extend((9..16).map(|byte| put(byte, "modem")));
    while store.stats().write_queue < 16 {
        tokio::task::yield_now().await;
    }
    let_go.send(()).unwrap();
    holder.await.unwrap().unwrap();
    for put in good {
        assert_eq!(put.await.unwrap(), Ok(()));
    }
    assert!(matches!(poison.await.unwrap(), Err(StoreError::Inconsistent(_))));
    assert!(!store.stats().failed);
}

/// A hot row on all nodes holds nobody else up for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn innocent_operations_survive_a_contended_row() {
    let backend = ServerBackend::new(4);
    let nodes = [backend.store(), backend.store(), backend.store()];
    let tasks: Vec<_> = (0..600_u128)
        .map(|number| {
            let node = nodes[usize::try_from(number % 3).unwrap()].clone();
            let hot = number.is_multiple_of(2);
            let key = Digest(if hot { [0; 16] } else { number.to_be_bytes() });
            tokio::spawn(async move { node.run(Count(key)).await })
        })
        .collect();
    let mut sums = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        let sum = task.await.unwrap().unwrap();
        if number.is_multiple_of(2) {
            sums.push(sum);
        } else {
            assert_eq!(sum, 1);
        }
    }
    sums.sort_unstable();
    assert_eq!(sums, (1..=300).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_a_whole_table() {
    let backend = ServerBackend::new(2);
    let store = backend.store();
    for number in 0..300_u16 {
        samples::record(&store, &samples::code_number(number)).await;
        let mut grant = samples::grant();
        grant.terminal.0[..2].copy_from_slice(&number.to_be_bytes());
        let terminal = grant.terminal;
        let put = Put(vec![Key::Grants(terminal)], vec![Write::Grant(grant)]);
        store.run(put).await.unwrap();
        store.run(Begin(terminal, 1)).await.unwrap();
        let request = Box::new(Interaction {
            key: Digest(u128::from(number).to_be_bytes()),
            ..samples::interaction(1)
        });
        let put = Put(vec![Key::Interaction(request.key)], vec![Write::Interaction(request)]);
        store.run(put).await.unwrap();
        store
            .run(Approve(Digest(u128::from(number).to_be_bytes()), Digest([2; 16])))
            .await
            .unwrap();
        store.run(Count(Digest(u128::from(number).to_be_bytes()))).await.unwrap();
        store.run(Consume(samples::code_number(number).key, GrantId([1; 16]))).await.unwrap();
    }
    store.purge(Timestamp(8_000), 100).await.unwrap();
    store.close().await;
    // What was counted so far; statistics of ended sessions are there at once.
    let hot = "relname ~ '^(code|jti|quota|terminal|account|grants|session|interaction)'";
    let scanned = backend.psql(&format!(
        "SELECT pg_stat_force_next_flush(); SELECT relname FROM pg_stat_user_tables WHERE {hot} \
         AND seq_tup_read > 0"
    ));
    assert_eq!(scanned.trim(), "", "read from end to end");
    let used = format!("SELECT sum(idx_scan) > 300 FROM pg_stat_user_tables WHERE {hot}");
    assert_eq!(backend.psql(&used).trim(), "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identifier_is_used_once_in_each_period_it_falls_into() {
    let backend = ServerBackend::new(1);
    let store = backend.store();
    let key = Digest([1; 16]);
    let put = |at: i64| {
        let row = UsedJti { key, purge_at: Timestamp(at) };
        Put(vec![Key::Jti(key)], vec![Write::Jti(row)])
    };
    store.run(put(1)).await.unwrap();
    // Hours later: the same row, kept for longer, also when its partition would be over.
    store.run(put(5 * 3_600_000)).await.unwrap();
    store.purge(Timestamp(4 * 3_600_000), 100).await.unwrap();
    let found = format!("{:?}", store.read(Fetch(Key::Jti(key))).await.unwrap());
    assert!(found.contains("18000000"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_use_the_databases_time() {
    struct Now;
    impl Operation for Now {
        type Outcome = Timestamp;
        fn decide(&self, _: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
            Ok(Step::Done(Vec::new(), cx.now))
        }
    }
    let url = shared().fresh_database();
    let store = Store::open(&url, Options::default()).unwrap();
    let ask = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let name = url.rsplit('/').next().unwrap();
    let before: i64 = shared().psql(name, ask).trim().parse().unwrap();
    let now = store.run(Now).await.unwrap();
    let after: i64 = shared().psql(name, ask).trim().parse().unwrap();
    // Both clocks are this machine's: a measured difference is half a round trip at most.
    assert!((before - 500..=after + 500).contains(&now.0), "{before} {now:?} {after}");
}
