//! Client assertions: an app's proof of who it is (RFC 7523 2.2, 3 as updated by RFC 10070).

use serde::{Deserialize, Serialize};

/// The parameter `client_assertion_type` (RFC 7523 2.2).
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The assertion's `typ` (RFC 10070).
pub const TYP: &str = "client-authentication+jwt";

/// The claims of an assertion (RFC 7523 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionClaims {
    /// The `client_id`.
    pub iss: String,
    /// The `client_id` again.
    pub sub: String,
    /// The server's issuer, as a string (RFC 10070).
    pub aud: Audience,
    /// When it ends, seconds since 1970.
    pub exp: i64,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Before when it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Unique for each assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

/// The claim `aud` in the shape it came in (RFC 7519 4.1.3): servers take only the string form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// A string.
    One(String),
    /// An array of strings.
    Many(Vec<String>),
}

impl Audience {
    /// Whether it is exactly this string, not an array that holds it (RFC 10070).
    pub fn is_only(&self, issuer: &str) -> bool {
        matches!(self, Self::One(aud) if aud == issuer)
    }

    /// Whether it is or holds this string (RFC 7519 4.1.3).
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(aud) => aud == audience,
            Self::Many(auds) => auds.iter().any(|aud| aud == audience),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_string_from_array() {
        let read = |aud: &str| {
            let json = format!(r#"{{"iss":"a","sub":"a","aud":{aud},"exp":1}}"#);
            serde_json::from_str::<AssertionClaims>(&json).map(|claims| claims.aud)
        };
        let (one, many) = (read(r#""x""#).expect("one"), read(r#"["x"]"#).expect("many"));
        assert!(one.is_only("x") && one.contains("x"));
        assert!(!many.is_only("x") && many.contains("x"));
        assert!(read("1").is_err() && read(r#"{"x":1}"#).is_err());
    }
}
