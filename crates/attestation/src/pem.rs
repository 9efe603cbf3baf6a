//! PEM certificates (RFC 7468 5), leniently: what stands outside of the blocks is passed over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Text that is not the PEM it begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A block without its end.
    #[error("a certificate's block has no end")]
    Unended,
    /// A block that is not base64.
    #[error("a certificate's block is not base64")]
    Base64,
    /// More blocks than the bound.
    #[error("there are more than {0} certificates")]
    TooMany(usize),
}

/// Whether the text holds a certificate's block.
pub fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The DER of each certificate, in order, at most `limit`.
pub fn certificates(text: &str, limit: usize) -> Result<Vec<Vec<u8>>, PemError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        if found.len() == limit {
            return Err(PemError::TooMany(limit));
        }
        let (block, following) = after.split_once(END).ok_or(PemError::Unended)?;
        let digits: String = block.chars().filter(|it| !it.is_ascii_whitespace()).collect();
        found.push(STANDARD.decode(digits).map_err(|_| PemError::Base64)?);
        rest = following;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_broken_ones_refused() {
        let two = format!("text\n{BEGIN}\nAQ\nID\n{END}\n{BEGIN}\r\nBA==\r\n{END}");
        assert_eq!(certificates(&two, 2), Ok(vec![vec![1, 2, 3], vec![4]]));
        assert_eq!(certificates(&two, 1), Err(PemError::TooMany(1)));
        assert_eq!(certificates(&format!("{BEGIN}AQID"), 2), Err(PemError::Unended));
        assert_eq!(certificates(&format!("{BEGIN}A*ID{END}"), 2), Err(PemError::Base64));
        assert_eq!(certificates("nothing", 2), Ok(vec![]));
    }
}
