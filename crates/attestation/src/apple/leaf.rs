//! What the leaf certificate (`credCert`) says: key and nonce.

use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::spki::ObjectIdentifier;

use super::AppKey;
use crate::Refusal;
use crate::der::{Reader, Tag};
use crate::p256;

/// The vendor's extension with the nonce.
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.8.2");
/// The vendor's extension with facts of the device.
const DEVICE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.8.7");
/// Where the platform is among these.
const PLATFORM: u32 = 1026;
/// The most facts that are looked through, and the longest name of a platform, in bytes.
const MAX_FACTS: usize = 64;
/// DER of a sequence of one `[1] EXPLICIT OCTET STRING` of 32 bytes, as far as these.
const NONCE_PREFIX: [u8; 6] = [0x30, 0x24, 0xa1, 0x22, 0x04, 0x20];

/// The leaf certificate's contents. Nothing of it is believed before its chain is verified.
#[derive(Debug)]
pub(super) struct Leaf {
    /// `None` if it is none on P-256.
    pub(super) key: Option<AppKey>,
    /// `None` if the extension is missing, there twice, or of another form.
    pub(super) nonce: Option<[u8; 32]>,
    /// `None` if it is not said, as before 2026.
    pub(super) platform: Option<String>,
    /// Unix seconds.
    pub(super) expires_at: i64,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, Refusal> {
        let malformed =
            |_| Refusal::new("malformed_certificate", "the first certificate cannot be read");
        let certificate = Certificate::from_der(der).map_err(malformed)?.tbs_certificate;
        let spki = certificate.subject_public_key_info.to_der().map_err(malformed)?;
        let extensions = certificate.extensions.as_deref().unwrap_or_default();
        let expires_at = certificate.validity.not_after.to_unix_duration().as_secs();
        Ok(Self {
            key: p256::point_of(&spki).and_then(|point| AppKey::from_point(&point)),
            nonce: nonce(extensions),
            platform: platform(extensions),
            expires_at: i64::try_from(expires_at).unwrap_or(i64::MAX),
        })
    }
}

/// Step 4: the one octet string in the vendor's extension.
fn nonce(extensions: &[Extension]) -> Option<[u8; 32]> {
    only(extensions, NONCE)?.strip_prefix(&NONCE_PREFIX)?.try_into().ok()
}

/// The vendor documents neither this extension nor its names; leaves of iPhones say `iphoneos`.
fn platform(extensions: &[Extension]) -> Option<String> {
    let facts =
        Reader::new(only(extensions, DEVICE)?).open(Tag::SEQUENCE).ok()?.all(MAX_FACTS).ok()?;
    let fact = facts.into_iter().find(|fact| fact.tag == Tag::explicit(PLATFORM))?;
    let name = Reader::new(fact.contents).expect(Tag::OCTET_STRING).ok()?;
    let name = std::str::from_utf8(name).ok()?;
    (name.len() <= MAX_FACTS).then(|| name.to_owned())
}

/// The value of an extension that is there once.
fn only(extensions: &[Extension], id: ObjectIdentifier) -> Option<&[u8]> {
    let mut found = extensions.iter().filter(|extension| extension.extn_id == id);
    let (one, None) = (found.next()?, found.next()) else {
        return None;
    };
    Some(one.extn_value.as_bytes())
}
