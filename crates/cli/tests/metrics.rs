//! Holds the table of metrics in `docs/operations.md` to the server: each that it exposes is there, and
//! no other.

#![expect(clippy::unwrap_used, reason = "a test")]

mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use sources::{root, rust_files};

/// The string literals of these sources that name a metric.
fn exposed(folder: &Path) -> BTreeSet<String> {
    let (mut files, mut names) = (Vec::new(), BTreeSet::new());
    rust_files(folder, &mut files);
    for path in files {
        let text = std::fs::read_to_string(path).unwrap();
        let literals = text.split("\"twinpath_").skip(1).filter_map(|rest| rest.split_once('"'));
        let named = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let names_of = literals.map(|(name, _)| name).filter(|name| !name.is_empty());
        names.extend(names_of.filter(named).map(|name| format!("twinpath_{name}")));
    }
    names
}

/// The names of the table's first cells, each with what else it may stand for: `_other` after `a_b_c` is
/// `a_other` or `a_b_other`.
fn documented(page: &str) -> Vec<BTreeSet<String>> {
    let mut names = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| `twinpath_")) {
        let cell = row.split(" | ").next().unwrap();
        let mut whole = "";
        for name in cell.split('`').skip(1).step_by(2) {
            if !name.starts_with('_') {
                whole = name;
                names.push(BTreeSet::from([name.to_owned()]));
                continue;
            }
            let ends = whole.match_indices('_').map(|(at, _)| at);
            names.push(
                ends.filter_map(|end| Some(format!("{}{name}", whole.get(..end)?))).collect(),
            );
        }
    }
    names
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_there() {
    let exposed_names = exposed(&root().join("crates/server/src"));
    assert!(exposed_names.len() > 40, "they are found: {exposed_names:?}");
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let documented = documented(&page);
    let said = |name: &&String| documented.iter().any(|names| names.contains(*name));
    let missing: Vec<_> = exposed_names.iter().filter(|name| !said(name)).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    let stale: Vec<_> =
        documented.iter().filter(|names| names.is_disjoint(&exposed_names)).collect();
    assert!(stale.is_empty(), "in docs/operations.md alone: {stale:?}");
}
