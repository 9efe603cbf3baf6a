//! Step 1: the certificates lead to the vendor's root.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::aws_lc_rs::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384,
};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::x509::Certificate;
use crate::{Refusal, pem};

/// Apple App Attestation Root CA, as published at apple.com/certificateauthority/private.
const PUBLISHED: &str = include_str!("apple_app_attestation_root_ca.pem");
/// The most roots in one list.
const MAX_ROOTS: usize = 64;
/// 1.2.840.113635.100.4.24, what newer leaf certificates are for; older ones do not say.
const APP_ATTEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x04, 0x18];
/// What the vendor signs with, and the other pairs of these curves and digests.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] =
    &[ECDSA_P384_SHA256, ECDSA_P384_SHA384, ECDSA_P256_SHA256, ECDSA_P256_SHA384];

/// The CAs an attestation may lead to. `Default` trusts none. Of a root only name and key count (RFC
/// 5280 6.1.1 d), not its dates.
#[derive(Clone, Default, Debug)]
pub struct Roots(Vec<TrustAnchor<'static>>);

/// The list of roots cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RootsError {
    /// Broken PEM, or something in it that is no certificate.
    #[error("the list of roots is not PEM of certificates")]
    Malformed,
    /// None, or more than 64.
    #[error("the list of roots holds none, or more than 64")]
    Count,
}

impl Roots {
    /// The vendor's App Attestation Root CA.
    pub fn published() -> Self {
        Self::from_pem(PUBLISHED).unwrap_or_default()
    }

    /// One or more certificates in PEM, in place of the published one.
    pub fn from_pem(text: &str) -> Result<Self, RootsError> {
        let certificates = pem::certificates(text, MAX_ROOTS).map_err(|error| match error {
            pem::PemError::TooMany(_) => RootsError::Count,
            _ => RootsError::Malformed,
        })?;
        let anchor = |der: &Vec<u8>| {
            let certificate = CertificateDer::from_slice(der);
            anchor_from_trusted_cert(&certificate).map(|anchor| anchor.to_owned())
        };
        let anchors: Result<Vec<_>, _> = certificates.iter().map(anchor).collect();
        let anchors = anchors.map_err(|_| RootsError::Malformed)?;
        if anchors.is_empty() { Err(RootsError::Count) } else { Ok(Self(anchors)) }
    }

    /// Whether `leaf` leads to a root by way of `between`, all in time `at`, in Unix seconds (RFC 5280 6:
    /// signatures, validity, basic constraints, path length, key usage, extended key usage).
    pub(super) fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        at: i64,
    ) -> Result<(), Refusal> {
        let seconds = u64::try_from(at).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = KeyUsage::required_if_present(APP_ATTEST);
        let leaf = EndEntityCert::try_from(leaf).map_err(|error| refusal(&error))?;
        let path = leaf.verify_for_usage(ALGORITHMS, &self.0, between, time, usage, None, None);
        path.map_err(|error| refusal(&error))?;
        // Basic constraints are the library's to check, key usage it leaves out.
        let may_sign =
            |der| Certificate::parse(der).is_ok_and(|it| it.may_sign_certificates() == Ok(true));
        if between.iter().all(|der| may_sign(der)) {
            return Ok(());
        }
        Err(Refusal::new("issuer_key_usage", "an issuer's key usage is not to sign certificates"))
    }
}

fn refusal(error: &Error) -> Refusal {
    let (reason, detail) = match error {
        Error::CertExpired { .. } => ("certificate_expired", "a certificate has expired"),
        Error::CertNotValidYet { .. } => {
            ("certificate_not_yet_valid", "a certificate is not valid yet")
        }
        Error::UnknownIssuer => ("unknown_root", "the certificates lead to none of the roots"),
        Error::InvalidSignatureForPublicKey => {
            ("bad_signature", "a certificate is not signed by its issuer's key")
        }
        Error::EndEntityUsedAsCa => ("issuer_not_ca", "an issuer is no certificate authority"),
        Error::CaUsedAsEndEntity => {
            ("leaf_is_ca", "the first certificate is a certificate authority's")
        }
        Error::PathLenConstraintViolated => {
            ("path_too_long", "more authorities follow an issuer than it allows")
        }
        Error::RequiredEkuNotFoundContext(_) => {
            ("wrong_key_usage", "a certificate is not for App Attest")
        }
        Error::UnsupportedCriticalExtension => (
            "unknown_critical_extension",
            "a certificate has a critical extension that is not understood here",
        ),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            ("unsupported_algorithm", "a certificate is not signed by ECDSA on P-256 or P-384")
        }
        Error::BadDer
        | Error::BadDerTime
        | Error::TrailingData(_)
        | Error::ExtensionValueInvalid
        | Error::MalformedExtensions
        | Error::UnsupportedCertVersion => {
            ("malformed_certificate", "a certificate cannot be read")
        }
        other => {
            return Refusal::new(
                "untrusted_chain",
                format!("the certificates are not trusted: {other}"),
            );
        }
    };
    Refusal::new(reason, detail)
}
