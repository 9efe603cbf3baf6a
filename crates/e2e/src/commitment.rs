//! PROTOCOL 2, read again: a verifier's code and its written form.

use aws_lc_rs::digest::{Context, SHA256};

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The written code `TP1-XXXXX-...` of a verifier. `jkt` is empty for an app without DPoP.
pub fn written(issuer: &str, client_id: &str, jkt: &str, verifier: &str) -> String {
    let symbols = symbols(&digest(issuer, client_id, jkt, verifier));
    let groups: Vec<&str> =
        symbols.as_bytes().chunks(5).map(|g| std::str::from_utf8(g).unwrap()).collect();
    format!("TP1-{}", groups.join("-"))
}

fn digest(issuer: &str, client_id: &str, jkt: &str, verifier: &str) -> [u8; 20] {
    let mut hash = Context::new(&SHA256);
    for field in ["twinpath-1", issuer, client_id, jkt, verifier] {
        hash.update(&u32::try_from(field.len()).unwrap().to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.finish().as_ref()[..20].try_into().unwrap()
}

/// 160 bits of digest and 15 of CRC are 175, which is 35 symbols.
fn symbols(digest: &[u8; 20]) -> String {
    let mut bits: Vec<bool> = Vec::with_capacity(175);
    for byte in digest {
        bits.extend((0..8).rev().map(|place| byte >> place & 1 == 1));
    }
    let crc = crc15_can(digest);
    bits.extend((0..15).rev().map(|place| crc >> place & 1 == 1));
    let value = |five: &[bool]| five.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
    bits.chunks(5).map(|five| char::from(CROCKFORD[value(five)])).collect()
}

/// Bit by bit, as the CAN specification draws it.
fn crc15_can(bytes: &[u8]) -> u16 {
    let mut register: u16 = 0;
    for byte in bytes {
        for place in (0..8).rev() {
            let next = (byte >> place & 1 == 1) ^ (register >> 14 & 1 == 1);
            register = register << 1 & 0x7fff;
            if next {
                register ^= 0x4599;
            }
        }
    }
    register
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_test_vector() {
        let issuer = "http://127.0.0.1:8080";
        let jkt = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            written(issuer, "weather", jkt, verifier),
            "TP1-GRFES-6P687-MYXA8-3VV8M-ES2XV-BRYV1-XQMN6"
        );
        assert_eq!(
            written(issuer, "weather", "", verifier),
            "TP1-H5PC3-PQS69-BXYMN-TQJV4-EXJB5-3E7EJ-69DQD"
        );
        assert_eq!(crc15_can(b"123456789"), 0x059E);
    }
}
