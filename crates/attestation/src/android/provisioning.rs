//! What Google says of a device whose attestation key it provisioned over the air
//! (extension 1.3.6.1.4.1.11129.2.1.30): a CBOR map (RFC 8949).

/// Entries of the map that are read at most.
const ENTRIES: u64 = 32;

/// How many items one entry may be made of. Nesting costs items, so it is bounded by the same.
const ITEMS: usize = 256;

/// The map's facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioning {
    /// Key 1: how many certificates this device was given in the last 30 days. Many are a sign of a
    /// device that signs for others.
    pub certificates_issued: Option<u64>,
    /// Key 3: a name, of Google in the certificates seen.
    pub name: Option<String>,
    /// Keys of which nothing is known.
    pub unknown_keys: Vec<i128>,
}

/// The extension's value is not the CBOR map it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provisioning information is not a CBOR map with integer keys")]
pub struct NotProvisioning;

impl Provisioning {
    /// Reads the extension's value; nothing may follow the map.
    pub fn parse(value: &[u8]) -> Result<Self, NotProvisioning> {
        let mut reader = Cbor { rest: value };
        let (5, entries) = reader.head()? else {
            return Err(NotProvisioning);
        };
        if entries > ENTRIES {
            return Err(NotProvisioning);
        }
        let mut provisioning = Self::default();
        for _ in 0..entries {
            let key = reader.integer()?;
            match key {
                1 if provisioning.certificates_issued.is_none() => {
                    let count = u64::try_from(reader.integer()?).map_err(|_| NotProvisioning)?;
                    provisioning.certificates_issued = Some(count);
                }
                3 if provisioning.name.is_none() => provisioning.name = Some(reader.text()?),
                1 | 3 => return Err(NotProvisioning),
                unknown => {
                    reader.skip()?;
                    provisioning.unknown_keys.push(unknown);
                }
            }
        }
        if reader.rest.is_empty() { Ok(provisioning) } else { Err(NotProvisioning) }
    }
}

struct Cbor<'a> {
    rest: &'a [u8],
}

impl<'a> Cbor<'a> {
    /// Major type and argument; indefinite lengths are refused.
    fn head(&mut self) -> Result<(u8, u64), NotProvisioning> {
        let (&first, rest) = self.rest.split_first().ok_or(NotProvisioning)?;
        self.rest = rest;
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            size @ 24..=27 => {
                let octets = self.take(1 << (size - 24))?;
                octets.iter().fold(0, |value, &octet| value << 8 | u64::from(octet))
            }
            _ => return Err(NotProvisioning),
        };
        Ok((first >> 5, argument))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], NotProvisioning> {
        let length = usize::try_from(length).map_err(|_| NotProvisioning)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(NotProvisioning)?;
        self.rest = rest;
        Ok(taken)
    }

    fn integer(&mut self) -> Result<i128, NotProvisioning> {
        match self.head()? {
            (0, value) => Ok(i128::from(value)),
            (1, value) => Ok(-1 - i128::from(value)),
            _ => Err(NotProvisioning),
        }
    }

    fn text(&mut self) -> Result<String, NotProvisioning> {
        let (3, length) = self.head()? else {
            return Err(NotProvisioning);
        };
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| NotProvisioning)
    }

    /// Passes over one item, counting those still owed instead of calling itself.
    fn skip(&mut self) -> Result<(), NotProvisioning> {
        let mut owed = 1_u64;
        for _ in 0..ITEMS {
            let inside = match self.head()? {
                (2 | 3, length) => self.take(length).map(|_| 0)?,
                (4, members) => members,
                (5, pairs) => pairs.saturating_mul(2),
                (6, _) => 1,
                _ => 0,
            };
            owed = (owed - 1).saturating_add(inside);
            if owed == 0 {
                return Ok(());
            }
        }
        Err(NotProvisioning)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_map_of_a_real_certificate() {
        let value = [&[0xa2, 0x01, 0x18, 0x18, 0x03, 0x66][..], b"Google"].concat();
        let expected = Provisioning {
            certificates_issued: Some(24),
            name: Some("Google".to_owned()),
            unknown_keys: vec![],
        };
        assert_eq!(Provisioning::parse(&value), Ok(expected));
    }

    #[test]
    fn unknown_entries_are_passed_over_whatever_is_in_them() {
        let nested = [0xa2, 0x20, 0x82, 0xa1, 0x01, 0x41, 0x02, 0xc1, 0xf6, 0x01, 0x05];
        let read = Provisioning::parse(&nested).unwrap();
        assert_eq!((read.certificates_issued, read.unknown_keys), (Some(5), vec![-1]));
    }

    #[test]
    fn other_bytes_are_refused() {
        let deep = [&[0xa1, 0x05][..], &[0x81; 100_000], &[0x00]].concat();
        let endless = [0xa1, 0x05, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        for bytes in [
            &[][..],
            &[0x01],
            &[0xbf, 0x01, 0x02, 0xff],
            &[0xa1, 0x01],
            &[0xa1, 0x01, 0x20],
            &[0xa1, 0x61, 0x61, 0x01],
            &[0xa2, 0x01, 0x02, 0x01, 0x03],
            &[0xa1, 0x01, 0x02, 0x00],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &deep,
            &endless,
        ] {
            assert_eq!(Provisioning::parse(bytes), Err(NotProvisioning));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(tail in proptest::collection::vec(any::<u8>(), 0..48)) {
            let _ = Provisioning::parse(&tail);
            let _ = Provisioning::parse(&[&[0xa3][..], &tail].concat());
        }
    }
}
