//! Holds the house to its plan: which crate may use which, and who may see a database driver.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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

/// The folder's `.rs` files and folders of modules that no `mod` names, below it all.
fn orphans(root: &Path, found: &mut Vec<PathBuf>) {
    let text = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let declared: String = [root.join("lib.rs"), root.join("main.rs"), root.join("mod.rs")]
        .into_iter()
        .chain([root.with_extension("rs")])
        .map(text)
        .collect();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_module =
            path.extension().is_some_and(|kind| kind == "rs") || path.join("mod.rs").is_file();
        let is_root = ["lib", "main", "mod"].contains(&name);
        if is_module && !is_root && !declared.contains(&format!("mod {name};")) {
            found.push(path.clone());
        }
        if path.is_dir() {
            orphans(&path, found);
        }
    }
}

/// A file that no `mod` names is compiled by nobody: its tests pass without being run.
#[test]
fn every_file_is_part_of_its_crate() {
    let mut found = Vec::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for one in std::fs::read_dir(crates).unwrap() {
        let one = one.unwrap().path();
        orphans(&one.join("src"), &mut found);
        let tests = std::fs::read_dir(one.join("tests")).into_iter().flatten();
        for target in tests.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
            // A folder without `main.rs` is a module of the targets beside it.
            if target.join("main.rs").is_file() {
                orphans(&target, &mut found);
            }
        }
    }
    assert!(found.is_empty(), "no mod names them: {found:?}");
}
