//! For tests: documents that the code makes and the repository keeps.

/// Fails if `docs/<name>` is not `text`.
pub(crate) fn assert_kept(name: &str, of: &str, text: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/").to_owned() + name;
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let renew = format!("cargo run -p twinpath -- openapi {of} > docs/{name}");
    assert!(kept == text, "docs/{name} is not what the code makes. If that is right: {renew}");
}
