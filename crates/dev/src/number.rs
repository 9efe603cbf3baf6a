//! Phone numbers as people type them.

use twinpath_core::number::E164;

/// Two phones, of a range that is kept free for fiction (07700 900000 to 900999), so nobody's.
pub(crate) const PHONES: [&str; 2] = ["+447700900123", "+447700900456"];

/// Reads a typed number, or says what is wrong with it.
pub(crate) fn read(typed: &str) -> Result<E164, &'static str> {
    let plain: String =
        typed.chars().filter(|c| !c.is_whitespace() && !"-.()/".contains(*c)).collect();
    if plain.is_empty() {
        return Err("Type the phone's number, like +44 7700 900123.");
    }
    let Some(digits) = plain.strip_prefix('+') else {
        return Err("Start with + and the country code: +44 7700 900123, not 07700 900123.");
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("A phone number has only digits after its +.");
    }
    if digits.starts_with('0') {
        return Err("No country code starts with 0: write +44..., not +044...");
    }
    E164::parse(&plain).ok_or("A phone number has 8 to 15 digits after its +.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_numbers() {
        assert_eq!(read(" +44 (7700) 900-123 ").unwrap().as_str(), "+447700900123");
        for (typed, word) in [
            ("", "Type"),
            ("07700 900123", "country code"),
            ("+44 7700 SUNNY", "only digits"),
            ("+٤٤٧٧٠٠٩٠٠١٢٣", "only digits"),
            ("+0447700900123", "starts with 0"),
            ("+44770", "8 to 15"),
            ("+1234567890123456", "8 to 15"),
        ] {
            let problem = read(typed).unwrap_err();
            assert!(problem.contains(word), "{typed}: {problem}");
        }
        assert!(PHONES.iter().all(|phone| read(phone).is_ok()));
    }
}
