//! Every test that docs/conformance.md names is there.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "node_modules" && name != "target" {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// `file::test` and `folder/file::test` of a page: what stands in backquotes and has `::` within.
fn named(page: &str) -> BTreeSet<(String, String)> {
    let quoted = page.split('`').skip(1).step_by(2);
    let tests = quoted.filter_map(|text| text.split_once("::"));
    tests.map(|(place, test)| (place.to_owned(), test.to_owned())).collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/conformance.md")).unwrap();
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    let named = named(&page);
    assert!(named.len() > 40, "the page is read");
    for (place, test) in named {
        if place == "file" {
            continue;
        }
        let file = place.rsplit('/').next().unwrap().to_owned();
        let holds = |path: &&PathBuf| {
            let text = path.to_string_lossy();
            let here =
                text.ends_with(&format!("/{file}.rs")) || text.contains(&format!("/{file}/"));
            here && fs::read_to_string(path).unwrap().contains(&format!("fn {test}("))
        };
        assert!(files.iter().any(|path| holds(&path)), "{place}::{test}");
    }
}
