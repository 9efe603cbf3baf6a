//! Rows to begin with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use twinpath_core::ids::{
    AccountId, ClientId, CodeKey, Digest, GrantId, InstanceId, RouteName, SessionId, TerminalKey,
    Timestamp,
};
use twinpath_core::records::{
    AndroidKey, App, AppAttest, AppleEnvironment, Approval, Attestation, AuditEvent, AuthMethod,
    AuthorizationRequest, ClaimsRequest, CodeRecord, CodeState, Content, Evidence, Grant, Instance,
    InstanceStatus, Interaction, Note, PlayIntegrity, Prompt, ProvenTerminal, RefreshState, Sealed,
    Session, SigningKey, Stage, Statement, Terms, Trust,
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
        terms: None,
        expires_at: Timestamp(2_000),
        purge_at: Timestamp(3_000),
    }
}

/// Terms with something in every field.
pub(crate) fn terms() -> Terms {
    Terms {
        session: Some(SessionId([1; 16])),
        authorization_details: details(),
        claims: Some(claims()),
        session_bound: true,
        no_refresh: true,
        made_at: Some(Timestamp(1_800_000_000_001)),
        attestation: Some(instance("app", 1).claim()),
        confirmed: true,
        known_since: Some(Timestamp(1_700_000_000_001)),
        revocation: Some(3),
    }
}

/// Not every decimal is read as the number that was written.
fn details() -> Vec<serde_json::Value> {
    let amount = 51.248_178_375_505_404;
    vec![
        json!({ "type": "payment", "amount": amount, "to": "\u{0}ä", "deep": { "a": [null, -1] } }),
    ]
}

fn claims() -> ClaimsRequest {
    let userinfo = [("phone_number".to_owned(), json!({ "essential": true }))].into();
    let id_token = [("acr".to_owned(), json!({ "values": ["a", "b"] }))].into();
    ClaimsRequest { userinfo, id_token }
}

pub(crate) fn session(byte: u8) -> Session {
    Session {
        terminal: TerminalKey([1; 16]),
        id: SessionId([byte; 16]),
        account: AccountId([1; 16]),
        cookie: Digest([byte; 16]),
        auth_time: Timestamp(1_000),
        route: RouteName::from("modem"),
        trust: Trust::Operator,
        created_at: Timestamp(1_001),
        ended_at: None,
        expires_at: Timestamp(2_000),
        purge_at: Timestamp(3_000),
    }
}

pub(crate) fn interaction(byte: u8) -> Interaction {
    Interaction {
        key: Digest([byte; 16]),
        client_id: client_id("app"),
        request: AuthorizationRequest::default(),
        stage: Stage::Pushed,
        created_at: Timestamp(1_000),
        expires_at: Timestamp(2_000),
        purge_at: Timestamp(3_000),
    }
}

/// A request that asks for everything.
pub(crate) fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        redirect_uri: Some("https://app.example/cb?x=1".to_owned()),
        redirect_uri_said: true,
        scope: "openid phone".to_owned(),
        resources: vec!["https://api.example/ä".to_owned()],
        authorization_details: details(),
        state: Some("\u{0}\"state\"".to_owned()),
        nonce: Some(String::new()),
        code_challenge: "challenge".to_owned(),
        jkt: "thumbprint".to_owned(),
        prompt: vec![Prompt::None, Prompt::Login, Prompt::Consent, Prompt::SelectAccount],
        max_age: Some(u32::MAX),
        login_hint: Some(TerminalKey([255; 16])),
        ui_locales: Some("de-CH de".to_owned()),
        claims: Some(claims()),
        expected_sub: Some("sub".to_owned()),
        confirm: twinpath_core::outbound::Confirm::Always,
    }
}

pub(crate) fn proven() -> ProvenTerminal {
    ProvenTerminal {
        terminal: TerminalKey([1; 16]),
        account: AccountId([1; 16]),
        number: Sealed(vec![0, 255]),
        auth_time: Timestamp(1_000),
        route: "modem".to_owned(),
        trust: Trust::Aggregator,
        session: Some(SessionId([1; 16])),
        grant: GrantId([2; 16]),
        confirmed: true,
    }
}

pub(crate) fn approval() -> Approval {
    let browser = Some(Digest([3; 16]));
    Approval { by: proven(), code: Digest([4; 16]), browser, begins: true }
}

/// One of every stage, in their order.
pub(crate) fn stages() -> [Stage; 6] {
    let browser = Digest([3; 16]);
    [
        Stage::Pushed,
        Stage::Asking { browser, attempt: u32::MAX },
        Stage::Proven { browser, by: proven() },
        Stage::Approved(approval()),
        Stage::Redeemed { approval: approval(), jkt: "key".into() },
        Stage::Ended,
    ]
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::new(text).unwrap()
}

pub(crate) fn app(id: &str) -> App {
    let row = json!({
        "client_id": id,
        "client_name": "Ünïcode \"quoted\" \u{0} name",
        "developer": "",
        "auth_method": AuthMethod::None,
        "scope": [],
        "dpop": false,
        "created_at": Timestamp(1),
        "updated_at": Timestamp(2),
    });
    serde_json::from_value(row).unwrap()
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
        signs_at: Timestamp(7),
        retired_at: None,
    }
}

pub(crate) fn instance(client_id: &str, byte: u8) -> Instance {
    let jkt = URL_SAFE_NO_PAD.encode([byte; 32]);
    Instance {
        id: InstanceId::parse(&format!("{client_id}/{jkt}")).unwrap(),
        name: None,
        status: InstanceStatus::Active,
        attestation: Attestation {
            evidence: Evidence::Tee,
            attester: "built_in".to_owned(),
            attested_at: Timestamp(1_000),
            statement: Statement::External,
        },
        created_at: Timestamp(1_000),
        changed_at: Timestamp(1_000),
        purge_at: Timestamp(3_000),
    }
}

/// One of every kind of statement.
pub(crate) fn statements() -> [Statement; 4] {
    let (package, cert_sha256) = ("com.example.\u{0}app".to_owned(), vec!["00ff".to_owned()]);
    [
        Statement::External,
        Statement::AndroidKey(Box::new(AndroidKey {
            certificate_chain: vec!["MII=".to_owned()],
            shown_at: Timestamp(i64::MAX),
            serials: vec!["1".to_owned(), "c0ffee".to_owned()],
            root: "CN=\"ä\"".to_owned(),
            os_patch_level: Some(u32::MAX),
            remotely_provisioned: true,
        })),
        Statement::AppAttest(Box::new(AppAttest {
            key_id: "a+/=".to_owned(),
            app_id: "TEAM.com.example".to_owned(),
            environment: AppleEnvironment::Development,
            public_key: "BAAA".to_owned(),
            counter: u32::MAX,
        })),
        Statement::PlayIntegrity(Box::new(PlayIntegrity {
            package,
            cert_sha256,
            version_code: Some(u64::MAX),
            device_verdicts: vec!["MEETS_DEVICE_INTEGRITY".to_owned()],
            shown_at: Timestamp(0),
        })),
    ]
}

pub(crate) fn audit(at: i64) -> AuditEvent {
    AuditEvent::new(Timestamp(at), "test.event")
}

pub(crate) async fn record(store: &Store, code: &CodeRecord) {
    let writes = vec![twinpath_core::transaction::Write::Code(code.clone())];
    store.run(Put(vec![Key::Code(code.key)], writes)).await.unwrap();
}

pub(crate) fn note(byte: u8) -> Note {
    Note {
        key: Digest([byte; 16]),
        content: Content::Blank { text: "a note".to_owned() },
        listed_at: Some(Timestamp(i64::from(byte))),
        purge_at: Timestamp(3_000),
    }
}
