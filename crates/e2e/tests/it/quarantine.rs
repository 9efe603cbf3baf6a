//! What message centres send and the server cannot read is kept, sealed, for an operator.

use serde_json::Value;
use twinpath_e2e::centre::ROK;
use twinpath_e2e::pdu::hex;
use twinpath_e2e::pdu::{DELIVER_SM, deliver_body, frame};
use twinpath_e2e::platform::Platform;
use twinpath_e2e::rig::{ROUTE, Rig};

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
