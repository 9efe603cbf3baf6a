//! One store copied into another: every way round, interrupted anywhere, compared at the end.

mod rows;

use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use twinpath_core::ids::{GrantId, TerminalKey, Timestamp};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::{
    AuditLine, Copied, Ended, Options, Progress, Stage, Store, StoreError, Table, Transfer,
    TransferError, Versions, Which,
};
use twinpath_testing::postgres::{shared, try_psql};

use self::rows::{MIDNIGHT, code, everything, fill};
use crate::suite::samples;
use crate::suite::toys::{Fetch, Put};

/// An empty store, wherever it is.
struct Place {
    url: String,
    _folder: Option<TempDir>,
}

impl Place {
    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("t.db").display());
        Self { url, _folder: Some(folder) }
    }

    fn server() -> Self {
        Self { url: shared().fresh_database(), _folder: None }
    }

    fn open(&self) -> Store {
        let options = Options { queue_limit: 100_000, ..Options::default() };
        Store::open(&self.url, options).unwrap()
    }

    /// Another program at the same place.
    fn intrude(&self, sql: &str) {
        match self.url.strip_prefix("sqlite://") {
            Some(path) => Connection::open(Path::new(path)).unwrap().execute_batch(sql).unwrap(),
            None => drop(try_psql(&self.url, sql).unwrap()),
        }
    }
}

/// Every row under every key, and the trail in order without the numbers.
async fn contents(store: &Store) -> (Vec<Loaded>, Vec<AuditLine>) {
    let mut rows = Vec::new();
    let mut keys: Vec<Key> = everything().into_iter().flat_map(|(keys, _)| keys).collect();
    keys.push(Key::Terminal(TerminalKey([0xee; 16])));
    let reads = keys.into_iter().map(|key| {
        let store = store.clone();
        tokio::spawn(async move { store.read(Fetch(key)).await.unwrap() })
    });
    for read in reads.collect::<Vec<_>>() {
        rows.push(match read.await.unwrap() {
            Loaded::Grants(mut grants) => {
                grants.sort_by_key(|grant| grant.id.0);
                Loaded::Grants(grants)
            }
            other => other,
        });
    }
    let (mut lines, mut after) = (Vec::new(), i64::MIN);
    loop {
        let page = store.audit(after, 1000).await.unwrap();
        let Some(last) = page.last() else { return (rows, lines) };
        after = last.id;
        lines.extend(page.into_iter().map(|line| AuditLine { id: 0, ..line }));
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn filled(place: &Place) -> (Vec<Loaded>, Vec<AuditLine>) {
    runtime().block_on(async {
        let store = place.open();
        fill(&store).await;
        let contents = contents(&store).await;
        store.close().await;
        contents
    })
}

fn on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn whole(ended: Ended) -> Copied {
    match ended {
        Ended::Whole(copied) => copied,
        Ended::Stopped => panic!("it stopped"),
    }
}

fn refusal(from: &Place, to: &Place) -> TransferError {
    Transfer::open(&from.url, &to.url, DAYS).expect_err("it is refused")
}

/// Copies, stopping in the middle of every table and of every comparison, and looks at the copy.
fn copies_in_pieces(from: &Place, to: &Place) {
    let before = filled(from);
    let (mut runs, mut copied_rows) = (0, 0);
    let mut seen: Vec<(Stage, Table)> = Vec::new();
    let copied = loop {
        let transfer = Transfer::open(&from.url, &to.url, DAYS).unwrap();
        assert_eq!(transfer.resumed(), runs > 0);
        runs += 1;
        let mut first = None;
        let ended = transfer
            .run(&mut |progress| {
                let first = *first.get_or_insert(progress.all_rows);
                copied_rows = copied_rows.max(progress.all_rows);
                let part = (progress.stage, progress.table);
                // The first time something moved in this part.
                let moved = progress.all_rows > first || progress.stage == Stage::Verifying;
                if moved && progress.rows > 0 && !seen.contains(&part) {
                    seen.push(part);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        match ended {
            Ended::Stopped => {
                let Err(error) = Store::open(&to.url, Options::default()) else {
                    panic!("half a store opened")
                };
                assert!(error.to_string().contains("twinpath copy"), "{error}");
                assert_eq!(refusal(to, &Place::file()), TransferError::Unfinished);
            }
            Ended::Whole(copied) => break copied,
        }
    };
    assert_eq!(seen.len(), 2 * Table::ALL.len(), "every part was interrupted: {seen:?}");
    assert_eq!(runs, seen.len() + 1);
    let total: u64 = copied.tables.iter().map(|(_, rows)| rows).sum();
    assert_eq!(total, 3 * 2_100 + 2 * 2_100 + 5 * 2_300 + 5_000 + 3 + 4 + 2 + 9 + 4_300);
    assert_eq!(copied_rows, total);
    let after = runtime().block_on(async {
        let store = to.open();
        let after = contents(&store).await;
        // It is a store like any other: what is appended follows what was copied.
        let line = vec![Write::Audit(samples::audit(MIDNIGHT + 86_400_000))];
        store.run(Put(Vec::new(), line)).await.unwrap();
        let newest = store.audit_newest(1).await.unwrap();
        assert_eq!(newest[0].at, Timestamp(MIDNIGHT + 86_400_000));
        let [code, _] = [code(4), code(9)];
        let used = store.run(crate::suite::toys::Consume(code.key, GrantId([9; 16]))).await;
        assert_eq!(used, Ok(true));
        store.close().await;
        after
    });
    assert!(after.0 == before.0, "rows differ");
    assert!(after.1 == before.1, "the trail differs");
}

#[test]
fn a_file_is_copied_into_a_server_in_pieces() {
    copies_in_pieces(&Place::file(), &Place::server());
}

#[test]
fn a_server_is_copied_into_a_file_in_pieces() {
    copies_in_pieces(&Place::server(), &Place::file());
}

#[test]
fn a_server_is_copied_into_another_in_pieces() {
    copies_in_pieces(&Place::server(), &Place::server());
}

#[test]
fn a_file_is_copied_into_another_in_pieces() {
    copies_in_pieces(&Place::file(), &Place::file());
}

#[test]
fn an_empty_store_is_copied_too() {
    let (from, to) = (Place::file(), Place::server());
    drop(from.open());
    let copied = whole(Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut on).unwrap());
    assert!(copied.tables.iter().all(|(_, rows)| *rows == 0));
    drop(to.open());
}

/// For how long lines of the trail are kept.
const DAYS: u32 = 20_000;

const FROM: &str = "TWINPATH_TRANSFER_FROM";
const TO: &str = "TWINPATH_TRANSFER_TO";

/// Copies, and tells of each page. A plain test run has nothing to do here.
#[test]
fn child() {
    let (Ok(from), Ok(to)) = (std::env::var(FROM), std::env::var(TO)) else { return };
    let ended = Transfer::open(&from, &to, DAYS).unwrap().run(&mut |_| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "PAGE").and_then(|()| out.flush()).unwrap();
        ControlFlow::Continue(())
    });
    whole(ended.unwrap());
}

/// Runs the child, and kills it after this many pages. Whether it came to its end before.
fn ends_before(pages: usize, from: &Place, to: &Place) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "transfer::child", "--nocapture", "--test-threads=1"])
        .envs([(FROM, &from.url), (TO, &to.url)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let told = out.lines().filter(|line| line.as_ref().is_ok_and(|line| line.ends_with("PAGE")));
    if told.take(pages).count() == pages {
        child.kill().unwrap();
    }
    // The last page may have been told by a copy that then ended before it was killed.
    child.wait().unwrap().success()
        || matches!(Transfer::open(&from.url, &to.url, DAYS), Err(TransferError::NotEmpty(_)))
}

#[test]
fn a_copy_that_is_killed_goes_on() {
    for to in [Place::server(), Place::file()] {
        let from = Place::file();
        let before = filled(&from);
        let mut pages = 3;
        while !ends_before(pages, &from, &to) {
            // Each run begins by telling of every table.
            pages += 4;
        }
        assert!(pages > 11, "it was killed a few times");
        let after = runtime().block_on(async { contents(&to.open()).await });
        assert!(after == before, "what was copied differs");
    }
}

/// A few rows of each kind.
fn few(place: &Place) {
    runtime().block_on(async {
        let store = place.open();
        let all = everything();
        // Keys and the trail are at the end.
        let last = all.len() - 5;
        for (at, (keys, writes)) in all.into_iter().enumerate() {
            if at % 700 == 0 || at >= last {
                store.run(Put(keys, writes)).await.unwrap();
            }
        }
        store.close().await;
    });
}

#[test]
fn a_store_that_has_rows_is_no_destination() {
    for to in [Place::file(), Place::server()] {
        let from = Place::file();
        few(&from);
        few(&to);
        let before = runtime().block_on(async { to.open().audit(0, 1000).await.unwrap().len() });
        assert!(matches!(refusal(&from, &to), TransferError::NotEmpty(_)));
        let after = runtime().block_on(async { to.open().audit(0, 1000).await.unwrap().len() });
        assert_eq!(before, after);
    }
}

#[test]
fn a_finished_copy_is_not_copied_over() {
    let (from, to) = (Place::file(), Place::server());
    few(&from);
    whole(Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut on).unwrap());
    assert!(matches!(refusal(&from, &to), TransferError::NotEmpty(_)));
}

#[test]
fn nothing_is_copied_onto_itself() {
    let file = Place::file();
    few(&file);
    assert_eq!(refusal(&file, &file), TransferError::Same);
    let server = Place::server();
    few(&server);
    let other_name = server.url.replace("127.0.0.1", "localhost");
    let error = Transfer::open(&server.url, &other_name, DAYS).err();
    assert_eq!(error, Some(TransferError::Same));
}

#[test]
fn a_copy_is_finished_from_where_it_began() {
    let (from, other, to) = (Place::file(), Place::file(), Place::server());
    few(&from);
    few(&other);
    let stop = |_: &Progress| ControlFlow::Break(());
    let ended = Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut { stop }).unwrap();
    assert_eq!(ended, Ended::Stopped);
    assert_eq!(refusal(&other, &to), TransferError::OtherSource);
    whole(Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut on).unwrap());
}

#[test]
fn a_store_in_use_is_not_copied() {
    let runtime = runtime();
    for used in [Place::file(), Place::server()] {
        few(&used);
        let store = used.open();
        let error = refusal(&used, &Place::file());
        assert_eq!(error, TransferError::InUse(Which::From));
        runtime.block_on(store.close());
        drop(store);
        let empty = Place::file();
        whole(Transfer::open(&used.url, &empty.url, DAYS).unwrap().run(&mut on).unwrap());
        // And a destination that someone looks at.
        let (to, store) = (Place::server(), used.open());
        drop(store);
        let looking = to.open();
        assert_eq!(refusal(&used, &to), TransferError::InUse(Which::To));
        runtime.block_on(looking.close());
    }
}

#[test]
fn a_file_cannot_be_opened_while_it_is_copied() {
    let (from, to) = (Place::file(), Place::server());
    few(&from);
    let transfer = Transfer::open(&from.url, &to.url, DAYS).unwrap();
    let quick =
        Options { busy_timeout: std::time::Duration::from_millis(50), ..Options::default() };
    let Err(StoreError::Unavailable(_)) = Store::open(&from.url, quick) else {
        panic!("it opened")
    };
    whole(transfer.run(&mut on).unwrap());
    drop(from.open());
}

#[test]
fn a_source_that_changed_meanwhile_is_noticed() {
    let intrusions = [
        (Table::Accounts, "UPDATE account SET changed_at = changed_at + 1"),
        (Table::Accounts, "DELETE FROM account"),
        (Table::Audit, "UPDATE audit SET at = at + 1 WHERE id = (SELECT max(id) FROM audit)"),
    ];
    for (table, sql) in intrusions {
        let (from, to) = (Place::server(), Place::file());
        few(&from);
        let mut intruded = false;
        let ended = Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut |progress| {
            if progress.stage == Stage::Verifying && !intruded {
                intruded = true;
                from.intrude(sql);
            }
            ControlFlow::Continue(())
        });
        let error = ended.unwrap_err();
        let found = matches!(&error, TransferError::Mismatch { table: at, .. } if *at == table);
        assert!(found && error.to_string().contains("meanwhile"), "{error}");
        // It stays unusable, however often it is tried.
        let again = Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut on);
        assert_eq!(again.unwrap_err(), error);
        assert!(Store::open(&to.url, Options::default()).is_err());
    }
}

#[test]
fn a_registry_that_changed_meanwhile_is_noticed() {
    let (from, to) = (Place::server(), Place::file());
    few(&from);
    let bump = "UPDATE meta SET value = value + 1 WHERE name = 'registry_version'";
    let mut watch = |progress: &Progress| {
        if progress.stage == Stage::Verifying && progress.table == Table::Audit {
            from.intrude(bump);
        }
        ControlFlow::Continue(())
    };
    let ended = Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut watch);
    assert_eq!(ended, Err(TransferError::Changed));
}

#[test]
fn two_runs_of_one_copy_do_not_mix() {
    let (from, to) = (Place::server(), Place::server());
    few(&from);
    let slow = Transfer::open(&from.url, &to.url, DAYS).unwrap();
    let fast = Transfer::open(&from.url, &to.url, DAYS).unwrap();
    let mut pages = 0;
    let ended = fast.run(&mut |_| {
        pages += 1;
        if pages > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(ended, Ok(Ended::Stopped));
    let error = slow.run(&mut on).unwrap_err();
    assert!(matches!(error, TransferError::Store(Which::To, _)), "{error}");
    whole(Transfer::open(&from.url, &to.url, DAYS).unwrap().run(&mut on).unwrap());
}

#[test]
fn passwords_are_not_repeated() {
    let to = Place::file();
    let bad = [
        "postgres://me:hunter2@127.0.0.1:1/db",
        "mysql://me:hunter2@h/db",
        "postgres://me:hunter2@h",
        "sqlite:///no/such/hunter.db",
    ];
    for url in bad {
        let error = Transfer::open(url, &to.url, DAYS).expect_err("it is refused").to_string();
        assert!(!error.contains("hunter2") && error.contains("the source"), "{error}");
    }
}

#[test]
fn a_server_keeps_the_trail_for_as_long_as_it_is_told() {
    let from = Place::file();
    few(&from);
    for (days, kept) in [(DAYS, true), (1, false)] {
        let to = Place::server();
        whole(Transfer::open(&from.url, &to.url, days).unwrap().run(&mut on).unwrap());
        let left = runtime().block_on(async {
            let store = to.open();
            store.purge(Timestamp(i64::MAX), 1000).await.unwrap();
            store.audit(0, 1000).await.unwrap().len()
        });
        assert_eq!(left > 0, kept, "after {days} days");
    }
}

#[test]
fn versions_are_told_without_a_migration() {
    let place = Place::server();
    let next = Options { next_schema: true, ..Options::default() };
    let told = || Store::versions(&place.url, &next).unwrap();
    assert_eq!(told(), Versions { present: 0, newest: 5 });
    drop(place.open());
    assert_eq!(told(), Versions { present: 4, newest: 5 });
    drop(Store::open(&place.url, next.clone()).unwrap());
    assert_eq!(told(), Versions { present: 5, newest: 5 });
    // Programs of this version may use it, but do not copy what they do not know.
    let error = Transfer::open(&place.url, &Place::file().url, DAYS).expect_err("it is refused");
    assert_eq!(error, TransferError::Version { present: 5, newest: 4 });
}
