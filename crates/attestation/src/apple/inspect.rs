//! An attestation object, told to people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::attestation::Read;
use super::object::Object;
use super::{Roots, sha256};
use crate::x509::{Certificate, hex, rfc3339};
use crate::{Refusal, cbor};

/// What an attestation object says, by the vendor's names, and whether it leads to a root `at` that
/// time, in Unix seconds. Nothing is known of client data, key ID or app, so `verified` says less than
/// [`verify_attestation`](super::verify_attestation) would. Takes CBOR or its base64; `None` if it is no
/// CBOR with `fmt` of App Attest.
pub fn inspect(bytes: &[u8], roots: &Roots, at: i64) -> Option<Value> {
    let decoded = from_base64(bytes);
    let bytes = decoded.as_deref().unwrap_or(bytes);
    let format = cbor::read(bytes).ok()?.at("fmt")?.text()?;
    if format != "apple-appattest" {
        return None;
    }
    let (mut told, reasons) = match Object::read(bytes) {
        Ok(object) => tell(&object, roots, at),
        Err(refusal) => (json!({}), vec![refusal]),
    };
    let map = told.as_object_mut()?;
    map.insert("fmt".to_owned(), json!(format));
    map.insert("verified".to_owned(), json!(reasons.is_empty()));
    map.insert("verifiedAt".to_owned(), json!(rfc3339(at)));
    map.insert("reasons".to_owned(), json!(reasons));
    Some(told)
}

/// Base64 of a file, its lines joined.
fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let limit = cbor::MAX_BYTES * 2;
    let joined: Vec<u8> =
        bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(limit).collect();
    STANDARD.decode(joined).ok()
}

fn tell(object: &Object<'_>, roots: &Roots, at: i64) -> (Value, Vec<Refusal>) {
    let chain = [&object.leaf].into_iter().chain(&object.between);
    let statement = json!({
        "x5c": chain.map(|der| certificate(der)).collect::<Vec<_>>(),
        "receipt": STANDARD.encode(object.receipt),
    });
    match Read::new(object, roots, at) {
        Err(reasons) => (json!({ "attStmt": statement }), reasons),
        Ok(read) => {
            let told = json!({
                "attStmt": statement,
                "authData": auth_data(&read),
                "keyId": read.leaf.key.map(|key| STANDARD.encode(sha256(&[&key.point()]))),
                "nonce": read.leaf.nonce.map(|nonce| hex(&nonce)),
                "platform": read.leaf.platform,
                "environment": read.credential.environment(),
            });
            (told, read.reasons)
        }
    }
}

fn auth_data(read: &Read<'_>) -> Value {
    let aaguid = String::from_utf8_lossy(&read.credential.aaguid);
    json!({
        "rpIdHash": hex(&read.data.rp_id_hash),
        "flags": read.data.flags,
        "counter": read.data.counter,
        "aaguid": aaguid.trim_end_matches('\0'),
        "credentialId": STANDARD.encode(read.credential.id),
        "apple_bundle_version_01": read.data.bundle_version,
        "apple_validation_category_01": read.data.validation_category,
    })
}

fn certificate(der: &[u8]) -> Value {
    let Ok(read) = Certificate::parse(der) else {
        return Value::Null;
    };
    json!({
        "subject": read.subject.display(),
        "issuer": read.issuer.display(),
        "serial": read.serial_hex(),
        "notBefore": rfc3339(read.not_before),
        "notAfter": rfc3339(read.not_after),
        "key": read.key.name(),
    })
}
