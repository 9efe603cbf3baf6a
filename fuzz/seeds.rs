//! Writes the corpora that fuzzing starts from: pieces of the real chains beside the project.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinpath_attestation::{pem, x509};

/// `KeyDescription` and the provisioning information.
const DESCRIPTION: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 17];
const PROVISIONING: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 30];

/// A verdict, after the byte that has it signed and encrypted.
const VERDICT: &[u8] = br#"2{"requestDetails":{"requestPackageName":"com.example.app","nonce":"n",
"timestampMillis":"1767225600000"},"appIntegrity":{"appRecognitionVerdict":"PLAY_RECOGNIZED",
"packageName":"com.example.app","certificateSha256Digest":
["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],"versionCode":"1"},
"deviceIntegrity":{"deviceRecognitionVerdict":["MEETS_STRONG_INTEGRITY"]}}"#;

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chains = here.join("../../shared/attestation/android");
    let corpus = here.join("corpus");
    let mut written = 0;
    for path in pem_files(&chains) {
        let text = fs::read_to_string(&path).expect("a chain");
        let chain = pem::certificates(&text, 10).expect("PEM");
        written += 1;
        let name = format!("{written}");
        let mut framed = Vec::new();
        for (place, der) in chain.iter().enumerate() {
            framed.extend(u16::try_from(der.len()).expect("a short certificate").to_be_bytes());
            framed.extend(der);
            let piece = format!("{name}-{place}");
            write(&corpus, "certificate", &piece, der);
            write(&corpus, "der", &piece, der);
            let certificate = x509::Certificate::parse(der).expect("a certificate");
            if let Some(value) = certificate.extension(DESCRIPTION) {
                write(&corpus, "key_description", &piece, value);
            }
            if let Some(value) = certificate.extension(PROVISIONING) {
                write(&corpus, "cbor", &piece, value);
            }
        }
        write(&corpus, "chain", &name, &framed);
        write(&corpus, "chain-seeds", &name, &framed);
    }
    let made = here.join("../crates/attestation/testdata");
    for (file, field) in [
        ("apple/development.json", "attestation"),
        ("apple/production.json", "attestation"),
        ("apple/assertion.json", "assertion"),
    ] {
        let object = STANDARD.decode(field_of(&made.join(file), field)).expect("base64");
        let name = file.replace('/', "-");
        write(&corpus, "app_attest", &name, &object);
        write(&corpus, "cbor", &name, &object);
    }
    let token = field_of(&made.join("play_integrity/token.json"), "token");
    write(&corpus, "play_integrity", "token", format!("0{token}").as_bytes());
    write(&corpus, "play_integrity", "verdict", VERDICT);
    // The outer map of an App Attest object; its certificates are the fuzzer's to find.
    let object =
        b"\xa3cfmtoapple-appattestgattStmt\xa2cx5c\x82A\x30A\x30greceiptA\x00hauthDataA\x00";
    write(&corpus, "app_attest", "1", object);
    write(&corpus, "cbor", "object", object);
    assert!(written > 0, "no chains in {}", chains.display());
}

/// A text of one of the JSON files.
fn field_of(file: &Path, field: &str) -> String {
    let text = fs::read_to_string(file).expect("test data");
    let object: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    object[field].as_str().expect("a text").to_owned()
}

fn pem_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the chains beside the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(pem_files(&path));
        } else if path.extension().is_some_and(|it| it == "pem") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) {
    let folder = corpus.join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a seed");
}
