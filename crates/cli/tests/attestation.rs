//! `attestation inspect` as a process.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const CHAINS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/attestation/android");
const AT: &str = "2026-02-25T00:00:00Z";

fn inspect(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinpath"));
    command.args(["attestation", "inspect"]).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = inspect(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn chain(name: &str) -> String {
    format!("{CHAINS}/{name}")
}

#[test]
fn a_chain_is_printed_with_its_verdict() {
    let file = chain("tegu/sdk36/TEE_EC_2026_ROOT.pem");
    let told = json(&[&file, "--at", AT]);
    assert_eq!(told["verified"], true, "{}", told["reasons"]);
    assert_eq!(told["attestationVersion"], "400");
    assert_eq!(told["hardwareEnforced"]["rootOfTrust"]["verifiedBootState"], "VERIFIED");
    assert_eq!(told["provisioningInfo"]["name"], "Google");
    let late = json(&[&file, "--at", "2026-12-01T00:00:00Z"]);
    assert_eq!((&late["verified"], &late["keyMintVersion"]), (&false.into(), &"400".into()));
    assert_eq!(late["reasons"][0]["reason"], "certificate_expired");
    let now = json(&[&file]);
    assert_eq!(now["verified"], false, "its certificates lived for weeks");
}

#[test]
fn roots_and_revocations_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = chain("tegu/sdk36/TEE_EC_2026_ROOT.pem");
    let roots = chain("roots.json");
    let list = folder.path().join("status.json");
    fs::write(&list, r#"{"entries":{"b184cb05ec50fdc985f0ec53297cf823":{"status":"REVOKED"}}}"#)
        .unwrap();
    let list = list.to_str().unwrap();
    assert_eq!(json(&[&file, "--at", AT, "--roots", &roots])["verified"], true);
    let revoked = json(&[&file, "--at", AT, "--roots", &roots, "--revocations", list]);
    assert_eq!(revoked["reasons"][0]["reason"], "revoked");
    let other = chain("marlin/sdk29/TEE_EC_NONE.pem");
    let rootless = json(&[&file, "--at", AT, "--roots", &other]);
    assert_eq!(rootless["reasons"][0]["reason"], "unknown_root");
}

#[test]
fn standard_input_is_read_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinpath"))
        .args(["attestation", "inspect", "-", "--at", AT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pem = fs::read(chain("tegu/sdk36/SB_EC_2026_ROOT.pem")).unwrap();
    child.stdin.take().unwrap().write_all(&pem).unwrap();
    let output = child.wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["verified"], true);
}

#[test]
fn what_cannot_be_read_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----").unwrap();
    let broken = broken.to_str().unwrap();
    let file = chain("tegu/sdk36/TEE_EC_2026_ROOT.pem");
    let cases: [(&[&str], &str); 5] = [
        (&[broken], "malformed_certificate"),
        (&["/nonexistent"], "/nonexistent"),
        (&[&file, "--roots", broken], "root 1 cannot be read"),
        (&[&file, "--revocations", &file], "status list"),
        (&[&file, "--at", "yesterday"], "not a time like"),
    ];
    for (arguments, expected) in cases {
        let output = inspect(arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(told.contains(expected), "{told}");
    }
}
