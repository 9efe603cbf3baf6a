//! Owns what a message says: octets and `data_coding` to text (SMPP 3.4 5.2.19) and back, and
//! which messages say nothing that may be acted upon ([`Refusal`]).
//!
//! Invariants: a receipt or notification is never read as a text; a part of a longer message is
//! never read as a whole one; octets that are not of the alphabet are an error, never replaced.

pub mod gsm;
mod receipt;
mod received;

pub use receipt::{DeliveryReceipt, MessageState, ReceiptIds, receipt_of};
pub use received::{ReceivedText, Refusal, message_of};

use bytes::Bytes;

/// What `data_coding` 0, "SMSC default alphabet", means on a bind: a matter of agreement with the
/// operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultAlphabet {
    /// GSM 7-bit default alphabet, a septet per octet.
    #[default]
    Gsm,
    /// GSM 7-bit default alphabet, packed.
    GsmPacked,
    /// ISO 8859-1.
    Latin1,
    /// ASCII.
    Ascii,
}

/// Why octets are not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// 8-bit data.
    #[error("binary data, not text")]
    Binary,
    /// An alphabet not supported, or reserved.
    #[error("data_coding {0:#04x} is not supported")]
    UnsupportedCoding(u8),
    /// Octets outside the alphabet.
    #[error("octets outside the alphabet")]
    OutsideAlphabet,
    /// UTF-16 with an odd octet or a lone surrogate.
    #[error("malformed UTF-16")]
    MalformedUtf16,
}

impl TextError {
    /// A stable label for counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::UnsupportedCoding(_) => "unsupported_coding",
            Self::OutsideAlphabet => "outside_alphabet",
            Self::MalformedUtf16 => "malformed_utf16",
        }
    }
}

/// The alphabets a `data_coding` can name.
enum Alphabet {
    Default,
    Gsm,
    Ascii,
    Latin1,
    Ucs2,
}

/// The alphabet a `data_coding` names (SMPP 3.4 5.2.19; from 0xC0 on GSM 03.38 4).
fn alphabet(data_coding: u8) -> Result<Alphabet, TextError> {
    match data_coding {
        0 => Ok(Alphabet::Default),
        1 => Ok(Alphabet::Ascii),
        3 => Ok(Alphabet::Latin1),
        2 | 4 => Err(TextError::Binary),
        // Message waiting, to store (1110), is UCS-2 too.
        8 | 0xE0..=0xEF => Ok(Alphabet::Ucs2),
        // Message class (1111): bit 2 tells 8-bit data from the default alphabet.
        0xF0..=0xFF if data_coding & 0x04 != 0 => Err(TextError::Binary),
        // Message waiting, to discard (1100) or to store (1101), is in the default alphabet.
        0xC0..=0xDF | 0xF0..=0xFF => Ok(Alphabet::Gsm),
        other => Err(TextError::UnsupportedCoding(other)),
    }
}

/// Reads a text. `data_coding` 0 is whatever `default_alphabet` says.
pub fn decode(
    data_coding: u8,
    octets: &[u8],
    default_alphabet: DefaultAlphabet,
) -> Result<String, TextError> {
    decode_after(data_coding, octets, default_alphabet, 0)
}

/// Reads a text that follows `header` octets of user data header: packed septets start at the next
/// septet boundary (3GPP TS 23.040 9.2.3.24).
fn decode_after(
    data_coding: u8,
    octets: &[u8],
    default_alphabet: DefaultAlphabet,
    header: usize,
) -> Result<String, TextError> {
    let packed = default_alphabet == DefaultAlphabet::GsmPacked;
    match (alphabet(data_coding)?, default_alphabet) {
        (Alphabet::Default, DefaultAlphabet::Latin1) | (Alphabet::Latin1, _) => {
            Ok(octets.iter().copied().map(char::from).collect())
        }
        (Alphabet::Default, DefaultAlphabet::Ascii) | (Alphabet::Ascii, _) => ascii(octets),
        (Alphabet::Ucs2, _) => utf16(octets),
        (Alphabet::Default | Alphabet::Gsm, _) if packed => {
            let fill = u32::try_from((7 - header * 8 % 7) % 7).unwrap_or(0);
            gsm::decode(gsm::unpack(octets, fill)).ok_or(TextError::OutsideAlphabet)
        }
        (Alphabet::Default | Alphabet::Gsm, _) => {
            gsm::decode(octets.iter().copied()).ok_or(TextError::OutsideAlphabet)
        }
    }
}

fn ascii(octets: &[u8]) -> Result<String, TextError> {
    let text = std::str::from_utf8(octets).ok().filter(|text| text.is_ascii());
    text.map(str::to_owned).ok_or(TextError::OutsideAlphabet)
}

/// UTF-16, big-endian: what phones send as UCS-2.
fn utf16(octets: &[u8]) -> Result<String, TextError> {
    let (pairs, rest) = octets.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(TextError::MalformedUtf16);
    }
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| TextError::MalformedUtf16)
}

/// A text ready to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// 0 or 8.
    pub data_coding: u8,
    /// The octets.
    pub octets: Bytes,
    /// Whether it fits one message: 160 septets or 70 UTF-16 units.
    pub fits_one: bool,
}

/// Writes a text as a phone would: unpacked GSM 7-bit (`data_coding` 0) if every character fits,
/// else UTF-16 (8).
pub fn encode(text: &str) -> Encoded {
    if let Some(septets) = gsm::encode(text) {
        let fits_one = septets.len() <= 160;
        return Encoded { data_coding: 0, octets: septets.into(), fits_one };
    }
    utf16_of(text)
}

/// Writes a text to a phone for a message centre whose `data_coding` 0 is this alphabet: as short
/// as [`encode`] where the centre's alphabet has every character, else in UTF-16.
pub fn encode_for(text: &str, default_alphabet: DefaultAlphabet) -> Encoded {
    let encoded = encode(text);
    if encoded.data_coding != 0 {
        return encoded;
    }
    let latin1 = || text.chars().map(|character| u8::try_from(character).ok()).collect();
    let octets: Option<Vec<u8>> = match default_alphabet {
        DefaultAlphabet::Gsm => return encoded,
        DefaultAlphabet::GsmPacked => Some(gsm::pack(&encoded.octets)),
        DefaultAlphabet::Latin1 => latin1(),
        DefaultAlphabet::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
    };
    // Septets count even so: that is what the centre sends on.
    octets.map_or_else(|| utf16_of(text), |octets| Encoded { octets: octets.into(), ..encoded })
}

fn utf16_of(text: &str) -> Encoded {
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    Encoded { data_coding: 8, fits_one: octets.len() <= 140, octets: octets.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GSM: DefaultAlphabet = DefaultAlphabet::Gsm;

    #[test]
    fn coding_zero_is_what_the_bind_says() {
        let read = |octets: &[u8], alphabet| decode(0, octets, alphabet);
        assert_eq!(read(b"\x00\x11\x1B\x28", GSM).unwrap(), "@_{");
        assert_eq!(read(b"caf\xE9", DefaultAlphabet::Latin1).unwrap(), "café");
        assert_eq!(read(b"caf\xE9", DefaultAlphabet::Ascii), Err(TextError::OutsideAlphabet));
        assert_eq!(read(b"caf\xE9", GSM), Err(TextError::OutsideAlphabet));
        assert_eq!(read(&gsm::pack(b"TP1-AAA"), DefaultAlphabet::GsmPacked).unwrap(), "TP1-AAA");
    }

    #[test]
    fn a_text_to_a_phone_is_in_the_centres_alphabet() {
        let write = |text, alphabet| {
            let encoded = encode_for(text, alphabet);
            (encoded.data_coding, decode(encoded.data_coding, &encoded.octets, alphabet).unwrap())
        };
        let (gsm, packed) = (DefaultAlphabet::Gsm, DefaultAlphabet::GsmPacked);
        let (latin1, ascii) = (DefaultAlphabet::Latin1, DefaultAlphabet::Ascii);
        for (alphabet, text, coding) in [
            (gsm, "{é}€@", 0),
            (packed, "{é}€ 5", 0),
            (latin1, "{é}@", 0),
            (latin1, "5 €", 8),
            (ascii, "{@}", 0),
            (ascii, "é", 8),
            (gsm, "“", 8),
            (latin1, "ÿ", 8),
        ] {
            assert_eq!(write(text, alphabet), (coding, text.to_owned()), "{alphabet:?}");
        }
        let long = "[".repeat(81);
        for alphabet in [gsm, packed, latin1, ascii] {
            assert!(!encode_for(&long, alphabet).fits_one, "162 septets");
            assert!(encode_for(&long[1..], alphabet).fits_one);
        }
    }

    #[test]
    fn named_alphabets_ignore_the_binds_default() {
        assert_eq!(decode(1, b"a@b_", DefaultAlphabet::Latin1).unwrap(), "a@b_");
        assert_eq!(decode(3, b"\xE9", GSM).unwrap(), "é");
        assert_eq!(decode(8, b"\x20\x1C\x00A", GSM).unwrap(), "“A");
        assert_eq!(decode(8, b"\xD8\x3D\xDE\x00", GSM).unwrap(), "😀");
        assert_eq!(decode(0xE8, b"\x00A", GSM).unwrap(), "A");
        for coding in [0xC0, 0xC8, 0xD3, 0xF0, 0xF1, 0xF3] {
            assert_eq!(decode(coding, b"\x00A", DefaultAlphabet::Latin1).unwrap(), "@A");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for coding in [2, 4, 0xF4, 0xF5, 0xF7] {
            assert_eq!(decode(coding, b"A", GSM), Err(TextError::Binary));
        }
        for coding in [5, 6, 7, 9, 13, 14, 0x10, 0x80, 0xBF] {
            assert_eq!(decode(coding, b"A", GSM), Err(TextError::UnsupportedCoding(coding)));
        }
        for octets in [&b"\xD8\x00"[..], b"\xDC\x00\x00A", b"\x00A\x00"] {
            assert_eq!(decode(8, octets, GSM), Err(TextError::MalformedUtf16));
        }
    }

    #[test]
    fn encoding_prefers_septets() {
        let plain = encode("Weather sign-in. TP1-AAAAA");
        assert_eq!((plain.data_coding, plain.octets.len(), plain.fits_one), (0, 26, true));
        let curly = encode("“TP1”");
        assert_eq!((curly.data_coding, curly.octets.len()), (8, 10));
        assert!(!encode(&"€".repeat(81)).fits_one && !encode(&"é".repeat(161)).fits_one);
        assert!(encode(&"字".repeat(70)).fits_one && !encode(&"字".repeat(71)).fits_one);
    }

    proptest! {
        #[test]
        fn every_text_survives(text in "\\PC{0,80}") {
            let encoded = encode(&text);
            prop_assert_eq!(decode(encoded.data_coding, &encoded.octets, GSM).unwrap(), text);
        }

        #[test]
        fn no_octets_panic(coding in any::<u8>(), octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            use DefaultAlphabet as D;
            for alphabet in [D::Gsm, D::GsmPacked, D::Latin1, D::Ascii] {
                let _ = decode(coding, &octets, alphabet);
            }
        }
    }
}
