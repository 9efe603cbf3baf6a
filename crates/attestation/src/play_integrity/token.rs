//! The token's two envelopes: decrypted, then verified.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Keys;
use crate::Refusal;

/// The largest token, in bytes. They have about 2 KiB.
const MAX_TOKEN: usize = 32 * 1024;
/// A 256-bit key, wrapped (RFC 3394 2.2.1: one block more).
const WRAPPED_KEY: usize = 40;

/// RFC 7515 4.1 and RFC 7516 4.1, as far as it matters here. A name given twice is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: Option<String>,
    zip: Option<serde_json::Value>,
    crit: Option<serde_json::Value>,
}

/// The payload, signed by the verification key and encrypted to the decryption key.
pub(super) fn open(token: &str, keys: &Keys) -> Result<Vec<u8>, Refusal> {
    if token.len() > MAX_TOKEN {
        return Err(malformed("the token is larger than 32 KiB"));
    }
    let signed = decrypt(token, keys)?;
    let signed =
        std::str::from_utf8(&signed).map_err(|_| malformed("what is encrypted is no JWS"))?;
    verify(signed, keys)
}

/// RFC 7516 5.2, for A256KW (RFC 7518 4.4) and A256GCM (5.3).
fn decrypt(token: &str, keys: &Keys) -> Result<Vec<u8>, Refusal> {
    let parts = token.split('.').collect::<Vec<_>>();
    let [protected, key, iv, ciphertext, tag] = parts.as_slice() else {
        return Err(malformed("the token is no compact JWE"));
    };
    let header = header(protected)?;
    if header.alg != "A256KW" || header.enc.as_deref() != Some("A256GCM") {
        return Err(Refusal::new(
            "unexpected_algorithm",
            "the token is not encrypted with A256KW and A256GCM",
        ));
    }
    let iv = <[u8; NONCE_LEN]>::try_from(decode(iv)?)
        .map_err(|_| malformed("the IV has not 96 bits"))?;
    let tag = decode(tag)?;
    if tag.len() != AES_256_GCM.tag_len() {
        return Err(malformed("the tag has not 128 bits"));
    }
    let mut text = decode(ciphertext)?;
    text.extend(tag);
    let key = unwrap(&decode(key)?, keys)?;
    let opened =
        key.open_in_place(Nonce::assume_unique_for_key(iv), Aad::from(protected), &mut text);
    let length = opened.map_err(|_| not_decrypted())?.len();
    text.truncate(length);
    Ok(text)
}

/// The content's key (RFC 3394).
fn unwrap(wrapped: &[u8], keys: &Keys) -> Result<LessSafeKey, Refusal> {
    if wrapped.len() != WRAPPED_KEY {
        return Err(malformed("the encrypted key has not 320 bits"));
    }
    let mut buffer = Zeroizing::new([0; WRAPPED_KEY]);
    let kek = AesKek::new(&AES_256, keys.decryption.as_slice()).map_err(|_| not_decrypted())?;
    let key = kek.unwrap(wrapped, buffer.as_mut_slice()).map_err(|_| not_decrypted())?;
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| not_decrypted())
}

/// RFC 7515 5.2, for ES256 (RFC 7518 3.4).
fn verify(signed: &str, keys: &Keys) -> Result<Vec<u8>, Refusal> {
    let parts = signed.split('.').collect::<Vec<_>>();
    let [protected, payload, signature] = parts.as_slice() else {
        return Err(malformed("what is encrypted is no compact JWS"));
    };
    if header(protected)?.alg != "ES256" {
        return Err(Refusal::new("unexpected_algorithm", "the verdict is not signed with ES256"));
    }
    let message = format!("{protected}.{payload}");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, keys.verification)
        .verify(message.as_bytes(), &decode(signature)?)
        .map_err(|_| {
            Refusal::new("bad_signature", "the verdict is not signed by the verification key")
        })?;
    decode(payload)
}

fn header(protected: &str) -> Result<Header, Refusal> {
    let header: Header = serde_json::from_slice(&decode(protected)?)
        .map_err(|_| malformed("a protected header is no object with an alg"))?;
    if header.zip.is_some() || header.crit.is_some() {
        return Err(malformed("a protected header holds zip or crit"));
    }
    Ok(header)
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part is not canonical base64url"))
}

fn malformed(how: &str) -> Refusal {
    Refusal::new("malformed_token", how)
}

fn not_decrypted() -> Refusal {
    Refusal::new("not_decrypted", "the token is not encrypted to the decryption key")
}
