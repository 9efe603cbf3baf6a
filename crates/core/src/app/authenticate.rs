//! Authentication of an app at the token, revocation and introspection endpoints.
//!
//! Two steps: [`Credentials::claim`] says which app and method a request claims, without looking
//! anything up; [`Claimed::check`] holds that against the registered app. An app that is not
//! registered and one whose secret is wrong get the same answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinpath_wire::assertion::{AssertionClaims, CLIENT_ASSERTION_TYPE, TYP};
use twinpath_wire::jws::Compact;

use crate::app::Registered;
use crate::app::certificate::{self, Presented};
use crate::grant::Spend;
use crate::ids::{ClientId, Timestamp};
use crate::proof::{FUTURE_SKEW_S, MAX_JWT};
use crate::records::{AuthMethod, Secret};
use crate::vault::{Vault, same};

/// The longest time an assertion may live, in seconds: its `jti` is kept as long.
pub(crate) const MAX_ASSERTION_LIFE_S: i64 = 3600;

/// How many keys of an app are tried on an assertion that does not name one.
pub(crate) const KEYS_TRIED: usize = 4;

const MAX_JTI: usize = 256;
const MAX_SECRET: usize = 512;

/// Why an app is not authenticated. All are `invalid_client` on the wire, except
/// [`AuthError::Request`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuthError {
    /// The request mixes methods or lacks a parameter: `invalid_request`.
    #[error("{0}")]
    Request(&'static str),
    /// Unknown app, or what it showed is wrong.
    #[error("{0}")]
    Client(&'static str),
}

/// What a request shows.
#[derive(Clone, Copy, Default, Debug)]
pub struct Credentials<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// RFC 6749 2.3.1.
    pub client_id: Option<&'a str>,
    /// RFC 6749 2.3.1.
    pub client_secret: Option<&'a str>,
    /// RFC 7521 4.2.
    pub client_assertion_type: Option<&'a str>,
    /// RFC 7521 4.2.
    pub client_assertion: Option<&'a str>,
    /// RFC 8705 2. It may come with any method: tokens are bound to it, too.
    pub certificate: Option<Presented<'a>>,
}

/// Who a request claims to be, and how it would show it.
#[derive(Debug)]
pub struct Claimed<'a> {
    /// The app.
    pub client_id: ClientId,
    shown: Shown<'a>,
    certificate: Option<Presented<'a>>,
}

#[derive(Debug)]
enum Shown<'a> {
    Nothing,
    Basic(String),
    Post(&'a str),
    Assertion(Box<Compact<'a>>, Box<AssertionClaims>),
}

/// An authenticated request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authenticated {
    /// The assertion to use up.
    pub spend: Option<Spend>,
}

const UNKNOWN: AuthError = AuthError::Client("unknown app, or it is not shown to be this one");

impl<'a> Credentials<'a> {
    /// Reads the claim. RFC 6749 2.3: not more than one method in a request.
    pub fn claim(&self) -> Result<Claimed<'a>, AuthError> {
        let methods = [
            self.authorization.is_some(),
            self.client_secret.is_some(),
            self.client_assertion.is_some(),
        ];
        if methods.into_iter().filter(|&used| used).count() > 1 {
            return Err(AuthError::Request("a request authenticates by one method only"));
        }
        if self.client_assertion.is_some() != self.client_assertion_type.is_some() {
            return Err(AuthError::Request(
                "client_assertion and client_assertion_type come together",
            ));
        }
        if let Some(header) = self.authorization {
            return self.basic(header);
        }
        let client_id = self.client_id.ok_or(AuthError::Request("client_id is missing"))?;
        let client_id = ClientId::new(client_id).ok_or(UNKNOWN)?;
        let shown = match (self.client_secret, self.client_assertion) {
            (Some(secret), _) => Shown::Post(secret),
            (None, Some(assertion)) => self.assertion(assertion)?,
            (None, None) => Shown::Nothing,
        };
        Ok(Claimed { client_id, shown, certificate: self.certificate })
    }

    /// RFC 6749 2.3.1: both parts form-encoded, then RFC 7617.
    fn basic(&self, header: &str) -> Result<Claimed<'a>, AuthError> {
        const MALFORMED: AuthError = AuthError::Client("the Authorization header is not Basic");
        let (scheme, rest) = header.split_once(' ').ok_or(MALFORMED)?;
        if !scheme.eq_ignore_ascii_case("basic") || rest.len() > 2 * MAX_SECRET {
            return Err(MALFORMED);
        }
        let bytes = STANDARD.decode(rest.trim()).map_err(|_| MALFORMED)?;
        let text = String::from_utf8(bytes).map_err(|_| MALFORMED)?;
        let (user, password) = text.split_once(':').ok_or(MALFORMED)?;
        let user = form_decode(user).ok_or(MALFORMED)?;
        let secret = form_decode(password).ok_or(MALFORMED)?;
        let client_id = ClientId::new(&user).ok_or(UNKNOWN)?;
        if self.client_id.is_some_and(|said| said != client_id.as_str()) {
            return Err(AuthError::Request("client_id differs from the Authorization header's"));
        }
        let shown = Shown::Basic(secret);
        Ok(Claimed { client_id, shown, certificate: self.certificate })
    }

    fn assertion(&self, assertion: &'a str) -> Result<Shown<'a>, AuthError> {
        if self.client_assertion_type != Some(CLIENT_ASSERTION_TYPE) {
            return Err(AuthError::Request("this client_assertion_type is not supported"));
        }
        let malformed = AuthError::Client("client_assertion is not a well-formed JWT");
        let jws = Compact::parse(assertion, MAX_JWT).map_err(|_| malformed)?;
        let claims = jws.claims::<AssertionClaims>().map_err(|_| malformed)?;
        Ok(Shown::Assertion(Box::new(jws), Box::new(claims)))
    }
}

/// RFC 6749 appendix B.
pub(super) fn form_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                // Digit by digit: the library would take a sign, too.
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Claimed<'_> {
    /// Holds the claim against the registered app, if there is one. `development` lets apps without
    /// authentication in.
    pub fn check(
        &self,
        registered: Option<&Registered>,
        issuer: &str,
        development: bool,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Authenticated, AuthError> {
        let registered = registered.ok_or(UNKNOWN)?;
        let none = Ok(Authenticated { spend: None });
        match (registered.app.auth_method, &self.shown) {
            (AuthMethod::None, Shown::Nothing) if development => none,
            (AuthMethod::None, Shown::Nothing) => Err(AuthError::Client(
                "apps without authentication are accepted in development only",
            )),
            (AuthMethod::ClientSecretBasic, Shown::Basic(secret)) => {
                self.secret(registered, secret, vault).and(none)
            }
            (AuthMethod::ClientSecretPost, Shown::Post(secret)) => {
                self.secret(registered, secret, vault).and(none)
            }
            (AuthMethod::PrivateKeyJwt, Shown::Assertion(jws, claims)) => {
                let spend = self.claims(jws, claims, issuer, vault, now)?;
                verify_by_key(registered, jws)?;
                Ok(Authenticated { spend: Some(spend) })
            }
            (AuthMethod::ClientSecretJwt, Shown::Assertion(jws, claims)) => {
                let spend = self.claims(jws, claims, issuer, vault, now)?;
                verify_by_secret(registered, jws)?;
                Ok(Authenticated { spend: Some(spend) })
            }
            (AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth, Shown::Nothing) => {
                certificate::authenticate(&registered.app, self.certificate, now).and(none)
            }
            _ => Err(AuthError::Client("this app is registered with another method")),
        }
    }

    fn secret(&self, registered: &Registered, shown: &str, vault: &Vault) -> Result<(), AuthError> {
        let Some(Secret::Hash(hash)) = &registered.app.secret else {
            return Err(UNKNOWN);
        };
        let right = shown.len() <= MAX_SECRET && same(&vault.secret(&self.client_id, shown), hash);
        right.then_some(()).ok_or(UNKNOWN)
    }

    /// RFC 7523 3 as updated by RFC 10070.
    fn claims(
        &self,
        jws: &Compact<'_>,
        claims: &AssertionClaims,
        issuer: &str,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Spend, AuthError> {
        let typed =
            jws.header.typ.is_none() || jws.header.has_typ("JWT") || jws.header.has_typ(TYP);
        if !typed {
            return Err(AuthError::Client("the assertion's typ must be client-authentication+jwt"));
        }
        let id = self.client_id.as_str();
        if claims.iss != id || claims.sub != id {
            return Err(AuthError::Client("the assertion's iss and sub must be the client_id"));
        }
        if !claims.aud.is_only(issuer) {
            return Err(AuthError::Client("the assertion's aud must be the issuer, as a string"));
        }
        check_times(claims, now.seconds()).map_err(AuthError::Client)?;
        let jti = claims.jti.as_deref().filter(|jti| (1..=MAX_JTI).contains(&jti.len()));
        let jti =
            jti.ok_or(AuthError::Client("the assertion needs a jti of 1 to 256 characters"))?;
        let until = Timestamp(claims.exp.saturating_mul(1000)).plus_seconds(2 * FUTURE_SKEW_S);
        Ok(Spend { key: vault.identifier("assertion", id, jti), until })
    }
}

fn check_times(claims: &AssertionClaims, now: i64) -> Result<(), &'static str> {
    if claims.exp <= now {
        return Err("the assertion has expired");
    }
    if claims.exp.saturating_sub(now) > MAX_ASSERTION_LIFE_S {
        return Err("the assertion must expire within an hour");
    }
    let ahead = |time: Option<i64>| time.is_some_and(|t| t > now.saturating_add(FUTURE_SKEW_S));
    if ahead(claims.iat) || ahead(claims.nbf) {
        return Err("the assertion is from the future");
    }
    if claims.iat.is_some_and(|iat| iat < now.saturating_sub(MAX_ASSERTION_LIFE_S)) {
        return Err("the assertion is too old");
    }
    Ok(())
}

fn verify_by_key(registered: &Registered, jws: &Compact<'_>) -> Result<(), AuthError> {
    let kid = jws.header.kid.as_deref();
    let candidate =
        |key: &crate::proof::VerifyingKey| kid.is_none() || key.kid().is_none() || key.kid() == kid;
    let verified = registered
        .keys
        .iter()
        .filter(|key| candidate(key))
        .take(KEYS_TRIED)
        .any(|key| key.verifies(jws));
    verified.then_some(()).ok_or(UNKNOWN)
}

fn verify_by_secret(registered: &Registered, jws: &Compact<'_>) -> Result<(), AuthError> {
    let key = registered.hmac.as_ref().filter(|_| jws.header.alg == "HS256").ok_or(UNKNOWN)?;
    aws_lc_rs::hmac::verify(key, jws.signing_input, &jws.signature).map_err(|_| UNKNOWN)
}

#[cfg(test)]
mod tests;
