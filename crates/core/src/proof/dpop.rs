//! Checking a DPoP proof (RFC 9449 4.3). Whether its `jti` is new is the caller's to ask, last: of a
//! [`crate::proof::ReplayWindow`], and of the store where several nodes share one.

use twinpath_wire::dpop::{ProofClaims, TYP, ath};
use twinpath_wire::jwk::Jwk;
use twinpath_wire::jws::Compact;

use crate::ids::Timestamp;
use crate::proof::{FUTURE_SKEW_S, MAX_JWT, Nonces, VerifyingKey};
use crate::vault::same;

/// Seconds for which a proof is fresh.
pub(crate) const MAX_AGE_S: i64 = 60;

const MAX_JTI: usize = 256;

/// What the proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's URL, without query and fragment.
    pub url: &'a str,
    /// The access token that comes with it, at a protected resource.
    pub access_token: Option<&'a str>,
}

/// A proof that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The key.
    pub jwk: Jwk,
    /// Its thumbprint.
    pub jkt: String,
    /// Single use.
    pub jti: String,
    /// When it is surely not fresh any more, by a clock that differs from this one too. Its nonce may
    /// live longer, but does not help it.
    pub stale_at: Timestamp,
}

/// Why a proof does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DpopError {
    /// Its nonce is missing or old: the client is told a new one and tries again.
    #[error("use the nonce of the DPoP-Nonce header")]
    UseNonce,
    /// Not a proof.
    #[error("the DPoP header is not one well-formed proof")]
    Malformed,
    /// Another `typ`.
    #[error("the proof's typ must be dpop+jwt")]
    Type,
    /// No key, a private key or one of an unsupported kind.
    #[error("the proof needs a public jwk for ES256, EdDSA or PS256")]
    Key,
    /// The signature is not its key's.
    #[error("the proof's signature or alg does not fit its jwk")]
    Signature,
    /// Another method or URL.
    #[error("the proof's htm or htu is not this request's")]
    Request,
    /// Too old or from the future.
    #[error("the proof's iat is not within the last 60 seconds")]
    Time,
    /// Not bound to this access token.
    #[error("the proof's ath is not this access token's")]
    AccessToken,
    /// No `jti` of sensible length.
    #[error("the proof's jti must have 1 to 256 characters")]
    Identifier,
}

/// Checks everything but the replay.
pub fn verify_proof(
    header: &str,
    expected: Expected<'_>,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<Proof, DpopError> {
    verify_answer(header, expected, now, |nonce| nonces.accepts(nonce, now))
}

/// The same of a proof whose nonce may be something else: a challenge (PROTOCOL 11).
pub fn verify_answer(
    header: &str,
    expected: Expected<'_>,
    now: Timestamp,
    accepts: impl FnOnce(&str) -> bool,
) -> Result<Proof, DpopError> {
    let jws = Compact::parse(header, MAX_JWT).map_err(|_| DpopError::Malformed)?;
    if !jws.header.has_typ(TYP) {
        return Err(DpopError::Type);
    }
    let jwk = jws.header.jwk.as_ref().ok_or(DpopError::Key)?;
    let key = VerifyingKey::new(jwk).ok_or(DpopError::Key)?;
    let claims: ProofClaims = jws.claims().map_err(|_| DpopError::Malformed)?;
    check_claims(&claims, expected, now)?;
    // Before the signature: a client that has no nonce yet is told one at little cost.
    if !claims.nonce.as_deref().is_some_and(accepts) {
        return Err(DpopError::UseNonce);
    }
    if !key.verifies(&jws) {
        return Err(DpopError::Signature);
    }
    let stale_at = Timestamp(claims.iat.saturating_mul(1000))
        .plus_seconds(MAX_AGE_S.saturating_add(2 * FUTURE_SKEW_S));
    Ok(Proof { jkt: jwk.thumbprint(), jwk: Jwk::new(jwk.key.clone()), jti: claims.jti, stale_at })
}

/// The cheap checks, before any signature.
fn check_claims(
    claims: &ProofClaims,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<(), DpopError> {
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
        return Err(DpopError::Identifier);
    }
    if claims.htm != expected.method || !same_url(&claims.htu, expected.url) {
        return Err(DpopError::Request);
    }
    let age = now.seconds().saturating_sub(claims.iat);
    if !(-FUTURE_SKEW_S..=MAX_AGE_S).contains(&age) {
        return Err(DpopError::Time);
    }
    match (expected.access_token, &claims.ath) {
        (None, _) => Ok(()),
        (Some(token), Some(said)) if same(ath(token).as_bytes(), said.as_bytes()) => Ok(()),
        (Some(_), _) => Err(DpopError::AccessToken),
    }
}

/// RFC 9449 4.3, point 9: query and fragment ignored, scheme and host without regard to case, default
/// ports left out (RFC 3986 6.2).
fn same_url(said: &str, right: &str) -> bool {
    match (split_url(said), split_url(right)) {
        (Some(said), Some(right)) => said == right,
        _ => false,
    }
}

fn split_url(url: &str) -> Option<(String, String, &str)> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let authority = authority.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let host = authority.strip_suffix(default_port).unwrap_or(&authority).to_owned();
    Some((scheme, host, path))
}

#[cfg(test)]
mod tests;
