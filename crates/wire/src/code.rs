//! The commitment and its written form (PROTOCOL 2), and reading it out of a text (PROTOCOL 3).
//!
//! Owns the digest's framing, the base32 and the CRC. [`read_message`] meets hostile text: its
//! work is bounded by [`MAX_MESSAGE_CHARS`] and it never panics.

use core::fmt;

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

use crate::phrase::{self, Words};

/// Crockford's base32, most significant bit first.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Names the commitment method, in the digest and in `terminal_code_methods_supported`.
pub const METHOD: &str = "twinpath-1";

/// Symbols of a written code: 32 of the digest and 3 of the CRC.
pub const SYMBOLS: usize = 35;

/// Characters of the written form `TP1-XXXXX-...`.
pub const WRITTEN_LEN: usize = 45;

/// The longest text that [`read_message`] looks at. A message of one part has 160 characters.
pub const MAX_MESSAGE_CHARS: usize = 2_000;

/// The first 160 bits of the commitment's digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code([u8; 20]);

/// A text is not the 35 symbols of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Wrong count of symbols, or a character that is none.
    #[error("a code has 35 symbols of 0-9 A-Z without I L O U")]
    Malformed,
    /// The CRC does not match: a slip of typing or transport.
    #[error("the code's checksum does not match")]
    BadChecksum,
}

/// What a first verification message says (PROTOCOL 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstMessage {
    /// The one code in the text.
    pub code: Code,
    /// Everything else, reduced to letters and digits.
    pub words: Words,
}

/// Why a text is unreadable (PROTOCOL 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MessageError {
    /// Nothing in it looks like a code.
    #[error("the text holds no code")]
    NoCode,
    /// Two or more different codes with right checksums.
    #[error("the text holds several codes")]
    SeveralCodes,
    /// Something looks like a code, but no checksum is right.
    #[error("the code's checksum does not match")]
    BadChecksum,
    /// Longer than [`MAX_MESSAGE_CHARS`].
    #[error("the text is too long")]
    TooLong,
}

impl Code {
    /// Commits to a verifier for one platform, one app and one key. `jkt` is the empty string for
    /// an app registered without `DPoP`.
    pub fn commit(issuer: &str, client_id: &str, jkt: &str, verifier: &str) -> Self {
        let digest = framed_digest(&[METHOD, issuer, client_id, jkt, verifier]);
        Self(core::array::from_fn(|i| digest.get(i).copied().unwrap_or_default()))
    }

    /// The bytes, as stores keep them.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// A code from stored bytes.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Reads the 35 symbols, dashes and spaces optional, with or without the `TP1` in front. The
    /// normalisation is that of [`read_message`].
    pub fn parse_symbols(text: &str) -> Result<Self, CodeError> {
        if text.chars().nth(MAX_MESSAGE_CHARS).is_some() {
            return Err(CodeError::Malformed);
        }
        let nfkc: Vec<char> = text.nfkc().collect();
        let glyphs = glyphs(&nfkc);
        let symbols = match glyphs.len().checked_sub(SYMBOLS) {
            Some(3) if starts_with_prefix(&glyphs) => glyphs.get(3..),
            Some(0) => Some(glyphs.as_slice()),
            _ => None,
        };
        decode_symbols(symbols.ok_or(CodeError::Malformed)?)
    }

    /// The 35 symbols without the prefix and dashes.
    fn symbols(&self) -> impl Iterator<Item = char> {
        let crc = crc15(&self.0);
        let digest = self.0.chunks(5).flat_map(|five| {
            let word = five.iter().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
            (0..8).rev().map(move |place| word >> (place * 5))
        });
        let check = (0..3).rev().map(move |place| u64::from(crc) >> (place * 5));
        digest.chain(check).filter_map(|bits| {
            ALPHABET.get(usize::try_from(bits & 31).ok()?).map(|&symbol| char::from(symbol))
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TP1")?;
        for (place, symbol) in self.symbols().enumerate() {
            let dash = if place % 5 == 0 { "-" } else { "" };
            write!(f, "{dash}{symbol}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}

/// SHA-256 over each field's length as 4 bytes big-endian and then the field (PROTOCOL 2, 11).
pub fn framed_digest<T: AsRef<[u8]>>(fields: &[T]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for field in fields {
        let field = field.as_ref();
        // No field comes near 4 GiB: requests are limited long before.
        hash.update(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// Finds the one code in a text, and the words around it (PROTOCOL 2, 3).
///
/// A candidate starts at every `TP1`, so one that fails never hides a later one that is right;
/// after a right one reading goes on behind it. Only right candidates are cut out of the words.
pub fn read_message(text: &str) -> Result<FirstMessage, MessageError> {
    if text.chars().nth(MAX_MESSAGE_CHARS).is_some() {
        return Err(MessageError::TooLong);
    }
    let nfkc: Vec<char> = text.nfkc().collect();
    let glyphs = glyphs(&nfkc);
    let mut found: Option<Code> = None;
    let mut failed = false;
    let mut words = String::with_capacity(text.len());
    let mut uncut = 0; // the first of `nfkc` not yet in `words` or cut out
    let mut rest = glyphs.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let Some(decoded) = candidate(rest) else {
            rest = after;
            continue;
        };
        let Ok(code) = decoded else {
            failed = true;
            rest = after;
            continue;
        };
        if found.is_some_and(|other| other != code) {
            return Err(MessageError::SeveralCodes);
        }
        found = Some(code);
        let (taken, behind) = rest.split_at_checked(SYMBOLS + 3).unwrap_or((rest, &[]));
        words.extend(nfkc.get(uncut..first.source).unwrap_or_default());
        words.push(' ');
        uncut = taken.last().map_or(uncut, |last| last.source + 1);
        rest = behind;
    }
    words.extend(nfkc.get(uncut..).unwrap_or_default());
    match found {
        Some(code) => Ok(FirstMessage { code, words: phrase::normalize(&words) }),
        None if failed => Err(MessageError::BadChecksum),
        None => Err(MessageError::NoCode),
    }
}

/// A character as a code's reader sees it: upper case, look-alikes folded.
struct Glyph {
    symbol: char,
    /// Its place in the NFKC text.
    source: usize,
}

/// Everything but what is ignored inside a code: white space, dashes, and the invisible characters
/// that phones and gateways put in at line ends.
fn glyphs(nfkc: &[char]) -> Vec<Glyph> {
    let seen = nfkc.iter().enumerate().filter(|(_, c)| !is_ignored(**c));
    seen.flat_map(|(source, c)| {
        c.to_uppercase().map(move |upper| {
            let symbol = match upper {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            Glyph { symbol, source }
        })
    })
    .collect()
}

fn is_ignored(c: char) -> bool {
    c.is_whitespace() || is_dash(c) || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// General category Pd, the other characters of the property `Dash`, and the soft hyphen.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{ad}' | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2053}'
                | '\u{207b}'
                | '\u{208b}'
                | '\u{2212}'
                | '\u{2e17}'
                | '\u{2e1a}'
                | '\u{2e3a}'
                | '\u{2e3b}'
                | '\u{2e40}'
                | '\u{2e5d}'
                | '\u{301c}'
                | '\u{3030}'
                | '\u{30a0}'
                | '\u{fe31}'
                | '\u{fe32}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{10d6e}'
                | '\u{10ead}'
    )
}

fn starts_with_prefix(glyphs: &[Glyph]) -> bool {
    matches!(glyphs, [t, p, one, ..] if t.symbol == 'T' && p.symbol == 'P' && one.symbol == '1')
}

/// The candidate that starts here; `None` where none does.
fn candidate(glyphs: &[Glyph]) -> Option<Result<Code, CodeError>> {
    if !starts_with_prefix(glyphs) {
        return None;
    }
    match decode_symbols(glyphs.get(3..3 + SYMBOLS)?) {
        Err(CodeError::Malformed) => None,
        decoded => Some(decoded),
    }
}

fn decode_symbols(symbols: &[Glyph]) -> Result<Code, CodeError> {
    let mut values = symbols
        .iter()
        .map(|glyph| ALPHABET.iter().position(|&symbol| char::from(symbol) == glyph.symbol));
    let mut word = |count: usize| {
        values.by_ref().take(count).try_fold(0u64, |word, value| Some(word << 5 | value? as u64))
    };
    let mut bytes = [0; 20];
    for five in bytes.chunks_mut(5) {
        let [_, _, _, digits @ ..] = word(8).ok_or(CodeError::Malformed)?.to_be_bytes();
        five.copy_from_slice(&digits);
    }
    let crc = word(3).ok_or(CodeError::Malformed)?;
    if crc == u64::from(crc15(&bytes)) { Ok(Code(bytes)) } else { Err(CodeError::BadChecksum) }
}

/// CRC-15/CAN: polynomial 0x4599, nothing reflected, starts at 0.
fn crc15(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 7), |crc, _| {
            let shifted = (crc << 1) & 0x7fff;
            if crc & 0x4000 == 0 { shifted } else { shifted ^ 0x4599 }
        })
    })
}

#[cfg(test)]
mod tests;
