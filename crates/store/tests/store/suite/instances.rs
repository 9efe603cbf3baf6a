//! Installations of apps.

use twinpath_core::ids::Timestamp;
use twinpath_core::records::{Attestation, Evidence, Instance, InstanceStatus};
use twinpath_core::transaction::{Key, Loaded, Write};

use super::operators::{purge, put};
use super::rows::{TIMES, round_trip};
use super::toys::Fetch;
use super::{Backend, samples};

pub(crate) async fn instances_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let first = samples::instance("app", 1);
    let absent = store.read(Fetch(Key::Instance(first.id.clone()))).await;
    assert_eq!(absent, Ok(Loaded::Instance(None)));
    let mut rows = vec![first.clone()];
    for status in [InstanceStatus::Active, InstanceStatus::Blocked, InstanceStatus::Revoked] {
        rows.push(Instance {
            status,
            name: Some("Anna's \u{0} phone".to_owned()),
            ..first.clone()
        });
    }
    for evidence in Evidence::ALL {
        for statement in samples::statements() {
            let attestation = Attestation { evidence, statement, ..first.attestation.clone() };
            rows.push(Instance { attestation, ..first.clone() });
        }
    }
    for at in TIMES {
        rows.push(Instance { created_at: at, changed_at: at, purge_at: at, ..first.clone() });
    }
    for row in rows.into_iter().map(Box::new) {
        let (key, expected) = (Key::Instance(row.id.clone()), Loaded::Instance(Some(row.clone())));
        round_trip(&store, key, Write::Instance(row), expected).await;
    }
}

pub(crate) async fn instances_are_paged_by_app(backend: &impl Backend) {
    let store = backend.store();
    // Names that begin alike, and some that sort around the separator.
    for app in ["app", "ap", "app-2", "app.", "app0", "Zapp"] {
        for byte in [255, 1, 128] {
            let row = Box::new(samples::instance(app, byte));
            put(&store, Key::Instance(row.id.clone()), Write::Instance(row)).await;
        }
    }
    let id = || samples::client_id("app");
    let page = store.instances(id(), None, 2).await.unwrap();
    // base64url has `_` before `g`.
    assert_eq!(page, [1, 255].map(|byte| samples::instance("app", byte)));
    let after = page[1].id.jkt.clone();
    let page = store.instances(id(), Some(after), 2).await.unwrap();
    assert_eq!(page, [samples::instance("app", 128)]);
    assert_eq!(store.instances(samples::client_id("other"), None, 2).await, Ok(Vec::new()));
    assert_eq!(store.instances(id(), None, 0).await, Ok(Vec::new()));
}

pub(crate) async fn instances_are_forgotten_when_their_time_is_over(backend: &impl Backend) {
    let store = backend.store();
    for byte in 0..3 {
        let row = samples::instance("app", byte);
        put(&store, Key::Instance(row.id.clone()), Write::Instance(Box::new(row.clone()))).await;
        if byte == 2 {
            let longer = Instance { purge_at: Timestamp(9_000), ..row };
            put(&store, Key::Instance(longer.id.clone()), Write::Instance(Box::new(longer))).await;
        }
    }
    assert_eq!(purge(&store, Timestamp(2_999)).await, 0);
    assert_eq!(purge(&store, Timestamp(8_999)).await, 2);
    let kept = store.instances(samples::client_id("app"), None, 9).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(purge(&store, Timestamp(9_000)).await, 1);
}
