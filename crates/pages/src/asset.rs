//! Stylesheet and script, named by their content so that browsers may keep them for ever.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// The stylesheet of every page.
pub const STYLE: &[u8] = include_bytes!("../assets/pages.css");
/// The script of the waiting page.
pub const SCRIPT: &[u8] = include_bytes!("../assets/waiting.js");
/// For the header `Cache-Control`: another content has another name.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

static STYLE_NAME: LazyLock<String> = LazyLock::new(|| named("pages", STYLE, "css"));
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| named("waiting", SCRIPT, "js"));

/// A file that pages refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// For the header `Content-Type`; to be sent with `X-Content-Type-Options: nosniff`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

/// The file of this name below [`Site::assets`](crate::Site::assets).
pub fn asset(name: &str) -> Option<Asset> {
    match name {
        _ if name == style() => {
            Some(Asset { content_type: "text/css; charset=utf-8", bytes: STYLE })
        }
        _ if name == script() => {
            Some(Asset { content_type: "text/javascript; charset=utf-8", bytes: SCRIPT })
        }
        _ => None,
    }
}

pub(crate) fn style() -> &'static str {
    &STYLE_NAME
}

pub(crate) fn script() -> &'static str {
    &SCRIPT_NAME
}

fn named(stem: &str, content: &[u8], extension: &str) -> String {
    let hash = Sha256::digest(content)
        .iter()
        .take(8)
        .fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    format!("{stem}-{hash}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_content() {
        assert_eq!(named("a", b"abc", "css"), "a-ba7816bf8f01cfea.css");
        assert_eq!(asset(style()).unwrap().bytes, STYLE);
        assert_eq!(asset(script()).unwrap().bytes, SCRIPT);
        assert_eq!(asset("pages.css"), None);
        assert_eq!(asset("../Cargo.toml"), None);
    }
}
