//! Authenticator data: the statement that nonce and signature are made over (W3C Web Authentication
//! Level 2, 6.1, as far as the vendor uses it).

use super::{AppKey, Environment};
use crate::Refusal;
use crate::cbor::{self, Value};

/// Flag AT: attested credential data follows. Assertions may set it too, without any.
const ATTESTED: u8 = 0x40;
/// Flag ED: extensions follow. The vendor leaves it out at times where they do.
const EXTENDED: u8 = 0x80;
/// The longest bundle version, in bytes.
const MAX_VERSION: usize = 128;

/// What attestation and assertion have in common.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    pub(super) rp_id_hash: [u8; 32],
    pub(super) flags: u8,
    pub(super) counter: u32,
    pub(super) bundle_version: Option<&'a str>,
    pub(super) validation_category: Option<u32>,
}

/// Attested credential data.
#[derive(Debug)]
pub(super) struct Credential<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    /// `None` if the COSE key is none on P-256.
    pub(super) key: Option<AppKey>,
}

impl Credential<'_> {
    /// Step 8: what the `aaguid` stands for.
    pub(super) fn environment(&self) -> Option<Environment> {
        match &self.aaguid {
            b"appattestdevelop" => Some(Environment::Development),
            b"appattest\0\0\0\0\0\0\0" => Some(Environment::Production),
            _ => None,
        }
    }
}

impl<'a> AuthenticatorData<'a> {
    /// Of an attestation: a credential must be there.
    pub(super) fn of_attestation(bytes: &'a [u8]) -> Result<(Self, Credential<'a>), Refusal> {
        let (data, rest) = Self::head(bytes)?;
        if data.flags & ATTESTED == 0 {
            return Err(malformed("says that it holds no credential"));
        }
        let (credential, rest) = credential(rest)?;
        Ok((data.extensions(rest)?, credential))
    }

    /// Of an assertion: no credential is there, whatever the flags say.
    pub(super) fn of_assertion(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let (data, rest) = Self::head(bytes)?;
        data.extensions(rest)
    }

    fn head(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Refusal> {
        let (rp_id_hash, rest) = split::<32>(bytes)?;
        let ([flags], rest) = split::<1>(rest)?;
        let (counter, rest) = split::<4>(rest)?;
        let data = Self {
            rp_id_hash,
            flags,
            counter: u32::from_be_bytes(counter),
            bundle_version: None,
            validation_category: None,
        };
        Ok((data, rest))
    }

    fn extensions(mut self, rest: &'a [u8]) -> Result<Self, Refusal> {
        if rest.is_empty() {
            let promised = self.flags & EXTENDED != 0;
            return if promised {
                Err(malformed("lacks the extensions it announces"))
            } else {
                Ok(self)
            };
        }
        let map = cbor::read(rest)
            .map_err(|error| malformed(&format!("ends in no extensions: {error}")))?;
        if map.map().is_none() {
            return Err(malformed("ends in something that is no map of extensions"));
        }
        if let Some(version) = map.at("apple_bundle_version_01") {
            let text = version.text().filter(|text| text.len() <= MAX_VERSION);
            self.bundle_version =
                Some(text.ok_or_else(|| malformed("has no text as bundle version"))?);
        }
        if let Some(category) = map.at("apple_validation_category_01") {
            let number =
                category.bytes().and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
            self.validation_category = Some(
                number.ok_or_else(|| malformed("has a validation category that is not 4 bytes"))?,
            );
        }
        Ok(self)
    }
}

fn credential(bytes: &[u8]) -> Result<(Credential<'_>, &[u8]), Refusal> {
    let (aaguid, rest) = split::<16>(bytes)?;
    let (length, rest) = split::<2>(rest)?;
    let length = usize::from(u16::from_be_bytes(length));
    let (id, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    let (key, rest) = cbor::read_first(rest)
        .map_err(|error| malformed(&format!("holds no public key: {error}")))?;
    Ok((Credential { aaguid, id, key: cose_key(&key) }, rest))
}

/// RFC 9052 7, RFC 9053 7.1.1: an EC2 key on P-256 for ES256.
fn cose_key(key: &Value<'_>) -> Option<AppKey> {
    let number = |at| key.at_integer(at).and_then(Value::integer);
    let coordinate = |at| key.at_integer(at).and_then(Value::bytes)?.try_into().ok();
    let fits = number(1) == Some(2) && number(3) == Some(-7) && number(-1) == Some(1);
    fits.then_some(AppKey { x: coordinate(-2)?, y: coordinate(-3)? })
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Refusal> {
    bytes.split_first_chunk().map(|(first, rest)| (*first, rest)).ok_or_else(cut_off)
}

fn cut_off() -> Refusal {
    malformed("is cut off")
}

fn malformed(how: &str) -> Refusal {
    Refusal::new("malformed_authenticator_data", format!("the authenticator data {how}"))
}
