//! What message centres send and the server cannot read is kept, sealed, for an operator.

use serde_json::{Value, json};
use twinpath_e2e::centre::{Centre, ROK};
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::pdu::hex;
use twinpath_e2e::pdu::{DELIVER_SM, deliver_body, frame};
use twinpath_e2e::platform::Platform;
use twinpath_e2e::process::Installation;
use twinpath_e2e::rig::{ROUTE, Rig};

use crate::smpp_server::{self, Esme, gateways};

/// SMPP 3.4 5.1.2.1.
const SUBMIT_SM: u32 = 4;

/// A text that ends in the middle.
fn cut() -> Vec<u8> {
    let mut whole = deliver_body(1, 1, b"447400000001", 0, 0, b"TWINPATH and more");
    whole.truncate(whole.len() - 5);
    whole
}

async fn list(platform: &Platform) -> Vec<Value> {
    let answer = platform.admin("GET", "/quarantine", &Value::Null).await;
    assert!(!answer.text().contains("447400000001"));
    answer.accepts()["quarantine"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_operator_lists_shows_and_purges_what_could_not_be_read() {
    let rig = Rig::start().await;
    let weather = rig.instance("weather").await;
    let whole = deliver_body(1, 1, b"447400000001", 0, 0, weather.attempt().text.as_bytes());
    let cut = &whole[..whole.len() - 5];
    let receipt = rig.centre.frame(&frame(DELIVER_SM, 0, cut)).await;
    assert_eq!(receipt.status(), Some(ROK));
    // By the acknowledgement it is durable.
    let all = list(&rig.platform).await;
    assert_eq!(all.len(), 1, "{all:?}");
    let one = &all[0];
    assert_eq!((&one["route"], &one["octets"]), (&ROUTE.into(), &(cut.len() + 16).into()));
    assert!(!one["reason"].as_str().unwrap().is_empty());
    let path = format!("/quarantine/{}", one["id"]);
    let shown = rig.platform.admin("GET", &path, &Value::Null).await.accepts();
    assert!(shown["hex"].as_str().unwrap().ends_with(&hex(cut)), "{shown}");
    assert_eq!(shown["reason"], one["reason"]);
    rig.centre.frame(&frame(DELIVER_SM, 0, b"")).await;
    assert_eq!(list(&rig.platform).await.len(), 2);
    let purged = rig.platform.admin("DELETE", "/quarantine", &Value::Null).await.accepts();
    assert_eq!(purged["purged"], 2);
    assert!(list(&rig.platform).await.is_empty());
    assert_eq!(rig.platform.admin("GET", &path, &Value::Null).await.status, 404);
    for odd in ["/quarantine/x", "/quarantine/-1", "/quarantine/99999999999"] {
        assert!(rig.platform.admin("GET", odd, &Value::Null).await.status >= 400, "{odd}");
    }
    rig.still_works(&weather.app).await;
}

#[tokio::test]
async fn what_gateways_send_is_kept_too_and_who_may_only_read_sees_no_texts() {
    let platform = Platform::start(&gateways("127.0.0.1:0", "", "")).await;
    let mut esme = Esme::bound(platform.server.smpp.unwrap().port()).await;
    let odd = json!({"as": "one", "hex": frame(SUBMIT_SM, 0, &cut())});
    assert_eq!(esme.does("octets", odd).await, ROK, "it would come for ever");
    let all = list(&platform).await;
    assert_eq!((all.len(), &all[0]["route"]), (1, &smpp_server::ROUTE.into()), "{all:?}");
    let new = json!({"name": "looks", "role": "read"});
    let made = platform.admin("POST", "/tokens", &new).await.json();
    let token = made["token"].as_str().unwrap();
    let ask = async |method: &str, path: &str| {
        platform.admin_as(token, method, path, &Value::Null).await.status
    };
    assert_eq!(ask("GET", "/quarantine").await, 200);
    assert_eq!(ask("GET", &format!("/quarantine/{}", all[0]["id"])).await, 403);
    assert_eq!(ask("DELETE", "/quarantine").await, 403);
    assert_eq!(list(&platform).await.len(), 1);
}

#[tokio::test]
async fn the_command_line_lists_shows_and_purges() {
    let centre = Centre::start().await;
    let place = Installation::new(&Settings::binds(&[Bind::new(ROUTE, centre.port)]));
    let server = place.start().await;
    centre.bound(1).await;
    assert_eq!(centre.frame(&frame(DELIVER_SM, 0, &cut())).await.status(), Some(ROK));
    let listed = place.json(&["quarantine", "list"]).await;
    let one = &listed["quarantine"][0];
    assert_eq!(one["route"], ROUTE);
    // A server that is down has them too: they lie in the store.
    server.terminate().await;
    server.ended().await;
    assert_eq!(place.json(&["quarantine", "list"]).await, listed);
    let id = one["id"].to_string();
    let shown = place.json(&["quarantine", "show", &id]).await;
    assert!(shown["hex"].as_str().unwrap().ends_with(&hex(&cut())), "{shown}");
    assert_eq!(place.json(&["quarantine", "purge"]).await["purged"], 1);
    let gone = place.run(&["quarantine", "show", &id]).await;
    assert!(!gone.status.success() && gone.stdout.is_empty(), "{gone:?}");
    assert_eq!(place.json(&["quarantine", "list"]).await["quarantine"], json!([]));
}
