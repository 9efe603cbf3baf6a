//! The DER reader: every element lies in its input, and what one octet string says it says once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twinpath_attestation::der::{Reader, dotted, integer, whole_bits};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let mut read = 0;
    while let Ok(element) = reader.element() {
        assert!(element.whole.ends_with(element.contents));
        assert_eq!(element.whole, &bytes[read..read + element.whole.len()]);
        read += element.whole.len();
        if let Ok(value) = integer(element.contents) {
            let shortest: Vec<u8> = value.to_be_bytes().to_vec();
            assert!(shortest.ends_with(element.contents));
        }
        let _ = (whole_bits(element.contents), dotted(element.contents));
        let _ = Reader::new(element.contents).all(16);
    }
});
