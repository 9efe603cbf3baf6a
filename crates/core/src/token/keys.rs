//! Signing keys and their life.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use twinpath_wire::jwk::{Jwk, JwkSet};
use twinpath_wire::jws::{Compact, Header, compose};

use crate::ids::Timestamp;
use crate::proof::{MAX_JWT, VerifyingKey};
use crate::records::{AuditEvent, SigningKey};
use crate::transaction::{Context, Key, Missing, Operation, Random, Rows, Step, Write};
use crate::vault::{Purpose, Vault, VaultError};

/// Seconds for which a retired key stays published: longer than any token it signed lives, and than
/// anyone keeps the key set.
pub(crate) const PUBLISHED_AFTER_RETIREMENT_S: i64 = 14 * 24 * 3600;

/// Makes an ES256 key pair; `kid` is the key's thumbprint.
pub fn new_signing_key(
    vault: &Vault,
    now: Timestamp,
    random: &mut dyn Random,
) -> Result<SigningKey, VaultError> {
    let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &SystemRandom::new()).map_err(|_| VaultError)?;
    let pair = EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref()).map_err(|_| VaultError)?;
    let mut public =
        Jwk::from_uncompressed_p256(pair.public_key().as_ref()).map_err(|_| VaultError)?;
    let kid = public.thumbprint();
    public.kid = Some(kid.clone());
    public.alg = Some("ES256".to_owned());
    public.key_use = Some("sig".to_owned());
    let private = vault.seal(Purpose::SigningKey, kid.as_bytes(), pkcs8.as_ref(), random)?;
    Ok(SigningKey { kid, private, public, created_at: now, signs_at: now, retired_at: None })
}

/// Makes `new` the key that signs. Without `force` only if there is none.
#[derive(Clone, Debug)]
pub struct RotateKey {
    /// The key to put.
    pub new: SigningKey,
    /// Whether to retire the present one.
    pub force: bool,
}

/// Whether a key was put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotated {
    /// The new key signs now.
    Yes,
    /// There was one already.
    Kept,
}

impl Operation for RotateKey {
    type Outcome = Rotated;

    fn prefetch(&self, keys: &mut Vec<Key>) {
        keys.push(Key::SigningKeys);
    }

    fn decide(&self, view: &Rows, cx: &mut Context<'_>) -> Result<Step<Self>, Missing> {
        let active: Vec<_> =
            view.signing_keys()?.iter().filter(|key| key.retired_at.is_none()).collect();
        if !active.is_empty() && !self.force {
            return Ok(Step::Done(Vec::new(), Rotated::Kept));
        }
        let mut writes: Vec<_> = active
            .into_iter()
            .map(|key| Write::SigningKey(SigningKey { retired_at: Some(cx.now), ..key.clone() }))
            .collect();
        writes.push(Write::SigningKey(self.new.clone()));
        writes.push(Write::Audit(AuditEvent::new(cx.now, "key.rotated")));
        Ok(Step::Done(writes, Rotated::Yes))
    }
}

/// A private key in use.
pub struct Signer {
    pair: EcdsaKeyPair,
    kid: String,
    random: SystemRandom,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.kid)
    }
}

impl Signer {
    fn open(key: &SigningKey, vault: &Vault) -> Result<Self, VaultError> {
        let pkcs8 = vault.open(Purpose::SigningKey, key.kid.as_bytes(), &key.private)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8);
        let pair = pair.map_err(|_| VaultError)?;
        Ok(Self { pair, kid: key.kid.clone(), random: SystemRandom::new() })
    }

    /// Signs claims into a JWT of this `typ`.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignError> {
        let mut header = Header::new("ES256", typ);
        header.kid = Some(self.kid.clone());
        compose(&header, claims, |input| {
            let signature = self.pair.sign(&self.random, input).map_err(|_| SignError)?;
            Ok(signature.as_ref().to_vec())
        })
    }
}

/// A token could not be signed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct SignError;

impl From<serde_json::Error> for SignError {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// The keys of one moment: one signs, the published ones verify.
#[derive(Debug)]
pub struct KeyRing {
    /// The key that signs.
    pub signer: Signer,
    /// What `jwks_uri` shows.
    pub published: JwkSet,
    verifying: Vec<VerifyingKey>,
}

impl KeyRing {
    /// Opens the keys; an error if none can sign.
    pub fn open(keys: &[SigningKey], vault: &Vault, now: Timestamp) -> Result<Self, VaultError> {
        let active = keys.iter().filter(|key| key.retired_at.is_none());
        let newest = active.max_by_key(|key| key.created_at).ok_or(VaultError)?;
        let recent = |key: &&SigningKey| {
            key.retired_at.is_none_or(|at| now < at.plus_seconds(PUBLISHED_AFTER_RETIREMENT_S))
        };
        let mut published: Vec<_> = keys.iter().filter(recent).collect();
        published.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        let published: Vec<_> = published.into_iter().map(|key| key.public.clone()).collect();
        Ok(Self {
            signer: Signer::open(newest, vault)?,
            verifying: published.iter().filter_map(VerifyingKey::new).collect(),
            published: JwkSet { keys: published },
        })
    }

    /// The claims of a JWT of this `typ` that one of the published keys signed.
    pub fn verify<C: serde::de::DeserializeOwned>(&self, token: &str, typ: &str) -> Option<C> {
        let jws = Compact::parse(token, MAX_JWT).ok()?;
        let kid = jws.header.kid.as_deref()?;
        let key = self.verifying.iter().find(|key| key.kid() == Some(kid))?;
        if !jws.header.has_typ(typ) || !key.verifies(&jws) {
            return None;
        }
        jws.claims().ok()
    }
}

#[cfg(test)]
mod tests;
