//! A reader of DER (X.690) that goes over bytes once and never calls itself.
//!
//! It hands out slices of its input, so what is verified is what came. Nesting is whatever the caller's
//! schema opens: no input can deepen it. Indefinite and needlessly long lengths and tags are refused.

#[cfg(test)]
mod tests;

/// Why bytes are not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes end inside an element.
    #[error("the bytes end inside an element")]
    Truncated,
    /// An indefinite, needlessly long or absurd length (X.690 10.1).
    #[error("a length is not in its one shortest form")]
    Length,
    /// A tag number needlessly long, or above 2^21.
    #[error("a tag is not in its one shortest form")]
    Tag,
    /// Another element than the expected one.
    #[error("another element was expected")]
    Unexpected,
    /// Bytes after the end.
    #[error("bytes follow the end")]
    Trailing,
    /// Contents that the type does not allow.
    #[error("an element's contents do not fit its type")]
    Contents,
    /// More members than the bound.
    #[error("there are too many members")]
    TooMany,
}

/// An element's identifier octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// 0 universal, 1 application, 2 context-specific, 3 private.
    pub class: u8,
    /// Whether the contents are elements themselves.
    pub constructed: bool,
    /// The number within the class.
    pub number: u32,
}

impl Tag {
    /// BOOLEAN.
    pub const BOOLEAN: Self = Self::universal(1);
    /// INTEGER.
    pub const INTEGER: Self = Self::universal(2);
    /// BIT STRING, in its primitive form.
    pub const BIT_STRING: Self = Self::universal(3);
    /// OCTET STRING, in its primitive form.
    pub const OCTET_STRING: Self = Self::universal(4);
    /// NULL.
    pub const NULL: Self = Self::universal(5);
    /// OBJECT IDENTIFIER.
    pub const OID: Self = Self::universal(6);
    /// ENUMERATED.
    pub const ENUMERATED: Self = Self::universal(10);
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: Self = Self { constructed: true, ..Self::universal(16) };
    /// SET and SET OF.
    pub const SET: Self = Self { constructed: true, ..Self::universal(17) };
    /// `UTCTime`.
    pub const UTC_TIME: Self = Self::universal(23);
    /// `GeneralizedTime`.
    pub const GENERALIZED_TIME: Self = Self::universal(24);

    const fn universal(number: u32) -> Self {
        Self { class: 0, constructed: false, number }
    }

    /// `[number] EXPLICIT`, which is always constructed.
    pub const fn explicit(number: u32) -> Self {
        Self { class: 2, constructed: true, number }
    }

    /// `[number] IMPLICIT` of a primitive type.
    pub const fn implicit(number: u32) -> Self {
        Self { class: 2, constructed: false, number }
    }
}

/// One element of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its identifier.
    pub tag: Tag,
    /// What is inside.
    pub contents: &'a [u8],
    /// Identifier, length and contents.
    pub whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The contents, if the element is of this tag.
    pub fn expect(self, tag: Tag) -> Result<&'a [u8], Fault> {
        if self.tag == tag { Ok(self.contents) } else { Err(Fault::Unexpected) }
    }

    /// A reader over the contents, if the element is of this (constructed) tag.
    pub fn open(self, tag: Tag) -> Result<Reader<'a>, Fault> {
        self.expect(tag).map(Reader::new)
    }
}

/// A position in the input.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading; nothing may be left.
    pub fn end(self) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(Fault::Trailing) }
    }

    /// The next element.
    pub fn element(&mut self) -> Result<Element<'a>, Fault> {
        let start = self.rest;
        let tag = self.tag()?;
        let length = self.length()?;
        let contents = self.take(length)?;
        let whole = start.get(..start.len() - self.rest.len()).ok_or(Fault::Truncated)?;
        Ok(Element { tag, contents, whole })
    }

    /// The contents of the next element, which must be of this tag.
    pub fn expect(&mut self, tag: Tag) -> Result<&'a [u8], Fault> {
        self.element()?.expect(tag)
    }

    /// A reader over the next element, which must be of this tag.
    pub fn open(&mut self, tag: Tag) -> Result<Reader<'a>, Fault> {
        self.element()?.open(tag)
    }

    /// The next element if it is of this tag; else nothing is read.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>, Fault> {
        let before = *self;
        if self.is_empty() {
            return Ok(None);
        }
        let element = self.element()?;
        if element.tag == tag {
            return Ok(Some(element));
        }
        *self = before;
        Ok(None)
    }

    /// All elements to the end, at most `limit`.
    pub fn all(mut self, limit: usize) -> Result<Vec<Element<'a>>, Fault> {
        let mut elements = Vec::new();
        while !self.is_empty() {
            if elements.len() == limit {
                return Err(Fault::TooMany);
            }
            elements.push(self.element()?);
        }
        Ok(elements)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&first, rest) = self.rest.split_first().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// X.690 8.1.2: a low number in one octet, a high one in base 128 without leading zeros.
    fn tag(&mut self) -> Result<Tag, Fault> {
        let first = self.byte()?;
        let (class, constructed) = (first >> 6, first & 0x20 != 0);
        let low = u32::from(first & 0x1f);
        let number = if low < 31 { low } else { self.high_tag_number()? };
        Ok(Tag { class, constructed, number })
    }

    fn high_tag_number(&mut self) -> Result<u32, Fault> {
        let mut number = 0_u32;
        for position in 0..3 {
            let octet = self.byte()?;
            if position == 0 && octet == 0x80 {
                return Err(Fault::Tag);
            }
            number = number << 7 | u32::from(octet & 0x7f);
            if octet & 0x80 == 0 {
                return if number < 31 { Err(Fault::Tag) } else { Ok(number) };
            }
        }
        Err(Fault::Tag)
    }

    /// X.690 10.1: the definite form with the fewest octets, here up to three of them.
    fn length(&mut self) -> Result<usize, Fault> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 3 {
            return Err(Fault::Length);
        }
        let length = self.take(octets)?.iter().fold(0, |sum, &octet| sum << 8 | usize::from(octet));
        let shortest = if octets == 1 { 0x80 } else { 1 << (8 * (octets - 1)) };
        if length < shortest { Err(Fault::Length) } else { Ok(length) }
    }
}

/// An INTEGER or ENUMERATED of at most 16 octets (X.690 8.3).
pub fn integer(contents: &[u8]) -> Result<i128, Fault> {
    let &first = contents.first().ok_or(Fault::Contents)?;
    let negative = first & 0x80 != 0;
    if let [padding @ (0x00 | 0xff), second, ..] = contents
        && (*padding == 0xff) == (second & 0x80 != 0)
    {
        return Err(Fault::Contents);
    }
    if contents.len() > 16 {
        return Err(Fault::Contents);
    }
    let start = if negative { -1_i128 } else { 0 };
    Ok(contents.iter().fold(start, |value, &octet| value << 8 | i128::from(octet)))
}

/// A BIT STRING of whole octets: what follows the octet that counts unused bits, which must be 0.
pub fn whole_bits(contents: &[u8]) -> Result<&[u8], Fault> {
    match contents.split_first() {
        Some((0, bits)) => Ok(bits),
        _ => Err(Fault::Contents),
    }
}

/// An OBJECT IDENTIFIER in dotted form, for people.
pub fn dotted(contents: &[u8]) -> String {
    let mut arcs: Vec<String> = Vec::new();
    let mut value = 0_u64;
    for octet in contents.iter().take(64) {
        value = value << 7 | u64::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            continue;
        }
        if arcs.is_empty() {
            let top = (value / 40).min(2);
            arcs.push(top.to_string());
            value -= top * 40;
        }
        arcs.push(value.to_string());
        value = 0;
    }
    arcs.join(".")
}
