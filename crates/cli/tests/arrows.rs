//! Holds the house to its plan: which crate may use which, and who may see a database driver.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Crate -> the crates of ours it may use.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("twinpath-wire", &[]),
    ("twinpath-attestation", &[]),
    ("twinpath-smpp", &[]),
    ("twinpath-gateway", &[]),
    ("twinpath-core", &["twinpath-wire", "twinpath-attestation"]),
    ("twinpath-store", &["twinpath-core"]),
    ("twinpath-client", &["twinpath-wire"]),
    ("twinpath-pages", &[]),
    (
        "twinpath-server",
        &[
            "twinpath-wire",
            "twinpath-attestation",
            "twinpath-core",
            "twinpath-smpp",
            "twinpath-gateway",
            "twinpath-store",
            "twinpath-pages",
        ],
    ),
    (
        "twinpath-dev",
        &["twinpath-wire", "twinpath-core", "twinpath-smpp", "twinpath-server", "twinpath-client"],
    ),
    ("twinpath-bench", &["twinpath-wire", "twinpath-core", "twinpath-smpp", "twinpath-server"]),
    (
        "twinpath",
        &[
            "twinpath-attestation",
            "twinpath-core",
            "twinpath-store",
            "twinpath-server",
            "twinpath-dev",
            "twinpath-bench",
        ],
    ),
    ("twinpath-testing", &[]),
    // Tests may use everything.
    ("twinpath-e2e", &["*"]),
];

/// Only the store sees a database, only the two ends of HTTP see HTTP.
const RESERVED: [(&str, &[&str]); 4] = [
    ("rusqlite", &["twinpath-store"]),
    ("tokio-postgres", &["twinpath-store"]),
    ("axum", &["twinpath-server", "twinpath-dev", "twinpath-bench", "twinpath-e2e"]),
    (
        "tokio",
        &[
            "twinpath-smpp",
            "twinpath-store",
            "twinpath-client",
            "twinpath-server",
            "twinpath-dev",
            "twinpath-bench",
            "twinpath",
            "twinpath-e2e",
        ],
    ),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter();
            (name(package), normal.filter(|d| d["kind"].is_null()).map(name).collect())
        })
        .collect()
}

#[test]
fn crates_use_each_other_one_way() {
    let dependencies = dependencies();
    let planned: BTreeSet<_> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(dependencies.keys().cloned().collect::<BTreeSet<_>>(), planned);
    for (name, allowed) in ALLOWED {
        let ours = dependencies[name].iter().filter(|used| planned.contains(*used));
        for used in ours {
            let fine = allowed.contains(&"*") || allowed.contains(&used.as_str());
            assert!(fine, "{name} must not use {used}");
        }
    }
}

#[test]
fn drivers_stay_in_their_rooms() {
    for (library, allowed) in RESERVED {
        for (name, used) in dependencies() {
            let fine = !used.contains(library) || allowed.contains(&name.as_str());
            assert!(fine, "{name} must not use {library}");
        }
    }
}
