//! The last eight characters of a token: CRC-32 in hex over the rest, so that leak scanners can tell
//! one from noise, and what was never a token is refused before anything is looked up.

/// With its checksum.
pub(super) fn with_checksum(body: String) -> String {
    let checksum = crc32fast::hash(body.as_bytes());
    body + &format!("{checksum:08x}")
}

/// Without it; `None` if it is not the one.
pub(super) fn checked(token: &str) -> Option<&str> {
    let (body, checksum) = token.split_at_checked(token.len().checked_sub(8)?)?;
    (checksum == format!("{:08x}", crc32fast::hash(body.as_bytes()))).then_some(body)
}
