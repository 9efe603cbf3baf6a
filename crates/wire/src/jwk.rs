//! Public keys as JSON (RFC 7517, RFC 7518 6, RFC 8037) and their thumbprints (RFC 7638).
//!
//! Only public keys exist here: deserialization refuses any private or symmetric member, so a key
//! pair pasted into a registration never gets stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::b64;

/// Smallest and largest RSA modulus taken, in bytes: 2048 and 8192 bits.
const RSA_MODULUS: core::ops::RangeInclusive<usize> = 256..=1024;

/// A public key with the members that say how to use it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jwk {
    /// The key.
    pub key: PublicKey,
    /// RFC 7517 4.5.
    pub kid: Option<String>,
    /// RFC 7517 4.4.
    pub alg: Option<String>,
    /// RFC 7517 4.2, the member `use`.
    pub key_use: Option<String>,
}

/// The kinds of keys that this protocol signs with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// EC on P-256, for `ES256` (RFC 7518 6.2).
    P256 {
        /// The x coordinate, big-endian.
        x: [u8; 32],
        /// The y coordinate, big-endian.
        y: [u8; 32],
    },
    /// OKP Ed25519, for `EdDSA` (RFC 8037 2).
    Ed25519 {
        /// The public key.
        x: [u8; 32],
    },
    /// RSA, for `PS256` and `RS256` (RFC 7518 6.3).
    Rsa {
        /// The modulus, big-endian without leading zeros.
        n: Vec<u8>,
        /// The exponent, big-endian without leading zeros.
        e: Vec<u8>,
    },
}

/// A JWK Set (RFC 7517 5). Keys of a type not known here are skipped, as that section asks; a
/// malformed or private key spoils the whole set.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct JwkSet {
    /// The keys, in their order.
    pub keys: Vec<Jwk>,
}

/// Why a JSON object is no key for this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// It holds `d`, `k` or another member of a secret.
    #[error("private or symmetric key material")]
    Private,
    /// Another `kty` or `crv`.
    #[error("unsupported kty or crv")]
    Unsupported,
    /// A member is missing, wrongly encoded or of the wrong length.
    #[error("missing or malformed key member")]
    Malformed,
}

impl Jwk {
    /// A key without further members, as a `DPoP` proof carries it.
    pub fn new(key: PublicKey) -> Self {
        Self { key, kid: None, alg: None, key_use: None }
    }

    /// A P-256 key from an uncompressed point (SEC 1 2.3.3: `04 || x || y`).
    pub fn from_uncompressed_p256(point: &[u8]) -> Result<Self, JwkError> {
        let Some((4, coordinates)) = point.split_first() else {
            return Err(JwkError::Malformed);
        };
        let (x, y) = coordinates.split_at_checked(32).ok_or(JwkError::Malformed)?;
        let coordinate = |bytes: &[u8]| bytes.try_into().map_err(|_| JwkError::Malformed);
        Ok(Self::new(PublicKey::P256 { x: coordinate(x)?, y: coordinate(y)? }))
    }

    /// The SHA-256 thumbprint in base64url (RFC 7638 3): the members that make the key, in order.
    pub fn thumbprint(&self) -> String {
        let canonical = match &self.key {
            PublicKey::P256 { x, y } => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                b64::encode(x),
                b64::encode(y)
            ),
            PublicKey::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64::encode(x))
            }
            PublicKey::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64::encode(e), b64::encode(n))
            }
        };
        b64::encode(Sha256::digest(canonical))
    }
}

impl PublicKey {
    /// The uncompressed point of a P-256 key (SEC 1 2.3.3), as signature libraries take it.
    pub fn uncompressed_p256(&self) -> Option<[u8; 65]> {
        let Self::P256 { x, y } = self else { return None };
        let mut point = [4; 65];
        point.iter_mut().skip(1).zip(x.iter().chain(y)).for_each(|(to, from)| *to = *from);
        Some(point)
    }
}

/// The members as they stand in JSON.
#[expect(clippy::zero_sized_map_values, reason = "serde flattens into maps only")]
#[derive(Serialize, Deserialize, Default)]
struct Members {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    key_use: Option<String>,
    #[serde(flatten, skip_serializing)]
    others: BTreeMap<String, de::IgnoredAny>,
}

/// RFC 7518 6.2.2, 6.3.2, 6.4.1: the members that no public key has. Present at all, even as
/// `null`, is too much.
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

impl TryFrom<Members> for Jwk {
    type Error = JwkError;

    fn try_from(members: Members) -> Result<Self, JwkError> {
        if SECRET_MEMBERS.iter().any(|secret| members.others.contains_key(*secret)) {
            return Err(JwkError::Private);
        }
        let key = match (members.kty.as_str(), members.crv.as_deref()) {
            ("EC", Some("P-256")) => {
                PublicKey::P256 { x: coordinate(members.x)?, y: coordinate(members.y)? }
            }
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519 { x: coordinate(members.x)? },
            ("RSA", _) => rsa(members.n, members.e)?,
            _ => return Err(JwkError::Unsupported),
        };
        Ok(Self { key, kid: members.kid, alg: members.alg, key_use: members.key_use })
    }
}

fn coordinate(text: Option<String>) -> Result<[u8; 32], JwkError> {
    b64::decode_array(&text.ok_or(JwkError::Malformed)?).map_err(|_| JwkError::Malformed)
}

fn rsa(n: Option<String>, e: Option<String>) -> Result<PublicKey, JwkError> {
    let number = |text: Option<String>| {
        let bytes = b64::decode(&text.ok_or(JwkError::Malformed)?);
        bytes.ok().filter(|b| b.first().is_some_and(|&high| high != 0)).ok_or(JwkError::Malformed)
    };
    let (n, e) = (number(n)?, number(e)?);
    let odd = e.last().is_some_and(|low| low % 2 == 1);
    // The longest exponent that signature libraries take is 33 bits; 1 would sign nothing.
    if !RSA_MODULUS.contains(&n.len()) || !odd || e.len() > 5 || e == [1] {
        return Err(JwkError::Malformed);
    }
    Ok(PublicKey::Rsa { n, e })
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members {
            kid: self.kid.clone(),
            alg: self.alg.clone(),
            key_use: self.key_use.clone(),
            ..Members::default()
        };
        match &self.key {
            PublicKey::P256 { x, y } => {
                members.kty = "EC".into();
                members.crv = Some("P-256".into());
                (members.x, members.y) = (Some(b64::encode(x)), Some(b64::encode(y)));
            }
            PublicKey::Ed25519 { x } => {
                members.kty = "OKP".into();
                members.crv = Some("Ed25519".into());
                members.x = Some(b64::encode(x));
            }
            PublicKey::Rsa { n, e } => {
                members.kty = "RSA".into();
                (members.n, members.e) = (Some(b64::encode(n)), Some(b64::encode(e)));
            }
        }
        members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Members::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Members>,
        }
        let known = |members: Members| match Jwk::try_from(members) {
            Err(JwkError::Unsupported) => None,
            taken => Some(taken.map_err(de::Error::custom)),
        };
        let keys = Keys::deserialize(deserializer)?.keys;
        Ok(Self { keys: keys.into_iter().filter_map(known).collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests;
