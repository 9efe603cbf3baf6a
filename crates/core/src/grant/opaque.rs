//! Opaque tokens, and refresh tokens.
//!
//! A refresh token carries, encrypted, the keys of its grant's row: a request finds the row without an
//! index, a token that was never issued is refused without asking the store, and nothing in it can be
//! linked between apps. It is `tpr_`, the base64url of the sealed handle, and eight hex digits of CRC-32
//! over both, so that leak scanners can tell one from noise.

use std::fmt;

use twinpath_wire::b64;

use crate::ids::{ClientId, Digest, GrantId, TerminalKey};
use crate::records::{Grant, Sealed};
use crate::transaction::{Random, random_bytes};
use crate::vault::{Purpose, Vault};

const PREFIX: &str = "tpr_";
const MAX_LEN: usize = 256;

/// A refresh token in clear. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// As it goes to the app.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

/// What a refresh token leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle {
    /// The grant's terminal.
    pub terminal: TerminalKey,
    /// The grant.
    pub grant: GrantId,
    /// The token's number within the grant, from 1.
    pub sequence: u32,
}

/// A token just made, and what is kept of it.
#[derive(Debug)]
pub struct Minted {
    /// For the app.
    pub token: RefreshToken,
    /// For the row.
    pub hash: Digest,
}

impl Minted {
    /// A token for `grant` with this number.
    pub fn new(vault: &Vault, grant: &Grant, sequence: u32, random: &mut dyn Random) -> Self {
        let secret: [u8; 16] = random_bytes(random);
        let mut plain = Vec::with_capacity(52);
        plain.extend_from_slice(&grant.terminal.0);
        plain.extend_from_slice(&grant.id.0);
        plain.extend_from_slice(&sequence.to_be_bytes());
        plain.extend_from_slice(&secret);
        let owner = grant.client_id.as_str().as_bytes();
        // Sealing 52 bytes cannot fail; were it to, the token would be one that never opens.
        let sealed =
            vault.seal(Purpose::Handle, owner, &plain, random).unwrap_or(Sealed(Vec::new()));
        let token = frame(PREFIX, &sealed);
        let hash = vault.token(&token);
        Self { token: RefreshToken(token), hash }
    }
}

impl Handle {
    /// Reads a refresh token that this app was given; `None` for anything else.
    pub fn read(vault: &Vault, client_id: &ClientId, token: &str) -> Option<Self> {
        let sealed = unframe(PREFIX, token, MAX_LEN)?;
        let plain = vault.open(Purpose::Handle, client_id.as_str().as_bytes(), &sealed).ok()?;
        let (terminal, rest) = plain.split_first_chunk::<16>()?;
        let (grant, rest) = rest.split_first_chunk::<16>()?;
        let (sequence, _) = rest.split_first_chunk::<4>()?;
        Some(Self {
            terminal: TerminalKey(*terminal),
            grant: GrantId(*grant),
            sequence: u32::from_be_bytes(*sequence),
        })
    }
}

/// A sealed value as a token that leak scanners know: prefix, base64url, eight hex digits of CRC-32.
pub(crate) fn frame(prefix: &str, sealed: &Sealed) -> String {
    let body = format!("{prefix}{}", b64::encode(&sealed.0));
    format!("{body}{:08x}", crc32fast::hash(body.as_bytes()))
}

/// What [`frame`] framed with this prefix into a token of at most `max_len` bytes.
pub(crate) fn unframe(prefix: &str, token: &str, max_len: usize) -> Option<Sealed> {
    if token.len() > max_len || !token.is_ascii() {
        return None;
    }
    let (body, crc) = token.split_at_checked(token.len().checked_sub(8)?)?;
    // Compared as written: a token has one spelling, since what is kept of it is its hash.
    if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
        return None;
    }
    Some(Sealed(b64::decode(body.strip_prefix(prefix)?).ok()?))
}

#[cfg(test)]
mod tests;
