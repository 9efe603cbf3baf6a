//! Strict CBOR (RFC 8949), for what phones send: small objects of definite length.
//!
//! Refused: indefinite lengths, lengths and numbers not in their shortest form, duplicate keys, invalid
//! UTF-8, floating point, trailing bytes, nesting beyond [`MAX_DEPTH`]. Nothing is allocated by a length
//! that is only claimed: every item stands for at least one byte that is there, and strings are borrowed.

/// How deep arrays, maps and tags nest, the outermost included.
pub const MAX_DEPTH: usize = 8;
/// The largest object, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// A value. Strings are slices of the bytes it was read from.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'a> {
    /// Major types 0 and 1: any integer of CBOR.
    Integer(i128),
    /// Major type 2.
    Bytes(&'a [u8]),
    /// Major type 3.
    Text(&'a str),
    /// Major type 4.
    Array(Vec<Value<'a>>),
    /// Major type 5, in the order written; no key comes twice.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// Major type 6: the tag's number and what it is said of.
    Tag(u64, Box<Value<'a>>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// The bytes are not one CBOR object as this module takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CborError {
    /// Over [`MAX_BYTES`].
    #[error("the CBOR object is larger than 64 KiB")]
    TooLarge,
    /// The bytes end within an item.
    #[error("the CBOR object is cut off")]
    CutOff,
    /// There is more after the object.
    #[error("bytes follow the CBOR object")]
    Trailing,
    /// Nested beyond [`MAX_DEPTH`].
    #[error("the CBOR object is nested more than 8 deep")]
    TooDeep,
    /// A key comes twice in one map.
    #[error("a key comes twice in one CBOR map")]
    DuplicateKey,
    /// A number or length is not in its shortest form.
    #[error("a CBOR number or length is not in its shortest form")]
    NotShortest,
    /// A text string is not UTF-8.
    #[error("a CBOR text is not UTF-8")]
    NotUtf8,
    /// Indefinite length, floating point, `undefined`, or what RFC 8949 leaves unassigned.
    #[error("the CBOR object has an item that is not allowed here")]
    NotAllowed,
}

/// Reads exactly one object.
pub fn read(bytes: &[u8]) -> Result<Value<'_>, CborError> {
    let (value, rest) = read_first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(CborError::Trailing) }
}

/// Reads the object that `bytes` start with; what follows it comes back as it is.
pub fn read_first(bytes: &[u8]) -> Result<(Value<'_>, &[u8]), CborError> {
    if bytes.len() > MAX_BYTES {
        return Err(CborError::TooLarge);
    }
    let mut reader = Reader { rest: bytes };
    let value = reader.value(MAX_DEPTH)?;
    Ok((value, reader.rest))
}

impl<'a> Value<'a> {
    /// What a map has under a text key; `None` if this is no map.
    pub fn at(&self, key: &str) -> Option<&Self> {
        self.map()?.iter().find(|(at, _)| at.text() == Some(key)).map(|(_, value)| value)
    }

    /// What a map has under an integer key; `None` if this is no map.
    pub fn at_integer(&self, key: i128) -> Option<&Self> {
        self.map()?.iter().find(|(at, _)| at.integer() == Some(key)).map(|(_, value)| value)
    }

    /// The entries, if this is a map.
    pub fn map(&self) -> Option<&[(Self, Self)]> {
        if let Self::Map(entries) = self { Some(entries) } else { None }
    }

    /// The items, if this is an array.
    pub fn array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The bytes, if this is a byte string.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if this is an integer.
    pub fn integer(&self) -> Option<i128> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, CborError> {
        let depth = depth.checked_sub(1).ok_or(CborError::TooDeep)?;
        let (major, argument) = self.head()?;
        Ok(match major {
            0 => Value::Integer(argument.into()),
            1 => Value::Integer(-1 - i128::from(argument)),
            2 => Value::Bytes(self.string(argument)?),
            3 => {
                let text = std::str::from_utf8(self.string(argument)?);
                Value::Text(text.map_err(|_| CborError::NotUtf8)?)
            }
            4 => Value::Array(
                (0..self.items(argument)?).map(|_| self.value(depth)).collect::<Result<_, _>>()?,
            ),
            5 => self.entries(argument, depth)?,
            6 => Value::Tag(argument, Box::new(self.value(depth)?)),
            _ => match argument {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 => Value::Null,
                _ => return Err(CborError::NotAllowed),
            },
        })
    }

    /// RFC 8949 3: an item's major type and argument. Of major type 7 the argument is the simple value.
    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let [first] = self.take_array()?;
        let (major, additional) = (first >> 5, first & 0x1f);
        let (argument, least) = match additional {
            0..=23 => return Ok((major, additional.into())),
            _ if major == 7 => return Err(CborError::NotAllowed),
            24 => (u64::from(u8::from_be_bytes(self.take_array()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.take_array()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.take_array()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.take_array()?), 1 << 32),
            _ => return Err(CborError::NotAllowed),
        };
        if argument < least { Err(CborError::NotShortest) } else { Ok((major, argument)) }
    }

    /// A count of items, of which each takes a byte at least.
    fn items(&self, claimed: u64) -> Result<usize, CborError> {
        usize::try_from(claimed)
            .ok()
            .filter(|count| *count <= self.rest.len())
            .ok_or(CborError::CutOff)
    }

    fn entries(&mut self, claimed: u64, depth: usize) -> Result<Value<'a>, CborError> {
        let mut entries: Vec<(Value<'a>, Value<'a>)> = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        for _ in 0..self.items(claimed)? {
            let before = self.rest;
            let key = self.value(depth)?;
            // Encodings are unique here, so equal keys are equal bytes.
            let written = before.get(..before.len() - self.rest.len()).unwrap_or_default();
            if !keys.insert(written) {
                return Err(CborError::DuplicateKey);
            }
            entries.push((key, self.value(depth)?));
        }
        Ok(Value::Map(entries))
    }

    fn string(&mut self, claimed: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(claimed).map_err(|_| CborError::CutOff)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(CborError::CutOff)?;
        self.rest = rest;
        Ok(string)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(CborError::CutOff)?;
        self.rest = rest;
        Ok(*array)
    }
}

#[cfg(test)]
mod tests;
