//! X.509 certificates (RFC 5280 4.1), read strictly and without copying.
//!
//! Reading believes nothing: [`Certificate::signed_by`] is the only step that touches a key.

mod algorithm;
mod name;
mod time;

pub use algorithm::{Key, SignatureError};
pub use name::Name;
pub use time::{parse_rfc3339, rfc3339};

use crate::der::{Fault, Reader, Tag, dotted, integer, whole_bits};

/// Extensions of one certificate that are read at most.
pub const EXTENSIONS: usize = 32;

/// Object identifiers of extensions, as their DER contents.
pub mod oid {
    /// Subject key identifier.
    pub const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 29, 14];
    /// Key usage.
    pub const KEY_USAGE: &[u8] = &[0x55, 29, 15];
    /// Basic constraints.
    pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 29, 19];
    /// CRL distribution points.
    pub const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 29, 31];
    /// Certificate policies.
    pub const CERTIFICATE_POLICIES: &[u8] = &[0x55, 29, 32];
    /// Authority key identifier.
    pub const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 29, 35];
}

/// One certificate.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// The signed bytes, exactly as they came.
    pub tbs: &'a [u8],
    /// The serial number's octets.
    pub serial: &'a [u8],
    /// Who signed it.
    pub issuer: Name<'a>,
    /// Whose key it holds.
    pub subject: Name<'a>,
    /// First valid second, Unix time.
    pub not_before: i64,
    /// Last valid second, Unix time.
    pub not_after: i64,
    /// `SubjectPublicKeyInfo`, exactly as it came.
    pub spki: &'a [u8],
    /// The key therein.
    pub key: Key<'a>,
    /// All extensions, in order.
    pub extensions: Vec<Extension<'a>>,
    algorithm: algorithm::Identifier<'a>,
    signature: &'a [u8],
}

/// One extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The object identifier's contents.
    pub oid: &'a [u8],
    /// Whether whoever does not know it must refuse.
    pub critical: bool,
    /// The DER inside the octet string.
    pub value: &'a [u8],
}

/// `BasicConstraints`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject may issue certificates.
    pub authority: bool,
    /// How many authorities may stand between it and the last certificate.
    pub path_length: Option<i128>,
}

impl<'a> Certificate<'a> {
    /// Reads one certificate and nothing after it.
    pub fn parse(der: &'a [u8]) -> Result<Self, Fault> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.open(Tag::SEQUENCE)?;
        outer.end()?;
        let tbs = certificate.element()?;
        let algorithm = algorithm::Identifier::parse(certificate.element()?)?;
        let signature = whole_bits(certificate.expect(Tag::BIT_STRING)?)?;
        certificate.end()?;
        let mut fields = tbs.open(Tag::SEQUENCE)?;
        let version_3 = version_3(&mut fields)?;
        let serial = serial(fields.expect(Tag::INTEGER)?)?;
        if algorithm::Identifier::parse(fields.element()?)? != algorithm {
            return Err(Fault::Contents);
        }
        let issuer = Name::parse(fields.element()?)?;
        let mut validity = fields.open(Tag::SEQUENCE)?;
        let not_before = time::parse(validity.element()?)?;
        let not_after = time::parse(validity.element()?)?;
        validity.end()?;
        let subject = Name::parse(fields.element()?)?;
        let spki = fields.element()?;
        let key = Key::parse(spki)?;
        let extensions = extensions(fields, version_3)?;
        Ok(Self {
            tbs: tbs.whole,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            spki: spki.whole,
            key,
            extensions,
            algorithm,
            signature,
        })
    }

    /// Whether this certificate's signature is that of a key.
    pub fn signed_by(&self, key: &Key<'_>) -> Result<(), SignatureError> {
        self.algorithm.verify(key, self.tbs, self.signature)
    }

    /// The value of an extension.
    pub fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        self.extensions.iter().find(|extension| extension.oid == oid).map(|it| it.value)
    }

    /// RFC 5280 4.2.1.9; without the extension nobody may issue.
    pub fn basic_constraints(&self) -> Result<BasicConstraints, Fault> {
        let Some(value) = self.extension(oid::BASIC_CONSTRAINTS) else {
            return Ok(BasicConstraints::default());
        };
        let mut outer = Reader::new(value);
        let mut fields = outer.open(Tag::SEQUENCE)?;
        outer.end()?;
        let authority = match fields.optional(Tag::BOOLEAN)? {
            Some(flag) => boolean(flag.contents)?,
            None => false,
        };
        let path_length = match fields.optional(Tag::INTEGER)? {
            Some(length) => Some(integer(length.contents)?),
            None => None,
        };
        fields.end()?;
        Ok(BasicConstraints { authority, path_length })
    }

    /// Whether the key usage, where one is given, holds `keyCertSign` (RFC 5280 4.2.1.3).
    pub fn may_sign_certificates(&self) -> Result<bool, Fault> {
        let Some(value) = self.extension(oid::KEY_USAGE) else {
            return Ok(true);
        };
        let mut outer = Reader::new(value);
        let bits = outer.expect(Tag::BIT_STRING)?;
        outer.end()?;
        match bits {
            [0..=7, first, ..] => Ok(first & 0x04 != 0),
            _ => Err(Fault::Contents),
        }
    }

    /// The serial number in lower-case hex without leading zeros, a minus sign before a negative one.
    pub fn serial_hex(&self) -> String {
        let negative = self.serial.first().is_some_and(|first| first & 0x80 != 0);
        let mut magnitude = self.serial.to_vec();
        if negative {
            let mut carry = true;
            for octet in magnitude.iter_mut().rev() {
                let (sum, overflow) = (!*octet).overflowing_add(u8::from(carry));
                (*octet, carry) = (sum, overflow);
            }
        }
        let digits = hex(&magnitude);
        let shortest = digits.trim_start_matches('0');
        let sign = if negative { "-" } else { "" };
        format!("{sign}{}", if shortest.is_empty() { "0" } else { shortest })
    }

    /// Critical extensions whose identifier is none of these, in dotted form.
    pub fn unknown_critical(&self, known: &[&[u8]]) -> Vec<String> {
        let unknown = |it: &&Extension<'_>| it.critical && !known.contains(&it.oid);
        self.extensions.iter().filter(unknown).map(|it| dotted(it.oid)).collect()
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `[0] EXPLICIT INTEGER DEFAULT v1`: whether it is version 3, which alone has extensions.
fn version_3(fields: &mut Reader<'_>) -> Result<bool, Fault> {
    let Some(version) = fields.optional(Tag::explicit(0))? else {
        return Ok(false);
    };
    let mut inner = Reader::new(version.contents);
    let number = integer(inner.expect(Tag::INTEGER)?)?;
    inner.end()?;
    match number {
        0 | 1 => Ok(false),
        2 => Ok(true),
        _ => Err(Fault::Contents),
    }
}

/// Serial numbers have 20 octets at most by RFC 5280 4.1.2.2; real ones ran to a few more.
fn serial(contents: &[u8]) -> Result<&[u8], Fault> {
    if contents.is_empty() || contents.len() > 32 { Err(Fault::Contents) } else { Ok(contents) }
}

/// Phones write other octets than 0xff for TRUE, as BER allows; there is no other way to read them.
fn boolean(contents: &[u8]) -> Result<bool, Fault> {
    match contents {
        [octet] => Ok(*octet != 0),
        _ => Err(Fault::Contents),
    }
}

/// The rest of a `TBSCertificate`: unique identifiers, which nobody uses, and `[3] Extensions`.
fn extensions(mut fields: Reader<'_>, version_3: bool) -> Result<Vec<Extension<'_>>, Fault> {
    fields.optional(Tag::implicit(1))?;
    fields.optional(Tag::implicit(2))?;
    let Some(wrapper) = fields.optional(Tag::explicit(3))? else {
        return fields.end().map(|()| Vec::new());
    };
    fields.end()?;
    if !version_3 {
        return Err(Fault::Contents);
    }
    let mut wrapper = Reader::new(wrapper.contents);
    let list = wrapper.open(Tag::SEQUENCE)?;
    wrapper.end()?;
    let mut extensions: Vec<Extension<'_>> = Vec::new();
    for element in list.all(EXTENSIONS)? {
        let extension = extension(element.open(Tag::SEQUENCE)?)?;
        // RFC 5280 4.2: one of each kind, so that no two readers can read a different one.
        if extensions.iter().any(|other| other.oid == extension.oid) {
            return Err(Fault::Contents);
        }
        extensions.push(extension);
    }
    Ok(extensions)
}

/// `critical` is often written out though FALSE is its default; that is let pass.
fn extension(mut fields: Reader<'_>) -> Result<Extension<'_>, Fault> {
    let oid = fields.expect(Tag::OID)?;
    let critical = match fields.optional(Tag::BOOLEAN)? {
        Some(flag) => boolean(flag.contents)?,
        None => false,
    };
    let value = fields.expect(Tag::OCTET_STRING)?;
    fields.end()?;
    Ok(Extension { oid, critical, value })
}
