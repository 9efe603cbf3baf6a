//! The ID token's check (`OpenID` Connect Core 3.1.3.7), as far as a token straight from the token
//! endpoint needs it: signature, issuer, audience, life.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use twinpath_wire::{assertion::Audience, jwk::JwkSet, jws::Compact};

/// The longest ID token taken.
const MAX_LEN: usize = 16 * 1024;

/// Seconds that an ID token may be over by this machine's clock.
const LEEWAY: i64 = 60;

/// The claims that apps ask for (`OpenID` Connect Core 2, PROTOCOL 8).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IdClaims {
    /// The platform.
    pub iss: String,
    /// The account, pairwise for this app.
    pub sub: String,
    /// The app.
    pub aud: Audience,
    /// When the ID token ends.
    pub exp: i64,
    /// The party it was issued to, if `aud` is several.
    #[serde(default)]
    pub azp: Option<String>,
    /// The account for all apps of one developer.
    #[serde(default)]
    pub union_id: Option<String>,
    /// How the account was proven.
    #[serde(default)]
    pub acr: Option<String>,
    /// By what means (RFC 8176).
    #[serde(default)]
    pub amr: Vec<String>,
    /// When it was proven.
    #[serde(default)]
    pub auth_time: Option<i64>,
}

/// Why an ID token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not a JWT with the required claims.
    #[error("it is malformed")]
    Malformed,
    /// Not `ES256`.
    #[error("its algorithm is not ES256")]
    Algorithm,
    /// No key of the platform made the signature.
    #[error("no key of the platform signed it")]
    Signature,
    /// Another `iss`.
    #[error("it comes from another issuer")]
    Issuer,
    /// Another `aud` or `azp`.
    #[error("it is for another app")]
    Audience,
    /// Over.
    #[error("it has expired")]
    Expired,
}

/// Checks an ID token against the platform's keys. `now` is the platform's time as far as known.
pub fn check_id_token(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    client_id: &str,
    now: i64,
) -> Result<IdClaims, IdTokenError> {
    let jws = Compact::parse(token, MAX_LEN).map_err(|_| IdTokenError::Malformed)?;
    if jws.header.alg != "ES256" {
        return Err(IdTokenError::Algorithm);
    }
    let named = |kid: &Option<String>| jws.header.kid.is_none() || *kid == jws.header.kid;
    let mut points = keys.keys.iter().filter(|key| named(&key.kid));
    let signed = points.any(|key| {
        key.key.uncompressed_p256().is_some_and(|point| {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(jws.signing_input, &jws.signature).is_ok()
        })
    });
    if !signed {
        return Err(IdTokenError::Signature);
    }
    let claims: IdClaims = jws.claims().map_err(|_| IdTokenError::Malformed)?;
    let several = matches!(&claims.aud, Audience::Many(aud) if aud.len() > 1);
    let issued_to_us = match &claims.azp {
        Some(azp) => azp == client_id,
        None => !several,
    };
    if claims.iss != issuer {
        Err(IdTokenError::Issuer)
    } else if !claims.aud.contains(client_id) || !issued_to_us {
        Err(IdTokenError::Audience)
    } else if claims.exp.saturating_add(LEEWAY) <= now {
        Err(IdTokenError::Expired)
    } else {
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use twinpath_wire::jws::{self, Header};

    use super::*;
    use crate::Error;
    use crate::core::{InstanceKey as _, SigningError, SoftwareKey};

    fn sign(key: &SoftwareKey, alg: &str, claims: &Value) -> String {
        let sign = |input: &[u8]| Ok::<_, Error>(key.sign(input)?);
        jws::compose(&Header::new(alg, "JWT"), claims, sign).expect("signs")
    }

    fn claims() -> Value {
        json!({"iss": "https://id", "sub": "s", "aud": "weather", "exp": 1_000})
    }

    #[test]
    fn takes_only_what_is_meant_for_the_app() -> Result<(), SigningError> {
        let key = SoftwareKey::generate()?;
        let keys = JwkSet { keys: vec![key.public_jwk().clone()] };
        let check = |token: &str, now| check_id_token(token, &keys, "https://id", "weather", now);
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            check(&sign(&key, "ES256", &claims), 900)
        };
        assert_eq!(check(&sign(&key, "ES256", &claims()), 900).map(|c| c.sub), Ok("s".into()));
        assert_eq!(check(&sign(&key, "ES256", &claims()), 1_060), Err(IdTokenError::Expired));
        assert_eq!(check(&sign(&key, "HS256", &claims()), 900), Err(IdTokenError::Algorithm));
        assert_eq!(check("a.b", 900), Err(IdTokenError::Malformed));
        assert_eq!(with("iss", json!("https://id/")), Err(IdTokenError::Issuer));
        assert_eq!(with("aud", json!("other")), Err(IdTokenError::Audience));
        assert!(with("aud", json!(["weather"])).is_ok());
        assert_eq!(with("aud", json!(["weather", "other"])), Err(IdTokenError::Audience));
        assert_eq!(with("azp", json!("other")), Err(IdTokenError::Audience));
        let foreign = sign(&SoftwareKey::generate()?, "ES256", &claims());
        assert_eq!(check(&foreign, 900), Err(IdTokenError::Signature));
        Ok(())
    }
}
