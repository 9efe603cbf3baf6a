//! The attestation object: CBOR of `fmt`, `attStmt` and `authData`.

use rustls_pki_types::CertificateDer;

use crate::Refusal;
use crate::cbor::{self, Value};

/// The longest chain, in certificates, the leaf included. The vendor sends two.
const MAX_CHAIN: usize = 4;
/// The largest certificate, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;

/// An attestation object, its parts unjudged.
#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) leaf: CertificateDer<'a>,
    /// Between leaf and root.
    pub(super) between: Vec<CertificateDer<'a>>,
    pub(super) receipt: &'a [u8],
    pub(super) auth_data: &'a [u8],
}

impl<'a> Object<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let object = cbor::read(bytes)
            .map_err(|error| Refusal::new("malformed_object", error.to_string()))?;
        let format = object.at("fmt").and_then(Value::text);
        if format != Some("apple-appattest") {
            let detail = "the object's fmt is not apple-appattest";
            return Err(Refusal::new("unknown_format", detail));
        }
        let auth_data = object.at("authData").and_then(Value::bytes);
        let auth_data = auth_data
            .ok_or_else(|| Refusal::new("malformed_object", "authData is no byte string"))?;
        let statement = object.at("attStmt").ok_or_else(|| malformed("attStmt is missing"))?;
        let receipt = statement.at("receipt").and_then(Value::bytes);
        let mut chain = chain(statement)?.into_iter();
        Ok(Self {
            leaf: chain.next().ok_or_else(|| malformed("x5c holds no certificate"))?,
            between: chain.collect(),
            receipt: receipt.ok_or_else(|| malformed("receipt is no byte string"))?,
            auth_data,
        })
    }
}

fn chain<'a>(statement: &Value<'a>) -> Result<Vec<CertificateDer<'a>>, Refusal> {
    let x5c =
        statement.at("x5c").and_then(Value::array).ok_or_else(|| malformed("x5c is no array"))?;
    if x5c.len() > MAX_CHAIN {
        return Err(malformed("x5c holds more than 4 certificates"));
    }
    let certificate = |item: &Value<'a>| {
        let der = item.bytes().filter(|der| der.len() <= MAX_CERTIFICATE);
        der.map(CertificateDer::from)
            .ok_or_else(|| malformed("x5c holds something that is no certificate"))
    };
    x5c.iter().map(certificate).collect()
}

fn malformed(how: &str) -> Refusal {
    Refusal::new("malformed_statement", format!("the attestation statement's {how}"))
}
