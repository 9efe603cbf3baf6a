//! An App Attest object, as it is inspected.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::apple::{Roots, inspect};

static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::published);

fuzz_target!(|bytes: &[u8]| {
    if let Some(told) = inspect(bytes, &ROOTS, 1_771_977_600) {
        let reasons = told["reasons"].as_array().expect("a list");
        assert_eq!(told["verified"] == true, reasons.is_empty());
    }
});
