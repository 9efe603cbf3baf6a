use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn reads_the_examples_of_rfc_8949_appendix_a() {
    let text = |text| Value::Text(text);
    let integer = Value::Integer;
    for (written, value) in [
        ("00", integer(0)),
        ("17", integer(23)),
        ("1818", integer(24)),
        ("1903e8", integer(1000)),
        ("1bffffffffffffffff", integer(u64::MAX.into())),
        ("3bffffffffffffffff", integer(-1 - i128::from(u64::MAX))),
        ("3863", integer(-100)),
        ("f4", Value::Bool(false)),
        ("f5", Value::Bool(true)),
        ("f6", Value::Null),
        ("40", Value::Bytes(&[])),
        ("4401020304", Value::Bytes(&[1, 2, 3, 4])),
        ("62c3bc", text("\u{fc}")),
        (
            "8301820203820405",
            Value::Array(vec![
                integer(1),
                Value::Array(vec![integer(2), integer(3)]),
                Value::Array(vec![integer(4), integer(5)]),
            ]),
        ),
        ("a201020304", Value::Map(vec![(integer(1), integer(2)), (integer(3), integer(4))])),
        ("c11a514b67b0", Value::Tag(1, Box::new(integer(1_363_896_240)))),
    ] {
        assert_eq!(read(&hex(written)), Ok(value), "{written}");
    }
}

#[test]
fn finds_values_by_their_keys() {
    let written = hex("a2616101050a");
    let map = read(&written).unwrap();
    assert_eq!(map.at("a").and_then(Value::integer), Some(1));
    assert_eq!(map.at_integer(5).and_then(Value::integer), Some(10));
    assert_eq!((map.at("b"), map.at_integer(1)), (None, None));
    assert_eq!(Value::Null.at("a"), None);
}

#[test]
fn refuses_what_has_two_readings() {
    for (written, error) in [
        ("", CborError::CutOff),
        ("0000", CborError::Trailing),
        ("1817", CborError::NotShortest),
        ("1900ff", CborError::NotShortest),
        ("1a0000ffff", CborError::NotShortest),
        ("1b00000000ffffffff", CborError::NotShortest),
        ("580100", CborError::NotShortest),
        ("a2010201ff", CborError::DuplicateKey),
        ("a26161016161f6", CborError::DuplicateKey),
        ("61ff", CborError::NotUtf8),
        ("5f4100ff", CborError::NotAllowed),
        ("9fff", CborError::NotAllowed),
        ("bfff", CborError::NotAllowed),
        ("ff", CborError::NotAllowed),
        ("f7", CborError::NotAllowed),
        ("f0", CborError::NotAllowed),
        ("f814", CborError::NotAllowed),
        ("f93c00", CborError::NotAllowed),
        ("fb3ff199999999999a", CborError::NotAllowed),
        ("1c", CborError::NotAllowed),
        ("4401", CborError::CutOff),
        ("a101", CborError::CutOff),
    ] {
        assert_eq!(read(&hex(written)), Err(error), "{written}");
    }
}

#[test]
fn nothing_is_made_for_a_length_only_claimed() {
    for major in ["5b", "7b", "9b", "bb"] {
        let claimed = hex(&format!("{major}7fffffffffffffff00"));
        assert_eq!(read(&claimed), Err(CborError::CutOff), "{major}");
    }
    assert_eq!(read(&vec![0; MAX_BYTES + 1]), Err(CborError::TooLarge));
}

#[test]
fn depth_ends() {
    let nested = |levels: usize, by: u8| [vec![by; levels - 1], vec![0]].concat();
    for by in [0x81, 0xc1] {
        assert!(read(&nested(MAX_DEPTH, by)).is_ok());
        assert_eq!(read(&nested(MAX_DEPTH + 1, by)), Err(CborError::TooDeep));
        assert_eq!(read(&nested(MAX_BYTES, by)), Err(CborError::TooDeep));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_prefix_reads(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if read(&bytes).is_ok() {
            for end in 0..bytes.len() {
                prop_assert!(read(&bytes[..end]).is_err());
            }
        }
    }
}
