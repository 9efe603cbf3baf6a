//! PROTOCOL 3 and 7: which texts are recorded, which are refused by rule; all are acknowledged.

use twinpath_e2e::app::{Attempt, Instance};
use twinpath_e2e::http::Answer;
use twinpath_e2e::number;
use twinpath_e2e::pdu::{Text, ucs2};
use twinpath_e2e::platform::Registration;
use twinpath_e2e::rig::{ROUTE, Rig};

/// A rig with a bearer app: its requests are cheap to make.
async fn rig() -> (Rig, Instance) {
    let rig = Rig::start().await;
    let app = Registration::new("b").method("client_secret_post").bearer().scope("phone");
    let instance = rig.install(&app).await;
    (rig, instance)
}

/// Delivers a text, which has to be acknowledged, and asks what became of its code.
async fn told(rig: &Rig, app: &Instance, attempt: &Attempt, text: &Text) -> Answer {
    rig.deliver(text).await.ok();
    app.redeem(attempt).await
}

#[tokio::test]
async fn every_data_coding_is_acknowledged_and_only_known_alphabets_are_read() {
    let (rig, app) = rig().await;
    for coding in 0..=255_u8 {
        let attempt = app.attempt();
        let octets = match coding {
            8 | 0xE0..=0xEF => ucs2(&attempt.code),
            _ => attempt.code.clone().into_bytes(),
        };
        // 160 septets fit; UCS-2 has room for the code alone, so the words go with the alphabets.
        let words = format!("{} {}", app.app.name, twinpath_e2e::app::WORDS);
        let whole = match coding {
            8 | 0xE0..=0xEF => ucs2(&format!("{words} {}", attempt.code)),
            _ => [words.as_bytes(), b" ", &octets].concat(),
        };
        let text = Text::new(&number(u32::from(coding)), "").octets("short_message", &whole);
        let answer = told(&rig, &app, &attempt, &text.with("data_coding", coding)).await;
        match coding {
            // SMPP 3.4 5.2.19: the default alphabet, ASCII, Latin-1, UCS-2; GSM 03.38 4: message
            // classes in the default alphabet; message waiting with a text.
            0 | 1 | 3 | 8 | 0xC0..=0xE0 | 0xF0..=0xF3 => {
                assert_eq!(answer.status, 200, "data_coding {coding:#04x}: {}", answer.text());
            }
            // Binary; JIS, Cyrillic, Hebrew, pictograms, Korean; reserved; binary classes.
            2 | 4..=7 | 9..=0xBF | 0xF4..=0xF7 => answer.refuses(400, "authorization_pending"),
            // Reserved bits set: either way, as long as it is acknowledged.
            0xE1..=0xEF | 0xF8..=0xFF => {}
        }
    }
    assert!(rig.platform.texts(ROUTE, "binary").await >= 2.0);
    assert!(rig.platform.texts(ROUTE, "unsupported_coding").await >= 100.0);
}

#[tokio::test]
async fn senders_that_are_no_terminal_are_acknowledged_and_refused() {
    let (rig, app) = rig().await;
    let from = |ton: u8, npi: u8, source: &str| (ton, npi, source.to_owned());
    let mut odd = vec![
        from(5, 0, "Weather"),
        from(5, 0, "447400000001"),
        from(1, 1, "Weather"),
        from(1, 1, "4474000x0001"),
        from(0, 0, "88222"),
        from(3, 0, "88222"),
        from(1, 1, "88222"),
        from(1, 1, ""),
        from(1, 1, "1"),
        from(1, 1, "+"),
        from(1, 1, "++447400000001"),
        from(1, 1, "44 7400 000001"),
        from(1, 1, "447400000001;ext=1"),
        from(1, 1, "00000000000"),
        from(1, 1, "4474000000010"),
        from(1, 1, "12345678901234567890"),
        from(1, 1, "442079460000"),
        from(1, 1, "07400000001"),
        from(2, 1, "447400000001"),
    ];
    odd.extend((6..=255).step_by(17).map(|ton| from(ton, 1, "447400000001")));
    odd.extend([3, 4].map(|ton| from(ton, 1, "447400000001")));
    odd.extend((2..=255).step_by(11).map(|npi| from(1, npi, "447400000001")));
    for (ton, npi, source) in odd {
        let attempt = app.attempt();
        let text = Text::new("", &attempt.text)
            .with("source_addr", source.as_str())
            .with("source_addr_ton", ton)
            .with("source_addr_npi", npi);
        let answer = told(&rig, &app, &attempt, &text).await;
        let national_in_full = (ton, source.as_str()) == (2, "447400000001");
        if !national_in_full {
            assert_eq!(
                answer.error().as_deref(),
                Some("authorization_pending"),
                "TON {ton} NPI {npi} {source:?}: {}",
                answer.text()
            );
        }
    }
    assert!(rig.platform.texts(ROUTE, "sender_alphanumeric").await >= 4.0);
    let attempt = app.attempt();
    told(&rig, &app, &attempt, &Text::new(&number(1), &attempt.text)).await.accepts();
}

#[tokio::test]
async fn a_sender_is_read_by_the_rules_of_its_route() {
    let (rig, app) = rig().await;
    for (ton, npi, source) in [
        (1, 1, "447400000001"),
        (1, 1, "+447400000001"),
        (0, 0, "447400000001"),
        (2, 1, "07400000001"),
        (2, 1, "7400000001"),
    ] {
        let attempt = app.attempt();
        let text = Text::new("", &attempt.text)
            .with("source_addr", source)
            .with("source_addr_ton", ton)
            .with("source_addr_npi", npi);
        rig.deliver(&text).await.ok();
        let hint = format!("tel:{}", number(1));
        app.redeem_with(&attempt, &[("login_hint", &hint)]).await.accepts();
    }
}

#[tokio::test]
async fn countries_that_a_route_does_not_carry_are_refused() {
    let rig = Rig::bound_with(<_>::default(), |bind| bind.with("countries = [\"GB\"]")).await;
    let weather = rig.instance("weather").await;
    let attempt = weather.attempt();
    rig.text("+8613800138000", &attempt).await;
    weather.redeem(&attempt).await.refuses(400, "authorization_pending");
    assert!(rig.platform.texts(ROUTE, "sender_foreign").await > 0.5);
    rig.still_works(&weather.app).await;
}

/// Delivers the text that `make` makes of a fresh attempt: it has to be acknowledged and not recorded.
async fn refused((rig, app): &(Rig, Instance), what: &str, make: impl Fn(&Attempt, Text) -> Text) {
    let attempt = app.attempt();
    let text = make(&attempt, Text::new(&number(1), &attempt.text));
    let answer = told(rig, app, &attempt, &text).await;
    assert_eq!(answer.error().as_deref(), Some("authorization_pending"), "{what}");
}

#[tokio::test]
async fn parts_of_longer_texts_are_acknowledged_and_refused() {
    let both = rig().await;
    refused(&both, "8 bit", |a, t| t.behind(b"\x05\x00\x03\x07\x02\x01", &a.text)).await;
    refused(&both, "16 bit", |a, t| t.behind(b"\x06\x08\x04\x00\x07\x02\x02", &a.text)).await;
    let second = b"\x0a\x24\x01\x01\x00\x03\x07\x02\x01\x25\x00";
    refused(&both, "behind another element", |a, t| t.behind(second, &a.text)).await;
    refused(&both, "a header beyond the end", |a, t| t.behind(b"\xff", &a.text)).await;
    refused(&both, "SAR", |_, t| t.part(1, 2)).await;
    refused(&both, "SAR, the last", |_, t| t.part(2, 2)).await;
    let (rig, app) = both;
    assert!(rig.platform.texts(ROUTE, "multipart").await >= 4.0);
    rig.still_works(&app.app).await;
}

#[tokio::test]
async fn receipts_are_acknowledged_and_never_read_as_texts() {
    let both = rig().await;
    for class in [0x04, 0x08, 0x10, 0x18, 0x20, 0x24, 0x3c] {
        refused(&both, "a receipt", |_, t| t.with("esm_class", class)).await;
    }
    let (rig, app) = both;
    assert!(rig.platform.texts(ROUTE, "receipt").await >= 7.0);
    rig.still_works(&app.app).await;
}

#[tokio::test]
async fn octets_outside_their_alphabet_are_acknowledged_and_refused() {
    let both = rig().await;
    let coded = |coding: u8, octets: &[u8], text: Text| {
        text.octets("short_message", octets).with("data_coding", coding)
    };
    refused(&both, "ASCII said to be UCS-2", |a, t| coded(8, a.code.as_bytes(), t)).await;
    let with = |more: &[u8], octets: &[u8]| [more, octets].concat();
    refused(&both, "an odd octet", |a, t| coded(8, &with(b"\0", &ucs2(&a.code)), t)).await;
    refused(&both, "a lone surrogate", |a, t| coded(8, &with(b"\xd8\0", &ucs2(&a.code)), t)).await;
    refused(&both, "not ASCII", |a, t| coded(1, &with(b"\xff", a.text.as_bytes()), t)).await;
    refused(&both, "not GSM", |a, t| coded(0, &with(b"\xff", a.text.as_bytes()), t)).await;
    let (rig, app) = both;
    rig.still_works(&app.app).await;
}

#[tokio::test]
async fn texts_without_one_right_code_are_acknowledged_and_refused() {
    let both = rig().await;
    let from = number(1);
    refused(&both, "empty", |_, _| Text::new(&from, "")).await;
    refused(&both, "words", |_, _| Text::new(&from, "Hello. STOP HELP INFO TP1-")).await;
    refused(&both, "cut short", |a, _| Text::new(&from, &a.text[..a.text.len() - 1])).await;
    refused(&both, "a slip of the finger", |a, _| Text::new(&from, &slip(&a.text))).await;
    let two = |a: &Attempt| format!("{} {}", a.text, both.1.attempt().code);
    refused(&both, "two codes", |a, t| t.as_payload(&two(a))).await;
    let long = |a: &Attempt| format!("{} {}", a.text, "x".repeat(7000));
    refused(&both, "7,000 octets", |a, t| t.as_payload(&long(a))).await;
    let (rig, app) = both;
    for outcome in ["no_code", "bad_checksum", "several_codes", "too_long", "empty"] {
        assert!(rig.platform.texts(ROUTE, outcome).await > 0.5, "{outcome}");
    }
    rig.still_works(&app.app).await;
}

/// The text with its last symbol changed.
fn slip(text: &str) -> String {
    let other = if text.ends_with('A') { 'B' } else { 'A' };
    format!("{}{other}", &text[..text.len() - 1])
}

#[tokio::test]
async fn texts_in_every_wrapping_are_read() {
    let (rig, app) = rig().await;
    let wrappings: [fn(&Attempt, Text) -> Text; 6] = [
        |a, t| t.as_payload(&a.text),
        |a, t| t.as_payload_ucs2(&a.text),
        |a, t| t.behind(b"\x06\x05\x04\x0b\x84\x23\xf0", &a.text),
        |a, t| t.behind(b"\x05\x00\x03\x07\x01\x01", &a.text),
        |_, t| t.part(1, 1),
        |_, t| t.with("esm_class", 0x03).with("user_message_reference", 9),
    ];
    for (n, wrap) in wrappings.iter().enumerate() {
        let attempt = app.attempt();
        let text = wrap(&attempt, Text::new(&number(u32::try_from(n).unwrap()), &attempt.text));
        let answer = told(&rig, &app, &attempt, &text).await;
        assert_eq!(answer.status, 200, "{n}: {}", answer.text());
    }
}

#[tokio::test]
async fn data_sm_is_a_text_too() {
    let (rig, app) = rig().await;
    let attempt = app.attempt();
    let mut data = Text::new(&number(1), "").octets("message_payload", attempt.text.as_bytes()).0;
    data.as_object_mut().unwrap().remove("short_message");
    let receipt = rig.centre.deliver_data(&Text(data)).await;
    receipt.ok();
    assert!(format!("{receipt:?}").contains("data_sm_resp"), "{receipt:?}");
    app.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn the_gsm_alphabets_own_octets_are_read() {
    // Where GSM 03.38 and ASCII differ: `@` is 00, `_` 11, `{` 1B 28 (node-smpp writes them so).
    let rig = Rig::with(
        twinpath_e2e::config::Settings::default()
            .with("[terminal.phrases]\nen = \"{app} @_{{}}€ only\""),
    )
    .await;
    let weather = rig.instance("weather").await;
    let attempt = weather.worded(&format!("{} @_{{{{}}}}€ only", weather.app.name));
    rig.text(&number(1), &attempt).await;
    weather.redeem(&attempt).await.accepts();
}

#[tokio::test]
async fn a_text_is_acknowledged_only_after_it_is_durable() {
    let (rig, app) = rig().await;
    let attempt = app.attempt();
    let before = rig.platform.metric("twinpath_store_commits_total").await;
    rig.text(&number(1), &attempt).await;
    let after = rig.platform.metric("twinpath_store_commits_total").await;
    assert!(after > before, "an acknowledgement without a commit");
}
