//! The text to send, as a person, a link and a QR code carry it.

use std::fmt::Write as _;

/// The text that the person's phone is to send.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where it may go, as dialled (`+8610690001`, `10690001`): alternatives, the first preferred.
    pub numbers: Vec<String>,
    /// Exactly what it says.
    pub body: String,
}

/// The `sms:` URI that opens a text to `number` (RFC 5724), `body` in octets of RFC 3986's
/// unreserved characters. `None` unless `number` is 3 to 16 digits, perhaps after a `+`.
pub fn sms_uri(number: &str, body: &str) -> Option<String> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    if !(3..=16).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut uri = format!("sms:{number}?body=");
    for byte in body.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    Some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_percent_encoded() {
        assert_eq!(
            sms_uri("+8610690001", "Weather & co: TP1-A~").as_deref(),
            Some("sms:+8610690001?body=Weather%20%26%20co%3A%20TP1-A~")
        );
        assert_eq!(sms_uri("10690", "天").as_deref(), Some("sms:10690?body=%E5%A4%A9"));
    }

    #[test]
    fn only_numbers_are_dialled() {
        for bad in
            ["", "+", "12", "+44 7911", "+447911?body=x", "javascript:x", "+12345678901234567"]
        {
            assert_eq!(sms_uri(bad, "x"), None, "{bad}");
        }
    }
}
