//! Calls for tests.

use crate::webhook::Call;
use http::{HeaderMap, HeaderName, HeaderValue};

/// A call with what it lends.
pub(crate) struct Owned {
    method: &'static str,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    now: i64,
}

impl Owned {
    pub(crate) fn call(&self) -> Call<'_> {
        let Self { method, url, headers, body, now } = self;
        Call { method, url, headers, body, now: *now }
    }
}

/// Parts of what the tests' calls hold that no `Debug` may show.
pub(crate) const MUST_NOT_SHOW: [&str; 4] = ["447911123456", "4F7K", "token", "5005550006"];

pub(crate) fn call(
    method: &'static str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    now: i64,
) -> Owned {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    Owned { method, url: url.to_owned(), headers: map, body: body.to_vec(), now }
}

/// Octets in lower-case hex.
pub(crate) fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}
