//! The vectors of PROTOCOL 2, and texts as people, phones and attackers make them.

use proptest::prelude::*;

use super::*;

const WRITTEN: &str = "TP1-GRFES-6P687-MYXA8-3VV8M-ES2XV-BRYV1-XQMN6";
const OTHER: &str = "TP1-H5PC3-PQS69-BXYMN-TQJV4-EXJB5-3E7EJ-69DQD";

fn commit(jkt: &str) -> Code {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    Code::commit("http://127.0.0.1:8080", "weather", jkt, verifier)
}

fn vector() -> Code {
    commit("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
}

fn words(text: &str) -> String {
    read_message(text).expect("readable").words.as_str().to_owned()
}

#[test]
fn vectors_of_section_2() {
    assert_eq!(vector().to_string(), WRITTEN);
    let first_20_bytes: [u8; 20] = [
        0x86, 0x1e, 0xec, 0x9a, 0xc6, 0x41, 0xe9, 0xee, 0xa9, 0x03, 0xde, 0xd1, 0x47, 0x64, 0x5d,
        0xda, 0xf1, 0xed, 0x87, 0xb7,
    ];
    assert_eq!(vector().as_bytes(), &first_20_bytes);
    assert_eq!(commit("").to_string(), OTHER);
    assert_eq!(crc15(b"123456789"), 0x059e);
    assert_eq!(WRITTEN.len(), WRITTEN_LEN);
}

#[test]
fn reads_the_example_of_section_3() {
    let message =
        read_message(&format!("Weather sign-in. Send only from inside the app. {WRITTEN}"));
    let message = message.expect("readable");
    assert_eq!(message.code, vector());
    assert_eq!(message.words.as_str(), "weathersigninsendonlyfrominsidetheapp");
}

#[test]
fn reads_what_phones_make_of_it() {
    let code = Ok(vector());
    let read = |text: &str| read_message(text).map(|message| message.code);
    assert_eq!(read(&WRITTEN.to_lowercase()), code);
    assert_eq!(read(&WRITTEN.replace('-', "")), code);
    assert_eq!(read(&WRITTEN.replace('-', " \r\n")), code);
    assert_eq!(read(&WRITTEN.replace('1', "l")), code);
    assert_eq!(read(&WRITTEN.replace('1', "I")), code);
    assert_eq!(read("\u{ff34}\u{ff30}\u{ff11}GRFES6P687MYXA83VV8MES2XVBRYV1XQMN6"), code);
    for dash in ["\u{2014}", "\u{2212}", "\u{2011}", "\u{ff0d}", "\u{ad}", "\u{200b}", "\u{a0}"] {
        assert_eq!(read(&WRITTEN.replace('-', dash)), code, "{dash:?}");
    }
    assert_eq!(read(&format!("\u{feff}{WRITTEN}")), code);
    assert_eq!(read(&format!("{WRITTEN}Sent from my phone")), code, "takes 35 symbols and stops");
}

#[test]
fn a_failed_candidate_never_hides_a_right_one() {
    assert_eq!(words(&format!("TP1 {WRITTEN}")), "tp1");
    assert_eq!(words(&format!("TP1-{WRITTEN}")), "tp1");
    assert_eq!(words(&format!("http1 tpl TPI {WRITTEN}")), "http1tpltpi");
    let slip = WRITTEN.replace("GRFES", "GRFET");
    assert_eq!(read_message(&format!("{slip} {WRITTEN}")).map(|m| m.code), Ok(vector()));
    assert_eq!(read_message(&format!("{WRITTEN} {slip}")).map(|m| m.code), Ok(vector()));
    let broken = WRITTEN.split_at(20).0;
    assert_eq!(read_message(&format!("{broken} {WRITTEN}")).map(|m| m.code), Ok(vector()));
}

#[test]
fn equal_candidates_count_once_and_leave_the_words() {
    assert_eq!(words(&format!("Hello {WRITTEN} World {}", WRITTEN.to_lowercase())), "helloworld");
    let both = format!("{WRITTEN} {OTHER}");
    assert_eq!(read_message(&both), Err(MessageError::SeveralCodes));
}

#[test]
fn unreadable_texts() {
    let refused = |text: &str| read_message(text).expect_err("unreadable");
    assert_eq!(refused(""), MessageError::NoCode);
    assert_eq!(refused("vote for me"), MessageError::NoCode);
    assert_eq!(refused(&WRITTEN[..44]), MessageError::NoCode);
    assert_eq!(refused(&WRITTEN[3..]), MessageError::NoCode);
    assert_eq!(refused(&WRITTEN.replace("XQ", "XU")), MessageError::NoCode);
    assert_eq!(refused(&WRITTEN.replace("XQ", "X_Q")), MessageError::NoCode);
    assert_eq!(refused(&WRITTEN.replace("XQ", "XR")), MessageError::BadChecksum);
    assert_eq!(refused(&" ".repeat(MAX_MESSAGE_CHARS + 1)), MessageError::TooLong);
    assert_eq!(refused(&"TP1".repeat(MAX_MESSAGE_CHARS / 3)), MessageError::BadChecksum);
}

#[test]
fn symbols_alone() {
    assert_eq!(Code::parse_symbols(&WRITTEN[4..]), Ok(vector()));
    assert_eq!(Code::parse_symbols(WRITTEN), Ok(vector()));
    assert_eq!(Code::parse_symbols(&WRITTEN[4..].replace('-', "").to_lowercase()), Ok(vector()));
    assert_eq!(Code::parse_symbols(&WRITTEN[5..]), Err(CodeError::Malformed));
    assert_eq!(Code::parse_symbols(&format!("{WRITTEN}0")), Err(CodeError::Malformed));
    assert_eq!(Code::parse_symbols(&WRITTEN.replace("XQ", "XR")), Err(CodeError::BadChecksum));
}

#[test]
fn any_slip_in_one_symbol_is_found() {
    let code = vector();
    let symbols: Vec<char> = code.symbols().collect();
    for place in 0..SYMBOLS {
        for &symbol in ALPHABET {
            let mut slipped = symbols.clone();
            slipped[place] = char::from(symbol);
            let read = Code::parse_symbols(&slipped.iter().collect::<String>());
            assert_eq!(read.is_ok(), slipped == symbols);
        }
    }
}

/// Spells a code as people and gateways might: look-alikes, case, dashes, breaks.
fn mangle(written: &str, choices: &[u8]) -> String {
    let mut out = String::new();
    for (c, choice) in written.chars().zip(choices.iter().cycle()) {
        match (c, choice % 8) {
            ('-', 0) => out.push('\u{2013}'),
            ('-', 1) => out.push_str(" \n"),
            ('-', 2) => {}
            ('0', 3) => out.push('o'),
            ('0', 4) => out.push('O'),
            ('1', 3) => out.push('l'),
            ('1', 4) => out.push('I'),
            (c, 5) => out.extend([c.to_ascii_lowercase(), ' ']),
            (c, 6) => out.push(c.to_ascii_lowercase()),
            (c, _) => out.push(c),
        }
    }
    out
}

proptest! {
    #[test]
    fn written_codes_read_back(bytes: [u8; 20], choices in prop::collection::vec(any::<u8>(), 45)) {
        let code = Code::from_bytes(bytes);
        prop_assert_eq!(Code::parse_symbols(&code.to_string()), Ok(code));
        prop_assert_eq!(read_message(&mangle(&code.to_string(), &choices)).map(|m| m.code), Ok(code));
    }

    #[test]
    fn words_around_survive(
        bytes: [u8; 20],
        before in "[a-z .!\u{e9}\u{767b}]{0,40}",
        after in "[a-z .!\u{e9}\u{767b}]{0,40}",
    ) {
        let code = Code::from_bytes(bytes);
        let message = read_message(&format!("{before} {code} {after}")).expect("readable");
        prop_assert_eq!(message.code, code);
        prop_assert_eq!(message.words, phrase::normalize(&format!("{before} {after}")));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = read_message(&text);
        let _ = Code::parse_symbols(&text);
    }

    #[test]
    fn texts_near_a_code_never_panic(text in "[TtPp1lI0-9A-Z \u{2013}\u{df}-]{0,200}") {
        let _ = read_message(&text);
    }
}
