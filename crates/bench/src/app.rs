//! Registered apps and their instances: keys, and the token request as they say and sign it.
//!
//! Everything here runs for every authorization, so nothing is escaped or serialized that need not
//! be: all names are plain.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinpath_core::records::AuthMethod;
use twinpath_wire::assertion::{CLIENT_ASSERTION_TYPE, TYP as ASSERTION_TYP};
use twinpath_wire::b64;
use twinpath_wire::dpop::TYP as PROOF_TYP;
use twinpath_wire::jwk::Jwk;
use twinpath_wire::oauth::GRANT_TERMINAL;

use crate::BenchError;

/// Seconds that an assertion lives.
const ASSERTION_S: i64 = 60;

/// A key pair.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pub(crate) public: Jwk,
    pub(crate) jkt: String,
    /// The encoded header of a DPoP proof by it.
    proof_header: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.jkt)
    }
}

impl Key {
    pub(crate) fn generate() -> Result<Self, BenchError> {
        let failed = || BenchError::Child("a key could not be made".to_owned());
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| failed())?;
        let public =
            Jwk::from_uncompressed_p256(pair.public_key().as_ref()).map_err(|_| failed())?;
        let jwk = serde_json::to_string(&public).map_err(|_| failed())?;
        let header = format!(r#"{{"typ":"{PROOF_TYP}","alg":"ES256","jwk":{jwk}}}"#);
        let jkt = public.thumbprint();
        Ok(Self { pair, public, jkt, proof_header: b64::encode(header) })
    }

    /// A JWS in compact form of an encoded header and claims.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        compose(header, claims, |input| {
            // aws-lc cannot fail to sign; the server would refuse an empty signature.
            self.pair.sign(&SystemRandom::new(), input).map_or(Vec::new(), |s| s.as_ref().to_vec())
        })
    }
}

fn compose(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let mut text = String::with_capacity(header.len() + claims.len() * 4 / 3 + 96);
    text.push_str(header);
    text.push('.');
    text.push_str(&b64::encode(claims));
    let signature = sign(text.as_bytes());
    text.push('.');
    text.push_str(&b64::encode(signature));
    text
}

/// How an app proves who it is.
#[derive(Debug)]
enum Credential {
    Key { key: Box<Key>, header: String },
    Hmac { key: Box<hmac::Key>, header: String },
    Basic(String),
    Post(String),
    Nothing,
}

/// A registered app.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) name: String,
    credential: Credential,
}

impl App {
    /// The `n`th app. A method with a secret takes the one that registration gave.
    pub(crate) fn new(
        n: u32,
        method: AuthMethod,
        key: Option<Key>,
        secret: Option<&str>,
    ) -> Result<Self, BenchError> {
        let client_id = client_id(n);
        let secret =
            || secret.ok_or_else(|| BenchError::Child("registration told no secret".to_owned()));
        let header =
            |alg: &str| b64::encode(format!(r#"{{"typ":"{ASSERTION_TYP}","alg":"{alg}"}}"#));
        let credential = match (method, key) {
            (AuthMethod::PrivateKeyJwt, Some(key)) => {
                Credential::Key { key: Box::new(key), header: header("ES256") }
            }
            (AuthMethod::PrivateKeyJwt, None) | (AuthMethod::None, _) => Credential::Nothing,
            (AuthMethod::ClientSecretJwt, _) => Credential::Hmac {
                key: Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret()?.as_bytes())),
                header: header("HS256"),
            },
            (AuthMethod::ClientSecretBasic, _) => {
                Credential::Basic(STANDARD.encode(format!("{client_id}:{}", secret()?)))
            }
            (AuthMethod::ClientSecretPost, _) => Credential::Post(secret()?.to_owned()),
            (
                AuthMethod::TlsClientAuth
                | AuthMethod::SelfSignedTlsClientAuth
                | AuthMethod::AttestJwtClientAuth
                | AuthMethod::AttestJwtClientAuthDpop,
                _,
            ) => {
                let why = "the load goes without TLS and without attestation";
                return Err(BenchError::Child(why.to_owned()));
            }
        };
        Ok(Self { client_id, name: name(n), credential })
    }

    /// The JWT that proves who the app is, if its method has one.
    fn assertion(&self, issuer: &str, jti: &str, now: i64) -> Option<String> {
        let id = &self.client_id;
        let exp = now + ASSERTION_S;
        let claims = || {
            format!(
                r#"{{"iss":"{id}","sub":"{id}","aud":"{issuer}","exp":{exp},"iat":{now},"jti":"{jti}"}}"#
            )
        };
        match &self.credential {
            Credential::Key { key, header } => Some(key.sign(header, &claims())),
            Credential::Hmac { key, header } => {
                Some(compose(header, &claims(), |input| hmac::sign(key, input).as_ref().to_vec()))
            }
            Credential::Basic(_) | Credential::Post(_) | Credential::Nothing => None,
        }
    }
}

/// The `n`th app's identity.
pub(crate) fn client_id(n: u32) -> String {
    format!("bench-{n}")
}

/// The `n`th app's name.
pub(crate) fn name(n: u32) -> String {
    format!("Bench {n}")
}

/// What one token request says.
#[derive(Debug)]
pub(crate) struct TokenRequest<'a> {
    pub(crate) app: &'a App,
    /// The instance's key; none without DPoP.
    pub(crate) key: Option<&'a Key>,
    pub(crate) issuer: &'a str,
    /// The issuer without its scheme.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) nonce: Option<&'a str>,
    /// New for each request.
    pub(crate) jti: &'a str,
    pub(crate) wait_s: Option<u32>,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

impl TokenRequest<'_> {
    /// The whole HTTP request. Writing to memory does not fail, so results are dropped.
    pub(crate) fn write(&self) -> Vec<u8> {
        let body = self.body();
        let mut out = String::with_capacity(1024 + body.len());
        let (path, host) = (self.path, self.host);
        let _ = write!(out, "POST {path} HTTP/1.1\r\nhost: {host}\r\n");
        out.push_str("content-type: application/x-www-form-urlencoded\r\n");
        if let Some(key) = self.key {
            let _ = write!(out, "dpop: {}\r\n", self.proof(key));
        }
        if let Credential::Basic(credentials) = &self.app.credential {
            let _ = write!(out, "authorization: Basic {credentials}\r\n");
        }
        if let Some(wait_s) = self.wait_s {
            let _ = write!(out, "prefer: wait={wait_s}\r\n");
        }
        let _ = write!(out, "content-length: {}\r\n\r\n{body}", body.len());
        out.into_bytes()
    }

    fn proof(&self, key: &Key) -> String {
        let (issuer, path, now, jti) = (self.issuer, self.path, self.now, self.jti);
        let mut claims =
            format!(r#"{{"jti":"{jti}","htm":"POST","htu":"{issuer}{path}","iat":{now}"#);
        if let Some(nonce) = self.nonce {
            let _ = write!(claims, r#","nonce":"{nonce}""#);
        }
        claims.push('}');
        key.sign(&key.proof_header, &claims)
    }

    fn body(&self) -> String {
        let mut form = String::with_capacity(1024);
        form.push_str("grant_type=");
        form.push_str(&escaped(GRANT_TERMINAL));
        let _ = write!(form, "&terminal_verifier={}&scope=openid", self.verifier);
        if !matches!(self.app.credential, Credential::Basic(_)) {
            let _ = write!(form, "&client_id={}", self.app.client_id);
        }
        if let Credential::Post(secret) = &self.app.credential {
            let _ = write!(form, "&client_secret={}", escaped(secret));
        }
        if let Some(assertion) = self.app.assertion(self.issuer, self.jti, self.now) {
            form.push_str("&client_assertion_type=");
            form.push_str(&escaped(CLIENT_ASSERTION_TYPE));
            let _ = write!(form, "&client_assertion={assertion}");
        }
        form
    }
}

fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
