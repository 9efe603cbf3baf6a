//! An app at a platform: who it is, and how its requests prove that (PROTOCOL 5).

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use base64::Engine as _;
use twinpath_wire::{
    assertion::{self, AssertionClaims, Audience},
    b64,
    dpop::{self, ProofClaims},
    jws::{self, Header},
};

use super::{
    Context, InstanceKey,
    http::{self, HeaderField},
    key::algorithm,
};
use crate::Error;

/// Seconds that an assertion lives: enough for a slow network, too short to be worth stealing.
const ASSERTION_TTL: i64 = 60;

/// A registered app, as one of its instances knows it.
pub struct App {
    /// The platform, byte for byte as in its metadata.
    pub issuer: String,
    /// The app's identity.
    pub client_id: String,
    /// The registered display name: part of the text (PROTOCOL 3).
    pub name: String,
    /// As registered.
    pub authentication: Authentication,
    /// The instance's key; `None` for an app registered without `DPoP`.
    pub key: Option<Arc<dyn InstanceKey>>,
}

/// How an app authenticates (PROTOCOL 5).
#[derive(Clone)]
#[non_exhaustive]
pub enum Authentication {
    /// `none`.
    None,
    /// `client_secret_basic` (RFC 6749 2.3.1).
    ClientSecretBasic(Secret),
    /// `client_secret_post` (RFC 6749 2.3.1).
    ClientSecretPost(Secret),
    /// `client_secret_jwt` (RFC 7523 2.2): the method's original form.
    ClientSecretJwt(Secret),
    /// `private_key_jwt` (RFC 7523 2.2).
    PrivateKeyJwt {
        /// The app's key, registered with the platform.
        key: Arc<dyn InstanceKey>,
        /// Its name in the registered JWK Set.
        kid: Option<String>,
    },
}

/// A client secret, or another's token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(secret: T) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Authentication {
    /// Whether requests carry a signed time, which a wrong clock spoils.
    pub(super) fn is_assertion(&self) -> bool {
        matches!(self, Self::ClientSecretJwt(_) | Self::PrivateKeyJwt { .. })
    }
}

impl App {
    /// The thumbprint that commitments bind to; empty without `DPoP` (PROTOCOL 2).
    pub fn jkt(&self) -> String {
        self.key.as_ref().map(|key| key.public_jwk().thumbprint()).unwrap_or_default()
    }

    /// The `DPoP` proof for one request (RFC 9449 4.2); `None` without a key.
    pub(super) fn proof(
        &self,
        method: &str,
        url: &str,
        access_token: Option<&str>,
        cx: &Context<'_>,
    ) -> Result<Option<String>, Error> {
        let Some(key) = &self.key else { return Ok(None) };
        let peer = cx.origins.peer(http::origin(url));
        let mut header = Header::new(algorithm(key.public_jwk()), dpop::TYP);
        // The proof carries the bare key: names and uses would only change its looks.
        header.jwk = Some(twinpath_wire::jwk::Jwk::new(key.public_jwk().key.clone()));
        let claims = ProofClaims {
            jti: b64::encode(cx.random.first_chunk::<16>().unwrap_or(&[0; 16])),
            htm: method.to_owned(),
            htu: http::htu(url).to_owned(),
            iat: cx.now.saturating_add(peer.skew),
            ath: access_token.map(dpop::ath),
            nonce: peer.nonce,
        };
        jws::compose(&header, &claims, |input| Ok::<_, Error>(key.sign(input)?)).map(Some)
    }

    /// Adds the app's authentication to a form or its headers (RFC 6749 2.3, RFC 7523 2.2).
    pub(super) fn authenticate(
        &self,
        form: &mut Vec<(&'static str, String)>,
        headers: &mut Vec<HeaderField>,
        skew: i64,
        cx: &Context<'_>,
    ) -> Result<(), Error> {
        if let Authentication::ClientSecretBasic(secret) = &self.authentication {
            // RFC 6749 2.3.1: both halves are form-encoded before they are joined.
            let encode = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = format!("{}:{}", encode(&self.client_id), encode(&secret.0));
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            headers.push(("authorization", format!("Basic {pair}")));
            return Ok(());
        }
        form.push(("client_id", self.client_id.clone()));
        if let Authentication::ClientSecretPost(secret) = &self.authentication {
            form.push(("client_secret", secret.0.clone()));
        }
        if let Some(assertion) = self.assertion(skew, cx)? {
            form.push(("client_assertion_type", assertion::CLIENT_ASSERTION_TYPE.to_owned()));
            form.push(("client_assertion", assertion));
        }
        Ok(())
    }

    /// The client assertion (RFC 7523 3; the audience is the issuer alone, RFC 10070).
    fn assertion(&self, skew: i64, cx: &Context<'_>) -> Result<Option<String>, Error> {
        let iat = cx.now.saturating_add(skew);
        let claims = AssertionClaims {
            iss: self.client_id.clone(),
            sub: self.client_id.clone(),
            aud: Audience::One(self.issuer.clone()),
            exp: iat.saturating_add(ASSERTION_TTL),
            iat: Some(iat),
            nbf: None,
            jti: Some(b64::encode(cx.random.last_chunk::<16>().unwrap_or(&[0; 16]))),
        };
        match &self.authentication {
            Authentication::ClientSecretJwt(secret) => {
                let header = Header::new("HS256", assertion::TYP);
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
                let sign = |input: &[u8]| Ok(hmac::sign(&key, input).as_ref().to_vec());
                jws::compose(&header, &claims, sign).map(Some)
            }
            Authentication::PrivateKeyJwt { key, kid } => {
                let mut header = Header::new(algorithm(key.public_jwk()), assertion::TYP);
                header.kid = kid.clone().or_else(|| key.public_jwk().kid.clone());
                jws::compose(&header, &claims, |input| Ok(key.sign(input)?)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
