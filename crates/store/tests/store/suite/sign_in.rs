//! Authorization requests on their way, sessions, and what they leave on grants.

use twinpath_core::ids::{AccountId, Digest, RouteName, SessionId, TerminalKey, Timestamp};
use twinpath_core::records::{AuthorizationRequest, Grant, Interaction, Session, Terms, Trust};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::Store;

use super::operators::{DAY_MS, HOUR_MS, purge, put};
use super::rows::{TIMES, round_trip};
use super::toys::{Approve, Begin, Fetch, Put};
use super::{Backend, samples};

async fn request_round_trip(store: &Store, row: Interaction) {
    let row = Box::new(row);
    let expected = Loaded::Interaction(Some(row.clone()));
    round_trip(store, Key::Interaction(row.key), Write::Interaction(row), expected).await;
}

pub(crate) async fn requests_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let absent = store.read(Fetch(Key::Interaction(Digest([9; 16])))).await;
    assert_eq!(absent, Ok(Loaded::Interaction(None)));
    for request in [samples::request(), AuthorizationRequest::default()] {
        for stage in samples::stages() {
            let row = Interaction { stage, request: request.clone(), ..samples::interaction(1) };
            request_round_trip(&store, row).await;
        }
    }
    // Each stage lasts longer; the row stays where it was begun.
    for (byte, at) in (10..).zip(TIMES) {
        for purge_at in [at, Timestamp(at.0.saturating_add(30 * DAY_MS))] {
            let row = Interaction {
                created_at: at,
                expires_at: purge_at,
                purge_at,
                ..samples::interaction(byte)
            };
            request_round_trip(&store, row).await;
        }
    }
}

/// The sessions of a terminal, by their ids.
async fn sessions(store: &Store, terminal: TerminalKey) -> Vec<Session> {
    match store.read(Fetch(Key::Sessions(terminal))).await.unwrap() {
        Loaded::Sessions(mut rows) => {
            rows.sort_by_key(|row| row.id.0);
            rows
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn sessions_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let first = samples::session(1);
    let terminal = first.terminal;
    for at in TIMES {
        let row = Session {
            account: AccountId([5; 16]),
            cookie: Digest([255; 16]),
            route: RouteName::from("ärger"),
            trust: Trust::Test,
            auth_time: at,
            created_at: at,
            ended_at: Some(at),
            expires_at: at,
            purge_at: at,
            ..first.clone()
        };
        for row in [first.clone(), row] {
            let expected = Loaded::Sessions(vec![row.clone()]);
            round_trip(&store, Key::Sessions(terminal), Write::Session(row), expected).await;
        }
    }
    put(&store, Key::Sessions(terminal), Write::Session(first.clone())).await;
    let second = samples::session(2);
    let elsewhere = Session { terminal: TerminalKey([9; 16]), ..first.clone() };
    for row in [&second, &elsewhere] {
        put(&store, Key::Sessions(row.terminal), Write::Session(row.clone())).await;
    }
    assert_eq!(sessions(&store, terminal).await, [first, second]);
    assert_eq!(sessions(&store, elsewhere.terminal).await, [elsewhere]);
    assert_eq!(sessions(&store, TerminalKey([8; 16])).await, []);
}

/// Whoever asks for a terminal's other rows has not read its sessions, and cannot write one.
pub(crate) async fn sessions_come_only_when_asked_for(backend: &impl Backend) {
    let store = backend.store();
    let row = samples::session(1);
    let keys = vec![Key::Terminal(row.terminal), Key::Grants(row.terminal)];
    assert!(store.run(Put(keys, vec![Write::Session(row.clone())])).await.is_err());
    assert_eq!(sessions(&store, row.terminal).await, []);
    // All of a terminal's rows go together in one step.
    let keys = vec![Key::Grants(row.terminal), Key::Sessions(row.terminal)];
    let writes = vec![Write::Grant(samples::grant()), Write::Session(row.clone())];
    store.run(Put(keys, writes)).await.unwrap();
    assert_eq!(sessions(&store, row.terminal).await, [row]);
}

pub(crate) async fn terms_round_trip(backend: &impl Backend) {
    let store = backend.store();
    for terms in [Some(samples::terms()), None, Some(Terms::default())] {
        let row = Grant { terms: terms.map(Box::new), ..samples::grant() };
        let expected = Loaded::Grants(vec![row.clone()]);
        round_trip(&store, Key::Grants(row.terminal), Write::Grant(row), expected).await;
    }
}

pub(crate) async fn a_deleted_key_is_gone(backend: &impl Backend) {
    let store = backend.store();
    let keys = ["a", "b"].map(samples::signing_key);
    let writes = keys.clone().map(Write::SigningKey).to_vec();
    store.run(Put(vec![Key::SigningKeys], writes)).await.unwrap();
    let before = store.registry_version().await.unwrap();
    let rest = Loaded::SigningKeys(vec![keys[1].clone()]);
    let delete = Write::DeleteSigningKey("a".to_owned());
    round_trip(&store, Key::SigningKeys, delete, rest.clone()).await;
    assert!(store.registry_version().await.unwrap() > before);
    // What is not there, and what was put just before.
    let delete = ["a", "c"].map(|kid| Write::DeleteSigningKey(kid.to_owned()));
    let [gone, never] = delete;
    let writes = vec![gone, Write::SigningKey(samples::signing_key("c")), never];
    store.run(Put(vec![Key::SigningKeys], writes)).await.unwrap();
    assert_eq!(store.read(Fetch(Key::SigningKeys)).await, Ok(rest));
}

pub(crate) async fn a_request_is_approved_once(backend: &impl Backend) {
    const RACERS: u8 = 6;
    const REQUESTS: u8 = 60;
    let stores = [backend.store(), backend.store()];
    for byte in 0..REQUESTS {
        // A period's end lies between the beginning and the approval of some.
        let created_at = Timestamp(6 * HOUR_MS - 30 + i64::from(byte));
        let row = Box::new(Interaction { created_at, ..samples::interaction(byte) });
        put(&stores[0], Key::Interaction(row.key), Write::Interaction(row)).await;
    }
    let racers = (0..RACERS).map(|racer| {
        let store = stores[usize::from(racer) % 2].clone();
        tokio::spawn(async move {
            let mut won = Vec::new();
            for byte in 0..REQUESTS {
                let key = Digest([byte; 16]);
                if store.run(Approve(key, Digest([racer; 16]))).await.unwrap() {
                    won.push(byte);
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
    assert_eq!(winners, (0..REQUESTS).collect::<Vec<_>>());
}

pub(crate) async fn a_terminal_has_one_first_session(backend: &impl Backend) {
    let stores = [backend.store(), backend.store()];
    for byte in 0..60 {
        let terminal = TerminalKey([byte; 16]);
        let (one, other) =
            tokio::join!(stores[0].run(Begin(terminal, 1)), stores[1].run(Begin(terminal, 2)));
        assert!(one.unwrap() != other.unwrap(), "terminal {byte}");
        assert_eq!(sessions(&stores[0], terminal).await.len(), 1);
    }
}

pub(crate) async fn purging_forgets_requests(backend: &impl Backend) {
    let store = backend.store();
    let begun = Timestamp(10 * DAY_MS);
    let stays = Timestamp(begun.0 + 20 * DAY_MS);
    for (byte, extended) in [(1, false), (2, true)] {
        let mut row = samples::interaction(byte);
        (row.created_at, row.purge_at) = (begun, begun.plus_seconds(600));
        put(&store, Key::Interaction(row.key), Write::Interaction(Box::new(row.clone()))).await;
        if extended {
            row.purge_at = stays;
            put(&store, Key::Interaction(row.key), Write::Interaction(Box::new(row))).await;
        }
    }
    let found = async |byte: u8| {
        let found = store.read(Fetch(Key::Interaction(Digest([byte; 16])))).await.unwrap();
        matches!(found, Loaded::Interaction(Some(_)))
    };
    purge(&store, begun).await;
    assert!(found(1).await && found(2).await);
    purge(&store, Timestamp(stays.0 - 1)).await;
    assert!(found(2).await, "it was extended");
    purge(&store, Timestamp(stays.0 + 3 * DAY_MS)).await;
    assert!(!found(1).await && !found(2).await);
}

pub(crate) async fn purging_forgets_sessions(backend: &impl Backend) {
    let store = backend.store();
    let terminal = samples::session(1).terminal;
    let key = || Key::Sessions(terminal);
    for byte in 1..=3 {
        let long = Session { purge_at: Timestamp(90_000), ..samples::session(byte) };
        put(&store, key(), Write::Session(long)).await;
    }
    let ended_at = Some(Timestamp(1_500));
    let ended = Session { ended_at, purge_at: Timestamp(4_000), ..samples::session(1) };
    put(&store, key(), Write::Session(ended)).await;
    let extended = Session { purge_at: Timestamp(95_000), ..samples::session(2) };
    put(&store, key(), Write::Session(extended)).await;
    for (now, gone, left) in
        [(3_999, 0, 3), (4_000, 1, 2), (89_999, 0, 2), (90_000, 1, 1), (95_000, 1, 0)]
    {
        assert_eq!(purge(&store, Timestamp(now)).await, gone, "at {now}");
        assert_eq!(sessions(&store, terminal).await.len(), left, "at {now}");
    }
    assert_eq!(store.stats().purged, 3);
    let id = SessionId([1; 16]);
    let again = Session { id, ..samples::session(2) };
    put(&store, key(), Write::Session(again)).await;
    assert_eq!(sessions(&store, terminal).await.len(), 1);
}
