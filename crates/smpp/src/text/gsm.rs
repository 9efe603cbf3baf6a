//! Owns the GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 6.2.1, formerly
//! GSM 03.38), unpacked (one septet per octet, as SMPP usually carries it) and packed.
//!
//! Invariant: encoding then decoding gives the same text back, whatever the form. (Packed, one
//! text is ambiguous by design: 6.1.2.3.1 lets a trailing `@` or CR be padding.)

/// The escape to the extension table.
const ESCAPE: u8 = 0x1B;

/// Septet to character. The escape's place holds a space, which 23.038 has a receiver show for it.
#[rustfmt::skip]
const TABLE: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The character of a septet in the default table; none above 0x7F.
pub fn character(septet: u8) -> Option<char> {
    TABLE.get(usize::from(septet)).copied()
}

/// The character of a septet after the escape. One the extension table lacks is shown from the
/// default table (23.038 6.2.1.1).
pub fn extended(septet: u8) -> Option<char> {
    let known = EXTENSION.iter().find(|(code, _)| *code == septet);
    known.map(|(_, character)| *character).or_else(|| character(septet))
}

/// How a character is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Septets {
    /// One septet of the default table.
    Plain(u8),
    /// The escape and one septet of the extension table.
    Escaped(u8),
}

impl Septets {
    /// Septets it takes: one or two.
    pub const fn count(self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Escaped(_) => 2,
        }
    }
}

/// The septets of a character; none if the alphabet lacks it.
pub fn septets(wanted: char) -> Option<Septets> {
    if let Ok(code) = u8::try_from(wanted)
        && code != ESCAPE
        && character(code) == Some(wanted)
    {
        return Some(Septets::Plain(code));
    }
    let plain = TABLE.iter().position(|&character| character == wanted);
    if let Some(code) = plain.and_then(|position| u8::try_from(position).ok()) {
        return Some(Septets::Plain(code));
    }
    EXTENSION.iter().find(|(_, c)| *c == wanted).map(|(code, _)| Septets::Escaped(*code))
}

/// Septets a text takes, escapes included; none if a character is not of the alphabet.
pub fn count(text: &str) -> Option<usize> {
    text.chars().map(|character| septets(character).map(Septets::count)).sum()
}

/// Writes a text unpacked; none if a character is not of the alphabet.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for character in text.chars() {
        match septets(character)? {
            Septets::Plain(septet) => out.push(septet),
            Septets::Escaped(septet) => out.extend_from_slice(&[ESCAPE, septet]),
        }
    }
    Some(out)
}

/// Reads unpacked septets; none if an octet has its top bit set. An escape at the very end reads
/// as a space.
pub fn decode(septets: impl IntoIterator<Item = u8>) -> Option<String> {
    let septets = septets.into_iter();
    let mut text = String::with_capacity(septets.size_hint().0);
    let mut escaped = false;
    for septet in septets {
        if escaped {
            text.push(extended(septet)?);
            escaped = false;
        } else if septet == ESCAPE {
            escaped = true;
        } else {
            text.push(character(septet)?);
        }
    }
    if escaped {
        text.push(' ');
    }
    Some(text)
}

/// Packs septets, least significant bits first (23.038 6.1.2.1), padding with CR where seven
/// spare bits would read as an `@` (6.1.2.3.1).
pub fn pack(septets: &[u8]) -> Vec<u8> {
    let padding = (septets.len() % 8 == 7).then_some(b'\r');
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u16, 0_u32);
    for septet in septets.iter().copied().chain(padding) {
        bits |= u16::from(septet & 0x7F) << held;
        held += 7;
        while held >= 8 {
            out.push(low_octet(bits));
            bits >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(low_octet(bits));
    }
    out
}

/// Unpacks septets after `fill` bits (those that align a text to a septet behind its header). A
/// last septet that only fills its octet is dropped.
pub fn unpack(octets: &[u8], fill: u32) -> Vec<u8> {
    let mut septets = Vec::with_capacity(octets.len() * 8 / 7);
    let (mut bits, mut held) = (0_u16, 0_u32);
    let mut skip = fill;
    for &octet in octets {
        bits |= u16::from(octet) << held;
        held += 8;
        let skipped = skip.min(held);
        bits >>= skipped;
        held -= skipped;
        skip -= skipped;
        while held >= 7 {
            septets.push(low_octet(bits) & 0x7F);
            bits >>= 7;
            held -= 7;
        }
    }
    if held == 0 && fill == 0 && septets.last().is_some_and(|septet| matches!(septet, 0 | b'\r')) {
        septets.pop();
    }
    septets
}

fn low_octet(bits: u16) -> u8 {
    let [_, low] = bits.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alphabet() -> Vec<char> {
        TABLE.into_iter().chain(EXTENSION.map(|(_, character)| character)).collect()
    }

    #[test]
    fn the_tables_are_those_of_23_038() {
        assert_eq!(decode([0x00, 0x11, 0x1B, 0x28, 0x09, 0x5E, 0x7F]).unwrap(), "@_{ÇÜà");
        assert_eq!(decode([0x1B, 0x65]).unwrap(), "€");
        assert_eq!(decode([0x1B, 0x41]).unwrap(), "A", "unknown escapes show the default table");
        assert_eq!(decode([0x41, 0x1B]).unwrap(), "A ");
        assert_eq!(decode([0x80]), None);
        let mut characters = alphabet();
        characters.sort_unstable();
        characters.dedup();
        assert_eq!(characters.len(), 127 + 10, "only the space stands twice, for the escape");
    }

    #[test]
    fn counting_counts_escapes_twice() {
        assert_eq!(count("TP1-AB"), Some(6));
        assert_eq!(count("€[]"), Some(6));
        assert_eq!(count("“quoted”"), None);
        assert_eq!(septets(' '), Some(Septets::Plain(0x20)));
        assert_eq!(septets('\u{1B}'), None);
    }

    #[test]
    fn packing_agrees_with_a_known_vector() {
        assert_eq!(pack(b"hellohello"), b"\xE8\x32\x9B\xFD\x46\x97\xD9\xEC\x37");
        assert_eq!(unpack(b"\xE8\x32\x9B\xFD\x46\x97\xD9\xEC\x37", 0), b"hellohello");
    }

    #[test]
    fn fill_bits_align_a_text_behind_its_header() {
        let whole = pack(&[&[0_u8][..], b"hi there"].concat());
        assert_eq!(unpack(&whole, 7), b"hi there");
    }

    proptest! {
        #[test]
        fn texts_survive(picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..160)) {
            let alphabet = alphabet();
            let text: String = picks.iter().map(|pick| *pick.get(&alphabet)).collect();
            let septets = encode(&text).unwrap();
            prop_assert_eq!(count(&text), Some(septets.len()));
            prop_assert_eq!(decode(septets.iter().copied()).unwrap(), text.clone());
            if !text.ends_with(['@', '\r']) {
                prop_assert_eq!(unpack(&pack(&septets), 0), septets);
            }
        }
    }
}
