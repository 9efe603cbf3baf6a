//! The keys as requests see them.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use twinpath_wire::jwk::JwkSet;
use twinpath_wire::jws::Compact;

use super::life::{KeyPolicy, KeyState};
use super::signer::{Signer, SigningAlgorithm};
use super::software::SoftwareKey;
use crate::ids::Timestamp;
use crate::proof::{MAX_JWT, VerifyingKey};
use crate::records::SigningKey;
use crate::vault::{Vault, VaultError};

/// How far another node's clock may be ahead: what it signs with a key that is still announced here is
/// accepted for so long, in seconds.
pub(super) const CLOCKS_APART_S: i64 = 300;

/// All keys at one moment: who signs, what is published, what verifies.
#[derive(Clone, Debug)]
pub struct KeyRing {
    held: Arc<Held>,
    now: Timestamp,
    default: Signer,
}

#[derive(Debug)]
struct Held {
    policy: KeyPolicy,
    keys: Vec<Opened>,
}

#[derive(Debug)]
struct Opened {
    row: SigningKey,
    signer: Signer,
    verifying: VerifyingKey,
}

impl KeyRing {
    /// Opens the keys that are not gone at `now`; an error if one does not open, or none can sign. All
    /// are opened, so that nothing is published that the master key did not seal.
    pub fn open(
        keys: &[SigningKey],
        vault: &Vault,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Self, VaultError> {
        let known = |key: &&SigningKey| {
            SigningAlgorithm::of(&key.public).is_some() && policy.state(key, now) != KeyState::Gone
        };
        let open = |key: &SigningKey| {
            let signer = Signer::new(SoftwareKey::open(key, vault)?);
            let verifying = VerifyingKey::new(&key.public).ok_or(VaultError)?;
            Ok(Opened { row: key.clone(), signer, verifying })
        };
        let keys = keys.iter().filter(known).map(open).collect::<Result<_, VaultError>>()?;
        let held = Arc::new(Held { policy: policy.clone(), keys });
        let default = held.default_signer(now).ok_or(VaultError)?.clone();
        Ok(Self { held, now, default })
    }

    /// The same keys at another moment.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let default = self.held.default_signer(now).unwrap_or(&self.default).clone();
        Self { held: Arc::clone(&self.held), now, default }
    }

    /// What signs where nothing else is asked for: access tokens are always signed by it.
    pub fn default_signer(&self) -> &Signer {
        &self.default
    }

    /// What signs with this algorithm, if it is configured and a key of it is active.
    pub fn signer(&self, alg: SigningAlgorithm) -> Option<&Signer> {
        let configured = self.held.policy.algorithms.contains(&alg);
        configured.then(|| self.held.signer(alg, self.now)).flatten()
    }

    /// What signs for an app that registered this algorithm, such as `id_token_signed_response_alg`
    /// (OIDC Registration 2): the default if it registered none, or one that has no key any more.
    pub fn signer_for(&self, registered: Option<&str>) -> &Signer {
        let signer = registered.and_then(SigningAlgorithm::parse).and_then(|alg| self.signer(alg));
        signer.unwrap_or(&self.default)
    }

    /// The algorithms that a token can be had in now, the default first.
    pub fn algorithms(&self) -> Vec<SigningAlgorithm> {
        let mut all = vec![self.default.alg()];
        let configured = &self.held.policy.algorithms;
        all.extend(
            configured
                .iter()
                .filter(|alg| **alg != self.default.alg() && self.signer(**alg).is_some()),
        );
        all
    }

    /// What `jwks_uri` shows: those that sign first, then those to come, then those of before.
    pub fn published(&self) -> JwkSet {
        let mut keys: Vec<_> =
            self.held.at(self.now).filter(|(state, _)| *state != KeyState::Gone).collect();
        keys.sort_by_key(|(state, key)| (*state, Reverse(key.row.signs_at), &key.row.kid));
        JwkSet { keys: keys.into_iter().map(|(_, key)| key.row.public.clone()).collect() }
    }

    /// Whether a JWT names a key that is not published: one that has gone, or that never was.
    pub fn is_of_no_key(&self, token: &str) -> bool {
        let jws = Compact::parse(token, MAX_JWT).ok();
        let kid = jws.as_ref().and_then(|jws| jws.header.kid.as_deref());
        kid.is_some_and(|kid| {
            let published = self.held.at(self.now).filter(|(state, _)| *state != KeyState::Gone);
            published.into_iter().all(|(_, key)| key.row.kid != kid)
        })
    }

    /// The claims of a JWT of this `typ` that one of the published keys signed. Of a key that does not
    /// sign yet there can be none, but for clocks that differ a little.
    pub fn verify<C: DeserializeOwned>(&self, token: &str, typ: &str) -> Option<C> {
        let jws = Compact::parse(token, MAX_JWT).ok()?;
        let kid = jws.header.kid.as_deref()?;
        let (state, key) = self.held.at(self.now).find(|(_, key)| key.row.kid == kid)?;
        let early =
            self.now.plus_seconds(CLOCKS_APART_S) < key.row.signs_at && kid != self.default.kid();
        if state == KeyState::Gone
            || early
            || !jws.header.has_typ(typ)
            || !key.verifying.verifies(&jws)
        {
            return None;
        }
        jws.claims().ok()
    }
}

impl Held {
    fn at(&self, now: Timestamp) -> impl Iterator<Item = (KeyState, &Opened)> {
        self.keys.iter().map(move |key| (self.policy.state(&key.row, now), key))
    }

    fn in_state(&self, state: KeyState, now: Timestamp) -> impl Iterator<Item = &Opened> {
        self.at(now).filter(move |(is, _)| *is == state).map(|(_, key)| key)
    }

    fn signer(&self, alg: SigningAlgorithm, now: Timestamp) -> Option<&Signer> {
        let active = self.in_state(KeyState::Active, now).filter(|key| key.signer.alg() == alg);
        active.max_by_key(|key| (key.row.signs_at, &key.row.kid)).map(|key| &key.signer)
    }

    /// The first configured algorithm's; if none of them has an active key yet, whatever signs; and
    /// where this clock is so far behind that nothing does, what will sign first.
    fn default_signer(&self, now: Timestamp) -> Option<&Signer> {
        let configured = self.policy.algorithms.iter().find_map(|alg| self.signer(*alg, now));
        let newest = || self.in_state(KeyState::Active, now).max_by_key(|key| key.row.signs_at);
        let next = || self.in_state(KeyState::Announced, now).min_by_key(|key| key.row.signs_at);
        configured.or_else(|| newest().or_else(next).map(|key| &key.signer))
    }
}
