//! The command line against the admin API of a server elsewhere, and against a configuration's server,
//! running or not: the same answers.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::process::Command;
use twinpath_e2e::config::Settings;
use twinpath_e2e::process::{Installation, twinpath};

/// Runs a command without a configuration.
async fn remote(environment: &[(&str, &str)], words: &[&str]) -> Output {
    let mut command = Command::new(twinpath());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TWINPATH")) {
        command.env_remove(name);
    }
    let command = command.envs(environment.iter().copied()).args(words).stdin(Stdio::null());
    command.output().await.unwrap()
}

#[track_caller]
fn right(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

#[track_caller]
fn wrong(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn token(place: &Installation, role: &str) -> (String, String) {
    let made = place.json(&["admin-token", "create", "--name", "ci", "--role", role]).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

#[tokio::test]
async fn every_command_reaches_a_server_elsewhere() {
    let place = Installation::new(&Settings::default());
    let server = place.start().await;
    let (token, id) = token(&place, "write").await;
    let url = format!("http://{}", place.admin);
    let there = [("TWINPATH_ADMIN_URL", url.as_str()), ("TWINPATH_ADMIN_TOKEN", token.as_str())];
    let run = async |words: &[&str]| remote(&there, words).await;

    let register = ["app", "register", "--client-id", "shop", "--name", "Shop"];
    let secret = ["--auth-method", "client_secret_post", "--developer", "Shops"];
    let made = right(&run(&[&register[..], &secret[..]].concat()).await);
    assert!(made["client_secret"].is_string());
    let shown = right(&run(&["app", "show", "shop"]).await);
    assert_eq!(shown, place.json(&["app", "show", "shop"]).await);
    let changed = right(&run(&["app", "update", "--client-id", "shop", "--name", "Shop 2"]).await);
    assert_eq!(
        (&changed["client_name"], &changed["developer"]),
        (&json!("Shop 2"), &json!("Shops"))
    );
    assert_eq!(right(&run(&["app", "list"]).await), json!([changed]));
    let rotated = right(&run(&["app", "rotate-secret", "shop"]).await);
    assert_ne!(rotated["client_secret"], made["client_secret"]);
    assert_eq!(right(&run(&["app", "delete", "shop"]).await), json!({"deleted": "shop"}));
    assert!(wrong(&run(&["app", "show", "shop"]).await).contains("there is no app \"shop\""));
    assert!(right(&run(&["key", "list"]).await)[0]["kid"].is_string());
    for subject in ["+447400123456", "acc_AAAAAAAAAAAAAAAAAAAAAA"] {
        for what in ["show", "block", "erase"] {
            let told = wrong(&run(&["account", what, subject]).await);
            assert!(told.contains("there is no such account"), "{told}");
        }
    }
    let told = wrong(&run(&["admin-token", "create", "--name", "x", "--role", "read"]).await);
    assert!(told.contains("role does not allow"), "{told}");
    place.json(&["admin-token", "revoke", &id]).await;
    assert!(wrong(&run(&["app", "list"]).await).contains("valid admin token"));
    server.terminate().await;
    server.ended().await;
}

#[tokio::test]
async fn a_command_says_which_server_and_by_which_token() {
    let place = Installation::new(&Settings::default());
    let server = place.start().await;
    let (token, _) = token(&place, "read").await;
    let url = format!("http://{}", place.admin);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();
    let list = ["app", "list", "--url", &url];
    assert_eq!(
        right(&remote(&[], &[&list[..], &["--token-file", file]].concat()).await),
        json!([])
    );
    let read = [("TWINPATH_ADMIN_TOKEN", token.as_str())];
    let told = wrong(&remote(&read, &["key", "rotate", "--url", &url]).await);
    assert!(told.contains("role does not allow"), "{told}");

    for (environment, words, word) in [
        (&[][..], &["app", "list"][..], "--config FILE"),
        (&[], &list, "--token-file"),
        (&[("TWINPATH_ADMIN_TOKEN", "x")], &list, "valid admin token"),
        (&read, &["app", "list", "--url", "http://admin.example"], "must be https"),
        (&read, &["app", "list", "--url", &url, "--config", "x"], "cannot be used with"),
        (&read, &["app", "list", "--url", &place.issuer], "no admin API"),
        (&read, &["app", "show", "..", "--url", &url], "names nothing"),
        (&[], &[&list[..], &["--token-file", "/nowhere"]].concat(), "/nowhere"),
    ] {
        let told = wrong(&remote(environment, words).await);
        assert!(told.contains(word), "{words:?}: {told}");
        assert!(!told.contains(&token), "{told}");
    }
    server.terminate().await;
    server.ended().await;
    let told = wrong(&remote(&read, &list).await);
    assert!(told.contains("onnect"), "{told}");
}

#[tokio::test]
async fn a_configuration_names_a_server_that_runs_or_not() {
    let place = Installation::new(&Settings::default());
    let name = ["app", "register", "--name", "Shop", "--auth-method", "client_secret_post"];
    let made = place.json(&[&name[..], &["--client-id", "shop"]].concat()).await;
    let at_rest = place.json(&["app", "list"]).await;
    let (token, _) = token(&place, "read").await;
    let server = place.start().await;
    assert_eq!(place.json(&["app", "list"]).await, at_rest);
    assert_eq!(at_rest[0]["client_id"], made["client_id"]);
    let url = format!("http://{}", place.admin);
    let read = [("TWINPATH_ADMIN_TOKEN", token.as_str())];
    assert_eq!(right(&remote(&read, &["app", "list", "--url", &url]).await), at_rest);
    let again = wrong(&place.run(&[&name[..], &["--client-id", "shop"]].concat()).await);
    assert!(again.contains("there is an app \"shop\" already"), "{again}");
    server.terminate().await;
    server.ended().await;
    let again = wrong(&place.run(&[&name[..], &["--client-id", "shop"]].concat()).await);
    assert!(again.contains("there is an app \"shop\" already"), "{again}");
    place.json(&["app", "delete", "shop"]).await;
    assert_eq!(place.json(&["app", "list"]).await, json!([]));
}
