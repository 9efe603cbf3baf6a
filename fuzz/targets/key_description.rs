//! The key description: whatever is read is read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::android::KeyDescription;

fuzz_target!(|bytes: &[u8]| {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let read = KeyDescription::parse(bytes, &mut first);
    assert_eq!(read, KeyDescription::parse(bytes, &mut second));
    assert_eq!(first, second);
});
