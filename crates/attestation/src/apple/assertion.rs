//! The steps for assertions.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::authenticator_data::AuthenticatorData;
use super::{AppKey, sha256};
use crate::Refusal;
use crate::cbor::{self, Value};

/// The largest assertion, in bytes. The vendor's have about 140, or 230 from iOS 27 on.
const MAX_ASSERTION: usize = 4096;

/// Verifies an assertion by an attested key. The counter it gives is greater than `last_counter`, which
/// is 0 before the first; the caller keeps it.
pub fn verify_assertion(
    assertion: &[u8],
    client_data_hash: &[u8; 32],
    key: &AppKey,
    app_id: &str,
    last_counter: u32,
) -> Result<u32, Vec<Refusal>> {
    let (signature, bytes) =
        read(assertion).map_err(|how| vec![Refusal::new("malformed_assertion", how)])?;
    let data = AuthenticatorData::of_assertion(bytes).map_err(|refusal| vec![refusal])?;
    let nonce = sha256(&[bytes, client_data_hash]);
    let signed =
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.point()).verify(&nonce, signature);
    let reasons: Vec<_> = [
        signed.is_err().then(|| {
            Refusal::new(
                "bad_signature",
                "the assertion is not signed by the key over this client data",
            )
        }),
        (data.rp_id_hash != sha256(&[app_id.as_bytes()])).then(|| {
            Refusal::new(
                "app_id_mismatch",
                "the assertion is of another team's or another app's key",
            )
        }),
        (data.counter <= last_counter).then(|| {
            let detail = format!("the counter is {}, but {last_counter} was seen", data.counter);
            Refusal::new("counter_not_greater", detail)
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    if reasons.is_empty() { Ok(data.counter) } else { Err(reasons) }
}

/// `signature` and `authenticatorData`.
fn read(assertion: &[u8]) -> Result<(&[u8], &[u8]), String> {
    if assertion.len() > MAX_ASSERTION {
        return Err("the assertion is larger than 4 KiB".to_owned());
    }
    let map = cbor::read(assertion).map_err(|error| error.to_string())?;
    let bytes = |key: &str| {
        let bytes = map.at(key).and_then(Value::bytes);
        bytes.ok_or_else(|| format!("the assertion's {key} is no byte string"))
    };
    Ok((bytes("signature")?, bytes("authenticatorData")?))
}
