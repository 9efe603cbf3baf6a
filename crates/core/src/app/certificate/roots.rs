//! The CAs that may vouch for apps' certificates (RFC 8705 2.1).

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::ids::Timestamp;

/// CAs, trusted for apps' certificates and for nothing else. `Default` trusts none.
#[derive(Clone, Default, Debug)]
pub struct ClientRoots(Vec<TrustAnchor<'static>>);

/// A certificate in the list cannot be a CA's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("certificate {0} in the list, counted from 1, cannot be read")]
pub struct RootError(pub usize);

impl ClientRoots {
    /// Trusts each of these as it stands: an intermediate CA in the list needs no root in it.
    pub fn new(certificates: &[CertificateDer<'_>]) -> Result<Self, RootError> {
        let anchor = |(at, der): (usize, &CertificateDer<'_>)| match anchor_from_trusted_cert(der) {
            Ok(anchor) => Ok(anchor.to_owned()),
            Err(_) => Err(RootError(at + 1)),
        };
        certificates.iter().enumerate().map(anchor).collect::<Result<_, _>>().map(Self)
    }

    /// Whether none is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// RFC 5280 6: whether the first of `chain` leads to a root by way of the others, all in time, and
    /// its extended key usage, if it has one, allows clients. Revocation is not asked for.
    pub(super) fn lead_to(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
        let Some((own, between)) = chain.split_first() else {
            return false;
        };
        let Ok(seconds) = u64::try_from(now.seconds()) else {
            return false;
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = KeyUsage::client_auth();
        let verify = |own: EndEntityCert<'_>| {
            own.verify_for_usage(ALL_VERIFICATION_ALGS, &self.0, between, time, usage, None, None)
                .is_ok()
        };
        EndEntityCert::try_from(own).is_ok_and(verify)
    }
}
