//! Digits that a text carries.

use std::fmt;

use crate::vault::same;

/// `N` decimal digits. `Debug` does not show them, and they are compared in constant time.
#[derive(Clone, Copy)]
pub struct Digits<const N: usize>([u8; N]);

/// What a confirmation's text carries (PROTOCOL 6).
pub type ConfirmationCode = Digits<8>;
/// What follows `REVOKE` (PROTOCOL 6).
pub type RevocationCode = Digits<6>;

impl<const N: usize> Digits<N> {
    /// Exactly `N` ASCII digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; N] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits))
    }

    /// The last digits of a number, with leading zeros.
    pub fn of(mut number: u64) -> Self {
        let mut digits = [b'0'; N];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        Self(digits)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> PartialEq for Digits<N> {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl<const N: usize> Eq for Digits<N> {}

impl<const N: usize> fmt::Debug for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digits({N})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_so_many_ascii_digits() {
        for bad in
            ["", "1234567", "123456789", "1234 678", "+1234567", "١٢٣٤", "1234567a", "12345678 "]
        {
            assert_eq!(ConfirmationCode::parse(bad), None, "{bad:?}");
        }
        let digits = ConfirmationCode::parse("00000042").unwrap();
        assert_eq!(digits, Digits::of(42));
        assert_eq!(digits, Digits::of(9_100_000_042), "the last eight");
        assert_ne!(digits, Digits::of(43));
        assert_eq!(digits.as_str(), "00000042");
        assert!(!format!("{digits:?}").contains("42"));
    }
}
