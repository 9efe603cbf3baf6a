//! What Google says of a device whose attestation key it provisioned over the air
//! (extension 1.3.6.1.4.1.11129.2.1.30): a CBOR map (RFC 8949).

use crate::cbor;

/// The map's facts. They are Google's to change: what is not understood is noted, never refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioning {
    /// Key 1: how many certificates this device was given in the last 30 days. Many are a sign of a
    /// device that signs for others.
    pub certificates_issued: Option<u64>,
    /// Key 3: a name, of Google in the certificates seen.
    pub name: Option<String>,
    /// Whether there is more, or other, than these two in the map, or no map at all.
    pub other: bool,
}

impl Provisioning {
    /// Reads the extension's value.
    pub fn parse(value: &[u8]) -> Self {
        let map = cbor::read(value).ok();
        let Some(entries) = map.as_ref().and_then(cbor::Value::map) else {
            return Self { other: true, ..Self::default() };
        };
        let mut provisioning = Self::default();
        for (key, value) in entries {
            match (key.integer(), value.integer(), value.text()) {
                (Some(1), Some(count), _) if u64::try_from(count).is_ok() => {
                    provisioning.certificates_issued = u64::try_from(count).ok();
                }
                (Some(3), _, Some(name)) => provisioning.name = Some(name.to_owned()),
                _ => provisioning.other = true,
            }
        }
        provisioning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_of_a_real_certificate() {
        let value = [&[0xa2, 0x01, 0x18, 0x18, 0x03, 0x66][..], b"Google"].concat();
        let expected = Provisioning {
            certificates_issued: Some(24),
            name: Some("Google".to_owned()),
            other: false,
        };
        assert_eq!(Provisioning::parse(&value), expected);
    }

    #[test]
    fn what_is_not_understood_is_noted() {
        let nested = [0xa2, 0x01, 0x05, 0x20, 0x82, 0xa1, 0x01, 0x41, 0x02, 0xc1, 0xf6];
        let read = Provisioning::parse(&nested);
        assert_eq!((read.certificates_issued, read.other), (Some(5), true));
        for bytes in [&[][..], &[0x01], &[0xa1, 0x01], &[0xa1, 0x01, 0x20], &[0xa1, 0x03, 0x01]] {
            let nothing = Provisioning { other: true, ..Provisioning::default() };
            assert_eq!(Provisioning::parse(bytes), nothing, "{bytes:?}");
        }
    }
}
