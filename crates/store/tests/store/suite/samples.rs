//! Rows to begin with.

use serde_json::json;
use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, RouteName, TerminalKey, Timestamp,
};
use twinpath_core::records::{
    App, AuditEvent, AuthMethod, CodeRecord, CodeState, Grant, RefreshState, Sealed, SigningKey,
    Trust,
};
use twinpath_core::transaction::Key;
use twinpath_store::Store;

use super::toys::Put;

pub(crate) fn code(byte: u8) -> CodeRecord {
    CodeRecord {
        key: CodeKey([byte; 16]),
        terminal: TerminalKey([byte; 16]),
        number: Sealed(vec![byte; 40]),
        route: RouteName::from("modem"),
        trust: Trust::Test,
        words: Digest([byte; 16]),
        received_at: Timestamp(1_000),
        expires_at: Timestamp(2_000),
        state: CodeState::Recorded,
        purge_at: Timestamp(3_000),
    }
}

pub(crate) fn code_number(number: u16) -> CodeRecord {
    let mut key = [0; 16];
    key[..2].copy_from_slice(&number.to_be_bytes());
    CodeRecord { key: CodeKey(key), ..code(1) }
}

pub(crate) fn grant() -> Grant {
    Grant {
        terminal: TerminalKey([1; 16]),
        id: GrantId([1; 16]),
        account: AccountId([1; 16]),
        client_id: client_id("app"),
        jkt: "thumbprint".to_owned(),
        scope: "openid phone".to_owned(),
        resources: Vec::new(),
        auth_time: Timestamp(1_000),
        route: RouteName::from("modem"),
        trust: Trust::Operator,
        revoked_at: None,
        refresh: RefreshState {
            sequence: 1,
            hash: Digest([1; 16]),
            previous: None,
            first: 1,
            used: false,
        },
        expires_at: Timestamp(2_000),
        purge_at: Timestamp(3_000),
    }
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::new(text).unwrap()
}

pub(crate) fn app(id: &str) -> App {
    App {
        client_id: client_id(id),
        client_name: "Ünïcode \"quoted\" \u{0} name".to_owned(),
        developer: String::new(),
        auth_method: AuthMethod::None,
        jwks: None,
        secret: None,
        scope: Vec::new(),
        dpop: false,
        tls_client_auth: None,
        certificate_bound: false,
        redirect_uris: Vec::new(),
        serves: Vec::new(),
        android_package: None,
        android_cert_sha256: Vec::new(),
        apple_app_id: None,
        created_at: Timestamp(1),
        updated_at: Timestamp(2),
    }
}

/// Public keys as on the wire: the coordinates are the example of RFC 7517 A.1.
pub(crate) fn jwk() -> serde_json::Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
    })
}

pub(crate) fn signing_key(kid: &str) -> SigningKey {
    SigningKey {
        kid: kid.to_owned(),
        private: Sealed(vec![0, 255, 1]),
        public: serde_json::from_value(jwk()).unwrap(),
        created_at: Timestamp(5),
        retired_at: None,
    }
}

pub(crate) fn audit(at: i64) -> AuditEvent {
    AuditEvent {
        at: Timestamp(at),
        kind: "test.event",
        client_id: None,
        account: None,
        grant: None,
        route: None,
        reason: None,
    }
}

pub(crate) async fn record(store: &Store, code: &CodeRecord) {
    let writes = vec![twinpath_core::transaction::Write::Code(code.clone())];
    store.run(Put(vec![Key::Code(code.key)], writes)).await.unwrap();
}
