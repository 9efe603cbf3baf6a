//! What a call must show: secrets, marks over octets, and times that are near enough.

use crate::webhook::{Call, Refused};
use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// Longest a call may have been under way, and furthest its clock may be ahead, in seconds.
pub const WINDOW_S: i64 = 300;

/// What is wrong with a configuration: the key it is under, and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Flaw {
    /// As an operator writes it: `authentication.0.header.name`.
    pub key: String,
    /// In words, without quoting secrets.
    pub reason: &'static str,
}

impl Flaw {
    pub(crate) fn new(key: impl Into<String>, reason: &'static str) -> Self {
        Self { key: key.into(), reason }
    }
}

/// A secret shared with a provider. Never empty, wiped when dropped, not shown by `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Of the octets as the provider shows them. An empty one would let anybody sign.
    pub fn new(octets: impl Into<Vec<u8>>) -> Result<Self, Flaw> {
        let octets = Zeroizing::new(octets.into());
        if octets.is_empty() {
            return Err(Flaw::new("secret", "is empty"));
        }
        Ok(Self(octets))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether these octets are the secret, without telling by time where they differ.
    pub(crate) fn is(&self, octets: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.0, octets).is_ok()
    }

    pub(crate) fn marked(&self, by: hmac::Algorithm, message: &[u8], mark: &[u8]) -> bool {
        hmac::verify(&hmac::Key::new(by, &self.0), message, mark).is_ok()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether one of the secrets marked the message. All are tried, also after one that fits.
pub(crate) fn marked(secrets: &[Secret], by: hmac::Algorithm, message: &[u8], mark: &[u8]) -> bool {
    secrets.iter().fold(false, |fits, secret| secret.marked(by, message, mark) | fits)
}

/// `Ok` when what must hold does.
pub(crate) fn shown(holds: bool) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused::Unauthenticated) }
}

/// The one value of a header that authenticates. Missing, repeated or not text: not authenticated.
pub(crate) fn header<'a>(call: &Call<'a>, name: &str) -> Result<&'a str, Refused> {
    let mut values = call.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Refused::Unauthenticated),
        _ => Err(Refused::Unauthenticated),
    }
}

/// A mark written in base64.
pub(crate) fn base64_mark(written: &str) -> Result<Vec<u8>, Refused> {
    STANDARD.decode(written).map_err(|_| Refused::Unauthenticated)
}

/// A mark written in hex.
pub(crate) fn hex_mark(written: &str) -> Result<Vec<u8>, Refused> {
    from_hex(written).ok_or(Refused::Unauthenticated)
}

/// Octets of hex, in either case.
pub(crate) fn from_hex(written: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let pairs = written.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect()
}

/// Seconds since 1970 as a provider's header or parameter writes them.
pub(crate) fn seconds(written: &str) -> Result<i64, Refused> {
    if written.is_empty() || !written.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refused::Unauthenticated);
    }
    written.parse().map_err(|_| Refused::Unauthenticated)
}

/// Whether a time is at most so many seconds from now, either way.
pub(crate) fn near(now: i64, at: i64, window_s: i64) -> Result<(), Refused> {
    if now.saturating_sub(at).unsigned_abs() <= window_s.unsigned_abs() {
        Ok(())
    } else {
        Err(Refused::Stale)
    }
}

/// Seconds since 1970 of an RFC 3339 time in UTC or with an offset; fractions are dropped.
pub(crate) fn rfc3339(written: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits = written.get(from..to)?;
        digits.bytes().all(|d| d.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let at = |index: usize, mark: &str| written.get(index..=index) == Some(mark);
    if !(at(4, "-") && at(7, "-") && (at(10, "T") || at(10, " ")) && at(13, ":") && at(16, ":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = written.get(19..)?;
    let zone = zone
        .strip_prefix('.')
        .map_or(zone, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    let of_day = hour * 3600 + minute * 60 + second;
    Some(days(year, month, day) * 86_400 + of_day - offset(zone)?)
}

/// `Z`, `+02:00`, `+0200` in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replacen(':', "", 1);
    if digits.len() != 4 || !digits.bytes().all(|d| d.is_ascii_digit()) {
        return None;
    }
    let digits: i64 = digits.parse().ok()?;
    Some(sign * (digits / 100 * 3600 + digits % 100 * 60))
}

/// Days from 1970-01-01 in the Gregorian calendar, counted in years that start in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_secret_is_refused_and_none_is_shown() {
        assert_eq!(Secret::new("").unwrap_err().key, "secret");
        assert_eq!(format!("{:?}", Secret::new("hush").unwrap()), "Secret");
    }

    /// Computed with `date -u -d ... +%s`.
    #[test]
    fn times_are_read_as_rfc_3339_writes_them() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2012-05-02T00:54:06.655Z"), Some(1_335_920_046));
        assert_eq!(rfc3339("2024-02-29T23:59:59+02:00"), Some(1_709_243_999));
        assert_eq!(rfc3339("2024-02-29 23:59:59 +0200"), None);
        assert_eq!(rfc3339("2024-03-01T00:00:00-0330"), Some(1_709_263_800));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for no in [
            "",
            "2012-05-02",
            "2012-05-02T00:54:06",
            "2012-13-02T00:54:06Z",
            "2012-05-02T24:54:06Z",
            "2012-05-02T00:54:06ZZ",
            "2012-05-02T00:54:06+1",
            "+012-05-02T00:54:06Z",
            "2012-05-02T00:54:é6Z",
        ] {
            assert_eq!(rfc3339(no), None, "{no}");
        }
    }

    #[test]
    fn hex_is_whole_and_only_hex() {
        assert_eq!(from_hex("00fF"), Some(vec![0, 255]));
        for no in ["0", "0g", "+1", "é", " 00"] {
            assert_eq!(from_hex(no), None, "{no}");
        }
    }

    #[test]
    fn a_time_is_near_both_ways_and_never_overflows() {
        assert_eq!(near(1000, 700, 300), Ok(()));
        assert_eq!(near(1000, 1300, 300), Ok(()));
        assert_eq!(near(1000, 699, 300), Err(Refused::Stale));
        assert_eq!(near(1000, 1301, 300), Err(Refused::Stale));
        assert_eq!(near(i64::MAX, i64::MIN, 300), Err(Refused::Stale));
        assert_eq!(seconds("-1"), Err(Refused::Unauthenticated));
        assert_eq!(seconds("99999999999999999999"), Err(Refused::Unauthenticated));
    }
}
