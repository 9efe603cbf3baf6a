//! An App Attest object, as it is inspected, and an assertion of a key that nobody has.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::apple::{AppKey, Roots, inspect, verify_assertion};

static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::published);

/// The generator of P-256: anyone may have its secret, 1, but not by chance the right signature.
static KEY: LazyLock<Option<AppKey>> = LazyLock::new(|| {
    let point = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                 4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let octet = |at: usize| u8::from_str_radix(&point[at..at + 2], 16).expect("hex");
    let point: Vec<u8> = [4].into_iter().chain((0..64).map(|it| octet(it * 2))).collect();
    AppKey::from_point(&point)
});

fuzz_target!(|bytes: &[u8]| {
    if let Some(told) = inspect(bytes, &ROOTS, 1_771_977_600) {
        let reasons = told["reasons"].as_array().expect("a list");
        assert_eq!(told["verified"] == true, reasons.is_empty());
    }
    if let Some(key) = &*KEY {
        assert!(verify_assertion(bytes, &[0; 32], key, "TEAM.app", 0).is_err());
    }
});
