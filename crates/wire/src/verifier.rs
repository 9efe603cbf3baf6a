//! The `terminal_verifier`: the secret that a commitment hides until the second path shows it.
//!
//! PROTOCOL 2; the grammar is that of PKCE's `code_verifier` (RFC 7636 4.1).

use core::fmt;

use crate::b64;

/// 43 to 128 characters of `[A-Za-z0-9-._~]`. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier(String);

/// The text is outside the grammar of RFC 7636 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("terminal_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")]
pub struct InvalidVerifier;

impl Verifier {
    /// The verifier of 32 bytes from a cryptographic random source.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(b64::encode(bytes))
    }

    /// Takes a verifier that the other side made.
    pub fn parse(text: &str) -> Result<Self, InvalidVerifier> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidVerifier)
        }
    }

    /// The secret itself, for the token request and the commitment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_of_rfc_7636() {
        assert!(Verifier::parse(&"a".repeat(42)).is_err());
        assert!(Verifier::parse(&"~".repeat(43)).is_ok());
        assert!(Verifier::parse(&"a".repeat(128)).is_ok());
        assert!(Verifier::parse(&"a".repeat(129)).is_err());
        for foreign in ["+", " ", "é", "/", "="] {
            assert!(Verifier::parse(&(foreign.to_owned() + &"a".repeat(50))).is_err());
        }
    }

    #[test]
    fn random_bytes_give_43_characters_that_stay_hidden() {
        let verifier = Verifier::from_random([7; 32]);
        assert_eq!(verifier.as_str().len(), 43);
        assert_eq!(Verifier::parse(verifier.as_str()), Ok(verifier.clone()));
        assert_eq!(format!("{verifier:?}"), "Verifier(..)");
    }
}
