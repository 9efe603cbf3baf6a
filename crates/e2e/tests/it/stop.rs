//! PROTOCOL 12, `twinpath serve`: what SIGTERM does, and how the command line speaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use serde_json::json;
use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::centre::{Centre, ROK};
use twinpath_e2e::config::{Bind, Settings};
use twinpath_e2e::number;
use twinpath_e2e::platform::{Registration, metric};
use twinpath_e2e::process::Installation;
use twinpath_e2e::rig::ROUTE;
use twinpath_e2e::wait::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_is_under_way() {
    let centre = Arc::new(Centre::start().await);
    let server = Installation::new(&Settings::binds(&[Bind::new(ROUTE, centre.port)]));
    let bearer = Registration::new("bearer").method("client_secret_post").bearer();
    let process = server.start().await;
    centre.bound(1).await;
    let registered = server.register(&bearer).await;
    let app = Arc::new(Instance::new(&registered, &server.place().await));
    let waits: Vec<_> = (0..20).map(|_| tokio::spawn(wait(app.clone()))).collect();
    until("all wait", async || {
        (metric(server.admin, "twinpath_waiting_requests").await >= 20.0).then_some(())
    })
    .await;
    let next = Arc::new(AtomicU32::new(0));
    let streams: Vec<_> =
        (0..6).map(|_| tokio::spawn(texts(centre.clone(), app.clone(), next.clone()))).collect();
    until("texts stream in", async || (next.load(Relaxed) > 60).then_some(())).await;
    process.terminate().await;
    let status = process.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.log());
    centre.event("unbind", 1).await;
    for wait in waits {
        let answer = wait.await.unwrap().expect("a wait is answered");
        answer.refuses(400, "authorization_pending");
    }
    let mut sent = Vec::new();
    for stream in streams {
        sent.extend(stream.await.unwrap());
    }
    let _process = server.start().await;
    centre.bound(2).await;
    for (from, attempt, status) in &sent {
        if *status != Some(ROK) {
            // Put off: the network sends it again.
            centre.text(from, &attempt.text).await.ok();
        }
        app.redeem(attempt).await.accepts();
        app.redeem(attempt).await.refuses(400, "invalid_grant");
    }
}

async fn wait(app: Arc<Instance>) -> Option<twinpath_e2e::http::Answer> {
    let octets = app.token_draft(&app.attempt()).header("Prefer", "wait=30").request().octets();
    twinpath_e2e::http::send_octets(app.place.address, &octets).await
}

/// Texts until one is not acknowledged.
async fn texts(
    centre: Arc<Centre>,
    app: Arc<Instance>,
    next: Arc<AtomicU32>,
) -> Vec<(String, Attempt, Option<u64>)> {
    let mut sent = Vec::new();
    loop {
        let (from, attempt) = (number(next.fetch_add(1, Relaxed)), app.attempt());
        let status = centre.text(&from, &attempt.text).await.status();
        sent.push((from, attempt, status));
        if status != Some(ROK) {
            return sent;
        }
    }
}

#[tokio::test]
async fn commands_reach_a_running_server_and_the_store_of_one_that_is_down() {
    let centre = Centre::start().await;
    let server = Installation::new(&Settings::binds(&[Bind::new(ROUTE, centre.port)]));
    let app = server.register(&Registration::new("weather")).await;
    let process = server.start().await;
    centre.bound(1).await;
    let place = server.place().await;
    let shop = server.register(&Registration::new("shop").method("client_secret_basic")).await;
    for app in [&app, &shop] {
        let instance = Instance::new(app, &place);
        let attempt = instance.attempt();
        centre.text(&number(1), &attempt.text).await.ok();
        instance.redeem(&attempt).await.accepts();
    }
    let shown = server.json(&["app", "show", "shop"]).await;
    assert_eq!(shown["client_id"], "shop");
    assert_eq!(shown["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(shown["dpop_bound_access_tokens"], true);
    assert!(shown.get("client_secret").is_none(), "the secret is told once: {shown}");
    let listed = server.json(&["app", "list"]).await;
    assert!(listed.to_string().contains("weather") && listed.to_string().contains("shop"));
    server.json(&["account", "block", &number(1)]).await;
    let instance = Instance::new(&app, &place);
    let attempt = instance.attempt();
    centre.text(&number(1), &attempt.text).await.ok();
    instance.redeem(&attempt).await.refuses(400, "access_denied");
    process.terminate().await;
    assert!(process.ended().await.success());
    let account = server.json(&["account", "show", &number(1)]).await;
    assert_eq!(account["status"], json!("blocked"));
    let keys = server.json(&["key", "list"]).await;
    assert!(keys.to_string().contains("kid"), "{keys}");
    let deleted = server.run(&["app", "delete", "shop"]).await;
    assert!(deleted.status.success());
    assert!(!server.run(&["app", "show", "shop"]).await.status.success());
}

#[tokio::test]
async fn an_unknown_key_is_named_with_its_line_and_nothing_starts() {
    let server = Installation::new(&Settings::default().with("[terminal]\nttl = 10"));
    let output = server.run(&["key", "list"]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ttl") && said.contains("line"), "{said}");
}

#[tokio::test]
async fn the_whole_development_environment_runs_once() {
    let command = tokio::process::Command::new(twinpath_e2e::process::twinpath())
        .args(["dev", "--once", "--http-port", "0", "--smpp-port", "0"])
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), command).await;
    let output = output.expect("it ends").unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    for step in ["text acknowledged", "token received", "OpenAPI answered"] {
        assert!(out.contains(step), "{step}: {out}");
    }
}

#[tokio::test]
async fn doctor_tells_a_bind_that_works_from_one_that_does_not() {
    let centre = Centre::start().await;
    let right = Installation::new(&Settings::binds(&[Bind::new(ROUTE, centre.port)]));
    let output = right.run(&["doctor"]).await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains(&format!("ok    bind {ROUTE}")), "{told}");
    assert!(told.contains("0 wrong"), "{told}");
    // Nobody listens on port 1.
    let wrong = Installation::new(&Settings::binds(&[Bind::new(ROUTE, 1)]));
    let output = wrong.run(&["doctor"]).await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains(&format!("FAIL  bind {ROUTE}")), "{told}");
}
