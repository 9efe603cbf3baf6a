use proptest::prelude::*;

use super::*;

fn one(bytes: &[u8]) -> Result<Element<'_>, Fault> {
    let mut reader = Reader::new(bytes);
    let element = reader.element()?;
    reader.end()?;
    Ok(element)
}

#[test]
fn only_the_shortest_lengths_are_taken() {
    assert_eq!(one(&[4, 1, 7]).unwrap().contents, [7]);
    assert_eq!(one(&[4, 0x81, 1, 7]), Err(Fault::Length), "one octet would do");
    assert_eq!(one(&[4, 0x82, 0, 0x80]), Err(Fault::Length), "a leading zero");
    assert_eq!(one(&[0x30, 0x80, 0, 0]), Err(Fault::Length), "indefinite");
    assert_eq!(one(&[4, 0x84, 0, 0, 0, 1, 7]), Err(Fault::Length), "absurd");
    assert_eq!(one(&[4, 0x83, 0xff, 0xff, 0xff]), Err(Fault::Truncated));
    let long = [&[4, 0x81, 0x80][..], &[9; 0x80]].concat();
    assert_eq!(one(&long).unwrap().contents, [9; 0x80]);
}

#[test]
fn only_the_shortest_tags_are_taken() {
    assert_eq!(one(&[0xbf, 0x85, 0x40, 0]).unwrap().tag, Tag::explicit(704));
    assert_eq!(one(&[0xbf, 0x1e, 0]), Err(Fault::Tag), "30 fits in one octet");
    assert_eq!(one(&[0xbf, 0x80, 0x40, 0]), Err(Fault::Tag), "a leading zero");
    assert_eq!(one(&[0xbf, 0xff, 0xff, 0xff, 0x7f, 0]), Err(Fault::Tag), "absurd");
    assert_eq!(one(&[0xbf, 0x85]), Err(Fault::Truncated));
}

#[test]
fn nothing_may_be_cut_off_or_follow() {
    assert_eq!(one(&[]), Err(Fault::Truncated));
    assert_eq!(one(&[4]), Err(Fault::Truncated));
    assert_eq!(one(&[4, 2, 1]), Err(Fault::Truncated));
    assert_eq!(one(&[4, 1, 1, 0]), Err(Fault::Trailing));
}

#[test]
fn integers_are_signed_and_shortest() {
    assert_eq!(integer(&[0]), Ok(0));
    assert_eq!(integer(&[0x80]), Ok(-128));
    assert_eq!(integer(&[0, 0x80]), Ok(128));
    assert_eq!(
        integer(&[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Ok(u64::MAX.into())
    );
    assert_eq!(integer(&[0, 0x7f]), Err(Fault::Contents));
    assert_eq!(integer(&[0xff, 0x80]), Err(Fault::Contents));
    assert_eq!(integer(&[]), Err(Fault::Contents));
    assert_eq!(integer(&[1; 17]), Err(Fault::Contents));
}

#[test]
fn an_optional_element_is_left_where_another_stands() {
    let mut reader = Reader::new(&[2, 1, 5]);
    assert_eq!(reader.optional(Tag::BOOLEAN), Ok(None));
    assert_eq!(reader.expect(Tag::INTEGER), Ok(&[5][..]));
    assert_eq!(reader.optional(Tag::INTEGER), Ok(None));
}

#[test]
fn members_are_counted() {
    let three = [5, 0, 5, 0, 5, 0];
    assert_eq!(Reader::new(&three).all(3).unwrap().len(), 3);
    assert_eq!(Reader::new(&three).all(2), Err(Fault::TooMany));
}

#[test]
fn identifiers_are_written_with_dots() {
    assert_eq!(dotted(&[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 17]), "1.3.6.1.4.1.11129.2.1.17");
    assert_eq!(dotted(&[0x55, 29, 19]), "2.5.29.19");
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut reader = Reader::new(&bytes);
        while let Ok(element) = reader.element() {
            prop_assert!(element.whole.ends_with(element.contents));
            let _ = (integer(element.contents), dotted(element.contents));
            let _ = (whole_bits(element.contents), Reader::new(element.contents).all(4));
        }
    }
}
