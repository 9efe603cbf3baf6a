//! What a text says, and each reason for which one is refused by rule.

use twinpath_wire::code::{Code, MAX_MESSAGE_CHARS};

use super::*;
use crate::fixtures::{PHONES, PHRASE, route, words};
use crate::number::UnknownTon;
use crate::records::Trust;

fn code(number: u8) -> Code {
    Code::from_bytes([number; 20])
}

fn sender(address: &str) -> Sender<'_> {
    Sender { ton: 1, npi: 1, address: address.as_bytes() }
}

fn receive(text: &str) -> Result<FirstMessage, Refusal> {
    route(Trust::Operator).receive(sender(PHONES[0]), text)
}

#[test]
fn a_text_is_sender_code_and_words() {
    let message = receive(&format!("{PHRASE} {}", code(1))).unwrap();
    assert_eq!(message.number.as_str(), PHONES[0]);
    assert_eq!(message.code, code(1));
    assert_eq!(message.words, words());
}

#[test]
fn unreadable_texts_are_refused_for_their_reason() {
    let right = code(1).to_string();
    let slip = right.replacen('4', "5", 1);
    assert_ne!(slip, right);
    let two = format!("{} {}", code(1), code(2));
    let long = format!("{right}{}", "x".repeat(MAX_MESSAGE_CHARS));
    for (text, why, word) in [
        ("", Refusal::NoCode, "no_code"),
        ("Hello!", Refusal::NoCode, "no_code"),
        (slip.as_str(), Refusal::BadChecksum, "bad_checksum"),
        (two.as_str(), Refusal::SeveralCodes, "several_codes"),
        (long.as_str(), Refusal::TooLong, "too_long"),
    ] {
        assert_eq!(receive(text).unwrap_err(), why, "{text}");
        assert_eq!(why.as_str(), word);
    }
    // The same code twice is one code.
    assert_eq!(receive(&format!("{right} {right}")).unwrap().code, code(1));
}

#[test]
fn the_sender_is_held_to_its_route_before_the_text_is_read() {
    let route = route(Trust::Operator);
    for (sender, why) in [
        (Sender { ton: 5, npi: 0, address: b"BANK" }, SenderRefusal::Alphanumeric),
        (sender("88222"), SenderRefusal::Malformed),
        (sender("442079460000"), SenderRefusal::NotMobile),
        (Sender { ton: 6, npi: 1, address: b"447911123456" }, SenderRefusal::NumberingPlan),
    ] {
        let refused = route.receive(sender, "no code").unwrap_err();
        assert_eq!(refused, Refusal::Sender(why));
        assert_eq!(refused.as_str(), why.as_str());
    }
}

#[test]
fn numbers_are_compared_in_one_form() {
    let mut route = route(Trust::Operator);
    route.senders.country = rlibphonenumber::Region::from_code("GB").ok();
    let text = code(1).to_string();
    let forms = [
        Sender { ton: 1, npi: 1, address: b"447911123456" },
        Sender { ton: 1, npi: 1, address: b"+447911123456" },
        Sender { ton: 2, npi: 1, address: b"07911123456" },
        Sender { ton: 0, npi: 0, address: b"447911123456" },
    ];
    for form in forms {
        assert_eq!(route.receive(form, &text).unwrap().number.as_str(), PHONES[0]);
    }
    route.senders.unknown_ton = UnknownTon::National;
    let national = Sender { ton: 0, npi: 1, address: b"07911123456" };
    assert_eq!(route.receive(national, &text).unwrap().number.as_str(), PHONES[0]);
}
