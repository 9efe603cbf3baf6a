//! Holds the documentation to the sources: each file that it names is there, and each item in it.

#![expect(clippy::unwrap_used, reason = "a test")]

mod sources;

use std::path::Path;

use sources::{root, rust_files};

/// A place of the documentation: `path.rs`, or `path.rs: item`, on a path's last parts.
struct Place<'a> {
    page: &'a str,
    path: &'a str,
    item: Option<&'a str>,
}

/// Between one pair of backticks. Patterns are no places.
fn place<'a>(page: &'a str, code: &'a str) -> Option<Place<'a>> {
    let (path, item) = match code.split_once(".rs: ") {
        Some((_, item)) => (code.split(": ").next()?, Some(item)),
        None => (code, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_/.-".contains(c);
    let source = Path::new(path).extension().is_some_and(|kind| kind == "rs");
    // How a place is written.
    let example = path.starts_with("path/");
    let named = source && !example && path.chars().all(plain);
    named.then_some(Place { page, path, item })
}

/// Whether the text has the item: the last name of `Type::method`, and its type too.
fn has(text: &str, item: &str) -> bool {
    let names = item.split("::").map(|name| name.trim_end_matches(['!', '(', ')']));
    names.into_iter().all(|name| {
        text.match_indices(name).any(|(at, _)| {
            let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let (before, after) = text.split_at(at);
            !word(before.chars().next_back()) && !word(after.chars().nth(name.chars().count()))
        })
    })
}

#[test]
fn what_the_documentation_names_is_there() {
    let root = root();
    let mut files = Vec::new();
    rust_files(&root.join("crates"), &mut files);
    let mut pages = vec![root.join("README.md")];
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    let (mut seen, mut missing) = (0, Vec::new());
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        for line in text.lines() {
            let codes = line.split('`').skip(1).step_by(2);
            for Place { page, path, item } in codes.filter_map(|code| place(&name, code)) {
                seen += 1;
                let known = files.iter().any(|file| {
                    file.ends_with(path)
                        && item
                            .is_none_or(|item| has(&std::fs::read_to_string(file).unwrap(), item))
                });
                if !known {
                    missing.push(format!("{page}: {path} {}", item.unwrap_or_default()));
                }
            }
        }
    }
    assert!(seen > 100, "places are found: {seen}");
    assert!(missing.is_empty(), "named but not there: {missing:#?}");
}
