//! `schemathesis`, which `./test` installs, against both `OpenAPI` documents: no request that fits a
//! document, or fails to, gets a 5xx, and every answer is one that the document tells of. The same
//! requests each time.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use twinpath_e2e::app::Auth;
use twinpath_e2e::config::Settings;
use twinpath_e2e::number;
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::Rig;

/// Far more than it takes.
const TIME: Duration = Duration::from_secs(300);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs it on a kept document; fails if anything was found, or if an operation was left out.
async fn run(document: &str, url: &str, config: &str, more: &[&str]) {
    let program = repository().join("target/schemathesis/bin/schemathesis");
    assert!(program.is_file(), "{} is missing: run ./test once", program.display());
    let document = repository().join("docs").join(document);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schemathesis.toml");
    std::fs::write(&file, config).unwrap();
    let child = Command::new(program)
        .arg("--config-file")
        .arg(&file)
        .arg("run")
        .arg(&document)
        .args(["--url", url, "--max-examples", "8", "--generation-deterministic"])
        // Documents cannot tell all that makes a redirect URI or a key set a right one.
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
        .args(more)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIME, child).await.expect("it ends").unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let parsed: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    let operations: usize =
        parsed["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    let all = format!("{operations} selected / {operations} total");
    assert!(told.contains(&all) && told.contains("Tested:"), "{all}: {told}");
}

/// Half of the time, names of what is there.
fn known(names: &[(&str, Vec<String>)]) -> String {
    let mut config = String::new();
    for (parameter, values) in names {
        writeln!(config, "[dictionaries.{parameter}]\nvalues = {values:?}").unwrap();
    }
    config.push_str("[parameters]\n");
    for (parameter, _) in names {
        let half = format!("{{ dictionary = \"{parameter}\", probability = 0.5 }}");
        writeln!(config, "\"path.{parameter}\" = {half}").unwrap();
    }
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_api_answers_as_its_document_says() {
    let rig = Rig::start().await;
    let shop = Registration::new("shop").method("client_secret_post").developer("Shops");
    rig.platform.register(&shop).await;
    let weather = rig.instance("weather").await;
    let (mut accounts, mut grants) = (Vec::new(), Vec::new());
    for n in 0..8 {
        rig.authorize(&rig.again(&weather.app), &number(n)).await;
        let account = rig.platform.account(&number(n), "show").await;
        accounts.push(account["account"].as_str().unwrap().to_owned());
        grants.push(account["grants"][0]["grant"].as_str().unwrap().to_owned());
    }
    let config = known(&[
        ("account", accounts),
        ("grant", grants),
        ("client_id", vec!["shop".to_owned(), "weather".to_owned()]),
        ("developer", vec!["Shops".to_owned()]),
    ]);
    let url = format!("http://{}", rig.platform.admin);
    let token = format!("Authorization: Bearer {}", rig.platform.admin_token());
    run("admin-openapi.json", &url, &config, &["-H", &token]).await;
    let keys = rig.platform.admin("GET", "/keys", &Value::Null).await.accepts();
    assert!(keys["keys"].as_array().unwrap().len() > 1, "its requests came through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oauth_endpoints_answer_as_their_document_says() {
    let rig = Rig::with(Settings::default().with("[registration]\nenabled = true")).await;
    let app = Registration::new("shop").method("client_secret_basic").bearer();
    let app = rig.platform.register(&app).await;
    let Auth::SecretBasic(secret) = &app.auth else { panic!("a secret") };
    let authentication = format!("shop:{secret}");
    let url = rig.platform.place.issuer.clone();
    run("openapi.json", &url, "", &["--auth", &authentication]).await;
    rig.still_works(&app).await;
}
