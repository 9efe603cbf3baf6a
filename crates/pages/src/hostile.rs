//! Making others' text fit to be shown: apps name themselves, and may lie, break out or reorder.

use std::fmt;

use askama::FastWritable;
use askama::filters::{Escaper as _, Html as HtmlEscaper, HtmlSafe};

/// The longest name shown, in characters.
pub(crate) const NAME: usize = 80;
/// The longest line of an explanation shown, in characters.
pub(crate) const LINE: usize = 400;

/// Markup made by this crate: what is foreign in it is escaped.
#[derive(Clone, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Appends text, escaped.
    pub(crate) fn text(mut self, text: &str) -> Self {
        // Writing into a string does not fail.
        let _ = HtmlEscaper.write_escaped_str(&mut self.0, text);
        self
    }

    /// Appends foreign text, at most `limit` characters: cleaned, escaped, and isolated so that its
    /// direction cannot reorder what stands around it.
    pub(crate) fn foreign(mut self, text: &str, limit: usize) -> Self {
        self.0.push_str("<bdi>");
        self = self.text(&clean(text, limit));
        self.0.push_str("</bdi>");
        self
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

impl FastWritable for Html {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

/// Foreign text on one line, without what is invisible or reorders, cut after `limit` characters.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let visible: String =
        text.chars().take(4 * limit).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let visible: String = visible.chars().filter(|c| !is_invisible(*c)).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    line.chars().take(limit - 1).chain(['…']).collect()
}

/// Controls, marks of direction, fillers and tags. Joiners stay: Hindi and emoji need them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'
            | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// An `https` address that is safe to link, and the host that a person is to see beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) host: String,
}

impl Link {
    /// Nothing but `https`, with a host, without user information, in the characters of RFC 3986.
    pub(crate) fn new(uri: &str) -> Option<Self> {
        let (scheme, host) = scheme_and_host(uri)?;
        (scheme == "https").then(|| Self { href: uri.to_owned(), host })
    }
}

/// The scheme (in lower case) and the host with its port of an absolute URI with an authority.
pub(crate) fn scheme_and_host(uri: &str) -> Option<(String, String)> {
    const OTHERS: &[u8] = b"-._~:/?#[]@!$&()*+,;=%";
    let fine = |b: u8| b.is_ascii_alphanumeric() || OTHERS.contains(&b);
    if uri.len() > 2048 || !uri.bytes().all(fine) {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    let named = host.bytes().any(|b| b.is_ascii_alphanumeric()) && !host.starts_with(':');
    (named && host.bytes().all(is_host))
        .then(|| (scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_isolated() {
        let html = Html::default().text("a & ").foreign("<b>\"'", NAME).to_string();
        assert_eq!(html, "a &#38; <bdi>&#60;b&#62;&#34;&#39;</bdi>");
    }

    #[test]
    fn controls_and_marks_of_direction_go() {
        assert_eq!(clean("pay\u{202e}lap\u{2066}\u{0}\u{200b}\u{7f}", NAME), "paylap");
        assert_eq!(clean(" a\r\n\t b\u{2029}c\u{3000} ", NAME), "a b c");
        assert_eq!(clean("\u{200f}\u{3164}\u{e0041}", NAME), "");
        assert_eq!(clean("क्\u{200d}ष 👩\u{200d}💻", NAME), "क्\u{200d}ष 👩\u{200d}💻");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(clean(&"é".repeat(1_000_000), 5), "éééé…");
        assert_eq!(clean("ééééé", 5), "ééééé");
    }

    #[test]
    fn only_https_is_linked() {
        let link = Link::new("https://Weather.example:8443/a?b=c&d=(e)#f").unwrap();
        assert_eq!(link.host, "weather.example:8443");
        for bad in [
            "javascript:alert(1)",
            "javascript://x.example/%0aalert(1)",
            "data:text/html,x",
            "http://weather.example/",
            "//weather.example/",
            "/path",
            "https:weather.example",
            "https://",
            "https:///a",
            "https://:443/",
            "https://bank.example@evil.example/",
            "https://bank.example\\@evil.example/",
            "https://a.example/\"onclick=\"x",
            "https://a.example/'x",
            "https://a.example/ b",
            " https://a.example/",
            "https://a.example/\u{202e}",
            "https://a.exampl\u{435}/",
            "https://a%2eexample/",
        ] {
            assert_eq!(Link::new(bad), None, "{bad}");
        }
        assert_eq!(Link::new(&format!("https://a.example/{}", "a".repeat(2048))), None);
    }
}
