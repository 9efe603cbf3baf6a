//! Public keys on P-256, in the one DER encoding that `SubjectPublicKeyInfo` has for them (RFC 5480 2).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};

/// What comes before the uncompressed point.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The uncompressed point (X9.62: `04`, x, y) of a `SubjectPublicKeyInfo`, if it is one on P-256.
pub(crate) fn point_of(spki: &[u8]) -> Option<[u8; 65]> {
    let point = <[u8; 65]>::try_from(spki.strip_prefix(&SPKI_PREFIX)?).ok()?;
    let on_curve = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_ok();
    (on_curve && point.first() == Some(&4)).then_some(point)
}

/// The `SubjectPublicKeyInfo` of an uncompressed point.
pub(crate) fn spki_of(point: &[u8]) -> Vec<u8> {
    [&SPKI_PREFIX, point].concat()
}
