use super::*;

fn bind(name: &str, system_id: &str, mode: &str) -> String {
    format!(
        "[[sms.smpp]]\nname = {name:?}\naddress = \"127.0.0.1:1\"\nsystem_id = {system_id:?}\n\
         mode = {mode:?}\n"
    )
}

fn binds(lines: &str) -> Vec<Bind> {
    let key = "00".repeat(31) + "01";
    let text = format!(
        "issuer = \"https://id.example.com\"\nstore.url = \"sqlite:///tmp/x.db\"\n\
         keys.master = {key:?}\n{lines}"
    );
    let file: crate::config::File = toml::from_str(&text).unwrap();
    file.check().unwrap().binds
}

#[test]
fn receipts_of_a_pair_of_binds_speak_of_its_transmitter() {
    let all = binds(
        &[
            bind("in", "operator", "receiver"),
            bind("other-out", "other", "transmitter"),
            bind("out", "operator", "transmitter"),
            bind("both", "operator", "transceiver"),
            bind("alone", "alone", "receiver"),
        ]
        .concat(),
    );
    let submitters: Vec<_> = all.iter().map(|bind| submitter(bind, &all)).collect();
    assert_eq!(submitters, ["out", "other-out", "out", "both", "alone"]);
}

#[test]
fn a_receipt_that_says_nothing_certain_settles_nothing() {
    assert_eq!(state_of(MessageState::Unknown), ReceiptState::Pending);
    assert_eq!(state_of(MessageState::Enroute), ReceiptState::Pending);
    assert_eq!(state_of(MessageState::Delivered), ReceiptState::Delivered);
    assert_eq!(state_of(MessageState::Undeliverable), ReceiptState::Failed);
}
