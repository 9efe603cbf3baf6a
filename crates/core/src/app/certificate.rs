//! TLS client certificates (RFC 8705): what one says, and which app shows itself by it.
//!
//! Whoever brings one here vouches that the client possesses its private key, as a TLS handshake shows.
//! Nothing else is believed of it: chain, names, key and time are held against the app's registration.

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;
use twinpath_wire::b64;
use twinpath_wire::jwk::{Jwk, PublicKey};
use x509_cert::Certificate;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1};
use x509_cert::der::oid::db::rfc8410::ID_ED_25519;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};
use x509_cert::spki::ObjectIdentifier;

pub use self::roots::{ClientRoots, RootError};
use crate::app::AuthError;
use crate::ids::Timestamp;
use crate::records::{App, AuthMethod};

mod name;
mod roots;

pub(super) use self::name::checked_name;

/// The largest certificate, in bytes of DER.
pub const MAX_CERTIFICATE: usize = 16 * 1024;
/// The longest chain, in certificates, the client's own included.
pub const MAX_CHAIN: usize = 8;

/// A certificate whose private key the client possesses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// The client's own first.
    chain: Vec<CertificateDer<'static>>,
    own: Certificate,
    thumbprint: String,
}

/// A certificate that is not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is none in the chain.
    #[error("there is no certificate")]
    None,
    /// Beyond [`MAX_CERTIFICATE`] or [`MAX_CHAIN`].
    #[error("the certificate is larger than 16 KiB, or its chain longer than 8")]
    TooLarge,
    /// No DER of RFC 5280.
    #[error("the certificate is malformed")]
    Malformed,
}

/// A certificate, and the roots of this platform that may vouch for it.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// What came with the request.
    pub certificate: &'a ClientCertificate,
    /// `client_ca_file`.
    pub roots: &'a ClientRoots,
}

impl ClientCertificate {
    /// Reads a chain of DER, the client's own certificate first; the others are read when they are
    /// needed.
    pub fn read(chain: Vec<CertificateDer<'static>>) -> Result<Self, CertificateError> {
        if chain.len() > MAX_CHAIN || chain.iter().any(|der| der.len() > MAX_CERTIFICATE) {
            return Err(CertificateError::TooLarge);
        }
        let own = chain.first().ok_or(CertificateError::None)?;
        let thumbprint = b64::encode(digest::digest(&digest::SHA256, own));
        let own = Certificate::from_der(own).map_err(|_| CertificateError::Malformed)?;
        Ok(Self { chain, own, thumbprint })
    }

    /// `x5t#S256` (RFC 8705 3.1): base64url of the SHA-256 of its DER.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether `now` is within its validity (RFC 5280 4.1.2.5), both ends included.
    pub fn in_time(&self, now: Timestamp) -> bool {
        let validity = &self.own.tbs_certificate.validity;
        let from = validity.not_before.to_unix_duration().as_secs();
        let to = validity.not_after.to_unix_duration().as_secs();
        u64::try_from(now.seconds()).is_ok_and(|now| (from..=to).contains(&now))
    }

    /// Its public key; `None` if it is of a kind that JWKs here cannot be.
    fn key(&self) -> Option<PublicKey> {
        let info = &self.own.tbs_certificate.subject_public_key_info;
        let bytes = info.subject_public_key.as_bytes()?;
        match info.algorithm.oid {
            ID_EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters.as_ref()?;
                let p256 = curve.decode_as::<ObjectIdentifier>().ok()? == SECP_256_R_1;
                p256.then(|| Jwk::from_uncompressed_p256(bytes).ok()).flatten().map(|jwk| jwk.key)
            }
            ID_ED_25519 => Some(PublicKey::Ed25519 { x: bytes.try_into().ok()? }),
            RSA_ENCRYPTION => rsa(bytes),
            _ => None,
        }
    }
}

/// RFC 8017 A.1.1.
fn rsa(bytes: &[u8]) -> Option<PublicKey> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let numbers = reader.sequence(|reader| {
        let (n, e) = (UintRef::decode(reader)?, UintRef::decode(reader)?);
        Ok((n.as_bytes().to_vec(), e.as_bytes().to_vec()))
    });
    let (n, e) = numbers.ok()?;
    reader.is_finished().then_some(PublicKey::Rsa { n, e })
}

/// Whether the certificate of a request shows it to be `app`'s. For [`AuthMethod::TlsClientAuth`] it
/// must lead to a root and name what is registered (RFC 8705 2.1), for
/// [`AuthMethod::SelfSignedTlsClientAuth`] its key must be one of the app's JWK set (2.2): the key
/// counts there, so a certificate may be renewed with it.
pub(super) fn authenticate(
    app: &App,
    presented: Option<Presented<'_>>,
    now: Timestamp,
) -> Result<(), AuthError> {
    let refuse = |why| Err(AuthError::Client(why));
    let Some(Presented { certificate, roots }) = presented else {
        return refuse(
            "this app authenticates by a TLS client certificate, and none came; see \
             mtls_endpoint_aliases in the metadata",
        );
    };
    if !certificate.in_time(now) {
        return refuse("the client certificate has expired or is not valid yet");
    }
    if app.auth_method == AuthMethod::SelfSignedTlsClientAuth {
        let key = certificate.key();
        let mut known = app.jwks.iter().flat_map(|set| &set.keys);
        if known.any(|jwk| Some(&jwk.key) == key.as_ref()) {
            return Ok(());
        }
        return refuse("the client certificate's key is not registered for this app");
    }
    if !roots.lead_to(&certificate.chain, now) {
        return refuse("the client certificate does not lead to a CA that this platform trusts");
    }
    match &app.tls_client_auth {
        Some(name) if name::stands_in(name, &certificate.own) => Ok(()),
        _ => refuse("the client certificate does not name what is registered for this app"),
    }
}

#[cfg(test)]
mod tests;
