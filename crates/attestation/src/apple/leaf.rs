//! What the leaf certificate (`credCert`) says: key and nonce.

use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::ObjectIdentifier;

use super::AppKey;
use crate::Refusal;
use crate::p256;

/// The vendor's extension with the nonce.
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113635.100.8.2");
/// DER of a sequence of one `[1] EXPLICIT OCTET STRING` of 32 bytes, as far as these.
const NONCE_PREFIX: [u8; 6] = [0x30, 0x24, 0xa1, 0x22, 0x04, 0x20];

/// The leaf certificate's contents. Nothing of it is believed before its chain is verified.
#[derive(Debug)]
pub(super) struct Leaf {
    /// `None` if it is none on P-256.
    pub(super) key: Option<AppKey>,
    /// `None` if the extension is missing, there twice, or of another form.
    pub(super) nonce: Option<[u8; 32]>,
    /// Unix seconds.
    pub(super) expires_at: i64,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, Refusal> {
        let malformed =
            |_| Refusal::new("malformed_certificate", "the first certificate cannot be read");
        let certificate = Certificate::from_der(der).map_err(malformed)?.tbs_certificate;
        let spki = certificate.subject_public_key_info.to_der().map_err(malformed)?;
        let expires_at = certificate.validity.not_after.to_unix_duration().as_secs();
        Ok(Self {
            key: p256::point_of(&spki).and_then(|point| AppKey::from_point(&point)),
            nonce: nonce(certificate.extensions.as_deref().unwrap_or_default()),
            expires_at: i64::try_from(expires_at).unwrap_or(i64::MAX),
        })
    }
}

/// Step 4: the one octet string in the vendor's extension.
fn nonce(extensions: &[x509_cert::ext::Extension]) -> Option<[u8; 32]> {
    let mut found = extensions.iter().filter(|extension| extension.extn_id == NONCE);
    let (one, None) = (found.next()?, found.next()) else {
        return None;
    };
    one.extn_value.as_bytes().strip_prefix(&NONCE_PREFIX)?.try_into().ok()
}
