//! Listings, forgetting, figures.

use twinpath_core::ids::{AccountId, CodeKey, Digest, RouteName, TerminalKey, Timestamp};
use twinpath_core::records::{Account, AccountStatus, AuditEvent, CodeRecord, TextQuota, UsedJti};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::Store;

use super::toys::{Count, Fetch, Put};
use super::{Backend, samples};

async fn put(store: &Store, key: Key, write: Write) {
    store.run(Put(vec![key], vec![write])).await.unwrap();
}

async fn put_app(store: &Store, id: &str) {
    let key = Key::App(samples::client_id(id));
    put(store, key, Write::App(Box::new(samples::app(id)))).await;
}

pub(crate) async fn apps_are_paged(backend: &impl Backend) {
    let store = backend.store();
    for id in ["b", "a", "d", "c"] {
        put_app(&store, id).await;
    }
    let page = store.apps(None, 3).await.unwrap();
    assert_eq!(page, ["a", "b", "c"].map(samples::app));
    let page = store.apps(Some(samples::client_id("c")), 3).await.unwrap();
    assert_eq!(page, [samples::app("d")]);
    assert_eq!(store.apps(None, 0).await, Ok(Vec::new()));
}

pub(crate) async fn the_audit_trail_is_paged(backend: &impl Backend) {
    let store = backend.store();
    let full = AuditEvent {
        kind: "grant.issued",
        client_id: Some(samples::client_id("app")),
        account: Some("acc_x".to_owned()),
        grant: Some("grant_x".to_owned()),
        route: Some("modem".to_owned()),
        reason: Some("because"),
        ..samples::audit(3)
    };
    let events = [samples::audit(1), samples::audit(1), full];
    store.run(Put(Vec::new(), events.map(Write::Audit).to_vec())).await.unwrap();
    let page = store.audit(0, 2).await.unwrap();
    assert_eq!(page.len(), 2, "equal events are two events");
    let rest = store.audit(page[1].id, 2).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest, store.audit_newest(1).await.unwrap());
    assert!(rest[0].id > page[1].id);
    assert_eq!((rest[0].at, rest[0].kind.as_str()), (Timestamp(3), "grant.issued"));
    assert_eq!(rest[0].client_id, Some(samples::client_id("app")));
    assert_eq!(rest[0].account.as_deref(), Some("acc_x"));
    assert_eq!(rest[0].grant.as_deref(), Some("grant_x"));
    assert_eq!(rest[0].route.as_deref(), Some("modem"));
    assert_eq!(rest[0].reason.as_deref(), Some("because"));
    assert_eq!(page[0].client_id, None);
    let newest: Vec<_> = store.audit_newest(9).await.unwrap().iter().map(|l| l.at.0).collect();
    assert_eq!(newest, [1, 1, 3]);
}

pub(crate) async fn accounts_are_found_by_id(backend: &impl Backend) {
    let store = backend.store();
    let accounts: Vec<_> = [0, 1, 254, 255]
        .into_iter()
        .map(|byte| {
            // All but the first four bytes differ in the worst way.
            let mut terminal = [byte; 16];
            terminal[..4].copy_from_slice(&[byte, 255, 0, 255]);
            let terminal = TerminalKey(terminal);
            let id = AccountId::compose(&terminal, [byte; 12]);
            let (created_at, changed_at) = (Timestamp(1), Timestamp(2));
            Account { terminal, id, status: AccountStatus::Active, created_at, changed_at }
        })
        .collect();
    for row in &accounts {
        put(&store, Key::Account(row.terminal, row.id), Write::Account(row.clone())).await;
    }
    for row in accounts {
        assert_eq!(store.find_account(row.id).await, Ok(Some(row)));
    }
    assert_eq!(store.find_account(AccountId([0; 16])).await, Ok(None));
}

pub(crate) async fn the_registry_version_grows_with_apps_and_keys(backend: &impl Backend) {
    let store = backend.store();
    let other = backend.store();
    let mut seen = vec![other.registry_version().await.unwrap()];
    put_app(&store, "a").await;
    seen.push(other.registry_version().await.unwrap());
    let id = samples::client_id("a");
    put(&store, Key::App(id.clone()), Write::DeleteApp(id)).await;
    seen.push(other.registry_version().await.unwrap());
    put(&store, Key::SigningKeys, Write::SigningKey(samples::signing_key("k"))).await;
    seen.push(other.registry_version().await.unwrap());
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    store.run(Count(Digest([1; 16]))).await.unwrap();
    assert_eq!(other.registry_version().await.as_ref(), Ok(&seen[3]));
}

const HOUR_MS: i64 = 3_600_000;

pub(crate) async fn purging_forgets_what_is_past_its_time(backend: &impl Backend) {
    let store = backend.store();
    let now = Timestamp(100 * HOUR_MS);
    let times = [Timestamp(0), now, Timestamp(now.0 + 1)];
    let terminal = TerminalKey([1; 16]);
    for (byte, purge_at) in (0..).zip(times) {
        samples::record(&store, &CodeRecord { purge_at, ..samples::code(byte) }).await;
        let key = Digest([byte; 16]);
        put(&store, Key::Jti(key), Write::Jti(UsedJti { key, purge_at })).await;
        let mut grant = samples::grant();
        (grant.id.0, grant.purge_at) = ([byte; 16], purge_at);
        put(&store, Key::Grants(terminal), Write::Grant(grant)).await;
        let route = RouteName::from(byte.to_string().as_str());
        let age = if byte == 0 { 3 * HOUR_MS } else { HOUR_MS };
        let texts = vec![(CodeKey([1; 16]), Timestamp(now.0 - age))];
        let key = Key::Quota(terminal, route.clone());
        put(&store, key, Write::Quota(TextQuota { terminal, route, texts })).await;
    }
    assert_eq!(store.purge(now, 3).await, Ok(3), "no more than asked");
    assert_eq!(store.purge(now, 1000).await, Ok(4));
    assert_eq!(store.purge(now, 1000).await, Ok(0));
    assert_eq!(store.stats().purged, 7);
    for (byte, purge_at) in (0..).zip(times) {
        let kept = purge_at > now;
        let code = store.read(Fetch(Key::Code(CodeKey([byte; 16])))).await.unwrap();
        assert_eq!(matches!(code, Loaded::Code(Some(_))), kept);
        let jti = store.read(Fetch(Key::Jti(Digest([byte; 16])))).await.unwrap();
        assert_eq!(matches!(jti, Loaded::Jti(Some(_))), kept);
    }
    let grants = store.read(Fetch(Key::Grants(terminal))).await.unwrap();
    assert!(matches!(grants, Loaded::Grants(rows) if rows.len() == 1));
    let young = Key::Quota(terminal, RouteName::from("1"));
    let quota = store.read(Fetch(young)).await.unwrap();
    assert!(matches!(quota, Loaded::Quota(Some(_))), "an hour is not long enough");
}

pub(crate) async fn purging_spares_what_was_extended(backend: &impl Backend) {
    let store = backend.store();
    for number in 0..600 {
        let code = samples::code_number(number);
        samples::record(&store, &code).await;
        // Every other one lives longer than it was first thought to.
        if number % 2 == 0 {
            let purge_at = Timestamp(9_000);
            samples::record(&store, &CodeRecord { purge_at, ..code }).await;
        }
    }
    assert_eq!(store.purge(Timestamp(8_999), usize::MAX).await, Ok(300));
    let kept = store.read(Fetch(Key::Code(samples::code_number(2).key))).await.unwrap();
    assert!(matches!(kept, Loaded::Code(Some(_))));
    assert_eq!(store.purge(Timestamp(9_000), usize::MAX).await, Ok(300));
}

pub(crate) async fn figures_count(backend: &impl Backend) {
    let store = backend.store();
    assert_eq!(store.schema_version(), 1);
    store.ping().await.unwrap();
    store.run(Count(Digest([1; 16]))).await.unwrap();
    store.read(Fetch(Key::SigningKeys)).await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.write_batches, stats.write_operations, stats.commits), (1, 1, 2));
    assert_eq!((stats.read_batches, stats.read_operations), (1, 1));
    assert_eq!((stats.write_queue, stats.read_queue, stats.refused), (0, 0, 0));
    assert!(stats.commit_sum >= stats.commit_max && !stats.commit_max.is_zero());
    assert!(!stats.failed);
}
