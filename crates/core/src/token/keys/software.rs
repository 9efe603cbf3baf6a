//! Keys in this process, at rest under the master key.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use twinpath_wire::jwk::{Jwk, PublicKey};

use super::signer::{Sign, SignError, SigningAlgorithm};
use crate::ids::Timestamp;
use crate::records::SigningKey;
use crate::transaction::Random;
use crate::vault::{Purpose, Vault, VaultError};

/// Makes a key pair that would sign at once; `kid` is the key's thumbprint.
pub fn new_signing_key(
    alg: SigningAlgorithm,
    vault: &Vault,
    now: Timestamp,
    random: &mut dyn Random,
) -> Result<SigningKey, VaultError> {
    let system = SystemRandom::new();
    let pkcs8 = match alg {
        SigningAlgorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &system)
        }
        SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&system),
    };
    let pkcs8 = pkcs8.map_err(|_| VaultError)?;
    let mut public = Pair::parse(alg, pkcs8.as_ref())?.public()?;
    let kid = public.thumbprint();
    public.kid = Some(kid.clone());
    public.alg = Some(alg.as_str().to_owned());
    public.key_use = Some("sig".to_owned());
    let private = vault.seal(Purpose::SigningKey, kid.as_bytes(), pkcs8.as_ref(), random)?;
    Ok(SigningKey { kid, private, public, created_at: now, signs_at: now, retired_at: None })
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Pair {
    fn parse(alg: SigningAlgorithm, pkcs8: &[u8]) -> Result<Self, VaultError> {
        match alg {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::Es256)
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::EdDsa),
        }
        .map_err(|_| VaultError)
    }

    fn public(&self) -> Result<Jwk, VaultError> {
        match self {
            Self::Es256(pair) => {
                Jwk::from_uncompressed_p256(pair.public_key().as_ref()).map_err(|_| VaultError)
            }
            Self::EdDsa(pair) => {
                let x = pair.public_key().as_ref().try_into().map_err(|_| VaultError)?;
                Ok(Jwk::new(PublicKey::Ed25519 { x }))
            }
        }
    }
}

/// A private key in memory.
pub(super) struct SoftwareKey {
    pair: Pair,
    kid: String,
    random: SystemRandom,
}

impl SoftwareKey {
    /// Opens a row. An error too if its public key is not that of its private key: whoever can write
    /// to the store but has no master key is not to have a key of his published.
    pub(super) fn open(key: &SigningKey, vault: &Vault) -> Result<Self, VaultError> {
        let alg = SigningAlgorithm::of(&key.public).ok_or(VaultError)?;
        let pkcs8 = vault.open(Purpose::SigningKey, key.kid.as_bytes(), &key.private)?;
        let pair = Pair::parse(alg, &pkcs8)?;
        let named = key.public.kid.as_ref() == Some(&key.kid);
        if !named || pair.public()?.key != key.public.key {
            return Err(VaultError);
        }
        Ok(Self { pair, kid: key.kid.clone(), random: SystemRandom::new() })
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey({})", self.kid)
    }
}

impl Sign for SoftwareKey {
    fn alg(&self) -> SigningAlgorithm {
        match self.pair {
            Pair::Es256(_) => SigningAlgorithm::Es256,
            Pair::EdDsa(_) => SigningAlgorithm::EdDsa,
        }
    }

    fn kid(&self) -> &str {
        &self.kid
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = match &self.pair {
            Pair::Es256(pair) => pair.sign(&self.random, input).map_err(|_| SignError)?,
            Pair::EdDsa(pair) => pair.sign(input),
        };
        Ok(signature.as_ref().to_vec())
    }
}
