//! Validity times (RFC 5280 4.1.2.5) as Unix seconds.

use crate::der::{Element, Fault, Tag};

/// Reads `UTCTime` (`YYMMDDHHMMSSZ`) or `GeneralizedTime` (`YYYYMMDDHHMMSSZ`).
pub(super) fn parse(element: Element<'_>) -> Result<i64, Fault> {
    let digits = element.contents.strip_suffix(b"Z").ok_or(Fault::Contents)?;
    let (year, rest) = if element.tag == Tag::UTC_TIME {
        let (year, rest) = pair(digits)?;
        (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
    } else if element.tag == Tag::GENERALIZED_TIME {
        let (century, rest) = pair(digits)?;
        let (year, rest) = pair(rest)?;
        (century * 100 + year, rest)
    } else {
        return Err(Fault::Unexpected);
    };
    let (seconds, rest) = since_1970(year, rest)?;
    if rest.is_empty() { Ok(seconds) } else { Err(Fault::Contents) }
}

/// `MMDDHHMMSS` of a year; what follows comes back.
fn since_1970(year: i64, rest: &[u8]) -> Result<(i64, &[u8]), Fault> {
    let (month, rest) = pair(rest)?;
    let (day, rest) = pair(rest)?;
    let (hour, rest) = pair(rest)?;
    let (minute, rest) = pair(rest)?;
    let (second, rest) = pair(rest)?;
    let in_range = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return Err(Fault::Contents);
    }
    let days = days_from_civil(year, month, day);
    Ok((days * 86_400 + hour * 3_600 + minute * 60 + second, rest))
}

/// Unix seconds of an RFC 3339 time; a fraction of a second is dropped, a leap second refused.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let end = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at_checked(end)?;
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let shaped = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(it, wanted)| match wanted {
                b'0' => it.is_ascii_digit(),
                other => it == other,
            })
    };
    if !shaped(date, "0000-00-00") || !shaped(clock, "00:00:00") {
        return None;
    }
    let digits: Vec<u8> = date.bytes().chain(clock.bytes()).filter(u8::is_ascii_digit).collect();
    let (century, rest) = pair(&digits).ok()?;
    let (year, rest) = pair(rest).ok()?;
    let (local, _) = since_1970(century * 100 + year, rest).ok()?;
    Some(local - offset(zone)?)
}

/// `Z`, `+HH:MM` or `-HH:MM` in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, rest) = pair(zone.as_bytes().get(1..)?).ok()?;
    let (minutes, rest) = pair(rest.strip_prefix(b":")?).ok()?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn pair(digits: &[u8]) -> Result<(i64, &[u8]), Fault> {
    match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Ok((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        _ => Err(Fault::Contents),
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar: a year is counted from March, so that the leap
/// day is its last one.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    shifted * 365 + leap_days + day_of_year - 719_468
}

/// Unix seconds as RFC 3339 in UTC, for people.
pub fn rfc3339(seconds: i64) -> String {
    let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The year is never off by more than one from this guess.
    let mut year = 1970 + days.div_euclid(365);
    while days_from_civil(year, 1, 1) > days {
        year -= 1;
    }
    let mut month = 12;
    while days_from_civil(year, month, 1) > days {
        month -= 1;
    }
    let day = days - days_from_civil(year, month, 1) + 1;
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::Reader;

    fn read(tag: u8, text: &str) -> Result<i64, Fault> {
        let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        parse(Reader::new(&bytes).element()?)
    }

    #[test]
    fn both_forms_and_their_edges() {
        assert_eq!(read(23, "700101000000Z"), Ok(0));
        assert_eq!(read(23, "491231235959Z"), Ok(2_524_607_999));
        assert_eq!(read(24, "20480101000000Z"), Ok(2_461_449_600));
        assert_eq!(read(24, "21060207062815Z"), Ok(4_294_967_295));
        assert_eq!(read(24, "20240229000000Z"), Ok(1_709_164_800));
        for wrong in [
            "20230229000000Z",
            "20231301000000Z",
            "20230101240000Z",
            "20230101000000",
            "2023010100000Z",
            "20230101000000.5Z",
            "20230101000000+0000",
        ] {
            assert_eq!(read(24, wrong), Err(Fault::Contents), "{wrong}");
        }
        assert_eq!(read(22, "700101000000Z"), Err(Fault::Unexpected));
    }

    #[test]
    fn times_of_people_are_read() {
        let noon = Some(1_771_934_400);
        assert_eq!(parse_rfc3339("2026-02-24T12:00:00Z"), noon);
        assert_eq!(parse_rfc3339("2026-02-24t12:00:00.999z"), noon);
        assert_eq!(parse_rfc3339("2026-02-24 13:30:00+01:30"), noon);
        assert_eq!(parse_rfc3339("2026-02-24T07:00:00-05:00"), noon);
        for wrong in [
            "",
            "now",
            "2026-02-24",
            "2026-02-24T12:00:00",
            "2026-2-24T12:00:00Z",
            "2026-02-30T12:00:00Z",
            "2026-02-24T12:00Z",
            "2026-02-24T12:00:00+25:00",
            "2026-02-24T12:00:00+0100",
            "2026-02-24T12:00:00Zz",
            "2026-02-24T12:00:00ü",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn written_times_read_the_same() {
        for seconds in
            [0, -1, 951_782_399, 951_782_400, 1_735_689_599, 4_102_444_800, 253_402_300_799]
        {
            let written = rfc3339(seconds);
            let compact: String = written.chars().filter(|it| !"-:T".contains(*it)).collect();
            assert_eq!(read(24, &compact), Ok(seconds), "{written}");
            assert_eq!(parse_rfc3339(&written), Some(seconds));
        }
    }
}
