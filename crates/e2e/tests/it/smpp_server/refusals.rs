//! Who may not bind, and what stops guessing.

use serde_json::json;
use twinpath_e2e::number;

use super::{Esme, PASSWORD, ROUTE, Rig};

const INVALID_BIND_STATE: u64 = 0x04;
const ALREADY_BOUND: u64 = 0x05;
const BIND_FAILED: u64 = 0x0D;
const INVALID_PASSWORD: u64 = 0x0E;

#[tokio::test]
async fn guesses_learn_nothing_and_are_stopped() {
    let rig = Rig::with("lockout_attempts = 3\nlockout_s = 2", "").await;
    let mut esme = Esme::start();
    for (system_id, password) in [("nobody", PASSWORD), (ROUTE, "guess"), (ROUTE, "")] {
        let status = esme.bind(rig.port, system_id, password).await;
        assert_eq!(status, INVALID_PASSWORD, "{system_id}");
        assert_eq!(esme.does("closed", json!({"as": "one"})).await, "closed");
    }
    let mut sound = Esme::bound(rig.port).await;
    for _ in 0..3 {
        assert_eq!(esme.bind(rig.port, ROUTE, "guess").await, INVALID_PASSWORD);
    }
    // Now the right password is not looked at either; whoever is bound stays so.
    assert_eq!(esme.bind(rig.port, ROUTE, PASSWORD).await, BIND_FAILED);
    assert_eq!(sound.submit(&number(1), "hello").await["status"], 0);
    assert!((rig.metric("lockouts_total").await - 1.0).abs() < 0.1);
    assert!((rig.metric("refused_binds_total").await - 6.0).abs() < 0.1);
    let unknown = rig.platform.metric("twinpath_smpp_server_unknown_binds_total").await;
    assert!((unknown - 1.0).abs() < 0.1);
    // It ends by itself.
    twinpath_e2e::wait::until("the lockout's end", async || {
        let mut again = Esme::start();
        (again.bind(rig.port, ROUTE, PASSWORD).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_address_not_allowed_is_hung_up_on_and_a_peer_binds_from_its_own_only() {
    let other = "[[sms.smpp_server.peer]]\nname = \"far\"\nsystem_id = \"far\"\n\
                 password = \"secret\"\nallow = [\"192.0.2.0/24\"]\n";
    let rig = Rig::with("", other).await;
    let mut esme = Esme::start();
    assert_eq!(esme.bind(rig.port, "far", PASSWORD).await, INVALID_PASSWORD);
    let only_far = "[sms.smpp_server]\nlisten = \"127.0.0.1:0\"\n".to_owned() + other;
    let settings = twinpath_e2e::config::Settings::default().with(&only_far);
    let platform = twinpath_e2e::platform::Platform::start(&settings).await;
    esme.connect(platform.server.smpp.unwrap().port()).await;
    assert_eq!(esme.does("closed", json!({"as": "one"})).await, "closed");
    assert!(platform.metric("twinpath_smpp_server_unwelcome_total").await > 0.5);
    assert!(platform.metric("twinpath_smpp_server_unknown_binds_total").await < 0.5, "unheard");
}

#[tokio::test]
async fn binds_and_connections_are_limited() {
    let rig = Rig::with("max_connections_per_address = 3", "max_binds = 2").await;
    let (_one, mut two) = (Esme::bound(rig.port).await, Esme::bound(rig.port).await);
    let mut third = Esme::start();
    assert_eq!(third.bind(rig.port, ROUTE, PASSWORD).await, ALREADY_BOUND);
    assert_eq!(third.does("closed", json!({"as": "one"})).await, "closed");
    two.does("drop", json!({"as": "one"})).await;
    twinpath_e2e::wait::until("a place", async || {
        (rig.metric("sessions").await < 1.5).then_some(())
    })
    .await;
    assert_eq!(third.bind(rig.port, ROUTE, PASSWORD).await, 0);
    let mut unbound = Esme::start();
    assert_eq!(unbound.connect(rig.port).await, "open");
    let mut fourth = Esme::start();
    fourth.connect(rig.port).await;
    assert_eq!(fourth.does("closed", json!({"as": "one"})).await, "closed");
    assert!(rig.platform.metric("twinpath_smpp_server_surplus_total").await > 0.5);
}

#[tokio::test]
async fn nothing_is_taken_from_who_is_not_bound_to_send() {
    let rig = Rig::with("session_init_s = 1", "").await;
    let mut esme = Esme::start();
    assert_eq!(esme.connect(rig.port).await, "open");
    assert_eq!(esme.submit(&number(1), "early").await["status"], INVALID_BIND_STATE);
    assert_eq!(esme.does("closed", json!({"as": "one"})).await, "closed", "no bind came");
    assert_eq!(esme.connect(rig.port).await, "open");
    let bind = json!({"system_id": ROUTE, "password": PASSWORD});
    assert_eq!(esme.ask("bind_receiver", bind).await["status"], 0);
    assert_eq!(esme.submit(&number(1), "wrong way").await["status"], INVALID_BIND_STATE);
    assert!(rig.metric("received_total").await < 0.5);
}
