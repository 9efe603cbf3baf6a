//! HTTP messages as values, and the few header grammars that matter here.

use std::{fmt, time::Duration};

/// A header field to send.
pub type HeaderField = (&'static str, String);

/// A request to send. `Debug` shows no header or body: both hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The URL.
    pub url: String,
    /// Header fields.
    pub headers: Vec<HeaderField>,
    /// The body.
    pub body: String,
    /// How much longer than usual the answer may take: the `wait` asked for (RFC 7240 4.3).
    pub extra_patience: Duration,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url)
    }
}

/// An answer. `Debug` shows the status alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

impl Answer {
    /// The first header field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Every header field of this name.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// `Retry-After` as a pause from the answer's own time (RFC 9110 10.2.3).
    pub(super) fn retry_after(&self, now: i64) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let from = self.date().unwrap_or(now);
        u64::try_from(http_date(value)? - from).ok().map(Duration::from_secs)
    }

    /// `Date` in seconds since 1970 (RFC 9110 6.6.1).
    pub(super) fn date(&self) -> Option<i64> {
        self.header("date").and_then(http_date)
    }
}

/// The `IMF-fixdate` that servers send: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7).
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split([' ', ':']);
    let number = |parts: &mut dyn Iterator<Item = &str>| parts.next()?.parse::<i64>().ok();
    let day = number(&mut parts)?;
    let month_name = parts.next()?;
    let month = i64::try_from(MONTHS.iter().position(|month| *month == month_name)?).ok()? + 1;
    let year = number(&mut parts)?;
    let clock = [number(&mut parts)?, number(&mut parts)?, number(&mut parts)?];
    let sane = (1970..10_000).contains(&year)
        && (1..=31).contains(&day)
        && clock.iter().all(|part| (0..=60).contains(part));
    if !sane || parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    let [hours, minutes, seconds] = clock;
    Some(((days_since_1970(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// Days of the Gregorian calendar, counted in years that begin in March, so that leap days are last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// Scheme and authority of a URL.
pub(super) fn origin(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url.get(..scheme.len() + 3 + authority).unwrap_or(url)
}

/// A URL without query and fragment: the claim `htu` (RFC 9449 4.2).
pub(super) fn htu(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// Percent-encodes all but unreserved characters (RFC 3986 2.1).
pub(super) fn percent_encode(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_rfc_9110() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        for wrong in ["", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT"] {
            assert_eq!(http_date(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let answer = |value: &str| Answer {
            headers: vec![
                ("Retry-After".into(), value.into()),
                ("Date".into(), "Sun, 06 Nov 1994 08:49:37 GMT".into()),
            ],
            ..Answer::default()
        };
        assert_eq!(answer("7").retry_after(0), Some(Duration::from_secs(7)));
        let date = answer("Sun, 06 Nov 1994 08:50:07 GMT");
        assert_eq!(date.retry_after(0), Some(Duration::from_secs(30)));
        assert_eq!(answer("soon").retry_after(0), None);
    }

    #[test]
    fn parts_of_urls() {
        assert_eq!(origin("https://a.b:1/c?d"), "https://a.b:1");
        assert_eq!(origin("https://a.b?d"), "https://a.b");
        assert_eq!(htu("https://a/b?c#d"), "https://a/b");
        assert_eq!(percent_encode("a b.é-+"), "a%20b.%C3%A9-%2B");
    }
}
