//! A store that hangs: what is in work is bounded, networks and gateways keep their texts and bring them
//! again, and then each is recorded once. Here the database is behind a proxy that stops forwarding.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::task::block_in_place;
use twinpath_e2e::app::Attempt;
use twinpath_e2e::centre::Centre;
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::http::send;
use twinpath_e2e::number;
use twinpath_e2e::platform::Platform;
use twinpath_e2e::rig::{ROUTE as BIND, Rig};
use twinpath_e2e::wait::{all, until};
use twinpath_testing::postgres;
use twinpath_testing::proxy::Proxy;

use crate::smpp_server::{Esme, ROUTE, gateways, message, redeems_once};
use crate::webhooks::{called, generic};

/// Texts in work at once, by the configuration.
const WINDOW: usize = 4;
/// Texts at once.
const TEXTS: u32 = 10;
/// `ESME_RMSGQFUL`.
const QUEUE_FULL: u64 = 0x14;
/// `ESME_RTHROTTLED`.
const THROTTLED: u64 = 0x58;

/// A platform whose database can be made to hang.
async fn platform(proxy: &Proxy, database: &str, centre: &Centre) -> Platform {
    let window = format!("window = {WINDOW}");
    let settings = Settings {
        store: Some(postgres::url(proxy.port(), database)),
        store_more: "connections = 2\nstatement_timeout_s = 1".to_owned(),
        binds: vec![Bind::new(BIND, centre.port).with(&window)],
        ..gateways("127.0.0.1:0", "", &format!("{window}\n{}", generic("hook", "key")))
    };
    Platform::start(&settings).await
}

/// What is beyond the window is refused at once, the rest when the store's time is over.
#[track_caller]
fn held_back(mut statuses: Vec<u64>) {
    statuses.sort_unstable();
    let full = usize::try_from(TEXTS).unwrap() - WINDOW;
    assert_eq!(statuses, [vec![QUEUE_FULL; full], vec![THROTTLED; WINDOW]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_are_held_back_while_the_store_hangs_and_come_again() {
    let url = block_in_place(|| postgres::shared().fresh_database());
    let database = url.rsplit('/').next().unwrap();
    let proxy = Proxy::to(postgres::shared().address());
    let centre = Arc::new(Centre::start().await);
    let platform = platform(&proxy, database, &centre).await;
    centre.bound(1).await;
    let port = platform.server.smpp.unwrap().port();
    let rig = Rig { centre, platform };
    let weather = rig.instance("weather").await;
    let mut gateway = Esme::bound(port).await;
    let attempts = |from: u32| -> Vec<(String, Attempt)> {
        (from..from + TEXTS).map(|at| (number(at), weather.attempt())).collect()
    };
    let (by_bind, by_gateway) = (attempts(1), attempts(101));
    let pdus: Vec<Value> =
        by_gateway.iter().map(|(from, attempt)| message(from, &attempt.text)).collect();

    block_in_place(|| proxy.freeze());
    let statuses = Mutex::new(Vec::new());
    let text = async |(from, attempt): &(String, Attempt)| {
        let answer = rig.centre.text(from, &attempt.text).await;
        statuses.lock().unwrap().push(answer.status().unwrap());
    };
    let flood = gateway.does("flood", json!({"as": "one", "pdus": pdus}));
    let by_call = weather.attempt();
    let call = called("/sms/hook", "key", &number(201), "8610690001", &by_call.text);
    let address = rig.platform.place.address;
    let (answers, refused, ()) =
        tokio::join!(flood, send(address, &call), all(by_bind.iter().map(text)));
    held_back(statuses.into_inner().unwrap());
    assert_eq!(refused.status, 503, "the provider comes again");
    let status = |answer: &Value| answer["status"].as_u64().unwrap();
    held_back(answers.as_array().unwrap().iter().map(status).collect());
    // The sessions stand through all of it.
    block_in_place(|| proxy.pass());
    for (from, attempt) in &by_bind {
        while !rig.centre.text(from, &attempt.text).await.is_ok() {}
        // As a network does whose first answer was lost.
        assert!(rig.centre.text(from, &attempt.text).await.is_ok());
        redeems_once(&weather, attempt).await;
    }
    for (from, attempt) in &by_gateway {
        while gateway.submit(from, &attempt.text).await["status"] != 0 {}
        assert_eq!(gateway.submit(from, &attempt.text).await["status"], 0);
        redeems_once(&weather, attempt).await;
    }
    until("it may call", async || (send(address, &call).await.status != 503).then_some(())).await;
    assert_eq!(send(address, &call).await.status, 200);
    redeems_once(&weather, &by_call).await;
    assert!(rig.platform.texts("hook", "not_recorded").await > 0.5);
    for route in [BIND, ROUTE] {
        let counted = rig.platform.texts(route, "not_recorded").await;
        assert!(counted >= f64::from(u32::try_from(WINDOW).unwrap()), "{route}: {counted}");
    }
}
