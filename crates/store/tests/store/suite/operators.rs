//! Listings, forgetting, figures.

use twinpath_core::ids::{AccountId, CodeKey, Digest, RouteName, TerminalKey, Timestamp};
use twinpath_core::records::{
    Account, AccountStatus, AuditEvent, CodeRecord, Evidence, Grant, TextQuota, UsedJti,
};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::{Options, Store};

use super::toys::{Count, Fetch, Put};
use super::{Backend, samples};

pub(crate) async fn put(store: &Store, key: Key, write: Write) {
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
        instance: Some("thumbprint".to_owned()),
        evidence: Some(Evidence::AppAttest),
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
    assert_eq!(rest[0].instance.as_deref(), Some("thumbprint"));
    assert_eq!(rest[0].evidence.as_deref(), Some("app_attest"));
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

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Until nothing more is found to forget.
pub(crate) async fn purge(store: &Store, now: Timestamp) -> usize {
    let mut purged = 0;
    loop {
        match store.purge(now, 1000).await.unwrap() {
            0 => return purged,
            count => purged += count,
        }
    }
}

/// A backend may forget rows one by one or by the hour and day: so what is long past must be gone,
/// and what is not past must be there.
pub(crate) async fn purging_forgets_what_is_past_its_time(backend: &impl Backend) {
    let store = backend.store();
    let now = Timestamp(100 * DAY_MS);
    let ended = [Timestamp(0), Timestamp(now.0 + 1)];
    let terminal = TerminalKey([1; 16]);
    for (byte, purge_at) in (0..).zip(ended) {
        let received_at = Timestamp((purge_at.0 - DAY_MS).max(0));
        samples::record(&store, &CodeRecord { purge_at, received_at, ..samples::code(byte) }).await;
        let key = Digest([byte; 16]);
        put(&store, Key::Jti(key), Write::Jti(UsedJti { key, purge_at })).await;
        let mut grant = samples::grant();
        (grant.id.0, grant.purge_at) = ([byte; 16], purge_at);
        put(&store, Key::Grants(terminal), Write::Grant(grant)).await;
        let route = RouteName::from(byte.to_string().as_str());
        let texts = vec![(CodeKey([1; 16]), Timestamp(purge_at.0 - HOUR_MS))];
        let key = Key::Quota(terminal, route.clone());
        put(&store, key, Write::Quota(TextQuota { terminal, route, texts })).await;
    }
    let purged = purge(&store, now).await;
    assert!(purged >= 4, "{purged}");
    assert_eq!(store.stats().purged, purged as u64);
    for (byte, kept) in [(0, false), (1, true)] {
        let code = store.read(Fetch(Key::Code(CodeKey([byte; 16])))).await.unwrap();
        assert_eq!(matches!(code, Loaded::Code(Some(_))), kept);
        let jti = store.read(Fetch(Key::Jti(Digest([byte; 16])))).await.unwrap();
        assert_eq!(matches!(jti, Loaded::Jti(Some(_))), kept);
        let key = Key::Quota(terminal, RouteName::from(byte.to_string().as_str()));
        let quota = store.read(Fetch(key)).await.unwrap();
        assert_eq!(matches!(quota, Loaded::Quota(Some(_))), kept, "an hour is not long enough");
    }
    let grants = store.read(Fetch(Key::Grants(terminal))).await.unwrap();
    assert!(matches!(grants, Loaded::Grants(rows) if rows.len() == 1));
}

pub(crate) async fn purging_spares_what_was_extended(backend: &impl Backend) {
    let store = backend.store();
    for number in 0..600_u16 {
        let mut grant = samples::grant();
        grant.terminal.0[..2].copy_from_slice(&number.to_be_bytes());
        let key = || Key::Grants(grant.terminal);
        put(&store, key(), Write::Grant(grant.clone())).await;
        // Every other one lives longer than it was first thought to.
        if number % 2 == 0 {
            let longer = Grant { purge_at: Timestamp(9_000), ..grant.clone() };
            put(&store, key(), Write::Grant(longer)).await;
        }
    }
    assert_eq!(store.purge(Timestamp(8_999), usize::MAX).await, Ok(300));
    assert_eq!(store.purge(Timestamp(8_999), usize::MAX).await, Ok(0));
    assert_eq!(store.purge(Timestamp(9_000), usize::MAX).await, Ok(300));
}

pub(crate) async fn purging_forgets_a_revoked_grant_early(backend: &impl Backend) {
    let store = backend.store();
    let grant = Grant { purge_at: Timestamp(90_000), ..samples::grant() };
    let key = || Key::Grants(grant.terminal);
    put(&store, key(), Write::Grant(grant.clone())).await;
    let (revoked_at, purge_at) = (Some(Timestamp(1_000)), Timestamp(4_000));
    put(&store, key(), Write::Grant(Grant { revoked_at, purge_at, ..grant.clone() })).await;
    assert_eq!(store.purge(Timestamp(3_999), 9).await, Ok(0));
    assert_eq!(store.purge(Timestamp(4_000), 9).await, Ok(1));
}

pub(crate) async fn purging_spares_a_code_that_was_extended(backend: &impl Backend) {
    let store = backend.store();
    let code = samples::code(1);
    let purge_at = Timestamp(30 * DAY_MS);
    samples::record(&store, &code).await;
    samples::record(&store, &CodeRecord { purge_at, ..code.clone() }).await;
    for (day, kept) in [(29, true), (60, false)] {
        purge(&store, Timestamp(day * DAY_MS)).await;
        let found = store.read(Fetch(Key::Code(code.key))).await.unwrap();
        assert_eq!(matches!(found, Loaded::Code(Some(_))), kept, "day {day}");
    }
}

pub(crate) async fn purging_forgets_old_lines_of_the_audit_trail(backend: &impl Backend) {
    let options = Options { audit_days: 10, ..Options::default() };
    let store = backend.open(options).unwrap();
    let days = [1, 5, 20, 21];
    let lines = days.map(|day| Write::Audit(samples::audit(day * DAY_MS)));
    store.run(Put(Vec::new(), lines.to_vec())).await.unwrap();
    purge(&store, Timestamp(21 * DAY_MS)).await;
    let left: Vec<_> = store.audit(0, 9).await.unwrap().iter().map(|line| line.at.0).collect();
    assert_eq!(left, [20 * DAY_MS, 21 * DAY_MS]);
}

pub(crate) async fn figures_count(backend: &impl Backend) {
    let store = backend.store();
    assert_eq!(store.schema_version(), 4);
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
