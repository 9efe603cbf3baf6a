//! One X.509 certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::x509::{Certificate, rfc3339};

fuzz_target!(|bytes: &[u8]| {
    let Ok(certificate) = Certificate::parse(bytes) else { return };
    assert!(bytes.windows(certificate.tbs.len()).any(|window| window == certificate.tbs));
    let _ = (certificate.basic_constraints(), certificate.may_sign_certificates());
    let _ = (certificate.serial_hex(), certificate.subject.display(), certificate.key.p256());
    let _ = (rfc3339(certificate.not_before), rfc3339(certificate.not_after));
    let _ = (certificate.unknown_critical(&[]), certificate.signed_by(&certificate.key));
});
