//! The examples of the documentation, read as a configuration is.

use crate::config::{Config, File};

const OPERATIONS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md"));
const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md"));
/// What belongs to the webhook of another example, and so stands after it.
const ADDITION: &str = "\n[sms.webhook.generic.receipts]";

fn blocks(page: &'static str) -> impl Iterator<Item = &'static str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next())
}

/// Reads it with a file of secrets, or of a certificate, wherever one is read.
fn read(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "01".repeat(32)).unwrap();
    let certificate = folder.path().join("certificate");
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let named = |line: &str| {
        let (key, _) = line.split_once(" = ")?;
        let path = match key {
            "secret_file" | "password_file" | "client_secret_file" | "master_file" => &secret,
            "client_ca_file" | "tls_ca_file" | "tls_certificate_file" | "certificate_file" => {
                &certificate
            }
            "key_file" | "tls_key_file" => &key_file,
            _ => return None,
        };
        Some(format!("{key} = {path:?}"))
    };
    let lines: Vec<_> = text.lines().map(|line| named(line).unwrap_or(line.to_owned())).collect();
    let text = lines.join("\n");
    let file: File = toml::from_str(&text).unwrap_or_else(|why| panic!("{why}"));
    file.check().unwrap_or_else(|why| panic!("{why} in\n{text}"))
}

#[test]
fn all_of_the_operations_guide_are_one_good_configuration() {
    let (additions, mut examples): (Vec<_>, Vec<_>) =
        blocks(OPERATIONS).partition(|block| block.contains(ADDITION));
    // The webhook that is added to comes last.
    examples.sort_by_key(|block| block.contains("name = \"kannel\""));
    let head = "issuer = \"https://id.example.com\"\nstore.url = \"sqlite:///tmp/x.db\"\n\
        [keys]\nmaster_file = \"/etc/twinpath/master\"\n";
    let config = read(&[&[head], &examples[..], &additions].concat().join("\n"));
    let webhooks: Vec<_> = config.webhooks.iter().map(|it| &*it.route.name.0).collect();
    assert_eq!(webhooks, ["twilio-main", "jasmin", "infobip", "sinch", "kannel"]);
    let apis: Vec<_> = config.apis.iter().map(|api| api.name.as_str()).collect();
    assert_eq!(apis, ["twilio-main", "jasmin-out", "kannel-out"]);
    assert_eq!((config.binds.len(), config.smpp_server.unwrap().peers.len()), (1, 1));
}

#[test]
fn the_first_one_is_good_as_it_stands() {
    let config = read(blocks(README).next().unwrap());
    assert_eq!(config.binds.len(), 1);
}
