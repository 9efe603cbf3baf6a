//! `twinpath dev --once`, and the beginning and end of `twinpath dev`.

use std::future::pending;
use std::time::{Duration, Instant};

use crate::support::{Screen, http, options};
use tokio::sync::oneshot;
use twinpath_dev::{Options, run_to};

#[tokio::test(flavor = "multi_thread")]
async fn one_authorization_from_text_to_open_api() {
    let screen = Screen::default();
    let result = run_to(Options { once: true, ..options() }, pending(), screen.clone()).await;
    let told = screen.text();
    println!("{told}");
    result.unwrap();
    let steps = [
        "server ready",
        "message centre bound",
        "app registered",
        "commitment made",
        "text sent",
        "text acknowledged",
        "token received",
        "terminal_hint",
        "OpenAPI answered",
        "stolen token refused",
        "all of it",
    ];
    let mut rest = told.as_str();
    for step in steps {
        let (before, after) = rest.split_once(step).unwrap_or_else(|| panic!("no {step}: {told}"));
        assert!(before.trim_end().ends_with("ms"), "{step} without its time: {told}");
        rest = after;
    }
    assert!(told.contains("+44••••••••23"), "{told}");
    let secrets = told.split_whitespace().filter(|word| word.len() > 60).count();
    assert_eq!(secrets, 0, "something as long as a token: {told}");
    assert!(!told.contains("7700900123") && !told.contains("TP1-0"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_banner_names_what_runs_and_all_of_it_ends() {
    let (screen, folder) = (Screen::default(), tempfile::tempdir().unwrap());
    let kept = folder.path().join("kept");
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopped.await;
    };
    let options = Options { folder: Some(kept.clone()), ..options() };
    let running = tokio::spawn(run_to(options, shutdown, screen.clone()));
    let url = |name: &str| {
        let told = screen.text();
        let line = told.lines().find(|line| line.trim_start().starts_with(name))?.to_owned();
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    };
    let page = loop {
        match url("phone simulator") {
            Some(page) => break page,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let metadata = http().get(url("metadata").unwrap()).send().await.unwrap();
    assert_eq!(metadata.status(), 200);
    assert_eq!(http().get(url("demo OpenAPI").unwrap()).send().await.unwrap().status(), 401);
    let state: serde_json::Value =
        http().get(format!("{page}api/state")).send().await.unwrap().json().await.unwrap();
    let held = format!("{page}api/state?after={}", state["view"]["revision"]);
    let held = tokio::spawn(http().get(held).send());
    let waiting = http().post(format!("{page}api/start")).json(&serde_json::json!({}));
    assert_eq!(waiting.send().await.unwrap().status(), 200);
    let held_too = tokio::spawn(http().get(format!("{page}api/state?after=1000000")).send());
    tokio::time::sleep(Duration::from_millis(50)).await;

    let begun = Instant::now();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(held.await.unwrap().is_ok());
    let _ = held_too.await;
    assert!(http().get(&page).send().await.is_err(), "the page is still served");
    assert!(kept.join("twinpath.toml").exists() && kept.join("twinpath.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_folder_is_used_again_and_a_temporary_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { folder: Some(folder.path().to_owned()), ..options() };
    for _ in 0..2 {
        let once = Options { once: true, ..options.clone() };
        run_to(once, pending(), Screen::default()).await.unwrap();
    }
    let dev = twinpath_dev::Dev::start(crate::support::options()).await.unwrap();
    let temporary = dev.folder().to_owned();
    assert!(temporary.join("twinpath.toml").exists());
    dev.stop().await;
    assert!(!temporary.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_the_step_and_what_to_do() {
    let folder = tempfile::NamedTempFile::new().unwrap();
    let options = Options { once: true, folder: Some(folder.path().to_owned()), ..options() };
    let error =
        run_to(options, pending(), Screen::default()).await.expect_err("a file is no folder");
    let told = error.to_string();
    assert!(told.contains("could not prepare the folder") && told.contains("what to do"), "{told}");
}
