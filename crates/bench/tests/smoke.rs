//! A short run in earnest: every token checked, figures there. Nothing here asks how fast it was.

#![expect(clippy::expect_used, reason = "a test's helpers fail by panicking")]

use std::path::PathBuf;
use std::process::Command;

use clap::{Args as _, FromArgMatches as _, ValueEnum as _};
use twinpath_bench::child::Role;
use twinpath_bench::report::Report;
use twinpath_bench::{Child, Launch, Options, measure};

const ROLE: &str = "TWINPATH_BENCH_TEST_ROLE";
const CONFIG: &str = "TWINPATH_BENCH_TEST_CONFIG";

/// Not a test: what the tests start as their child processes, this very executable.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of the others"]
async fn child() {
    let (Ok(role), Ok(config)) = (std::env::var(ROLE), std::env::var(CONFIG)) else {
        return;
    };
    let role = Role::from_str(&role, false).unwrap();
    Child { role, config: PathBuf::from(config) }.run().await.unwrap();
}

fn launch() -> Launch {
    let this = std::env::current_exe().expect("this executable's path");
    Launch::new(move |role, config| {
        let mut command = Command::new(&this);
        command.args(["child", "--exact", "--ignored"]);
        command.env(ROLE, role.as_str()).env(CONFIG, config);
        command
    })
}

async fn run(arguments: &[&str]) -> Report {
    let command = Options::augment_args(clap::Command::new("bench"));
    let usual = ["bench", "--seconds", "1", "--concurrency", "4", "--passes", "1", "--apps", "2"];
    let matches = command.get_matches_from(usual.iter().chain(arguments));
    let options = Options::from_arg_matches(&matches).expect("the arguments are right");
    measure(options, launch()).await.expect("figures")
}

/// Every answer was checked and right.
fn assert_right(report: &Report) {
    assert_eq!(report.wrong(), None, "{}", report.text());
    for figures in [&report.server, &report.floor] {
        assert!(figures.authorizations > 0.0 && figures.cpu_us > 0.0, "{}", report.text());
        #[expect(clippy::cast_precision_loss, reason = "a second's work")]
        let checked = figures.checked as f64;
        assert!(checked >= figures.authorizations, "{}", report.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_checked_and_the_figures_are_there() {
    let report = run(&[]).await;
    assert_right(&report);
    let store = report.server.store.unwrap();
    assert!(store.commits_per_second > 0.0 && store.batch >= 1.0);
    assert!(report.server.text_ms.unwrap().p50 > 0.0 && report.floor.text_ms.is_none());
    assert!(report.server.whole_ms.max > 0.0 && report.server.peak_rss_mb > 1.0);
    assert!(report.text().contains("server/floor"));
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["options"]["order"], "text-first");
    assert!(json["ratio"]["cpu"].as_f64().unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_apps_orders_and_returning_numbers() {
    for arguments in [
        &["--auth", "client_secret_jwt", "--order", "mixed", "--accounts", "20"][..],
        &["--auth", "client_secret_basic", "--dpop", "off", "--order", "request-first"],
        &["--auth", "client_secret_post"],
        &["--auth", "none", "--accounts", "5"],
    ] {
        assert_right(&run(arguments).await);
    }
}
