//! Attestation-based client authentication (draft-ietf-oauth-attestation-based-client-auth-10): an
//! attester that is trusted for the app vouches for the key of one installation, and the request shows
//! that it has that key.

use twinpath_wire::client_attestation::{ClientAttestation, POP_TYP, ProofOfPossession, TYP};
use twinpath_wire::jwk::{Jwk, JwkSet};
use twinpath_wire::jws::Compact;

use crate::app::authenticate::KEYS_TRIED;
use crate::grant::Spend;
use crate::ids::{ClientId, Timestamp};
use crate::instance::Voucher;
use crate::proof::{FUTURE_SKEW_S, MAX_JWT, VerifyingKey, check_challenge};
use crate::records::{BUILT_IN, Evidence};
use crate::token::KeyRing;
use crate::vault::Vault;

/// Seconds for which a proof of possession is fresh.
const MAX_POP_AGE_S: i64 = 60;

const MAX_JTI: usize = 256;

/// What tokens call the attester whose keys the app is registered with. No other can have this name.
pub const REGISTERED: &str = "registered";

/// The most keys of one attester.
pub const MAX_ATTESTER_KEYS: usize = 16;

/// Why an attestation or its proof of possession does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AttestationError {
    /// The proof needs a challenge of the server's: `use_attestation_challenge`.
    #[error("{0}")]
    UseChallenge(&'static str),
    /// The attestation is over or too old: `use_fresh_attestation`.
    #[error("{0}")]
    UseFresh(&'static str),
    /// It is none, or not this app's or this key's: `invalid_client_attestation`.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Another attester than the platform's own.
#[derive(Debug)]
pub struct ExternalAttester {
    /// Its configured name.
    pub name: String,
    /// Its keys.
    pub keys: Vec<VerifyingKey>,
    /// The apps it is trusted for; `None` for all.
    pub clients: Option<Vec<ClientId>>,
    /// What its word is worth.
    pub evidence: Evidence,
}

/// A name or a key set that an attester cannot have.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AttesterError(pub &'static str);

impl ExternalAttester {
    /// Checks name and keys.
    pub fn new(
        name: &str,
        jwks: &JwkSet,
        clients: Option<Vec<ClientId>>,
        evidence: Evidence,
    ) -> Result<Self, AttesterError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty()
            || name.len() > 64
            || !name.bytes().all(plain)
            || [BUILT_IN, REGISTERED].contains(&name)
        {
            return Err(AttesterError(
                "an attester's name has 1 to 64 letters, digits, - _ ., and is not built_in or \
                 registered",
            ));
        }
        let keys: Vec<_> = jwks.keys.iter().filter_map(VerifyingKey::new).collect();
        if keys.is_empty() || keys.len() != jwks.keys.len() || keys.len() > MAX_ATTESTER_KEYS {
            return Err(AttesterError(
                "an attester's key set holds 1 to 16 public keys for ES256, EdDSA or PS256",
            ));
        }
        let mut kids: Vec<_> = keys.iter().filter_map(VerifyingKey::kid).collect();
        kids.sort_unstable();
        kids.dedup();
        if keys.len() > KEYS_TRIED && kids.len() != keys.len() {
            return Err(AttesterError(
                "an attester's key set of more than 4 keys needs a kid of its own for each",
            ));
        }
        Ok(Self { name: name.to_owned(), keys, clients, evidence })
    }

    fn vouches_for(&self, client_id: &ClientId) -> bool {
        self.clients.as_ref().is_none_or(|clients| clients.contains(client_id))
    }

    fn signed(&self, jws: &Compact<'_>) -> bool {
        signed_by(&self.keys, jws)
    }
}

fn signed_by(keys: &[VerifyingKey], jws: &Compact<'_>) -> bool {
    let kid = jws.header.kid.as_deref();
    let candidate = |key: &&VerifyingKey| kid.is_none() || key.kid().is_none() || key.kid() == kid;
    keys.iter().filter(candidate).take(KEYS_TRIED).any(|key| key.verifies(jws))
}

/// Who may vouch for the installations of one app.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'a> {
    /// The platform itself.
    pub ring: &'a KeyRing,
    /// The configured ones.
    pub others: &'a [ExternalAttester],
    /// The keys that the app is registered with: of an attester of its own, whose word is worth
    /// [`Evidence::Software`].
    pub registered: &'a [VerifyingKey],
}

impl Trusted<'_> {
    /// Who signed the attestation, of those who may.
    fn signer(
        &self,
        attestation: &str,
        jws: &Compact<'_>,
        client_id: &ClientId,
    ) -> Option<Signer<'_>> {
        let other = |it: &&ExternalAttester| it.vouches_for(client_id) && it.signed(jws);
        if let Some(other) = self.others.iter().find(other) {
            return Some(Signer::Other(&other.name, other.evidence));
        }
        if signed_by(self.registered, jws) {
            return Some(Signer::Other(REGISTERED, Evidence::Software));
        }
        let own = self.ring.verify::<ClientAttestation>(attestation, TYP);
        own.map(|_| Signer::BuiltIn)
    }
}

/// Who signed an attestation.
enum Signer<'a> {
    BuiltIn,
    Other(&'a str, Evidence),
}

/// An attestation that holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Vouched {
    /// The instance key.
    pub jwk: Jwk,
    /// Its thumbprint.
    pub jkt: String,
    /// Who vouches for it.
    pub by: Voucher,
}

/// The `sub` of an attestation that nothing is known of yet: which app a request claims to be.
pub fn claimed_app(attestation: &str) -> Option<ClientId> {
    let jws = Compact::parse(attestation, MAX_JWT).ok()?;
    ClientId::new(&jws.claims::<ClientAttestation>().ok()?.sub)
}

/// Holds an attestation against those that are trusted for the app. One older than `max_age_s` has to be
/// made anew.
pub fn vouch(
    attestation: &str,
    client_id: &ClientId,
    trusted: Trusted<'_>,
    (now, max_age_s): (Timestamp, i64),
) -> Result<Vouched, AttestationError> {
    use AttestationError::{Invalid, UseFresh};
    let malformed = Invalid("the client attestation is not one well-formed JWT");
    let jws = Compact::parse(attestation, MAX_JWT).map_err(|_| malformed)?;
    if !jws.header.has_typ(TYP) {
        return Err(Invalid("the client attestation's typ must be oauth-client-attestation+jwt"));
    }
    let claims: ClientAttestation = jws.claims().map_err(|_| malformed)?;
    let signer = trusted.signer(attestation, &jws, client_id);
    let signer =
        signer.ok_or(Invalid("the client attestation is not signed by an attester of this app"))?;
    if claims.sub != client_id.as_str() {
        return Err(Invalid("the client attestation is for another app"));
    }
    let seconds = now.seconds();
    let ahead = |time: Option<i64>| time.is_some_and(|it| it > seconds + FUTURE_SKEW_S);
    if ahead(claims.iat) || ahead(claims.nbf) {
        return Err(Invalid("the client attestation is from the future"));
    }
    if claims.exp <= seconds {
        return Err(UseFresh("the client attestation is over"));
    }
    // Of one that does not say when it was made, the end must be near.
    let left = claims.exp.saturating_sub(seconds);
    let age = claims.iat.map_or(left, |iat| seconds.saturating_sub(iat));
    if age > max_age_s {
        return Err(UseFresh("the client attestation is too old, or does not say how old it is"));
    }
    let jwk = Jwk::new(claims.cnf.jwk.key);
    if VerifyingKey::new(&jwk).is_none() {
        return Err(Invalid("the client attestation's key cannot be used"));
    }
    let by = match signer {
        Signer::BuiltIn => Voucher::BuiltIn,
        Signer::Other(name, evidence) => Voucher::External {
            attester: name.to_owned(),
            evidence,
            attested_at: Timestamp(claims.iat.unwrap_or(seconds).saturating_mul(1000)),
        },
    };
    Ok(Vouched { jkt: jwk.thumbprint(), jwk, by })
}

/// What a proof of possession uses up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Possession {
    /// Its `jti`.
    pub jti: Spend,
    /// Its challenge.
    pub challenge: Spend,
}

impl Vouched {
    /// Holds a proof of possession against the instance key and this server.
    pub fn possession(
        &self,
        pop: &str,
        client_id: &ClientId,
        issuer: &str,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Possession, AttestationError> {
        use AttestationError::{Invalid, UseChallenge};
        let malformed = Invalid("the proof of possession is not one well-formed JWT");
        let jws = Compact::parse(pop, MAX_JWT).map_err(|_| malformed)?;
        if !jws.header.has_typ(POP_TYP) {
            return Err(Invalid(
                "the proof of possession's typ must be oauth-client-attestation-pop+jwt",
            ));
        }
        let claims: ProofOfPossession = jws.claims().map_err(|_| malformed)?;
        if !claims.aud.is_only(issuer) {
            return Err(Invalid("the proof of possession's aud must be the issuer, as a string"));
        }
        if !(1..=MAX_JTI).contains(&claims.jti.len()) {
            return Err(Invalid("the proof of possession needs a jti of 1 to 256 characters"));
        }
        let age = now.seconds().saturating_sub(claims.iat);
        if !(-FUTURE_SKEW_S..=MAX_POP_AGE_S).contains(&age) {
            return Err(Invalid("the proof of possession's iat is not within the last 60 seconds"));
        }
        let early = claims.nbf.is_some_and(|nbf| nbf > now.seconds() + FUTURE_SKEW_S);
        if early || claims.exp.is_some_and(|exp| exp <= now.seconds()) {
            return Err(Invalid("the proof of possession is over, or from the future"));
        }
        // Before the signature: a client that has no challenge yet is told one at little cost.
        let said = claims.challenge.as_deref();
        let missing = UseChallenge("the proof of possession needs a challenge of this server's");
        let challenge = check_challenge(vault, said.ok_or(missing)?, client_id, now)
            .map_err(|_| UseChallenge("the challenge is unknown, over, or not for this app"))?;
        let key = VerifyingKey::new(&self.jwk).filter(|key| key.verifies(&jws));
        if key.is_none() {
            let why = "the proof of possession is not signed by the attested key";
            return Err(Invalid(why));
        }
        let until = Timestamp(claims.iat.saturating_mul(1000))
            .plus_seconds(MAX_POP_AGE_S + 2 * FUTURE_SKEW_S);
        Ok(Possession {
            jti: Spend { key: vault.identifier("attestation-pop", &self.jkt, &claims.jti), until },
            challenge,
        })
    }
}

#[cfg(test)]
mod tests;
