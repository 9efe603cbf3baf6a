//! The text by which a person ends a grant (PROTOCOL 6): `REVOKE` and six digits, and nothing else.

use unicode_normalization::UnicodeNormalization as _;

/// The word. (Not STOP: carriers take that for themselves.)
pub const REVOKE: &str = "REVOKE";

/// The digits that such a text carries.
pub const DIGITS: usize = 6;

/// Longer texts are none.
const MAX_CHARS: usize = 40;

/// The six digits of a revocation: NFKC, whatever the case, white space around and between.
pub fn read_revocation(text: &str) -> Option<String> {
    if text.chars().nth(MAX_CHARS).is_some() {
        return None;
    }
    let plain: String = text.nfkc().collect();
    let plain = plain.trim();
    let word = plain.get(..REVOKE.len())?;
    let rest = plain.get(REVOKE.len()..)?;
    let digits = rest.trim_start();
    let right = word.eq_ignore_ascii_case(REVOKE)
        && digits.len() < rest.len()
        && digits.len() == DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_and_six_digits() {
        let good = [
            "REVOKE 123456",
            "revoke 123456",
            " Revoke\n 123456\u{3000}",
            "\u{ff32}\u{ff25}\u{ff36}\u{ff2f}\u{ff2b}\u{ff25}\u{3000}\u{ff11}\u{ff12}\u{ff13}456",
            "REVOKE\u{a0}123456",
        ];
        for text in good {
            assert_eq!(read_revocation(text).as_deref(), Some("123456"), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let long = format!("REVOKE{}123456", " ".repeat(40));
        let bad = [
            "",
            "REVOKE",
            "REVOKE123456",
            "REVOKE 12345",
            "REVOKE 1234567",
            "REVOKE 123 456",
            "REVOKE 123456.",
            "Please REVOKE 123456",
            "REVOKE 123456 now",
            "REVOKE ١٢٣٤٥٦",
            "REVOKÉ 123456",
            "STOP 123456",
            "éREVOK 123456",
            long.as_str(),
        ];
        for text in bad {
            assert_eq!(read_revocation(text), None, "{text:?}");
        }
    }
}
