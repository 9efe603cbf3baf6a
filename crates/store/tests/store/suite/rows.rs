//! Every row comes back as it went in, from the disk and not from memory.

use twinpath_core::ids::{AccountId, CodeKey, Digest, GrantId, RouteName, TerminalKey, Timestamp};
use twinpath_core::records::{
    Account, AccountStatus, AuthMethod, CodeRecord, CodeState, Grant, RefreshState, Sealed, Secret,
    Terminal, TextQuota, Trust, UsedJti,
};
use twinpath_core::transaction::{Key, Loaded, Write};
use twinpath_store::Store;

use super::toys::{Fetch, Put};
use super::{Backend, samples};

pub(crate) const TIMES: [Timestamp; 4] =
    [Timestamp(i64::MIN), Timestamp(-1), Timestamp(0), Timestamp(i64::MAX)];

/// Puts and reads back, with a writer and with a reader.
pub(crate) async fn round_trip(store: &Store, key: Key, write: Write, expected: Loaded) {
    store.run(Put(vec![key.clone()], vec![write])).await.unwrap();
    assert_eq!(store.run(Fetch(key.clone())).await.unwrap(), expected);
    assert_eq!(store.read(Fetch(key)).await.unwrap(), expected);
}

async fn code_round_trip(store: &Store, row: CodeRecord) {
    let expected = Loaded::Code(Some(row.clone()));
    round_trip(store, Key::Code(row.key), Write::Code(row), expected).await;
}

pub(crate) async fn codes_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let absent = store.read(Fetch(Key::Code(CodeKey([9; 16])))).await;
    assert_eq!(absent, Ok(Loaded::Code(None)));
    let grant = GrantId([3; 16]);
    let states = [
        CodeState::Recorded,
        CodeState::Redeemed { grant, frozen: Digest([4; 16]), confirmed: false },
        CodeState::Redeemed { grant, frozen: Digest([4; 16]), confirmed: true },
        CodeState::Confirming { grant, frozen: Digest([4; 16]), attempts: 3 },
        CodeState::Refused,
        CodeState::Voided { grant: None },
        CodeState::Voided { grant: Some(grant) },
    ];
    for state in states {
        code_round_trip(&store, CodeRecord { state, ..samples::code(0) }).await;
    }
    for trust in [Trust::Test, Trust::Aggregator, Trust::Operator] {
        code_round_trip(&store, CodeRecord { trust, ..samples::code(255) }).await;
    }
    for at in TIMES {
        let row = CodeRecord {
            received_at: at,
            expires_at: at,
            purge_at: at,
            number: Sealed(Vec::new()),
            route: RouteName::from("a route 'with' \"quotes\" \u{1F4F1}"),
            ..samples::code(1)
        };
        code_round_trip(&store, row).await;
    }
}

pub(crate) async fn terminals_and_accounts_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let key = TerminalKey([0; 16]);
    for at in TIMES {
        let account = AccountId([255; 16]);
        let number = Sealed(vec![0; 300]);
        let row = Terminal { key, number, account, created_at: at, proven_at: at };
        let expected = Loaded::Terminal(Some(row.clone()));
        round_trip(&store, Key::Terminal(key), Write::Terminal(row), expected).await;
    }
    let delete = Write::DeleteTerminal(key);
    round_trip(&store, Key::Terminal(key), delete, Loaded::Terminal(None)).await;

    let id = AccountId([2; 16]);
    for status in [AccountStatus::Active, AccountStatus::Blocked, AccountStatus::Replaced] {
        for at in TIMES {
            let row = Account { terminal: key, id, status, created_at: at, changed_at: at };
            let expected = Loaded::Account(Some(row.clone()));
            round_trip(&store, Key::Account(key, id), Write::Account(row), expected).await;
        }
    }
    let delete = Write::DeleteAccount(key, id);
    round_trip(&store, Key::Account(key, id), delete, Loaded::Account(None)).await;
}

pub(crate) async fn grants_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let first = samples::grant();
    let second = Grant {
        id: GrantId([2; 16]),
        jkt: String::new(),
        scope: String::new(),
        resources: vec!["https://a.example/\"x\"".to_owned(), String::new()],
        trust: Trust::Aggregator,
        revoked_at: Some(Timestamp(i64::MIN)),
        refresh: RefreshState {
            sequence: u32::MAX,
            hash: Digest([0; 16]),
            previous: Some(Digest([255; 16])),
            first: u32::MAX,
            used: true,
        },
        expires_at: Timestamp(i64::MAX),
        purge_at: Timestamp(i64::MAX),
        ..first.clone()
    };
    let elsewhere = Grant { terminal: TerminalKey([9; 16]), ..first.clone() };
    for rows in [vec![&first, &second], vec![&elsewhere]] {
        let keys = rows.iter().map(|row| Key::Grants(row.terminal)).collect();
        let writes = rows.into_iter().cloned().map(Write::Grant).collect();
        store.run(Put(keys, writes)).await.unwrap();
    }
    let Loaded::Grants(mut found) = store.read(Fetch(Key::Grants(first.terminal))).await.unwrap()
    else {
        panic!("no grants")
    };
    found.sort_by_key(|row| row.id);
    assert_eq!(found, [first, second]);
    let nobody = Key::Grants(TerminalKey([8; 16]));
    assert_eq!(store.read(Fetch(nobody)).await, Ok(Loaded::Grants(Vec::new())));
}

pub(crate) async fn quotas_and_identifiers_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let many = (0..200).map(|byte| (CodeKey([byte; 16]), Timestamp(i64::from(byte) - 100)));
    let edges = TIMES.map(|at| (CodeKey([0; 16]), at)).to_vec();
    for texts in [Vec::new(), edges, many.collect()] {
        let terminal = TerminalKey([3; 16]);
        for route in ["", "modem"].map(RouteName::from) {
            let row = TextQuota { terminal, route: route.clone(), texts: texts.clone() };
            let expected = Loaded::Quota(Some(row.clone()));
            round_trip(&store, Key::Quota(terminal, route), Write::Quota(row), expected).await;
        }
    }
    for purge_at in TIMES {
        let row = UsedJti { key: Digest([3; 16]), purge_at };
        round_trip(&store, Key::Jti(row.key), Write::Jti(row), Loaded::Jti(Some(row))).await;
    }
}

pub(crate) async fn apps_and_signing_keys_round_trip(backend: &impl Backend) {
    let store = backend.store();
    let mut apps = vec![samples::app("a")];
    let methods = [
        AuthMethod::PrivateKeyJwt,
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::ClientSecretJwt,
    ];
    let secrets =
        [None, Some(Secret::Hash(vec![0, 255])), Some(Secret::Sealed(Sealed(Vec::new())))];
    for (auth_method, secret) in methods.into_iter().zip(secrets.into_iter().cycle()) {
        let mut app = samples::app("a");
        app.auth_method = auth_method;
        app.secret = secret;
        app.jwks = serde_json::from_value(serde_json::json!({ "keys": [samples::jwk()] })).unwrap();
        app.scope = vec!["openid".to_owned()];
        app.dpop = true;
        app.redirect_uris = vec!["https://app.example/cb?x=1".to_owned()];
        app.android_package = Some("example.app".to_owned());
        app.android_cert_sha256 = vec!["00ff".to_owned()];
        app.apple_app_id = Some("TEAM.example.app".to_owned());
        app.updated_at = Timestamp(i64::MAX);
        apps.push(app);
    }
    for app in apps {
        let row = Box::new(app);
        let expected = Loaded::App(Some(row.clone()));
        round_trip(&store, Key::App(row.client_id.clone()), Write::App(row), expected).await;
    }
    let id = samples::client_id("a");
    round_trip(&store, Key::App(id.clone()), Write::DeleteApp(id), Loaded::App(None)).await;

    let first = samples::signing_key("k1");
    let mut second = samples::signing_key("k2");
    (second.signs_at, second.retired_at) = (Timestamp(i64::MIN), Some(Timestamp(i64::MAX)));
    let mut expected = vec![first.clone()];
    let all = Loaded::SigningKeys(expected.clone());
    round_trip(&store, Key::SigningKeys, Write::SigningKey(first), all).await;
    expected.push(second.clone());
    let all = Loaded::SigningKeys(expected);
    round_trip(&store, Key::SigningKeys, Write::SigningKey(second), all).await;
}

pub(crate) async fn a_later_put_replaces_the_whole_row(backend: &impl Backend) {
    let store = backend.store();
    let before = samples::code(1);
    code_round_trip(&store, before.clone()).await;
    let after = CodeRecord { key: before.key, trust: Trust::Operator, ..samples::code(2) };
    code_round_trip(&store, after).await;
    let before = samples::grant();
    let after = Grant {
        account: AccountId([5; 16]),
        client_id: samples::client_id("other"),
        jkt: "other".to_owned(),
        scope: "other".to_owned(),
        resources: vec!["other".to_owned()],
        auth_time: Timestamp(9),
        route: RouteName::from("other"),
        trust: Trust::Test,
        revoked_at: Some(Timestamp(9)),
        refresh: RefreshState {
            sequence: 9,
            hash: Digest([9; 16]),
            previous: Some(Digest([8; 16])),
            first: 9,
            used: true,
        },
        terms: Some(Box::new(samples::terms())),
        expires_at: Timestamp(9),
        purge_at: Timestamp(9),
        ..before.clone()
    };
    for row in [before, after] {
        let key = Key::Grants(row.terminal);
        let expected = Loaded::Grants(vec![row.clone()]);
        round_trip(&store, key, Write::Grant(row), expected).await;
    }
}
