//! An App Attest object, as it is inspected and as it is verified; the same bytes as an assertion.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::apple::{
    AppKey, Environment, Expected, Roots, inspect, verify_assertion, verify_attestation,
};

static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::published);

/// 2024-02-07, when the leaves of the seeds were valid.
const AT: i64 = 1_707_343_200;

fuzz_target!(|bytes: &[u8]| {
    let told = inspect(bytes, &ROOTS, AT);
    if let Some(told) = &told {
        let reasons = told["reasons"].as_array().expect("a list");
        assert_eq!(told["verified"] == true, reasons.is_empty());
    }
    let expected = Expected {
        client_data_hash: &[0; 32],
        key_id: &[0; 32],
        app_ids: &["V8H6LQ9448.io.uebelacker.AppAttestExample"],
        environments: &[Environment::Development, Environment::Production],
    };
    let reasons = verify_attestation(bytes, &expected, &ROOTS, AT).expect_err("another challenge");
    assert!(!reasons.is_empty());
    let key = AppKey { x: [0; 32], y: [0; 32] };
    let reasons = verify_assertion(bytes, &[0; 32], &key, "app", 0).expect_err("no key");
    assert!(!reasons.is_empty());
});
