//! Keys and signatures: RSA PKCS #1 v1.5, ECDSA on P-256 and P-384, ML-DSA.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use crate::der::{Element, Fault, Reader, Tag, whole_bits};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
/// 2.16.840.1.101.3.4.3: below it 17, 18 and 19 are ML-DSA-44, -65 and -87 (RFC 9881).
const NIST_SIGNATURES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3];

/// A subject's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// `RSAPublicKey` and its modulus' length in bits.
    Rsa(&'a [u8], usize),
    /// An uncompressed or compressed point on P-256.
    P256(&'a [u8]),
    /// A point on P-384.
    P384(&'a [u8]),
    /// The parameter set (44, 65, 87) and the key.
    MlDsa(u8, &'a [u8]),
    /// Anything else; its algorithm's identifier.
    Other(&'a [u8]),
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// It is another key's, or over other bytes.
    Bad,
    /// The algorithm, or its use with such a key, is not taken.
    Unsupported,
    /// The key is too short: RSA below 2048 bits.
    Weak,
}

impl<'a> Key<'a> {
    /// Reads a `SubjectPublicKeyInfo`.
    pub(super) fn parse(spki: Element<'a>) -> Result<Self, Fault> {
        let mut fields = spki.open(Tag::SEQUENCE)?;
        let mut algorithm = fields.open(Tag::SEQUENCE)?;
        let oid = algorithm.expect(Tag::OID)?;
        let curve = algorithm.optional(Tag::OID)?.map(|curve| curve.contents);
        let bits = fields.expect(Tag::BIT_STRING)?;
        fields.end()?;
        Ok(match (oid, curve) {
            (RSA, None) => Self::Rsa(whole_bits(bits)?, modulus_bits(whole_bits(bits)?)?),
            (EC, Some(P256)) => Self::P256(whole_bits(bits)?),
            (EC, Some(P384)) => Self::P384(whole_bits(bits)?),
            (_, None) if ml_dsa(oid).is_some() => {
                Self::MlDsa(ml_dsa(oid).unwrap_or_default(), whole_bits(bits)?)
            }
            _ => Self::Other(oid),
        })
    }

    /// For people: `RSA-2048`, `P-256`, ...
    pub fn name(&self) -> String {
        match self {
            Self::Rsa(_, bits) => format!("RSA-{bits}"),
            Self::P256(_) => "P-256".to_owned(),
            Self::P384(_) => "P-384".to_owned(),
            Self::MlDsa(set, _) => format!("ML-DSA-{set}"),
            Self::Other(oid) => crate::der::dotted(oid),
        }
    }

    /// Coordinates of a key on P-256, if the point is on the curve.
    pub fn p256(&self) -> Option<([u8; 32], [u8; 32])> {
        let Self::P256(point) = self else {
            return None;
        };
        let [4, coordinates @ ..] = point else {
            return None;
        };
        // The library takes a point only if the curve has it.
        signature::ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point).ok()?;
        let (x, y) = coordinates.split_at_checked(32)?;
        Some((x.try_into().ok()?, y.try_into().ok()?))
    }
}

/// An `AlgorithmIdentifier` of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identifier<'a> {
    oid: &'a [u8],
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl<'a> Identifier<'a> {
    /// Parameters must be absent or NULL, the two forms found with all algorithms taken here; of
    /// others they are passed over.
    pub(super) fn parse(element: Element<'a>) -> Result<Self, Fault> {
        let mut fields: Reader<'a> = element.open(Tag::SEQUENCE)?;
        let identifier = Self { oid: fields.expect(Tag::OID)? };
        if identifier.known() {
            if let Some(null) = fields.optional(Tag::NULL)?
                && !null.contents.is_empty()
            {
                return Err(Fault::Contents);
            }
            fields.end()?;
        }
        Ok(identifier)
    }

    fn known(self) -> bool {
        self.rsa().is_some() || self.ecdsa().is_some() || ml_dsa(self.oid).is_some()
    }

    fn rsa(self) -> Option<Hash> {
        match self.oid.strip_prefix(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1])? {
            [11] => Some(Hash::Sha256),
            [12] => Some(Hash::Sha384),
            [13] => Some(Hash::Sha512),
            _ => None,
        }
    }

    fn ecdsa(self) -> Option<Hash> {
        match self.oid.strip_prefix(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3])? {
            [2] => Some(Hash::Sha256),
            [3] => Some(Hash::Sha384),
            [4] => Some(Hash::Sha512),
            _ => None,
        }
    }

    pub(super) fn verify(
        self,
        key: &Key<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let (algorithm, bytes) = self.with(key)?;
        let key = UnparsedPublicKey::new(algorithm, bytes);
        key.verify(message, signature).map_err(|_| SignatureError::Bad)
    }

    fn with<'k>(
        self,
        key: &Key<'k>,
    ) -> Result<(&'static dyn VerificationAlgorithm, &'k [u8]), SignatureError> {
        Ok(match *key {
            Key::Rsa(_, bits) if bits < 2048 => return Err(SignatureError::Weak),
            Key::Rsa(_, bits) if bits > 8192 => return Err(SignatureError::Unsupported),
            Key::Rsa(bytes, _) => (rsa(self.rsa().ok_or(SignatureError::Unsupported)?), bytes),
            Key::P256(point) => (p256(self.ecdsa().ok_or(SignatureError::Unsupported)?), point),
            Key::P384(point) => (p384(self.ecdsa().ok_or(SignatureError::Unsupported)?), point),
            Key::MlDsa(set, bytes) if ml_dsa(self.oid) == Some(set) => {
                let algorithm: &'static dyn VerificationAlgorithm = match set {
                    44 => &signature::ML_DSA_44,
                    65 => &signature::ML_DSA_65,
                    _ => &signature::ML_DSA_87,
                };
                (algorithm, bytes)
            }
            Key::MlDsa(..) | Key::Other(_) => return Err(SignatureError::Unsupported),
        })
    }
}

fn rsa(hash: Hash) -> &'static dyn VerificationAlgorithm {
    match hash {
        Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
    }
}

fn p256(hash: Hash) -> &'static dyn VerificationAlgorithm {
    match hash {
        Hash::Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
        Hash::Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
        Hash::Sha512 => &signature::ECDSA_P256_SHA512_ASN1,
    }
}

fn p384(hash: Hash) -> &'static dyn VerificationAlgorithm {
    match hash {
        Hash::Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
        Hash::Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
        Hash::Sha512 => &signature::ECDSA_P384_SHA512_ASN1,
    }
}

fn ml_dsa(oid: &[u8]) -> Option<u8> {
    match oid.strip_prefix(NIST_SIGNATURES)? {
        [17] => Some(44),
        [18] => Some(65),
        [19] => Some(87),
        _ => None,
    }
}

/// The length of an `RSAPublicKey`'s modulus.
fn modulus_bits(key: &[u8]) -> Result<usize, Fault> {
    let mut outer = Reader::new(key);
    let mut fields = outer.open(Tag::SEQUENCE)?;
    let modulus = fields.expect(Tag::INTEGER)?;
    let leading = modulus.iter().take_while(|octet| **octet == 0).count();
    let significant = modulus.get(leading..).unwrap_or_default();
    let first_zeros = significant.first().map_or(0, |first| first.leading_zeros() as usize);
    Ok(significant.len() * 8 - first_zeros)
}
