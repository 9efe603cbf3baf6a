//! The length of a text on the air (3GPP TS 23.038 6.2.1): the GSM 7-bit default alphabet and its
//! basic extension table. No national language tables: phones differ in using them.

/// Characters of the default alphabet outside printable ASCII's common part: one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";

/// Characters that follow an escape: two septets each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// The most septets that one message carries.
pub const MAX_SEPTETS: usize = 160;

/// The most UCS-2 units that one message carries.
pub const MAX_UCS2_UNITS: usize = 70;

/// The septets that `text` takes in the default alphabet; `None` if a character is outside it.
pub fn septets(text: &str) -> Option<usize> {
    text.chars().map(septets_of).sum()
}

/// Whether `text` goes into one message, in whichever alphabet it needs.
pub fn fits_one_message(text: &str) -> bool {
    match septets(text) {
        Some(count) => count <= MAX_SEPTETS,
        None => text.encode_utf16().count() <= MAX_UCS2_UNITS,
    }
}

fn septets_of(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || BASIC.contains(c) {
        Some(1)
    } else if EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_128_places() {
        // 62 letters and digits, the rest of the table, and the escape itself.
        assert_eq!(62 + BASIC.chars().count() + 1, 128);
        assert_eq!(EXTENDED.chars().count(), 10);
    }

    #[test]
    fn septet_counts() {
        assert_eq!(septets("TP1-0"), Some(5));
        assert_eq!(septets("10 €"), Some(5));
        for outside in ["ç", "`", "í", "登", "\t"] {
            assert_eq!(septets(outside), None, "{outside:?}");
        }
        assert!(fits_one_message(&"a".repeat(160)));
        assert!(!fits_one_message(&"a".repeat(161)));
        assert!(fits_one_message(&"登".repeat(70)));
        assert!(!fits_one_message(&"登".repeat(71)));
        assert!(!fits_one_message(&"😀".repeat(36)));
    }
}
