//! The examples of RFC 7638 3.1 and RFC 8037 A, and what is refused.

use super::*;

const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RSA: &str = concat!(
    r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7a"#,
    "PFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Qy",
    "Q5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrd",
    "kt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    r#"","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
);
const P256: &str = concat!(
    r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","#,
    r#""y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}"#,
);

fn read(json: &str) -> Result<Jwk, serde_json::Error> {
    serde_json::from_str(json)
}

#[test]
fn thumbprints_of_the_rfcs() {
    let rsa = read(RSA).expect("RFC 7638 3.1");
    assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let ed25519 = read(ED25519).expect("RFC 8037 A.2");
    assert_eq!(ed25519.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn serde_both_ways() {
    for json in [ED25519, RSA, P256] {
        let key = read(json).expect(json);
        let again = serde_json::to_string(&key).expect("serializes");
        assert_eq!(read(&again).expect("reads back"), key);
    }
    let key = read(P256).expect("P-256");
    assert_eq!((key.kid.as_deref(), key.key_use.as_deref()), (Some("1"), Some("enc")));
    let point = key.key.uncompressed_p256().expect("P-256");
    assert_eq!(Jwk::from_uncompressed_p256(&point).expect("a point").key, key.key);
    assert!(Jwk::from_uncompressed_p256(&point[..64]).is_err());
}

#[test]
fn refuses_secrets() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
        for value in [r#""AQAB""#, "null", "[]"] {
            let json = P256.replace(r#""kid""#, &format!(r#""{member}":{value},"kid""#));
            assert!(read(&json).is_err(), "{member}: {value}");
        }
    }
    assert!(read(r#"{"kty":"oct","k":"AQAB"}"#).is_err());
}

#[test]
fn refuses_malformed_and_unknown() {
    for (from, to) in [
        ("MKBC", "KBC"),
        ("MKBC", "AAAAMKBC"),
        ("D4\"", "D5\""),
        ("P-256", "P-384"),
        ("\"EC\"", "\"ec\""),
        ("\"y\"", "\"z\""),
        ("\"x\"", "\"y\""),
    ] {
        assert!(read(&P256.replace(from, to)).is_err(), "{from} -> {to}");
    }
    for (from, to) in [("AQAB", "AAEAAQ"), ("AQAB", "AQ"), ("AQAB", "AQAA"), ("0vx7", "AAAA")] {
        assert!(read(&RSA.replace(from, to)).is_err(), "{from} -> {to}");
    }
}

#[test]
fn a_set_skips_unknown_types_only() {
    let set = |keys: &str| serde_json::from_str::<JwkSet>(&format!(r#"{{"keys":[{keys}]}}"#));
    let mixed = set(&format!(r#"{P256},{{"kty":"AKP","pub":"AA"}},{ED25519}"#)).expect("a set");
    assert_eq!(mixed.keys.len(), 2);
    assert!(set(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#).is_err());
    assert!(set(r#"{"kty":"AKP","k":"AA"}"#).is_err());
}
