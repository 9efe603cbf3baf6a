//! JSON Web Signature, compact form (RFC 7515 3.1): taken apart and put together.
//!
//! No keys and no algorithms here: whoever verifies gets `signing_input` and `signature`, and
//! decides from what was registered, never from the header alone (RFC 8725 3.1).

use std::collections::HashMap;

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{b64, jwk::Jwk};

/// The header parameters that this protocol uses (RFC 7515 4.1).
///
/// Those that change what the rest means are refused: `crit`, `b64` (RFC 7797), and those of
/// encryption. Others are ignored; no key is ever fetched from a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// RFC 7515 4.1.1.
    pub alg: String,
    /// RFC 7515 4.1.9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// RFC 7515 4.1.4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// RFC 7515 4.1.3; the key of a `DPoP` proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwk: Option<Jwk>,
}

/// A signed object taken apart. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compact<'a> {
    /// The protected header.
    pub header: Header,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// What the signature is over: header, dot, payload, as they came.
    pub signing_input: &'a [u8],
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

/// Why a text is no signed object.
#[derive(Debug, thiserror::Error)]
pub enum JwsError {
    /// Longer than the caller allows.
    #[error("the signed object is too long")]
    TooLong,
    /// Not three parts of canonical base64url.
    #[error("not a JWS in compact form")]
    Malformed,
    /// The header is no JSON object of the expected members.
    #[error("JWS header: {0}")]
    Header(serde_json::Error),
    /// `crit`, `b64`, `enc` or `zip`.
    #[error("JWS header with an unsupported extension")]
    Extension,
    /// The payload is no JSON object of the expected claims.
    #[error("JWT claims: {0}")]
    Claims(serde_json::Error),
}

/// Members whose presence alone is refused.
const EXTENSIONS: [&str; 4] = ["crit", "b64", "enc", "zip"];

impl Header {
    /// A header of an algorithm and a type.
    pub fn new(alg: &str, typ: &str) -> Self {
        Self { alg: alg.to_owned(), typ: Some(typ.to_owned()), kid: None, jwk: None }
    }

    /// Whether `typ` is this media type, written with or without `application/` (RFC 7515 4.1.9).
    pub fn has_typ(&self, expected: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            let short = match typ.split_at_checked("application/".len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                _ => typ,
            };
            short.eq_ignore_ascii_case(expected)
        })
    }

    #[expect(clippy::zero_sized_map_values, reason = "serde reads objects into maps only")]
    fn parse(bytes: &[u8]) -> Result<Self, JwsError> {
        let members: HashMap<String, IgnoredAny> =
            serde_json::from_slice(bytes).map_err(JwsError::Header)?;
        if EXTENSIONS.iter().any(|extension| members.contains_key(*extension)) {
            return Err(JwsError::Extension);
        }
        serde_json::from_slice(bytes).map_err(JwsError::Header)
    }
}

impl<'a> Compact<'a> {
    /// Takes a signed object of at most `max_len` bytes apart.
    pub fn parse(text: &'a str, max_len: usize) -> Result<Self, JwsError> {
        if text.len() > max_len {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Malformed)?;
        // A further dot is no base64url character, so a JWE's five parts end here.
        let decode = |part| b64::decode(part).map_err(|_| JwsError::Malformed);
        Ok(Self {
            header: Header::parse(&decode(header)?)?,
            payload: decode(payload)?,
            signing_input: signing_input.as_bytes(),
            signature: decode(signature)?,
        })
    }

    /// Reads the payload as claims (RFC 7519 4). A claim that stands twice is refused.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        serde_json::from_slice(&self.payload).map_err(JwsError::Claims)
    }
}

/// Signs a header and claims into the compact form.
pub fn compose<E: From<serde_json::Error>>(
    header: &impl Serialize,
    claims: &impl Serialize,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let mut text = b64::encode(serde_json::to_vec(header)?);
    text.push('.');
    text.push_str(&b64::encode(serde_json::to_vec(claims)?));
    let signature = sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&b64::encode(signature));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(header: &str) -> String {
        format!("{}.{}.{}", b64::encode(header), b64::encode(r#"{"jti":"a"}"#), b64::encode("sig"))
    }

    #[test]
    fn composes_and_parses() {
        let header = Header::new("ES256", "dpop+jwt");
        let sign = |input: &[u8]| Ok::<_, serde_json::Error>(input.to_vec());
        let text = compose(&header, &serde_json::json!({"a": 1}), sign).expect("composes");
        let parsed = Compact::parse(&text, 1_000).expect("parses");
        assert_eq!(parsed.header, header);
        assert_eq!(parsed.payload, br#"{"a":1}"#);
        assert_eq!(parsed.signature, parsed.signing_input);
        assert!(matches!(Compact::parse(&text, text.len() - 1), Err(JwsError::TooLong)));
    }

    #[test]
    fn refuses_headers_that_change_the_meaning() {
        for member in [r#""crit":["exp"]"#, r#""b64":true"#, r#""crit":null"#, r#""enc":"A""#] {
            let text = object(&format!(r#"{{"alg":"ES256",{member}}}"#));
            assert!(matches!(Compact::parse(&text, 1_000), Err(JwsError::Extension)), "{member}");
        }
        for header in [r#"{"alg":"ES256","alg":"none"}"#, "{}", "[]", r#"{"alg":1}"#, "{"] {
            assert!(
                matches!(Compact::parse(&object(header), 1_000), Err(JwsError::Header(_))),
                "{header}"
            );
        }
    }

    #[test]
    fn refuses_other_forms() {
        let good = object(r#"{"alg":"ES256"}"#);
        assert!(Compact::parse(&good, 1_000).is_ok());
        let more = format!("{good}.AA");
        let padded = format!("{good}=");
        let short = good.rsplit_once('.').expect("dots").0.to_owned();
        for text in [more, padded, short, String::new(), " ".to_owned() + &good] {
            assert!(matches!(Compact::parse(&text, 1_000), Err(JwsError::Malformed)), "{text}");
        }
    }

    #[test]
    fn typ_is_a_media_type() {
        let typ = |typ: &str| Header::new("ES256", typ).has_typ("dpop+jwt");
        assert!(typ("dpop+jwt") && typ("DPoP+JWT") && typ("application/dpop+jwt"));
        assert!(!typ("JWT") && !typ("") && !typ("text/dpop+jwt"));
    }
}
