//! What the leaf certificate (`credCert`) says: key and nonce.

use super::AppKey;
use crate::Refusal;
use crate::der::{Reader, Tag};
use crate::x509::Certificate;

/// The vendor's extension with the nonce: 1.2.840.113635.100.8.2.
const NONCE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 8, 2];
/// The vendor's extension with facts of the device: 1.2.840.113635.100.8.7.
const DEVICE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 8, 7];
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
    /// `None` if the extension is missing or of another form.
    pub(super) nonce: Option<[u8; 32]>,
    /// `None` if it is not said, as before 2026.
    pub(super) platform: Option<String>,
    /// Unix seconds.
    pub(super) expires_at: i64,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, Refusal> {
        let certificate = Certificate::parse(der).map_err(|fault| {
            Refusal::new(
                "malformed_certificate",
                format!("the first certificate cannot be read: {fault}"),
            )
        })?;
        Ok(Self {
            key: certificate.key.p256().map(|(x, y)| AppKey { x, y }),
            nonce: certificate.extension(NONCE).and_then(nonce),
            platform: certificate.extension(DEVICE).and_then(platform),
            expires_at: certificate.not_after,
        })
    }
}

/// Step 4: the one octet string in the vendor's extension.
fn nonce(value: &[u8]) -> Option<[u8; 32]> {
    value.strip_prefix(&NONCE_PREFIX)?.try_into().ok()
}

/// The vendor documents neither this extension nor its names; leaves of iPhones say `iphoneos`.
fn platform(value: &[u8]) -> Option<String> {
    let facts = Reader::new(value).open(Tag::SEQUENCE).ok()?.all(MAX_FACTS).ok()?;
    let fact = facts.into_iter().find(|fact| fact.tag == Tag::explicit(PLATFORM))?;
    let name = Reader::new(fact.contents).expect(Tag::OCTET_STRING).ok()?;
    let name = std::str::from_utf8(name).ok()?;
    (name.len() <= MAX_FACTS).then(|| name.to_owned())
}
