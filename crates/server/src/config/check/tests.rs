use twinpath_core::token::{KeyPolicy, SigningAlgorithm};

use super::*;

fn check(text: &str) -> Result<Config, String> {
    let file: File = toml::from_str(text).unwrap();
    file.check().map_err(|error| error.0)
}

const KEY: &str =
    "[keys]\nmaster = \"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"";

fn with_issuer(issuer: &str) -> Result<Config, String> {
    check(&format!("issuer = {issuer:?}\nstore.url = \"sqlite:///tmp/x.db\"\n{KEY}"))
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = with_issuer("https://id.example.com").unwrap();
    assert_eq!(config.listen.port(), 8080);
    assert_eq!(config.limits.texts_per_number_per_hour, 20);
    assert_eq!(config.tokens.access_ttl_s, 600);
    assert_eq!(config.dormant_s, 365 * 86_400);
    let KeyPolicy { algorithms, rotate_s, announce_s, retire_s } = config.keys;
    assert_eq!(algorithms, [SigningAlgorithm::Es256]);
    assert_eq!((rotate_s, announce_s, retire_s), (90 * 86_400, 14 * 86_400, 14 * 86_400));
    assert_eq!((config.store.connections, config.store.statement_timeout.as_secs()), (4, 5));
    assert!(config.terminal.phrase_required && !config.development);
}

#[test]
fn a_database_server_is_configured_and_its_password_not_shown() {
    let text = format!(
        "issuer = \"https://id.example.com\"\n{KEY}\n[store]\n\
         url = \"postgresql://me:hunter2@db/t\"\nconnections = 8\nstatement_timeout_s = 2"
    );
    let config = check(&text).unwrap();
    assert!(!config.store.url.is_embedded() && config.master_made_at.is_none());
    assert_eq!(config.store.url.expose(), "postgresql://me:hunter2@db/t");
    assert_eq!((config.store.connections, config.store.statement_timeout.as_secs()), (8, 2));
    let shown = format!("{config:?}");
    assert!(shown.contains("postgresql://db/t") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_issuer_is_https_or_loopback() {
    for right in [
        "https://id.example.com",
        "https://id.example.com:8443/tenant",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    ] {
        assert_eq!(with_issuer(right).unwrap().issuer, right);
    }
    for wrong in [
        "http://id.example.com",
        "http://127.0.0.1.example.com",
        "https://",
        "https://id.example.com/",
        "https://id.example.com?x",
        "https://id.example.com#x",
        "https://a@b",
        "ftp://x",
        "id.example.com",
        "",
    ] {
        assert!(with_issuer(wrong).unwrap_err().contains("issuer"), "{wrong}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let base =
        format!("issuer = \"http://127.0.0.1:1\"\nstore.url = \"sqlite:///tmp/x.db\"\n{KEY}\n");
    let bind = "[[sms.smpp]]\nname = \"a\"\naddress = \"h:2775\"\nsystem_id = \"s\"\n";
    let way = format!("{base}{bind}password = \"p\"\n");
    for (text, named) in [
        (String::new(), "issuer"),
        ("issuer = \"http://127.0.0.1:1\"".to_owned(), "store.url"),
        (format!("{base}[[sms.smpp]]"), "sms.smpp.0.name"),
        (format!("{base}{bind}{bind}"), "two routes are named"),
        (format!("{base}[[sms.smpp]]\nname = \"a\""), "sms.smpp.0.system_id"),
        (format!("{base}[[sms.smpp]]\nname = \"a b\""), "sms.smpp.0.name"),
        (format!("{base}{bind}country = \"XX\""), "sms.smpp.0.country"),
        (format!("{base}{bind}unknown_ton = \"national\""), "sms.smpp.0.country"),
        (format!("{base}{bind}password_file = \"/nonexistent\""), "sms.smpp.0.password_file"),
        (format!("{base}{bind}password = \"a\"\npassword_file = \"b\""), "exclude"),
        (format!("{base}{bind}window = 0"), "sms.smpp.0.window"),
        (base.replace("sqlite:", "mysql:"), "store.url"),
        (base.replace("sqlite:///", "postgres://").replace("master =", "#"), "keys.master_file"),
        (format!("store.connections = 0\n{base}"), "store.connections"),
        (format!("store.connections = 65\n{base}"), "store.connections"),
        (format!("store.statement_timeout_s = 0\n{base}"), "store.statement_timeout_s"),
        (format!("store.statement_timeout_s = 61\n{base}"), "store.statement_timeout_s"),
        (format!("{base}[terminal]\nttl_s = 1"), "terminal.ttl_s"),
        (format!("{base}[terminal]\nconfirm = \"always\""), "terminal.confirm"),
        (format!("{base}[terminal]\nconfirm = \"new_device\""), "need texts to phones"),
        (format!("{base}[terminal]\nsensitive_scopes = [\"pay\"]"), "terminal.sensitive_scopes"),
        (
            format!("{base}[terminal]\nsensitive_scopes = [\"a b\"]\n[sms.outbound]"),
            "terminal.sensitive_scopes",
        ),
        (
            format!(
                "{base}[terminal]\nconfirm = \"never\"\nsensitive_scopes = [\"a\"]\n[sms.outbound]"
            ),
            "terminal.sensitive_scopes",
        ),
        (format!("{way}[sms.outbound]\ncountries = [\"XX\"]"), "sms.outbound.countries"),
        (
            format!("{way}[sms.outbound.notices]\nen = \"{{app}} {{platform}}\""),
            "sms.outbound.notices.en",
        ),
        (
            format!(
                "{way}[sms.outbound.confirmations]\nen = \"{{app}} {{platform}} {{code}} {}\"",
                "x".repeat(160)
            ),
            "sms.outbound.confirmations.en",
        ),
        (format!("{base}[terminal.phrases]\nen = \"hello\""), "terminal.phrases.en"),
        (format!("{base}[http]\nlisten = \"8080\""), "http.listen"),
        (base.replace("0001", "zz"), "keys.master"),
        (format!("{base}algorithms = []"), "keys.algorithms"),
        (format!("{base}algorithms = [\"EdDSA\"]"), "keys.algorithms"),
        (format!("{base}algorithms = [\"ES256\", \"ES256\"]"), "keys.algorithms"),
        (format!("{base}rotate_days = 14"), "keys.rotate_days"),
        (format!("{base}rotate_days = 3651"), "keys.rotate_days"),
        (format!("{base}announce_days = 0"), "keys.announce_days"),
        (format!("{base}retire_days = 1"), "keys.retire_days"),
    ] {
        let error = check(&text).expect_err(named);
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn a_master_key_is_made_once_and_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("sub/t.db");
    let text =
        format!("issuer = \"http://127.0.0.1:1\"\nstore.url = \"sqlite://{}\"", store.display());
    let first = check(&text).unwrap();
    let path = first.master_made_at.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(check(&text).unwrap().master.0, first.master.0);
    assert_ne!(first.master.0, [0; 32]);
}

#[test]
fn keys_can_be_rotated_by_hand_only_and_algorithms_are_ours() {
    let base =
        format!("issuer = \"http://127.0.0.1:1\"\nstore.url = \"sqlite:///tmp/x.db\"\n{KEY}\n");
    let config = check(&format!("{base}rotate_days = 0\nalgorithms = [\"ES256\", \"EdDSA\"]"));
    let keys = config.unwrap().keys;
    assert_eq!((keys.rotate_s, keys.algorithms.len()), (0, 2));
    for other in ["PS256", "RS256", "HS256", "none", "es256"] {
        let text = format!("{base}algorithms = [\"ES256\", {other:?}]");
        assert!(toml::from_str::<File>(&text).is_err(), "{other}");
    }
}
