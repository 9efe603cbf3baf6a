use super::*;

fn bind(name: &str, system_id: &str, mode: &str) -> String {
    bind_at("127.0.0.1:1", name, system_id, mode)
}

fn bind_at(address: &str, name: &str, system_id: &str, mode: &str) -> String {
    format!(
        "[[sms.smpp]]\nname = {name:?}\naddress = {address:?}\nsystem_id = {system_id:?}\n\
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
fn operators_that_know_us_by_one_name_do_not_settle_each_others_texts() {
    let all = binds(
        &[
            bind_at("a:2775", "a-out", "twinpath", "transmitter"),
            bind_at("b:2775", "b-out", "twinpath", "transmitter"),
            bind_at("b:2776", "b-in", "twinpath", "receiver"),
            bind_at("c:2775", "c-in", "twinpath", "receiver"),
            bind_at("d:2775", "d-out", "d", "transmitter"),
            bind_at("e:2775", "d-in", "d", "receiver"),
        ]
        .concat(),
    );
    let submitters: Vec<_> = all.iter().map(|bind| submitter(bind, &all)).collect();
    assert_eq!(submitters, ["a-out", "b-out", "b-out", "c-in", "d-out", "d-out"]);
}

#[test]
fn a_receipt_that_says_nothing_certain_settles_nothing() {
    assert_eq!(state_of(MessageState::Unknown), ReceiptState::Pending);
    assert_eq!(state_of(MessageState::Enroute), ReceiptState::Pending);
    assert_eq!(state_of(MessageState::Delivered), ReceiptState::Delivered);
    assert_eq!(state_of(MessageState::Undeliverable), ReceiptState::Failed);
}
