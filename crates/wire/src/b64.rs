//! Base64url without padding, one spelling per value (RFC 4648 5, RFC 7515 2).
//!
//! Decoding refuses padding, white space, foreign characters and non-zero trailing bits, so two
//! different strings never decode to the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text is not base64url in its one canonical spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical base64url")]
pub struct NotBase64Url;

/// Encodes without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes the canonical spelling only.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

/// Decodes a value of known length, such as a coordinate or a digest.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], NotBase64Url> {
    decode(text)?.try_into().map_err(|_| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_value() {
        assert_eq!(decode("_-8"), Ok(vec![0xff, 0xef]));
        for refused in ["_-8=", "/+8", "_-9", "_- 8", "_-8\n", "A"] {
            assert_eq!(decode(refused), Err(NotBase64Url), "{refused:?}");
        }
        assert_eq!(decode_array::<2>("_-8"), Ok([0xff, 0xef]));
        assert!(decode_array::<3>("_-8").is_err());
    }
}
