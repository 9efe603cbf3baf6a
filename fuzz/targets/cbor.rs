//! The CBOR reader, and the provisioning information that is written in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::android::Provisioning;
use twinpath_attestation::cbor;

fuzz_target!(|bytes: &[u8]| {
    let whole = cbor::read(bytes);
    if let Ok((value, rest)) = cbor::read_first(bytes) {
        assert_eq!(whole.is_ok(), rest.is_empty());
        assert_eq!(cbor::read(&bytes[..bytes.len() - rest.len()]), Ok(value));
    }
    let info = Provisioning::parse(bytes);
    assert!(info.other || whole.is_ok());
});
