//! Holds `docs/conformance.md` to the tests: each one it names is there and runs, and each requirement
//! has a test or a reason.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How a cell begins that has no test.
const WITHOUT_TEST: [&str; 2] = ["Reason: ", "Not shown: "];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/conformance.md")).unwrap()
}

/// `crate/path::test` in back ticks.
fn citations(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.contains('/') && quoted.contains("::")).collect()
}

/// Where the tests of `crate/path` may stand.
fn places(of: &str) -> Vec<PathBuf> {
    let (name, path) = of.split_once('/').unwrap();
    let folder = root().join("crates").join(name);
    [
        format!("src/{path}.rs"),
        format!("src/{path}/tests.rs"),
        format!("src/{path}/mod.rs"),
        format!("tests/{path}.rs"),
        format!("tests/it/{path}.rs"),
        format!("tests/it/{path}/mod.rs"),
        format!("tests/{name}/{path}.rs"),
        format!("tests/{name}/{path}/mod.rs"),
    ]
    .map(|place| folder.join(place))
    .into_iter()
    .filter(|place| place.is_file())
    .collect()
}

/// The tests of a file that are run: `#[test]` or `#[tokio::test]`, and not `#[ignore]`.
fn tests(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut is_test, mut ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            ignored |= line.starts_with("#[ignore");
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            let name = rest.split(['(', '<']).next().unwrap();
            if !ignored {
                found.insert(name.to_owned());
            }
            (is_test, ignored) = (false, false);
        }
    }
    found
}

/// The rows of the page's tables: their cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines = page.lines().filter(|line| line.starts_with("| "));
    let rows = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect());
    rows.filter(|cells: &Vec<&str>| !["section", "case"].contains(&cells[0])).collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let page = page();
    let cited = citations(&page);
    assert!(cited.len() > 150, "{} is too few to be all", cited.len());
    let missing: Vec<_> = cited
        .into_iter()
        .filter(|citation| {
            let (file, name) = citation.split_once("::").unwrap();
            let read = |place: &PathBuf| tests(&std::fs::read_to_string(place).unwrap());
            !places(file).iter().any(|place| read(place).contains(name))
        })
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_requirement_has_a_test_or_a_reason() {
    let page = page();
    let rows = rows(&page);
    assert!(rows.len() > 150, "{} rows", rows.len());
    for row in rows {
        assert_eq!(row.len(), 3, "three cells: {row:?}");
        let shown = row[2];
        let said = WITHOUT_TEST.iter().find_map(|begin| shown.strip_prefix(begin));
        let reasoned = said.is_some_and(|why| why.len() >= 20);
        assert!(!citations(shown).is_empty() || reasoned, "{row:?}");
    }
}

#[test]
fn what_is_no_test_is_not_taken_for_one() {
    let source = "#[test]\nfn a() {}\nfn b() {}\n#[tokio::test]\n#[ignore]\nasync fn c() {}\n\
                  #[tokio::test(flavor = \"x\")]\nasync fn d() {}\n";
    let names: Vec<_> = tests(source).into_iter().collect();
    assert_eq!(names, ["a", "d"]);
    assert_eq!(citations("`a/b::c`, `d::e` and `f/g`"), ["a/b::c"]);
}
